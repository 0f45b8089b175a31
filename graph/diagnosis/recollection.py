"""Weighs what people said of similar incidents: it moves causes that the evidence suggests, and makes none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graph.diagnosis.context import Context
from graph.diagnosis.hypothesis import Hypothesis, Point
from graph.memory import Portrait, Recall, portrait_of


def portrait(context: Context) -> Portrait:
    """Describe the incident at hand as later ones will compare themselves with it."""
    complaints = {r.complaint.value for r in context.current_readings()}
    return portrait_of(context.alerts, context.subjects, complaints)


def remembered(context: Context, hypothesis: Hypothesis, recalled: Sequence[Recall]) -> Hypothesis:
    """Add what people said of such a cause in similar incidents; the most alike one counts for each rule."""
    return hypothesis.with_points(*_points(context, hypothesis, recalled))


def _points(context: Context, hypothesis: Hypothesis, recalled: Sequence[Recall]) -> Iterator[Point]:
    for one in recalled:
        memory = one.memory
        said = f"{memory.by} said so of {memory.incident} on {memory.at:%Y-%m-%d}, which resembles this."
        if any(_is_it(hypothesis, c.resource, c.kind) for c in memory.not_causes):
            text = f"It was named as the cause before, and was none: {said}"
            yield Point(rule="refuted_before", text=text, evidence=(context.ledger.memory(one),), share=one.weight)
        if memory.cause is None or memory.cause.kind != hypothesis.kind:
            continue
        is_same = memory.cause.resource == hypothesis.resource
        text = f"It was the cause before: {said}" if is_same else f"This kind of fault was the cause before: {said}"
        rule = "remembered" if is_same else "remembered_kind"
        yield Point(rule=rule, text=text, evidence=(context.ledger.memory(one),), share=one.weight)


def _is_it(hypothesis: Hypothesis, resource: str, kind: str) -> bool:
    return (hypothesis.resource, hypothesis.kind) == (resource, kind)
