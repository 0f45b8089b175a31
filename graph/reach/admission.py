"""Whom a NetworkPolicy that runs now admits. A relation may also come from a declared policy that runs otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from graph.environment import EnvironmentGraph
from graph.kinds.kubernetes.relations import derive
from graph.kinds.lenient import entries
from graph.relation import RelationType
from graph.resource import Facet, Platform, Resource
from graph.version import Document

_WITHOUT_PODS = frozenset(
    {"ConfigMap", "Endpoints", "EndpointSlice", "Event", "Lease", "NetworkPolicy", "Secret", "Service"}
)
"""Kinds of which there are many and that own no pod."""


def admitted_by(graph: EnvironmentGraph, policy: str) -> frozenset[str]:
    """Return the uids of the workloads that the rules of a running NetworkPolicy admit; none when it does not run."""
    body = graph.body(policy, Facet.ACTUAL)
    if body is None:
        return frozenset()
    reaches_out = any(
        isinstance(peer, dict) and "namespaceSelector" in peer
        for _, rule in entries(body, "spec", "ingress")
        for _, peer in entries(rule, "from")
    )
    candidates: Iterable[Resource] = graph if reaches_out else graph.beside(policy)
    documents = [Document(resource=graph.resource(policy), body=body)]
    others = (
        resource.uid
        for resource in candidates
        if resource.platform is Platform.KUBERNETES and resource.uid != policy and resource.kind not in _WITHOUT_PODS
    )
    for version in graph.versions(others, Facet.ACTUAL):
        documents.append(Document(resource=version.resource, body=version.body))
    return frozenset(r.target for r in derive(documents) if r.type is RelationType.ALLOWS and r.source == policy)
