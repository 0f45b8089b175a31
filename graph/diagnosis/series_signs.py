"""Signs that something is unwell in a short series, by its own beginning.

A level 1.8 times the usual one, in the bad direction, is out of range. Kept apart from long series, whose past tells
how far readings stray (`graph.anomaly`).
"""

from __future__ import annotations

import numpy as np

from graph.diagnosis.ailment import Ailment, Way
from graph.diagnosis.measure_names import (
    counts_errors,
    counts_output,
    counts_work,
    is_allowance,
    is_bad_when_low,
    may_fall,
    way_of,
)
from graph.telemetry import Floats, Series

_WORSE = 1.8
"""A level this many times the usual one, or the usual one this many times it, is out of range."""
_ERRORS_LEAST = 1.5
"""Percent points of errors below which nobody notices."""
_GONE = 0.1
"""Part of the usual level below which a quantity that is neither traffic nor load is all but gone."""
_NEAR = 0.25
"""Part of the usual by which a reading may differ from it and still be usual."""
_STEADY = 4.0
"""Times the widest difference in the past within which a reading is usual."""
_LEAST_READINGS = 2
_STEADY_LEAST = 3
"""Readings that it takes to show that something was steady."""
_PAST = 0.3
"""Share of a series, from its beginning, that stands for the past."""
_MOST_FACTOR = 1000.0


def sign_of(series: Series) -> Ailment | None:
    """Return the sign that something is unwell; None when the last readings are as the first."""
    name = series.metric.lower()
    if is_allowance(name):
        return _less(series, Way.WITHIN)
    if counts_output(name) and (done_less := _less(series, Way.FAILS)) is not None:
        return done_less
    times, values, usual = _measured(series)
    if values.size < _LEAST_READINGS:
        return None
    out = _out(values, usual, name)
    if not out.any() and (since := _stepped_down(series)) is not None:
        return _sign(series, Way.WITHIN, since, worst=float(np.min(values)), usual=usual)
    if not out[-max(1, values.size // 4) :].any():
        return None
    worst = float(np.min(values) if is_bad_when_low(name) else np.max(values))
    since = float(times[_began(values, int(np.argmax(out)), name)])
    return _sign(series, way_of(name), since, worst=worst, usual=usual)


def departed(series: Series) -> Ailment | None:
    """Return a sign where the last readings left the usual in whichever direction: an alert says that it is bad."""
    times, values, usual = _measured(series)
    away = np.abs(values - usual) > _NEAR * abs(usual)
    if values.size < _STEADY_LEAST or not away[-1]:
        return None
    first = int(np.flatnonzero(~away)[-1]) + 1 if (~away).any() else 0
    worst = float(values[first:][int(np.argmax(np.abs(values[first:] - usual)))])
    return _sign(series, Way.FAILS, float(times[first]), worst=worst, usual=usual)


def fell(series: Series) -> float | None:
    """Return when work that is counted fell to a part of the usual and stayed there, in seconds since 1970-01-01 UTC.

    To get less to do is no trouble by itself, and whoever fails gets less as well.
    """
    return _lowered(series) if counts_work(series.metric.lower()) else None


def factor_of(worst: float, usual: float) -> float:
    """Return one of two levels as a multiple of the other, 1 to 1000."""
    low, high = sorted((abs(worst), abs(usual)))
    return min(_MOST_FACTOR, high / low) if low > 0 else _MOST_FACTOR


def _less(series: Series, way: Way) -> Ailment | None:
    """A sign where somebody allows less than before, or gets less done."""
    since = _lowered(series)
    if since is None:
        return None
    _, values, usual = _measured(series)
    return _sign(series, way, since, worst=float(np.min(values)), usual=usual)


def _sign(series: Series, way: Way, since: float, *, worst: float, usual: float) -> Ailment:
    return Ailment(resource=series.resource, way=way, since=since, what=series.metric, factor=factor_of(worst, usual))


def _lowered(series: Series) -> float | None:
    """When readings fell to a part of the usual and stayed there, in seconds since 1970-01-01 UTC."""
    times, values, usual = _measured(series)
    if values.size < _STEADY_LEAST or usual <= 0:
        return None
    low = values * _WORSE <= usual
    return float(times[int(np.argmax(low))]) if low[-max(1, values.size // 4) :].all() else None


def _stepped_down(series: Series) -> float | None:
    """When readings went from one constant to a lower one: what is set up does, nothing that is measured of work."""
    times, values, usual = _measured(series)
    lower = values < usual
    first = int(np.argmax(lower))
    is_step = lower.any() and first >= _STEADY_LEAST and lower[first:].all()
    return float(times[first]) if is_step and np.ptp(values[:first]) == np.ptp(values[first:]) == 0 else None


def _measured(series: Series) -> tuple[Floats, Floats, float]:
    """Times and values of the readings that there are, and the level of the first of them."""
    there = np.isfinite(series.values)
    times, values = series.times[there], series.values[there]
    usual = float(np.median(values[: max(1, int(values.size * _PAST))])) if values.size else 0.0
    return times, values, usual


def _out(values: Floats, usual: float, name: str) -> np.ndarray:
    """Which readings are out of range in the bad direction."""
    if is_bad_when_low(name):
        return values * _WORSE <= usual
    if counts_errors(name):
        least = (
            _ERRORS_LEAST if "pct" in name or "percent" in name else 0.015 if "ratio" in name or "rate" in name else 1.0
        )
        return (values >= usual + least) & (values >= _WORSE * usual)
    is_gone = (values <= _GONE * usual) & (usual > 0) & (not may_fall(name))
    return is_gone | ((values >= _WORSE * usual) & (values > usual + 1e-9))


def _began(values: Floats, first: int, name: str) -> int:
    """Index of the reading with which values left the usual on their way to the first that is out of range.

    Where readings were steady before, what leaves them is the beginning, not the crossing of a line. A few errors more
    than none are not.
    """
    past = values[: max(1, int(values.size * _PAST))]
    if past.size < _STEADY_LEAST or counts_errors(name):
        return first
    usual = float(np.median(past))
    near = max(_NEAR * abs(usual), _STEADY * float(np.max(np.abs(past - usual))))
    side = np.sign(values[first] - usual)
    while first > past.size and side * (values[first - 1] - usual) > near:
        first -= 1
    return first
