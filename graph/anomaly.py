"""Finds readings that left their usual range. Robust statistics only: medians and quantiles, no mean, no normality.

A series is compared with its own past. How far out a reading is, is measured in tails: the distance from the median to
the 97.5 % quantile in the bad direction is 1. A service whose latency has always had outliers, such as one with cold
starts, is not called unusual for having one more.
"""

from __future__ import annotations

import numpy as np

from graph.telemetry import Anomaly, Floats, Series, Signal

TAIL = 0.975
MIN_PAST = 8
"""Readings below which nothing is called usual."""
_LEAST = 0.02
"""Part of the median below which a difference means nothing."""
_BAD_WHEN_LOW = frozenset({Signal.AVAILABILITY})
_EITHER_WAY = frozenset({Signal.TRAFFIC})


def anomaly(series: Series, *, at: float, width_s: float, least: float = 1.0) -> Anomaly | None:
    """Compare the readings from `at` on with those before.

    Args:
        series: readings, oldest first.
        at: seconds since 1970-01-01 UTC; start of the window that is asked about.
        width_s: length of the window in seconds; readings after it are not looked at.
        least: tails from which on it is an anomaly.

    Returns:
        The worst reading of the window; None when it is usual, or when there is too little to tell.
    """
    measured = np.isfinite(series.values)
    times, values = series.times[measured], series.values[measured]
    past, window = values[times < at], (times >= at) & (times <= at + width_s)
    if past.size < MIN_PAST or not window.any():
        return None
    usual = float(np.median(past))
    distances = _badness(values[window], usual, series.signal)
    worst = int(np.argmax(distances))
    score = float(distances[worst]) / _tail(past, usual, series.signal)
    if score < least:
        return None
    return Anomaly(
        resource=series.resource,
        signal=series.signal,
        metric=series.metric,
        usual=usual,
        now=float(values[window][worst]),
        unit=series.unit,
        score=round(score, 3),
        since=float(times[window][int(np.argmax(distances > 0))]),
        peer=series.peer,
    )


def level(series: Series, *, at: float, width_s: float) -> tuple[float | None, float | None]:
    """Return the median before `at` and the median of the window; None for what was not measured."""
    measured = np.isfinite(series.values)
    times, values = series.times[measured], series.values[measured]
    past, window = values[times < at], values[(times >= at) & (times <= at + width_s)]
    return (float(np.median(past)) if past.size else None, float(np.median(window)) if window.size else None)


def _badness(values: Floats, usual: float, signal: Signal) -> Floats:
    """Distance from the usual level in the bad direction; negative when it is better."""
    if signal in _EITHER_WAY:
        return np.abs(values - usual)
    return usual - values if signal in _BAD_WHEN_LOW else values - usual


def _tail(past: Floats, usual: float, signal: Signal) -> float:
    tail = float(np.quantile(_badness(past, usual, signal), TAIL))
    return max(tail, _LEAST * abs(usual), 1e-9)
