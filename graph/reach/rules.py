"""How an effect passes along each type of relation: mode in, mode out, how certainly, and what gates it.

One rule for each type, in the direction that `graph.relation.IMPACT` declares. A rule sees one step; bands along a path
and distances are added up by the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from graph.reach import configuration, network
from graph.reach.arrival import Arrival, Step
from graph.reach.effect import Band, Mode
from graph.reach.folding import Folded, kind_of
from graph.reach.redundancy import redundancy, restart_gap
from graph.relation import Relation, RelationType
from graph.resource import display_uid

Rule: TypeAlias = Callable[[Folded, Arrival, str, Relation], Step | None]
"""From where the effect is, over a relation, to the other end (its folded uid); None when it does not pass."""

BROKEN = frozenset({Mode.DOWN, Mode.DEGRADED, Mode.DENIED, Mode.MISROUTED, Mode.OVERLOAD, Mode.DATA_RISK})
"""Modes in which a resource answers wrongly, late or not at all."""

_SOLID = 0.7
"""Confidence from which a relation read from a value counts as stated."""

_TELEMETRY = (
    "otel",
    "opentelemetry",
    "telemetry",
    "jaeger",
    "zipkin",
    "tempo",
    "prometheus",
    "grafana",
    "loki",
    "statsd",
)
"""Names of systems that receive signals; their clients drop signals and go on when these are gone."""

_JOINS = ("_attachment", "_association", "_rule", "_policy", "_alias", "_lock")
"""Endings of Terraform types that only tie others together."""


def pass_on(folded: Folded, at: Arrival, other: str, relation: Relation) -> Step | None:
    """Apply the rule of the relation's type."""
    return _RULES[relation.type](folded, at, other, relation)


def _selects(folded: Folded, at: Arrival, other: str, _: Relation) -> Step | None:
    if kind_of(folded.graph, other) != "Service":
        return None
    here, mode = display_uid(at.uid), at.mode
    if mode is Mode.RECOVERS:
        return Step(mode=mode, band=Band.CERTAIN, reason=f"It sends its requests to {here}, which recovers.")
    if mode is Mode.RESTARTS:
        gap = restart_gap(folded, at.uid)
        if gap is None:
            return None
        out = Mode.DOWN if gap.is_complete and not _others_serve(folded, at.uid, other) else Mode.DEGRADED
        return Step(mode=out, band=gap.band, reason=f"While {here} restarts, {gap.reason}.")
    if mode is Mode.CANNOT_SCHEDULE and redundancy(folded, at.uid).serves is not False:
        return Step(mode=Mode.DEGRADED, band=Band.POSSIBLE, reason=f"{here} serves with the pods that it still has.")
    if mode in {Mode.DOWN, Mode.CANNOT_SCHEDULE}:
        if _others_serve(folded, at.uid, other):
            reason = f"{here} serves nothing, other pods behind it do."
            return Step(mode=Mode.DEGRADED, band=Band.LIKELY, reason=reason)
        return Step(mode=Mode.DOWN, band=Band.CERTAIN, reason=f"No pod but those of {here} is behind it: no endpoints.")
    if mode in BROKEN:
        return Step(mode=Mode.DEGRADED, band=Band.LIKELY, reason=f"It sends its requests to {here}, which {_is(mode)}.")
    return None


def _others_serve(folded: Folded, uid: str, service: str) -> bool:
    behind = (w for w in folded.targets(service, RelationType.SELECTS) if w != uid)
    return any(redundancy(folded, w).serves for w in behind)


def _runs_as(_: Folded, at: Arrival, __: str, ___: Relation) -> Step | None:
    here = display_uid(at.uid)
    if at.mode is Mode.DOWN:
        reason = f"It runs as {here}, which is gone: no new pod can be made."
        return Step(mode=Mode.CANNOT_SCHEDULE, band=Band.CERTAIN, reason=reason)
    if at.mode in {Mode.DENIED, Mode.DEGRADED}:
        return Step(mode=Mode.DENIED, band=Band.CERTAIN, reason=f"It runs as {here}, which lacks a permission.")
    if at.mode is Mode.RECOVERS:
        return Step(mode=Mode.RECOVERS, band=Band.CERTAIN, reason=f"It runs as {here}, which gets its permission back.")
    return None


def _calls(folded: Folded, at: Arrival, other: str, relation: Relation) -> Step | None:
    if at.mode not in BROKEN | {Mode.RECOVERS} or network.is_admitted(folded, at, other):
        return None
    if _is_telemetry(other):
        # It looks at what fails, and does its own work all the same.
        return None
    here = display_uid(at.uid)
    is_soft = _is_telemetry(at.uid)
    is_weak = relation.optional or relation.confidence < _SOLID or is_soft
    band = Band.LIKELY if at.calls == 0 and not is_weak else Band.POSSIBLE
    if at.mode is Mode.RECOVERS:
        mode, reason = Mode.RECOVERS, f"It depends on {here}, which recovers."
    elif network.is_behind_guard(at):
        mode, reason = Mode.DENIED, f"It calls {here}, which does not accept its connections."
    elif at.mode is Mode.DENIED:
        mode, reason = Mode.DENIED, f"It uses {here}, which is denied to it."
    else:
        mode, reason = Mode.DEGRADED, f"It calls {here}, which {_is(at.mode)}."
    if is_soft:
        reason = f"It sends telemetry to {here}; that is lost, its work usually goes on."
    return Step(mode=mode, band=band, reason=reason, crosses=True, goes_on=not is_soft)


def _is_telemetry(uid: str) -> bool:
    return any(word in uid.rpartition("/")[2].lower() for word in _TELEMETRY)


def _routes_to(folded: Folded, at: Arrival, other: str, _: Relation) -> Step | None:
    here = display_uid(at.uid)
    if at.mode is Mode.RECOVERS:
        return Step(mode=Mode.RECOVERS, band=Band.CERTAIN, reason=f"It routes to {here}, which recovers.", crosses=True)
    if at.mode not in BROKEN:
        return None
    is_only = set(folded.targets(other, RelationType.ROUTES_TO)) == {at.uid}
    mode = Mode.DOWN if at.mode is Mode.DOWN and is_only else Mode.DEGRADED
    return Step(mode=mode, band=Band.CERTAIN, reason=f"It routes to {here}, which {_is(at.mode)}.", crosses=True)


def _scales(_: Folded, at: Arrival, __: str, ___: Relation) -> Step | None:
    if at.mode not in {Mode.DOWN, Mode.DEGRADED}:
        return None
    reason = f"{display_uid(at.uid)} no longer resizes it when load grows."
    return Step(mode=Mode.OVERLOAD, band=Band.POSSIBLE, reason=reason)


def _to_identity(verb: str) -> Rule:
    def rule(_: Folded, at: Arrival, __: str, ___: Relation) -> Step | None:
        here = display_uid(at.uid)
        if at.mode in {Mode.DENIED, Mode.DOWN, Mode.DEGRADED}:
            lost = "is gone" if at.mode is Mode.DOWN else "grants less than before"
            return Step(mode=Mode.DENIED, band=Band.CERTAIN, reason=f"It {verb} {here}, which {lost}.")
        if at.mode is Mode.RECOVERS:
            return Step(mode=Mode.RECOVERS, band=Band.CERTAIN, reason=f"It {verb} {here}, which is restored.")
        return None

    return rule


def _grants_on(_: Folded, at: Arrival, __: str, relation: Relation) -> Step | None:
    here = display_uid(at.uid)
    band = Band.LIKELY if relation.confidence >= 1.0 and "*" not in relation.detail.split() else Band.POSSIBLE
    if at.mode in {Mode.DOWN, Mode.DENIED}:
        return Step(mode=Mode.DENIED, band=band, reason=f"It grants the use of {here}, which {_is(at.mode)}.")
    if at.mode is Mode.RECOVERS:
        return Step(mode=Mode.RECOVERS, band=band, reason=f"It grants the use of {here}, which recovers.")
    return None


def _encrypts_with(_: Folded, at: Arrival, __: str, ___: Relation) -> Step | None:
    here = display_uid(at.uid)
    if at.mode in {Mode.DOWN, Mode.DENIED}:
        return Step(
            mode=Mode.DENIED, band=Band.LIKELY, reason=f"Its data is encrypted with {here}, which can't be used."
        )
    if at.mode is Mode.RECOVERS:
        return Step(mode=Mode.RECOVERS, band=Band.LIKELY, reason=f"Its data is encrypted with {here}, usable again.")
    return None


def _references(folded: Folded, at: Arrival, other: str, _: Relation) -> Step | None:
    if at.mode not in {Mode.DOWN, Mode.DEGRADED} or kind_of(folded.graph, other).endswith(_JOINS):
        return None
    reason = f"Its declaration refers to {display_uid(at.uid)}, which {_is(at.mode)}."
    return Step(mode=Mode.DEGRADED, band=Band.POSSIBLE, reason=reason)


def _owned_by(_: Folded, at: Arrival, __: str, ___: Relation) -> Step | None:
    if at.mode not in {Mode.DOWN, Mode.DEGRADED, Mode.RECOVERS}:
        return None
    mode = Mode.RECOVERS if at.mode is Mode.RECOVERS else Mode.DEGRADED
    return Step(mode=mode, band=Band.POSSIBLE, reason=f"It is made and kept by {display_uid(at.uid)}.")


def _runs_on(_: Folded, at: Arrival, __: str, ___: Relation) -> Step | None:
    if at.mode not in {Mode.DOWN, Mode.DEGRADED, Mode.RECOVERS}:
        return None
    here = display_uid(at.uid)
    text = "which recovers" if at.mode is Mode.RECOVERS else f"which {_is(at.mode)}"
    mode = Mode.RECOVERS if at.mode is Mode.RECOVERS else Mode.DEGRADED
    return Step(mode=mode, band=Band.LIKELY, reason=f"It runs on {here}, {text}.")


def _realises(_: Folded, at: Arrival, __: str, ___: Relation) -> Step | None:
    return Step(mode=at.mode, band=Band.CERTAIN, reason=f"It is the same thing as {display_uid(at.uid)}.")


def _is(mode: Mode) -> str:
    return {
        Mode.DOWN: "is down",
        Mode.DENIED: "is denied something it needs",
        Mode.MISROUTED: "sends requests to the wrong place",
        Mode.OVERLOAD: "gets more load than it can serve",
        Mode.DATA_RISK: "may hold wrong data",
    }.get(mode, "is impaired")


_RULES: dict[RelationType, Rule] = {
    RelationType.OWNED_BY: _owned_by,
    RelationType.SELECTS: _selects,
    RelationType.MOUNTS: configuration.uses,
    RelationType.READS: configuration.uses,
    RelationType.RUNS_AS: _runs_as,
    RelationType.CALLS: _calls,
    RelationType.CONNECTS_TO: _calls,
    RelationType.ROUTES_TO: _routes_to,
    RelationType.SCALES: _scales,
    RelationType.GUARDS: network.guards,
    RelationType.ALLOWS: network.allows,
    RelationType.ASSUMES: _to_identity("assumes"),
    RelationType.HAS_POLICY: _to_identity("has the policy"),
    RelationType.GRANTS_ON: _grants_on,
    RelationType.ENCRYPTS_WITH: _encrypts_with,
    RelationType.REFERENCES: _references,
    RelationType.PRODUCES: configuration.produces,
    RelationType.RUNS_ON: _runs_on,
    RelationType.REALISES: _realises,
}
