"""When a metric left its usual range for good: also one that climbs slowly, long before anybody is paged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graph.telemetry import Series

_PAST = 0.1
"""Share of a series, from its beginning, that tells what is usual: a slow climb may begin soon after."""
_LEAST_PAST = 6
_NOISE = 5.0
"""Robust standard deviations from which on a reading is out of range."""
_LEAST = 0.08
"""Share of the usual level below which a difference means nothing."""
_GAP = 2
"""Readings within the range that don't end a departure: one odd reading is noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A metric that left its range and did not come back by the time of the question."""

    resource: str
    metric: str
    since: float
    """Seconds since 1970-01-01 UTC."""
    began: float
    """Seconds since 1970-01-01 UTC; where what climbs since then set out from its usual level: before `since`."""
    usual: float
    now: float

    @property
    def factor(self) -> float:
        """The level now as a multiple of the usual one; above a million where there was none."""
        return abs(self.now) / max(abs(self.usual), 1e-6)


def departure(series: Series, *, at: float) -> Departure | None:
    """Return when a metric departed for good, as known at `at` (seconds since 1970-01-01 UTC).

    Returns:
        None when it is within its range shortly after `at`, when it was out of range from the beginning, or when there
        is too little to tell.
    """
    until = at + _SEEN_S
    inside = np.isfinite(series.values) & (series.times <= until)
    times, values = series.times[inside], series.values[inside]
    past = max(_LEAST_PAST, int(values.size * _PAST))
    if values.size < 2 * past:
        return None
    usual = float(np.median(values[:past]))
    away = np.abs(values - usual) > _reach(values[:past], usual)
    tail = values[-3:]
    if not away[-1] and not away[-2]:
        return None
    first = values.size - 1
    misses = 0
    for index in range(values.size - 1, past - 1, -1):
        if away[index]:
            first, misses = index, 0
        elif (misses := misses + 1) > _GAP:
            break
    if first <= past:
        return None
    now = float(np.median(tail))
    return Departure(
        resource=series.resource,
        metric=series.metric,
        since=float(times[first]),
        began=_began(times, values, first, past, usual),
        usual=usual,
        now=now,
    )


def _began(times: np.ndarray, values: np.ndarray, first: int, past: int, usual: float) -> float:
    """Follow a climb back to the usual level; a step set out when it was made."""
    rise = np.abs(values[first:] - usual)
    half = first + int(np.argmax(rise >= 0.5 * float(np.max(rise))))
    if half - first < _CLIMB:
        return float(times[first])
    slope = (values[half] - values[first]) / (times[half] - times[first])
    if slope * (values[first] - usual) <= 0:
        return float(times[first])
    return max(float(times[past]), float(times[first] - (values[first] - usual) / slope))


_CLIMB = 4
"""Readings up to half of the rise from which on it is a climb."""


_SEEN_S = 300.0
"""Readings up to this long after the onset tell whether a metric stayed out."""


def _reach(past: np.ndarray, usual: float) -> float:
    spread = 1.4826 * float(np.median(np.abs(past - usual)))
    return max(_NOISE * spread, _LEAST * abs(usual), 1e-3)
