"""Which of several releases that roll out together is the bad one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from graph.diagnosis.context import Context
from graph.diagnosis.hypothesis import Hypothesis, Point
from graph.diagnosis.mechanisms.saturation import told as reading
from graph.diagnosis.releases import Blamed
from graph.diagnosis.telling import told
from graph.telemetry import Anomaly, Signal


def released(context: Context) -> Iterable[Hypothesis]:
    """Yield every release, most guilty first; those that nothing speaks against have no points."""
    for blamed in context.releases:
        yield _hypothesis(context, blamed)


def _hypothesis(context: Context, blamed: Blamed) -> Hypothesis:
    release = blamed.release
    name = context.name(release.service)
    why = f" {blamed.reasons[0].text}" if blamed.reasons else ""
    return Hypothesis(
        resource=release.service,
        kind="bad_release",
        summary=f"{name} was released {told(release.change)}.{why}",
        points=tuple(_points(context, blamed)),
        change=release.change,
        path=context.reach[release.service].path if release.service in context.reach else (),
        distinct=release.change.id,
        is_weighed=True,
    )


def _points(context: Context, blamed: Blamed) -> Iterator[Point]:
    note = context.ledger.change(blamed.release.change)
    for number, reason in enumerate(blamed.reasons):
        cited = [i for uid in reason.about if (i := _note_worst(context, uid))]
        yield Point(rule="release", key=str(number), text=reason.text, evidence=(note, *cited), share=reason.worth)


def _note_worst(context: Context, uid: str) -> str | None:
    """Note the lowest availability that was measured of a resource."""
    lowest: Anomaly | None = None
    for series in context.telemetry.series:
        if series.resource != uid or series.signal is not Signal.AVAILABILITY or not np.isfinite(series.values).any():
            continue
        now = float(np.nanmin(series.values))
        if lowest is None or now < lowest.now:
            lowest = Anomaly(resource=uid, signal=series.signal, metric=series.metric, usual=None, now=now)
    return context.ledger.symptom(reading(lowest), says="how many calls to it succeed") if lowest else None
