"""When trouble began: alerts fire minutes after it, since they judge an interval."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from graph.diagnosis.complaints import usual_range
from graph.incident import Alert
from graph.telemetry import Series

_TAIL = 3.0
"""Robust standard deviations beyond which a reading belongs to the trouble."""
_LEAST_READINGS = 6


def onset(alerts: Iterable[Alert], series: Iterable[Series], subjects: Iterable[str], *, at: float) -> float:
    """Return when the trouble of an alert began.

    Args:
        alerts: of one incident.
        series: what was measured.
        subjects: uids of what the alerts are about.
        at: start of the earliest alert.

    Returns:
        Time of the first reading of the alert's own metric out of its range that goes on to the alert; `at` when the
        alert names no metric or there are too few readings. Seconds since 1970-01-01 UTC, as `at`.
    """
    names, mine = {a.metric for a in alerts} - {""}, set(subjects)
    return min((_began(s, at) for s in series if s.metric in names and s.resource in mine), default=at)


def _began(series: Series, at: float) -> float:
    before = np.isfinite(series.values) & (series.times <= at)
    times, values = series.times[before], series.values[before]
    if values.size < _LEAST_READINGS:
        return at
    usual, spread = usual_range(series, until=at)
    began = at
    for moment, value in zip(reversed(times), reversed(values), strict=True):
        if abs(value - usual) <= _TAIL * spread:
            break
        began = float(moment)
    return began
