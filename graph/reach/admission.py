"""Whom the NetworkPolicies that run now admit. A relation may also come from a declared policy that runs otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from graph.environment import EnvironmentGraph
from graph.kinds.kubernetes.relations import derive
from graph.relation import RelationType
from graph.resource import Facet, Platform
from graph.version import Document


def admitted_now(graph: EnvironmentGraph) -> Mapping[str, frozenset[str]]:
    """Map the uid of each running NetworkPolicy to the uids of the workloads that its rules admit."""
    documents = [
        Document(resource=resource, body=body)
        for resource in graph
        if resource.platform is Platform.KUBERNETES and (body := graph.body(resource.uid, Facet.ACTUAL)) is not None
    ]
    found: dict[str, set[str]] = {d.resource.uid: set() for d in documents if d.resource.kind == "NetworkPolicy"}
    if not found:
        return {}
    for relation in derive(documents):
        if relation.type is RelationType.ALLOWS and relation.source in found:
            found[relation.source].add(relation.target)
    return {policy: frozenset(callers) for policy, callers in found.items()}
