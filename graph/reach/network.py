"""How a NetworkPolicy or security group reaches what it guards, and which callers stay admitted."""

from __future__ import annotations

from graph.document import get
from graph.reach.arrival import Arrival, Step
from graph.reach.effect import Band, Mode
from graph.reach.folding import Folded, kind_of
from graph.relation import Relation, RelationType
from graph.resource import Facet, display_uid

GUARD_KINDS = frozenset({"NetworkPolicy", "aws_security_group"})


def guards(folded: Folded, at: Arrival, other: str, _: Relation) -> Step | None:
    """Pass an effect from a guard to what it protects."""
    here = display_uid(at.uid)
    if at.mode is Mode.RECOVERS:
        return Step(mode=Mode.RECOVERS, band=Band.CERTAIN, reason=f"{here} guards it and is put right.")
    if at.mode is Mode.DENIED:
        if _limits_egress_only(folded, at.uid):
            return Step(mode=Mode.DENIED, band=Band.CERTAIN, reason=f"{here} cuts off connections that it makes.")
        if _known_callers_pass(folded, other):
            reason = f"{here} guards it; all its known callers are admitted now."
            return Step(mode=Mode.DENIED, band=Band.POSSIBLE, reason=reason)
        return Step(mode=Mode.DENIED, band=Band.CERTAIN, reason=f"{here} cuts off connections to it.")
    if at.mode is Mode.DOWN and len(folded.sources(other, RelationType.GUARDS)) > 1:
        reason = f"{here} no longer admits callers to it, and other rules admit fewer."
        return Step(mode=Mode.DENIED, band=Band.POSSIBLE, reason=reason)
    if at.mode is Mode.DOWN and kind_of(folded.graph, at.uid) != "NetworkPolicy":
        return Step(mode=Mode.DENIED, band=Band.LIKELY, reason=f"{here} admitted its callers and is gone.")
    return None


def allows(folded: Folded, at: Arrival, other: str, _: Relation) -> Step | None:
    """Pass the loss of a guard to a caller that only this guard admitted."""
    if at.mode is not Mode.DOWN:
        return None
    guarded = folded.targets(at.uid, RelationType.GUARDS)
    still = any(_admits(folded, g, other) for w in guarded for g in _other_guards(folded, at.uid, w))
    if still or not any(_other_guards(folded, at.uid, w) for w in guarded):
        return None
    reason = f"Only {display_uid(at.uid)} admitted its connections."
    return Step(mode=Mode.DENIED, band=Band.LIKELY, reason=reason, crosses=True)


def is_behind_guard(at: Arrival) -> bool:
    """Whether the effect began at a guard, so that it is the connection that fails and not the callee."""
    return "/NetworkPolicy/" in at.path[0] and at.seed.mode is Mode.DENIED


def is_admitted(folded: Folded, at: Arrival, caller: str) -> bool:
    """Whether a caller still gets through the guard where the effect began."""
    if not is_behind_guard(at) or at.calls or len(at.path) < 2:
        return False
    guarded = at.path[1]
    if _limits_egress_only(folded, at.path[0]):
        return False
    return any(_admits(folded, guard, caller) for guard in folded.sources(guarded, RelationType.GUARDS))


def _admits(folded: Folded, guard: str, caller: str) -> bool:
    """Whether a guard lets a caller in. A policy that does not run admits nobody."""
    if kind_of(folded.graph, guard) == "NetworkPolicy":
        return caller in folded.admitted(guard)
    return caller in folded.targets(guard, RelationType.ALLOWS)


def _known_callers_pass(folded: Folded, guarded: str) -> bool:
    services = folded.sources(guarded, RelationType.SELECTS)
    callers = {c for s in services for c in folded.sources(s, RelationType.CALLS)}
    policies = folded.sources(guarded, RelationType.GUARDS)
    return bool(callers) and all(any(_admits(folded, p, c) for p in policies) for c in callers)


def _other_guards(folded: Folded, guard: str, guarded: str) -> list[str]:
    return [g for g in folded.sources(guarded, RelationType.GUARDS) if g != guard]


def _limits_egress_only(folded: Folded, policy: str) -> bool:
    types = get(folded.graph.body(policy, Facet.ACTUAL) or {}, "/spec/policyTypes")
    return types == ["Egress"]
