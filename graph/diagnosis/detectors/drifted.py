"""What runs differs from what was declared, on a path that a subject depends on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from graph.attribution import where
from graph.change import Change
from graph.diagnosis.context import Context
from graph.diagnosis.effects import Difference, Effect, effect_of
from graph.diagnosis.hypothesis import Hypothesis, Point, Weight
from graph.diagnosis.telling import attributed, short, told
from graph.diagnosis.usage import is_used
from graph.document import ABSENT
from graph.drift import Finding, Verdict
from graph.relation import RelationType
from graph.resource import Facet

_BACKWARD = (Verdict.PENDING_ROLLOUT, Verdict.NEVER_APPLIED, Verdict.PRUNE_PENDING)
"""Verdicts where the declaration moved and what runs did not."""


def drifted(context: Context) -> Iterable[Hypothesis]:
    """Yield a hypothesis for each drifted resource that a subject depends on, one for each kind of effect."""
    for uid in context.reach:
        by_kind: dict[str, list[tuple[Finding, Effect]]] = {}
        for finding in context.findings.get(uid, ()):
            effect = effect_of(difference(context, finding))
            if effect is not None and is_used(context, uid, where(finding)):
                by_kind.setdefault(effect.kind, []).append((finding, effect))
        for many in by_kind.values():
            yield _hypothesis(context, uid, many)


def difference(context: Context, finding: Finding) -> Difference:
    """Put a finding as before and after of what runs; the applied or the declared object counts as before."""
    uid = finding.resource.uid
    declared = context.graph.body(uid, Facet.INTENDED) or context.graph.body(uid, Facet.APPLIED)
    return Difference(
        resource=finding.resource,
        path=finding.path,
        before=finding.intended if finding.intended is not ABSENT else finding.applied,
        after=finding.actual,
        old=declared,
        new=context.graph.body(uid, Facet.ACTUAL),
    )


def _hypothesis(context: Context, uid: str, many: list[tuple[Finding, Effect]]) -> Hypothesis:
    order = {Weight.BREAKS: 0, Weight.ALTERS: 1, Weight.HARMLESS: 2}
    finding, effect = min(many, key=lambda fe: (order[fe[1].weight], fe[0].path))
    change = context.attribute(finding)
    name = context.name(uid)
    cited = [context.ledger.drift(f) for f, _ in many]
    points = [_differs(finding, effect, name, tuple(cited))]
    points += attributed(context, change)
    if finding.verdict in _BACKWARD:
        text = f"What runs did not change here: only the declaration of {name} did."
        points.append(Point(rule="not_applied", text=text, evidence=(cited[0],)))
    elif effect.weight is Weight.BREAKS:
        points += _broken(context, uid, effect, tuple(cited))
    elif effect.weight is Weight.HARMLESS:
        text = f"This difference takes nothing away: {name} {effect.what}."
        points.append(Point(rule="harmless", text=text, evidence=(cited[0],)))
    return Hypothesis(
        resource=uid,
        kind=effect.kind,
        summary=f"{name} {effect.what}, unlike what was declared: it changed {told(change)}.",
        points=tuple(points),
        weight=effect.weight,
        change=_with_statement(change, effect),
        drift=finding,
        path=context.reach[uid].path,
        places=tuple(dict.fromkeys(where(f) for f, _ in many)),
        values=(*(effect.loss.actions if effect.loss else ()), *(v for f, _ in many if (v := short(f.actual)))),
    )


def _differs(finding: Finding, effect: Effect, name: str, cited: tuple[str, ...]) -> Point:
    where = f"at {finding.path}" if finding.path else "as a whole"
    text = f"{name} differs from its declaration {where}: it {effect.what}."
    return Point(rule="drift", text=text, evidence=cited)


def _broken(context: Context, uid: str, effect: Effect, cited: tuple[str, ...]) -> Iterator[Point]:
    """Say what the difference takes away from the subject, along the path between them."""
    way = context.reach[uid]
    route = context.note_reach(uid)
    evidence = (*cited[:1], *((route,) if route else ()))
    subject = context.name(way.subject)
    if effect.loss is not None:
        verb = "was added" if effect.loss.is_denied else "was removed or narrowed"
        statement = context.ledger.state(
            uid,
            effect.loss.path,
            effect.loss.after if effect.loss.is_denied else effect.loss.before,
            facet=Facet.ACTUAL if effect.loss.is_denied else Facet.INTENDED,
        )
        text = f"The statement of {context.name(uid)} at {effect.loss.path} {verb}, and {subject} depends on it."
        yield Point(rule="takes_away", text=text, evidence=(*evidence, statement))
    elif _is_certain(context, uid):
        text = (
            f"{subject} depends on {context.name(uid)}, which {effect.what}."
            if way.relations
            else f"{subject} itself {effect.what}."
        )
        yield Point(rule="takes_away", text=text, evidence=evidence)


def _is_certain(context: Context, uid: str) -> bool:
    """Whether the last step of the path is one that the platform requires."""
    relations = context.reach[uid].relations
    return not relations or not (relations[-1].optional or relations[-1].type is RelationType.SCALES)


def _with_statement(change: Change, effect: Effect) -> Change:
    """For a policy, widen the change to the whole statement, so that before and after can be read as they stand."""
    if effect.loss is None:
        return change
    return replace(change, path=effect.loss.path, before=effect.loss.before, after=effect.loss.after)
