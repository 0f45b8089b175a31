"""Weighs what people said of similar incidents: it moves causes that the evidence suggests, and makes none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graph.diagnosis.context import Context
from graph.diagnosis.hypothesis import Hypothesis, Point
from graph.memory import Culprit, Portrait, Recall, portrait_of


def portrait(context: Context) -> Portrait:
    """Describe the incident at hand as later ones will compare themselves with it."""
    complaints = {r.complaint.value for r in context.current_readings()}
    return portrait_of(context.alerts, context.subjects, complaints)


def remembered(context: Context, hypothesis: Hypothesis, recalled: Sequence[Recall]) -> Hypothesis:
    """Add what people said of such a cause in similar incidents: what speaks for it less what speaks against it."""
    return hypothesis.with_points(*_points(context, hypothesis, recalled))


def _points(context: Context, hypothesis: Hypothesis, recalled: Sequence[Recall]) -> Iterator[Point]:
    agreeing = [r for r in recalled if _is_it(hypothesis, r.memory.cause)]
    alike = [r for r in recalled if r not in agreeing and _is_same_kind(hypothesis, r)]
    refuting = [r for r in recalled if any(_is_it(hypothesis, c) for c in r.memory.not_causes)]
    others = [r for r in recalled if r not in agreeing and r.memory.cause is not None]
    if agreeing and (share := _balance(agreeing, others)) > 0:
        yield _point(context, "remembered", "It was the cause before", agreeing, share)
    elif alike and not refuting:
        share = _balance(alike, [r for r in others if r not in alike])
        if share > 0:
            yield _point(context, "remembered_kind", "This kind of fault was the cause before", alike, share)
    if refuting and (share := _balance(refuting, agreeing)) > 0:
        yield _point(context, "refuted_before", "It was named as the cause before, and was none", refuting, share)


def _balance(one: Sequence[Recall], other: Sequence[Recall]) -> float:
    """Weight of what was said one way over the other, 0 to 1; several voices count no more than the most alike one."""
    left, right = sum(r.weight for r in one), sum(r.weight for r in other)
    return max((r.weight for r in one), default=0.0) * max(0.0, left - right) / (left + right) if left else 0.0


def _point(context: Context, rule: str, what: str, recalled: Sequence[Recall], share: float) -> Point:
    memory = recalled[0].memory
    more = f", and {len(recalled) - 1} more" if len(recalled) > 1 else ""
    text = f"{what}: {memory.by} said so of {memory.incident} on {memory.at:%Y-%m-%d}{more}, which resembles this."
    return Point(rule=rule, text=text, evidence=tuple(context.ledger.memory(r) for r in recalled), share=share)


def _is_it(hypothesis: Hypothesis, culprit: Culprit | None) -> bool:
    return culprit is not None and (hypothesis.resource, hypothesis.kind) == (culprit.resource, culprit.kind)


def _is_same_kind(hypothesis: Hypothesis, recalled: Recall) -> bool:
    cause = recalled.memory.cause
    return cause is not None and cause.kind == hypothesis.kind
