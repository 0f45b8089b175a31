"""What monitoring shows: where the slowness or the errors that an alert is about come from."""

from __future__ import annotations

from collections.abc import Iterable

from graph.diagnosis.context import Context
from graph.diagnosis.hypothesis import Hypothesis, Point, Weight
from graph.diagnosis.mechanisms.saturation import told
from graph.diagnosis.origins import Origin
from graph.telemetry import Signal

_KINDS = {
    Signal.LATENCY: ("slow_service", "answers more slowly than usual"),
    Signal.AVAILABILITY: ("failing_service", "fails more requests than usual"),
    Signal.ERRORS: ("failing_service", "fails more requests than usual"),
}


def measured(context: Context) -> Iterable[Hypothesis]:
    """Yield the services that the trouble of the subjects comes from, as far as it was measured."""
    for subject, origin in context.origins:
        yield _hypothesis(context, subject, origin)


def _hypothesis(context: Context, subject: str, origin: Origin) -> Hypothesis:
    kind, what = _KINDS[origin.anomaly.signal]
    note = context.ledger.symptom(told(origin.anomaly), says="a reading that is out of its usual range")
    name = context.name(origin.resource)
    path = context.reach[origin.resource].path if origin.resource in context.reach else (subject, origin.resource)
    points = [
        Point(
            rule="measured_origin",
            text=f"{name} {what}, and nothing that it calls accounts for that.",
            evidence=(note,),
            share=origin.share,
        )
    ]
    return Hypothesis(
        resource=origin.resource,
        kind=kind,
        summary=f"{name} {what} since the alert, and what calls it waits for it.",
        points=tuple(points),
        weight=Weight.BREAKS,
        path=path,
        only_locates=True,
    )
