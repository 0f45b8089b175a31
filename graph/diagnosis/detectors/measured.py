"""What monitoring shows: where the slowness or the errors that an alert is about come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

from graph.diagnosis.context import Context
from graph.diagnosis.hypothesis import Hypothesis, Point, Weight
from graph.diagnosis.mechanisms.saturation import told
from graph.diagnosis.origins import Origin, origins
from graph.telemetry import Signal

_BEFORE = timedelta(minutes=5)
"""An alert fires at the end of the interval that it judges."""
_WIDTH = timedelta(minutes=10)
_WORDS: tuple[tuple[re.Pattern[str], Signal], ...] = tuple(
    (re.compile(words, re.IGNORECASE), signal)
    for words, signal in (
        (r"latency|slow|duration|response time|p9\d|p50", Signal.LATENCY),
        (r"availability|success rate|uptime", Signal.AVAILABILITY),
        (r"error|fail|5xx|fault", Signal.ERRORS),
    )
)
_KINDS = {
    Signal.LATENCY: ("slow_service", "answers more slowly than usual"),
    Signal.AVAILABILITY: ("failing_service", "fails more requests than usual"),
    Signal.ERRORS: ("failing_service", "fails more requests than usual"),
}


def measured(context: Context) -> Iterable[Hypothesis]:
    """Yield the services that the trouble of the subjects comes from, as far as it was measured."""
    if not context.telemetry.series:
        return
    at = (context.started_at - _BEFORE).timestamp()
    for subject in context.subjects:
        for signal in _signals(context):
            found = origins(context.telemetry, subject, signal=signal, at=at, width_s=_WIDTH.total_seconds())
            yield from (_hypothesis(context, subject, origin) for origin in found)
            if found:
                break


def _signals(context: Context) -> Iterator[Signal]:
    """What the alerts say is felt, else everything that can be."""
    text = " ".join(f"{a.title} {a.description} {' '.join(a.labels.values())}" for a in context.alerts)
    named = [signal for words, signal in _WORDS if words.search(text)]
    yield from named or _KINDS


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
    )
