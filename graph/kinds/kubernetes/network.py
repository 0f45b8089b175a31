"""NetworkPolicies: whom they guard, whom they admit, and which calls they cut off.

Semantics: https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from graph.document import Json, pointer
from graph.kinds.kubernetes.inventory import Inventory, cluster_of, labels_of, uid_near
from graph.kinds.kubernetes.selectors import matches
from graph.kinds.kubernetes.workloads import Workload, by_namespace
from graph.kinds.lenient import entries, mapping, strings
from graph.relation import Relation, RelationType
from graph.version import Document

_Places: TypeAlias = Mapping[tuple[str, str | None], Sequence[Workload]]
"""Workloads by (cluster, namespace)"""
_Labels: TypeAlias = dict[tuple[str, str | None], Mapping[str, str]]
"""Labels of the namespaces that were looked at so far, by (cluster, namespace)"""

NAME_LABEL = "kubernetes.io/metadata.name"
"""Label that the API server puts on every namespace."""


def policy_relations(inventory: Inventory, all_workloads: Sequence[Workload]) -> Iterator[Relation]:
    """Yield GUARDS to the workloads a policy selects, and ALLOWS to the callers its ingress rules admit.

    `detail` of GUARDS is the directions it isolates, of ALLOWS the admitted ports (empty: all ports). A rule that
    admits everybody gives ALLOWS to the workloads of the policy's own namespace.
    """
    by_place = by_namespace(all_workloads)
    labels: _Labels = {}
    for policy in inventory.of("NetworkPolicy"):
        types = directions(policy)
        for workload in by_place.get((cluster_of(policy), policy.resource.namespace), ()):
            if guards(policy, workload):
                yield Relation(
                    source=policy.resource.uid,
                    target=workload.uid,
                    type=RelationType.GUARDS,
                    via="/spec/podSelector",
                    detail=",".join(types),
                )
        if "Ingress" in types:
            yield from _admitted(policy, inventory, by_place, labels)


def directions(policy: Document) -> tuple[str, ...]:
    """Return what a policy isolates: `Ingress`, `Egress` or both."""
    spec = mapping(policy.body, "spec")
    if "policyTypes" in spec:
        return tuple(strings(spec["policyTypes"]))
    return ("Ingress", "Egress") if spec.get("egress") else ("Ingress",)


def guards(policy: Document, workload: Workload) -> bool:
    """Whether a policy selects the pods of a workload."""
    return (
        policy.resource.namespace == workload.namespace
        and cluster_of(policy) == cluster_of(workload.document)
        and policy.resource.kind == "NetworkPolicy"
        and matches(mapping(policy.body, "spec").get("podSelector"), workload.labels)
    )


def _admitted(policy: Document, inventory: Inventory, by_place: _Places, labels: _Labels) -> Iterator[Relation]:
    own = (cluster_of(policy), policy.resource.namespace)
    for index, rule in entries(policy.body, "spec", "ingress"):
        ports = ",".join(f"{p.get('port', 'all')}/{p.get('protocol', 'TCP')}" for _, p in entries(rule, "ports"))
        peers = entries(rule, "from")
        reaches_out = any("namespaceSelector" in peer for _, peer in peers)
        for place in [p for p in by_place if p[0] == own[0]] if reaches_out else [own]:
            # Namespaces are few and workloads many: a selector is held against the namespace once.
            if place not in labels:
                labels[place] = _namespace_labels(policy, place[1], inventory)
            near = [(i, peer) for i, peer in peers if _admits_namespace(policy, peer, place[1], labels[place])]
            if peers and not near:
                continue
            for workload in by_place.get(place, ()):
                way = pointer("spec", "ingress", index)
                if peers:
                    found = next((i for i, peer in near if _admits_pods(peer, workload)), None)
                    if found is None:
                        continue
                    way += pointer("from", found)
                yield Relation(
                    source=policy.resource.uid,
                    target=workload.uid,
                    type=RelationType.ALLOWS,
                    via=way,
                    detail=ports,
                )


def admits(policy: Document, peer: Json, workload: Workload, inventory: Inventory) -> bool:
    """Whether one peer of a rule selects the pods of a workload; an address block never does."""
    labels = _namespace_labels(workload.document, workload.namespace, inventory)
    return _admits_namespace(policy, peer, workload.namespace, labels) and _admits_pods(peer, workload)


def _admits_namespace(policy: Document, peer: Json, namespace: str | None, labels: Mapping[str, str]) -> bool:
    selector = mapping(peer).get("namespaceSelector")
    return namespace == policy.resource.namespace if selector is None else matches(selector, labels)


def _admits_pods(peer: Json, workload: Workload) -> bool:
    pods, namespaces = mapping(peer).get("podSelector"), mapping(peer).get("namespaceSelector")
    return namespaces is not None if pods is None else matches(pods, workload.labels)


def _namespace_labels(near: Document, namespace: str | None, inventory: Inventory) -> dict[str, str]:
    """Return the labels of a namespace of the cluster of a document."""
    name = namespace or ""
    document = inventory.get(uid_near(near, kind="Namespace", name=name))
    return {NAME_LABEL: name, **(labels_of(document.body) if document else {})}


class Block(NamedTuple):
    """A call that policies cut off."""

    direction: str
    """`Ingress` or `Egress`"""
    policies: tuple[str, ...]
    """uids of the policies that isolate this end and admit nothing that would let the call pass"""


def blocked(
    caller: Workload, callee: Workload, port: int | None, inventory: Inventory, *, port_name: str = ""
) -> Block | None:
    """Say which policies cut off calls from one workload to a port of another, or None when the calls pass.

    Policies are additive: a direction is isolated as soon as one policy selects the pod, and then any rule of any of
    those policies that matches lets the call through.

    Args:
        caller: where calls start.
        callee: whose pods are called.
        port: container port; None when unknown, then a rule for any port counts as letting the call pass.
        inventory: all documents, for policies and namespace labels.
        port_name: name of the container port, which a rule may use instead of the number.
    """
    for direction, guarded, other in (("Egress", caller, callee), ("Ingress", callee, caller)):
        policies = [p for p in inventory.of("NetworkPolicy") if direction in directions(p) and guards(p, guarded)]
        if policies and not any(_passes(p, direction, other, port, port_name, inventory) for p in policies):
            return Block(direction, tuple(p.resource.uid for p in policies))
    return None


def _passes(
    policy: Document, direction: str, other: Workload, port: int | None, port_name: str, inventory: Inventory
) -> bool:
    rules, peers_field = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    for _, rule in entries(policy.body, "spec", rules):
        peers, ports = entries(rule, peers_field), entries(rule, "ports")
        # An address block of an egress rule may hold the pod network; nothing in the documents tells, so it passes.
        known = any(admits(policy, p, other, inventory) or (direction == "Egress" and "ipBlock" in p) for _, p in peers)
        if (not peers or known) and (not ports or any(_is_port(p, port, port_name) for _, p in ports)):
            return True
    return False


def _is_port(rule: Json, port: int | None, port_name: str) -> bool:
    wanted, end = mapping(rule).get("port"), mapping(rule).get("endPort")
    if wanted is None or port is None or (port_name and wanted == port_name):
        return True
    if isinstance(wanted, int) and isinstance(end, int):
        return wanted <= port <= end
    return str(wanted) == str(port)
