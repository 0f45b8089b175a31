"""Reasoning by elimination: when all that the subject depends on was compared and one difference is all there is.

It carries a cause only where nothing better could be heard: no system was listened to that would have named another.
It never carries as much as a fault or a complaint that is tied to the change.
"""

from __future__ import annotations

from collections.abc import Sequence

from graph.diagnosis.context import Context
from graph.diagnosis.hypothesis import Hypothesis, Point, Weight
from graph.diagnosis.ranking import is_rival, total
from graph.drift import Verdict
from graph.resource import Facet

_EXCLUDES = frozenset({"after_alert", "harmless", "dependency_healthy", "nothing_fails", "emergency", "about_drift"})
_NEAR = 3
"""Cost of a path up to which a difference lies near enough; a call to another service and what stands behind it."""
_SUSPECT = 10.0
"""Points from which another hypothesis is a suspect of its own."""


def with_elimination(context: Context, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Give the only suspect the points that being the only one is worth; others are returned as they are."""
    suspects = [h for h in hypotheses if total(h) >= _SUSPECT]
    alone = next((h for h in suspects if _may_stand_alone(context, h)), None)
    if alone is None or any(is_rival(alone, other) for other in suspects):
        return list(hypotheses)
    return [h.with_points(_point(context, h)) if h is alone else h for h in hypotheses]


def _may_stand_alone(context: Context, hypothesis: Hypothesis) -> bool:
    way = context.reach.get(hypothesis.resource)
    if context.hears or not context.subjects or way is None or way.cost > _NEAR:
        return False
    if hypothesis.drift is None or hypothesis.drift.verdict is not Verdict.OUT_OF_BAND_CHANGE:
        return False
    return hypothesis.weight is not Weight.HARMLESS and not {p.rule for p in hypothesis.points} & _EXCLUDES


def _point(context: Context, hypothesis: Hypothesis) -> Point:
    compared = [uid for uid in context.reach if _is_compared(context, uid)]
    subject = context.name(context.subjects[0])
    note = context.ledger.compared(subject, [context.name(uid) for uid in compared])
    text = (
        f"Of the {len(compared)} resources that {subject} depends on and that could be compared, nothing else differs "
        f"from its declaration, changed lately, or is reported as failing."
    )
    assert hypothesis.drift is not None
    return Point(rule="only_difference", text=text, evidence=(context.ledger.drift(hypothesis.drift), note))


def _is_compared(context: Context, uid: str) -> bool:
    return all(context.graph.body(uid, facet) is not None for facet in (Facet.INTENDED, Facet.ACTUAL))
