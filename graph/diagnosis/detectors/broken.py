"""What is wrong on a path that a subject depends on, whether or not anybody knows what changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from graph.diagnosis.context import Context
from graph.diagnosis.cuts import Cut
from graph.diagnosis.hypothesis import Hypothesis, Point, Weight
from graph.diagnosis.mechanisms.runtime import is_idle
from graph.diagnosis.mechanisms.scheduling import holds_room
from graph.fault import Fault, FaultSeverity
from graph.resource import Facet
from graph.workloads import WORKLOADS, workload_of

_OWN_CAUSES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"MissingSecret", "missing_secret"),
        (r"MissingConfigMap", "missing_config"),
        (r"MissingServiceAccount", "service_account_changed"),
        (r"MissingTargetPort", "port_mismatch"),
        (r"SelectorMatchesNothing", "selector_mismatch"),
        (r"ImagePull|ErrImage|InvalidImage|ImageInspect|RegistryUnavailable", "bad_image"),
        (r"OOMKilled", "resource_limits"),
        (r"Unschedulable|QuotaExceeded|ReplicaFailure|FailedCreate", "resource_limits"),
    )
)
"""Faults that say by themselves what is wrong, not only that something is."""
_STRUCTURAL = re.compile(r"Missing|SelectorMatchesNothing")


def broken(context: Context) -> Iterable[Hypothesis]:
    """Yield hypotheses from faults alone: what they name, or that a dependency is down for a reason not known."""
    for uid in context.reach:
        for fault in context.faults.get(uid, ()):
            yield from _from_fault(context, uid, fault)
        yield from _switched_off(context, uid)
    for cut in context.cuts:
        yield from _from_cut(context, cut)


def cause_of(fault: Fault) -> str | None:
    """The kind of cause that a fault names by itself; None when it only says that something is wrong."""
    return next((kind for pattern, kind in _OWN_CAUSES if pattern.search(fault.reason)), None)


def _from_fault(context: Context, uid: str, fault: Fault) -> Iterator[Hypothesis]:
    kind = cause_of(fault)
    if fault.reason == "Unschedulable" and _is_room(context, uid):
        return
    if kind is None and (context.is_subject(uid) or not context.reach[uid].crosses_call):
        # The subject's own pods failing is what the alert says already.
        return
    place = fault.target if kind and fault.target and _STRUCTURAL.search(fault.reason) else uid
    if kind in ("port_mismatch", "selector_mismatch"):
        place = uid
    note = context.ledger.fault(fault)
    name = context.name(place)
    rule = "fault" if fault.severity is FaultSeverity.FAILING else "fault_partial"
    points = [Point(rule=rule, text=f"{context.name(uid)} has the fault {fault.reason}.", evidence=(note,))]
    if _STRUCTURAL.search(fault.reason):
        text = f"{context.name(uid)} can't work as its objects stand ({fault.reason})."
        points.append(Point(rule="takes_away", text=text, evidence=(note,)))
    yield Hypothesis(
        resource=place,
        kind=kind or "unavailable_dependency",
        summary=_summary(context, uid, fault, kind, name),
        points=tuple(points),
        weight=Weight.BREAKS if fault.severity is FaultSeverity.FAILING else Weight.ALTERS,
        path=_path(context, uid, place),
        values=(place.rpartition("/")[2],) if place != uid else (),
        faults=((fault.uid, fault.reason),),
    )


def _is_room(context: Context, uid: str) -> bool:
    owner = workload_of(context.graph, uid)
    return any(w.uid == owner and holds_room(context.scene, w) for w in context.scene.everything)


def _summary(context: Context, uid: str, fault: Fault, kind: str | None, name: str) -> str:
    if kind in ("missing_secret", "missing_config", "service_account_changed"):
        return f"{context.name(uid)} needs {name} or a key of it, which does not exist."
    if kind is None:
        return f"{name} is not working ({fault.reason}); what made it fail is not on record."
    return f"{name} has the fault {fault.reason}; no change that explains it is on record."


def _path(context: Context, uid: str, place: str) -> tuple[str, ...]:
    if place in context.reach:
        return context.reach[place].path
    return (*context.reach[uid].path, place) if place != uid else context.reach[uid].path


def _switched_off(context: Context, uid: str) -> Iterator[Hypothesis]:
    """A dependency that wants no pods: to its callers that is as bad as being down."""
    resource = context.resource(uid)
    body = context.graph.body(uid, Facet.ACTUAL)
    if resource is None or resource.kind not in WORKLOADS or body is None:
        return
    if (body.get("spec") or {}).get("replicas") == 0 and not is_idle(context.scene, uid):
        note = context.ledger.state(uid, "/spec/replicas", 0)
        text = f"{context.name(uid)} wants no pods."
        points = (
            Point(rule="fault", text=text, evidence=(note,)),
            Point(rule="takes_away", text=f"Nothing serves for {context.name(uid)}.", evidence=(note,)),
        )
        yield Hypothesis(
            resource=uid,
            kind="scaled_down",
            summary=f"{context.name(uid)} is scaled to zero replicas.",
            points=points,
            weight=Weight.BREAKS,
            path=context.reach[uid].path,
            places=("/spec/replicas",),
        )


def _from_cut(context: Context, cut: Cut) -> Iterator[Hypothesis]:
    """Blame a refused call on the policies that differ from their declaration, else on all that decide it."""
    drifted = [p for p in cut.policies if p in context.findings]
    for uid in sorted(drifted or cut.policies):
        policy = context.name(uid)
        note = context.ledger.route((cut.caller, cut.service), (cut.relation,))
        state = context.ledger.state(uid, "/spec", (context.graph.body(uid, Facet.ACTUAL) or {}).get("spec"))
        text = f"The NetworkPolicies refuse calls from {context.name(cut.caller)} to {context.name(cut.service)}."
        points = [Point(rule="fault" if cut.is_declared else "takes_away", text=text, evidence=(state, note))]
        if cut.is_declared:
            text = "The declared policies refuse this call as well, so it may never have been meant to pass."
            points.append(Point(rule="declared_so", text=text, evidence=(state,)))
        yield Hypothesis(
            resource=uid,
            kind="network_policy",
            summary=f"{policy} cuts {context.name(cut.caller)} off from {context.name(cut.service)}.",
            points=tuple(points),
            weight=Weight.BREAKS,
            path=context.reach[uid].path if uid in context.reach else (cut.caller, cut.service, cut.callee, uid),
        )
