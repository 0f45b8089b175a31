"""Times, memory and quantiles of a measurement."""

from __future__ import annotations

import math
import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def quantile(values: Iterable[float], share: float) -> float:
    """Return the nearest-rank quantile; NaN of nothing.

    >>> quantile([3, 1, 2], 0.5), quantile(range(1, 101), 0.95)
    (2, 95)
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


class Times:
    """Times of a question that is asked again and again, in seconds."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        """Of this process: what another one does for it is not in it."""

    def of(self, work: Callable[[], T]) -> T:
        """Run something and add what it took."""
        begun, cpu = time.perf_counter(), time.process_time()
        found = work()
        self.wall.append(time.perf_counter() - begun)
        self.cpu.append(time.process_time() - cpu)
        return found

    def told(self, name: str) -> dict[str, float]:
        """Return median, p95 and worst, in milliseconds."""
        return {
            f"{name}_n": len(self.wall),
            f"{name}_median_ms": _ms(quantile(self.wall, 0.5)),
            f"{name}_p95_ms": _ms(quantile(self.wall, 0.95)),
            f"{name}_worst_ms": _ms(max(self.wall, default=math.nan)),
            f"{name}_cpu_p95_ms": _ms(quantile(self.cpu, 0.95)),
        }


@contextmanager
def stopwatch(into: dict[str, float], name: str) -> Iterator[None]:
    """Keep the seconds that a block takes, and those of a processor: on a busy machine they are far apart."""
    begun, cpu = time.perf_counter(), time.process_time()
    yield
    into[f"{name}_s"] = round(time.perf_counter() - begun, 3)
    into[f"{name}_cpu_s"] = round(time.process_time() - cpu, 3)


def resident_mb(pid: int | None = None) -> float:
    """Return what a process holds in memory now, in MiB; of this one where the system does not tell, the most ever."""
    return _status_mb(pid, "VmRSS:")


def most_resident_mb(pid: int | None = None) -> float:
    """Return the most that a process ever held in memory, in MiB; NaN where the system does not tell."""
    return _status_mb(pid, "VmHWM:")


def _status_mb(pid: int | None, name: str) -> float:
    status = Path(f"/proc/{pid or 'self'}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith(name):
                return round(int(line.split()[1]) / 1024, 1)
    return math.nan if pid else round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def cpu_s(pid: int) -> float:
    """Return the processor seconds that a process has taken; NaN where the system does not tell."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return math.nan
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
