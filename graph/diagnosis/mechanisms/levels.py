"""How a measure of a database stands now against how it began: by how much, in which direction, and since when.

The beginning is what came before a given time, or the first third. A level counts as changed only while it lasts: the
median of the last quarter and the last reading must both be out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graph.diagnosis.mechanisms.mechanism import Sign
from graph.diagnosis.mechanisms.readings import lasts, present, reading, sign, tail
from graph.telemetry import Series

_BEGINNING = 1 / 3
_LEAST_READINGS = 4
_SUDDEN = 2
"""Readings between two levels of something that failed at once."""
WORSE = 2.0
"""Factor from which a level is another one."""
_LATENCIES = ("CommitLatency", "WriteLatency", "ReadLatency")
_LEAST = {"DBLoad": 1.0, "DiskQueueDepth": 2.0, "ReplicaLag": 10.0, "CPUUtilization": 40.0}
"""Levels below which nobody is hurt, however much they grew."""
_LEAST_MS = 4.0
_DEMAND = ("CommitThroughput", "TransactionLogsGeneration")
"""What clients ask for: work that was committed, and the log that it wrote. Reads and writes of the volume are not
demand: a plan that turned bad, or sorts that spill, cause them without anybody asking for more."""
_SERVED = ("CommitThroughput", "DatabaseConnections", "NetworkTransmitThroughput", "NetworkReceiveThroughput")
"""What falls when clients are no longer served."""
_FELL = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A measure that left its level and did not come back."""

    series: Series
    usual: float
    now: float
    since: float
    """Seconds since 1970-01-01 UTC; time of the first reading that is out and followed by none that is not."""

    @property
    def factor(self) -> float:
        """The level now as a multiple of the usual one."""
        return self.now / self.usual if self.usual else float("inf")

    @property
    def is_sudden(self) -> bool:
        """Whether it left its level within two readings, as what fails does and what people do less of does not."""
        values = present(self.series)
        low, high = sorted((self.usual, self.now))
        margin = (high - low) / 5
        return int(np.count_nonzero((values > low + margin) & (values < high - margin))) <= _SUDDEN

    @property
    def sign(self) -> Sign:
        """What is cited for it."""
        return sign(reading(self.series, self.usual, self.now))


def usual(series: Series, *, until: float | None = None) -> float:
    """The level before `until` (seconds since 1970-01-01 UTC), or of the first third; NaN when nothing was measured."""
    measured = np.isfinite(series.values)
    values = series.values[measured]
    if until is not None:
        values = values[series.times[measured] < until]
    else:
        values = values[: max(1, int(values.size * _BEGINNING))]
    return float(np.median(values)) if values.size else float("nan")


def grew(series: Series | None, *, by: float = WORSE, until: float | None = None) -> Shift | None:
    """The shift of a series that is now at least `by` times its usual level."""
    return _shift(series, by, until)


def fell(series: Series | None, *, to: float = _FELL, until: float | None = None) -> Shift | None:
    """The shift of a series that is now at most `to` times its usual level."""
    return _shift(series, to, until)


def harm(series: Mapping[str, Series], *, until: float | None = None) -> list[Shift]:
    """Everything by which a database is worse off than before, the furthest out first."""
    found = [_harmful(series.get(metric), metric, until) for metric in (*_LATENCIES, *_LEAST)]
    found += [fell(series.get(metric), until=until) for metric in _SERVED]
    return sorted((s for s in found if s is not None), key=lambda s: -max(s.factor, 1 / max(s.factor, 1e-9)))


def more_asked(series: Mapping[str, Series], *, until: float | None = None, by: float = WORSE) -> Shift | None:
    """The measure that shows that clients ask for more than before; None where none does."""
    return next((s for m in _DEMAND if (s := grew(series.get(m), by=by, until=until)) is not None), None)


def milliseconds(series: Series, value: float) -> float:
    """A latency in milliseconds: CloudWatch gives seconds, and whoever exports it often converts."""
    return value * 1000 if series.unit.lower().startswith("second") else value


def _harmful(series: Series | None, metric: str, until: float | None) -> Shift | None:
    found = grew(series, until=until)
    if found is None:
        return None
    if metric in _LATENCIES:
        return found if milliseconds(found.series, found.now) >= _LEAST_MS else None
    return found if found.now >= _LEAST[metric] else None


def _shift(series: Series | None, factor: float, until: float | None) -> Shift | None:
    if series is None or present(series).size < _LEAST_READINGS:
        return None
    before, now = usual(series, until=until), float(np.median(tail(series)))
    if not np.isfinite(before) or before <= 0:
        return None

    def is_out(value: float) -> bool:
        return value >= factor * before if factor > 1 else value <= factor * before

    if not is_out(now) or not is_out(lasts(series)):
        return None
    measured = np.isfinite(series.values)
    half = (before + now) / 2
    inside = series.values[measured] < half if factor > 1 else series.values[measured] > half
    last_inside = int(np.flatnonzero(inside)[-1]) if inside.any() else -1
    since = float(series.times[measured][min(last_inside + 1, inside.size - 1)])
    return Shift(series=series, usual=before, now=now, since=since)
