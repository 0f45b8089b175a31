"""What else in an environment decides how one resource is compared, so that one change needs no look at everything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from graph.environment import EnvironmentGraph
from graph.resource import Facet, Platform, Resource, place_of

_MADE_IN_NUMBERS = frozenset(
    {"ControllerRevision", "Endpoints", "EndpointSlice", "Event", "Lease", "Pod", "ReplicaSet"}
)
"""What controllers make for each workload; none of it says how anything else is to be read."""

_GOVERNING = frozenset(
    {
        "CustomResourceDefinition",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
    }
)
"""Kinds outside of namespaces that say what other objects mean or what is added to them."""

_AUTOSCALERS = frozenset({"HorizontalPodAutoscaler", "ScaledObject", "VerticalPodAutoscaler"})
"""Kinds that say which values of other objects in their namespace are no drift."""


def surroundings(graph: EnvironmentGraph, uids: Collection[str]) -> Sequence[Resource]:
    """Return resources and what decides how they are compared, ordered by uid.

    That is what shares their namespace or stack, but for what controllers make in numbers; what governs the cluster;
    and objects of the same kind and name elsewhere, for declarations that leave their namespace open.
    """
    found = {uid: graph.resource(uid) for uid in uids if uid in graph}
    for resource in [*found.values()]:
        if resource.platform is Platform.KUBERNETES:
            namesakes = (r for r in graph.named(resource.name) if (r.kind, r.group) == (resource.kind, resource.group))
            found |= {r.uid: r for r in namesakes}
    for uid in {place_of(uid): uid for uid in sorted(uids)}.values():
        found |= {r.uid: r for r in _around(graph, uid)}
    return [found[uid] for uid in sorted(found)]


def judged_with(graph: EnvironmentGraph, uids: Collection[str]) -> frozenset[str]:
    """Return the uids whose comparison may come out otherwise when these resources change, themselves included."""
    found = set(uids)
    for uid in uids:
        kind = _kind(uid)
        if kind in _GOVERNING:
            cluster = place_of(uid).removeprefix("k8s://").partition("/")[0]
            found |= {r.uid for r in graph if r.uid.startswith(f"k8s://{cluster}/") and r.kind not in _MADE_IN_NUMBERS}
        elif uid.startswith(("tf://", "compose://")) or kind in _AUTOSCALERS:
            found |= {r.uid for r in graph.beside(uid) if r.kind not in _MADE_IN_NUMBERS}
        elif kind in ("Service", "StatefulSet"):
            # What is named after them is theirs: endpoints and claims.
            found |= {r.uid for r in graph.beside(uid) if r.kind in ("Endpoints", "PersistentVolumeClaim")}
        name = uid.rpartition("/")[2]
        found |= {r.uid for r in graph.named(name) if r.kind == kind}
    return frozenset(found)


def _around(graph: EnvironmentGraph, uid: str) -> Iterator[Resource]:
    place = place_of(uid)
    outside = f"{place.rpartition('/')[0]}/-"
    if not uid.startswith("k8s://"):
        yield from graph.beside(uid)
        return
    if place != outside:
        yield from (r for r in graph.beside(uid) if r.kind not in _MADE_IN_NUMBERS)
    kind, has_declared = _kind(uid), False
    for resource in graph.beside(f"{outside}/-/-"):
        if resource.kind in _GOVERNING:
            yield resource
        elif resource.kind == kind and not has_declared and Facet.INTENDED in graph.facets(resource.uid):
            has_declared = True
            yield resource


def _kind(uid: str) -> str:
    parts = uid.split("/", 5)
    return parts[4] if uid.startswith("k8s://") and len(parts) > 5 else ""
