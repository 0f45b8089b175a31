"""Series of readings, looked at by how they begin and how they end. Empty ones give NaN, which nothing exceeds."""

from __future__ import annotations

import numpy as np

from graph.diagnosis.mechanisms.mechanism import Sign
from graph.diagnosis.mechanisms.saturation import told
from graph.telemetry import Anomaly, Floats, Series

_TAIL = 0.25
"""Share of a series, from its end, that stands for the present."""


def present(series: Series) -> Floats:
    """What was measured, without gaps."""
    return series.values[np.isfinite(series.values)]


def tail(series: Series) -> Floats:
    """The readings that stand for the present; one NaN when nothing was measured."""
    measured = present(series)
    if not measured.size:
        return np.array([np.nan])
    return measured[-max(1, int(measured.size * _TAIL)) :]


def first(series: Series) -> float:
    """The first reading."""
    measured = present(series)
    return float(measured[0]) if measured.size else float("nan")


def lasts(series: Series) -> float:
    """The last reading."""
    return float(tail(series)[-1])


def most(series: Series) -> float:
    """The highest reading."""
    measured = present(series)
    return float(measured.max()) if measured.size else float("nan")


def reading(series: Series, usual: float, now: float) -> Anomaly:
    """Two levels of a series as an anomaly."""
    return Anomaly(
        resource=series.resource,
        signal=series.signal,
        metric=series.metric,
        usual=usual,
        now=now,
        unit=series.unit,
    )


def sign(anomaly: Anomaly) -> Sign:
    """A sign that tells both levels."""
    text = f"{anomaly.metric} is {anomaly.now:g}" + (f", before {anomaly.usual:g}." if anomaly.usual else ".")
    return Sign(text=text, event=told(anomaly))
