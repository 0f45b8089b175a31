"""Times, memory and quantiles of a measurement."""

from __future__ import annotations

import math
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


def told(name: str, seconds: list[float]) -> dict[str, float]:
    """Return median, p95 and worst of some times, in milliseconds."""
    return {
        f"{name}_n": len(seconds),
        f"{name}_median_ms": round(quantile(seconds, 0.5) * 1000, 2),
        f"{name}_p95_ms": round(quantile(seconds, 0.95) * 1000, 2),
        f"{name}_worst_ms": round(max(seconds, default=math.nan) * 1000, 2),
    }


def timed(work: Callable[[], T], into: list[float]) -> T:
    """Run something and add the seconds that it took."""
    begun = time.perf_counter()
    found = work()
    into.append(time.perf_counter() - begun)
    return found


@contextmanager
def stopwatch(into: dict[str, float], name: str) -> Iterator[None]:
    """Keep the seconds that a block takes."""
    begun = time.perf_counter()
    yield
    into[f"{name}_s"] = round(time.perf_counter() - begun, 3)


def resident_mb() -> float:
    """Return what this process holds in memory now, in MiB; the most it ever held where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmRSS:"):
                return round(int(line.split()[1]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
