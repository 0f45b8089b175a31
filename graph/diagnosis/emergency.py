"""Recognises a difference that people made by hand to get through another incident: not to be reverted blindly."""

from __future__ import annotations

from dataclasses import replace

from graph.change import Channel
from graph.diagnosis.context import Context
from graph.diagnosis.detectors.drifted import difference
from graph.diagnosis.effects import raises_capacity
from graph.diagnosis.hypothesis import Hypothesis, Point, Weight
from graph.diagnosis.reach import reach
from graph.diagnosis.telling import told
from graph.incident import OpenIncident


def with_emergency(context: Context, hypothesis: Hypothesis) -> Hypothesis:
    """Return the hypothesis as an emergency change when it is one, else as it is."""
    change = hypothesis.change
    if hypothesis.drift is None or change is None or change.channel is not Channel.BY_HAND:
        return hypothesis
    findings = context.findings.get(hypothesis.resource, ())
    if hypothesis.weight is Weight.BREAKS or not any(raises_capacity(difference(context, f)) for f in findings):
        return hypothesis
    incident = _incident(context, hypothesis)
    if incident is None:
        return hypothesis
    name = context.name(hypothesis.resource)
    evidence = (context.ledger.incident(incident), context.ledger.change(change))
    text = f"{name} was changed by hand while another incident that depends on it was open, in a way that relieves it."
    return replace(
        hypothesis,
        kind="emergency_change",
        summary=f"{name} differs from its declaration by an emergency change, made {told(change)}, during an incident.",
        points=(*hypothesis.points, Point(rule="emergency", text=text, evidence=evidence)),
    )


def _incident(context: Context, hypothesis: Hypothesis) -> OpenIncident | None:
    """The latest incident that was open when the change was made and concerns whoever depends on the resource."""
    change = hypothesis.change
    if change is None:
        return None
    for incident in sorted(context.open_incidents, key=lambda i: i.opened_at, reverse=True):
        if not incident.is_open_at(change.earliest, change.latest):
            continue
        known = [uid for uid in incident.subjects if uid in context.graph]
        if hypothesis.resource in incident.subjects or hypothesis.resource in reach(context.graph, known):
            return incident
    return None
