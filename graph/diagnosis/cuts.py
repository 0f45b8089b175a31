"""Calls that NetworkPolicies cut off now, and whether the declared policies would cut them off as well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from graph.environment import EnvironmentGraph
from graph.kinds.kubernetes.inventory import Inventory
from graph.kinds.kubernetes.network import Block, blocked, guards
from graph.kinds.kubernetes.workloads import Workload, template_of
from graph.kinds.lenient import entries
from graph.relation import Relation, RelationType
from graph.workloads import WORKLOADS, services_of, workloads_behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One call that can't pass."""

    caller: str
    callee: str
    service: str
    relation: Relation
    """The relation that states the call"""
    policies: frozenset[str]
    """uids of the policies that decide: those that isolate now, and declared ones that would admit the call"""
    is_declared: bool
    """Whether the declared policies would cut it off as well"""


def cuts(
    graph: EnvironmentGraph,
    reached: Iterable[str],
    subjects: Sequence[str],
    *,
    actual: Inventory,
    intended: Inventory,
) -> tuple[Cut, ...]:
    """Compute the calls from or to a subject, and along its paths, that the policies refuse.

    Args:
        graph: where the calls are stated.
        reached: uids of everything that the subjects depend on.
        subjects: uids of what the alert is about.
        actual: the objects that run.
        intended: the objects that were declared.
    """
    if not actual.of("NetworkPolicy"):
        return ()
    found = {}
    for relation in _calls(graph, reached, subjects):
        for cut in _cut(graph, relation, actual, intended):
            found[cut.caller, cut.callee] = cut
    return tuple(found.values())


def _calls(graph: EnvironmentGraph, reached: Iterable[str], subjects: Sequence[str]) -> Iterator[Relation]:
    """Calls that start at something a subject depends on, and calls of the subjects' own Services."""
    for uid in reached:
        yield from (r for r in graph.outgoing(uid) if r.type is RelationType.CALLS)
    for subject in subjects:
        resource = graph.resource(subject)
        own = services_of(graph, subject) if resource.kind in WORKLOADS else ()
        for service in (subject,) if resource.kind == "Service" else own:
            yield from (r for r in graph.incoming(service) if r.type is RelationType.CALLS)


def _cut(graph: EnvironmentGraph, relation: Relation, actual: Inventory, intended: Inventory) -> Iterator[Cut]:
    if relation.target not in graph:
        return
    for callee in workloads_behind(graph, relation.target):
        now = _block(actual, relation, callee)
        if now is None:
            continue
        end = callee if now.direction == "Ingress" else relation.source
        yield Cut(
            caller=relation.source,
            callee=callee,
            service=relation.target,
            relation=relation,
            policies=frozenset(now.policies) | _selecting(intended, end),
            is_declared=_block(intended, relation, callee) is not None,
        )


def _block(inventory: Inventory, relation: Relation, callee: str) -> Block | None:
    source, target = inventory.get(relation.source), inventory.get(callee)
    left, right = (template_of(d) if d else None for d in (source, target))
    if left is None or right is None:
        return None
    number, name = _port(inventory, relation, right)
    return blocked(left, right, number, inventory, port_name=name)


def _port(inventory: Inventory, relation: Relation, callee: Workload) -> tuple[int | None, str]:
    """Follow the port that a call names through the Service to the container; (None, "") when it can't be told."""
    service = inventory.get(relation.target)
    ports = [p for _, p in entries(service.body, "spec", "ports")] if service else []
    wanted = [p for p in ports if relation.detail in (str(p.get("port")), p.get("name"))] or ports
    if len(wanted) != 1:
        return None, ""
    target = wanted[0].get("targetPort", wanted[0].get("port"))
    for _, _, container in callee.containers():
        for _, port in entries(container, "ports"):
            if target in (port.get("containerPort"), port.get("name")):
                number, name = port.get("containerPort"), port.get("name")
                return (number if isinstance(number, int) else None), (name if isinstance(name, str) else "")
    return (target, "") if isinstance(target, int) else (None, "")


def _selecting(inventory: Inventory, uid: str) -> frozenset[str]:
    """Policies that select a workload."""
    document = inventory.get(uid)
    workload = template_of(document) if document else None
    if workload is None:
        return frozenset()
    return frozenset(p.resource.uid for p in inventory.of("NetworkPolicy") if guards(p, workload))
