"""Whether NetworkPolicies admit a flow between two pods, or from a pod to the outside.

Semantics: https://kubernetes.io/docs/concepts/services-networking/network-policies/. A pod that no policy selects for a
direction is open in it; once selected, only what some policy allows passes, and policies only ever add.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graph.document import Json, Object
from graph.kinds.kubernetes.selectors import matches
from graph.kinds.lenient import entries, mapping, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One side of a flow."""

    namespace: str
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str]
    address: str = ""
    """IP address, where known; only rules with an ipBlock look at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A connection that somebody wants to make."""

    source: Endpoint
    target: Endpoint | None
    """None for a destination outside the cluster."""
    port: int | None
    """None when unknown: then a rule that restricts ports counts as admitting, since it can't be ruled out."""
    port_name: str = ""
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a set of policies says of a flow."""

    is_admitted: bool
    refused_by: tuple[str, ...]
    """uids of the policies that select a side of the flow in the direction where nothing allows it, ordered."""


def rule(policies: Mapping[str, Object], flow: Flow) -> Ruling:
    """Decide whether a flow is admitted.

    Args:
        policies: uid to body of all NetworkPolicies of the cluster.
        flow: who wants to reach whom.
    """
    refused: list[str] = []
    if flow.target is not None:
        refused += _refusing(policies, flow, "Ingress", flow.target, flow.source)
    refused += _refusing(policies, flow, "Egress", flow.source, flow.target)
    return Ruling(is_admitted=not refused, refused_by=tuple(sorted(set(refused))))


def _refusing(
    policies: Mapping[str, Object], flow: Flow, direction: str, side: Endpoint, peer: Endpoint | None
) -> list[str]:
    selecting = [uid for uid, body in policies.items() if _selects(body, side) and direction in _types(body)]
    if any(_allows(policies[uid], direction, peer, flow) for uid in selecting):
        return []
    return selecting


def _selects(body: Object, side: Endpoint) -> bool:
    namespace = text(body, "metadata", "namespace")
    selector = mapping(body, "spec").get("podSelector")
    return namespace == side.namespace and matches(selector if selector is not None else {}, side.labels)


def _types(body: Object) -> Sequence[str]:
    """Defaulting of the API server: always Ingress, Egress only where there is such a section."""
    spec = mapping(body, "spec")
    types = spec.get("policyTypes")
    if isinstance(types, list) and types:
        return [str(t) for t in types]
    return ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _allows(body: Object, direction: str, peer: Endpoint | None, flow: Flow) -> bool:
    field, peers = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    return any(
        _admits_port(item, flow) and _admits_peer(item, peers, peer, text(body, "metadata", "namespace"))
        for _, item in entries(mapping(body, "spec"), field)
    )


def _admits_port(item: Object, flow: Flow) -> bool:
    ports = [p for _, p in entries(item, "ports")]
    if not ports:
        return True
    return any((p.get("protocol") or "TCP") == flow.protocol and _is_port(p, flow) for p in ports)


def _is_port(entry: Mapping[str, Json], flow: Flow) -> bool:
    port, end = entry.get("port"), entry.get("endPort")
    if port is None or flow.port is None:
        return True
    if isinstance(port, int):
        return port <= flow.port <= end if isinstance(end, int) else port == flow.port
    return bool(port == flow.port_name)


def _admits_peer(item: Object, field: str, peer: Endpoint | None, namespace: str) -> bool:
    peers = [p for _, p in entries(item, field)]
    if not peers:
        return True
    return any(_is_peer(p, peer, namespace) for p in peers)


def _is_peer(entry: Object, peer: Endpoint | None, namespace: str) -> bool:
    if "ipBlock" in entry:
        return _in_block(mapping(entry, "ipBlock"), peer.address if peer else "")
    if peer is None:
        return False
    if "namespaceSelector" in entry:
        if not matches(entry["namespaceSelector"], peer.namespace_labels):
            return False
    elif peer.namespace != namespace:
        return False
    return "podSelector" not in entry or matches(entry["podSelector"], peer.labels)


def _in_block(block: Object, address: str) -> bool:
    """An unknown address can't be ruled out, so it counts as admitted."""
    if not address:
        return True
    try:
        ip = ipaddress.ip_address(address)
        if ip not in ipaddress.ip_network(text(block, "cidr"), strict=False):
            return False
        excepted = block.get("except") or []
        return not any(ip in ipaddress.ip_network(str(e), strict=False) for e in excepted)
    except ValueError:
        return False
