"""What else in an environment decides how one resource is compared, so that one change needs no look at everything.

What all Kubernetes objects together say of each one is not here: see `graph.standing`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from graph.environment import EnvironmentGraph
from graph.kinds.kubernetes.overview import DEFINITIONS, SERVICE
from graph.resource import Facet, Platform, Resource, place_of
from graph.standing import standing

_SCALING = frozenset({"HorizontalPodAutoscaler", "LimitRange", "ScaledObject", "VerticalPodAutoscaler"})
"""Kinds that say which values of other objects in their namespace are no drift."""

_MADE_BY = {"Endpoints": "Service", "PersistentVolumeClaim": "StatefulSet"}
"""Kinds of objects that are named after what they are made for, to the kind of that."""


def surroundings(graph: EnvironmentGraph, uids: Collection[str]) -> Sequence[Resource]:
    """Return resources and what decides how they are compared, ordered by uid.

    For Kubernetes that is what scales them or makes them, and what they mean in another namespace; elsewhere all of
    their stack, or all projects.
    """
    known = standing(graph)
    found = {uid: graph.resource(uid) for uid in uids if uid in graph}
    for uid in [*found]:
        twins = (known.overview.adopted.get(uid), known.adopters.get(uid))
        found |= {twin: graph.resource(twin) for twin in twins if twin is not None}
    wanted: dict[str, set[str]] = defaultdict(set)
    inside: dict[str, str] = {}
    for resource in [*found.values()]:
        if resource.platform is Platform.KUBERNETES:
            if resource.namespace:
                place = place_of(resource.uid)
                inside[place] = resource.uid
                wanted[place] |= _SCALING | {_MADE_BY.get(resource.kind, "")}
        else:
            found |= {r.uid: r for r in _together(graph, resource.uid)}
    for place, uid in inside.items():
        found |= {r.uid: r for r in graph.beside(uid) if r.kind in wanted[place]}
    return [found[uid] for uid in sorted(found)]


def judged_with(graph: EnvironmentGraph, uids: Collection[str]) -> frozenset[str]:
    """Return the uids whose comparison may come out otherwise when these resources change, themselves included.

    Beside them, what all Kubernetes objects together say of single ones may change: see `graph.standing`.
    """
    found = set(uids)
    known = standing(graph)
    for uid in uids:
        found |= {twin for twin in (known.overview.adopted.get(uid), known.adopters.get(uid)) if twin is not None}
        kind = _kind(uid)
        # An object of the same name elsewhere may be what a declaration means that leaves its namespace open.
        found |= {r.uid for r in graph.named(uid.rpartition("/")[2]) if r.kind == kind}
        if not kind:
            found |= {r.uid for r in _together(graph, uid)}
        elif kind in {*DEFINITIONS, SERVICE}:
            found |= {
                r.uid for r in graph if r.platform is Platform.KUBERNETES and Facet.INTENDED in graph.facets(r.uid)
            }
        elif kind in _SCALING:
            found |= {r.uid for r in graph.beside(uid) if Facet.INTENDED in graph.facets(r.uid)}
        elif kind in _MADE_BY.values():
            made = {one for one, other in _MADE_BY.items() if other == kind}
            found |= {r.uid for r in graph.beside(uid) if r.kind in made}
    return frozenset(found)


def _together(graph: EnvironmentGraph, uid: str) -> Iterable[Resource]:
    """What is compared as a whole: a Terraform stack, or all Compose projects."""
    return (r for r in graph if r.platform is Platform.COMPOSE) if uid.startswith("compose://") else graph.beside(uid)


def _kind(uid: str) -> str:
    parts = uid.split("/", 5)
    return parts[4] if uid.startswith("k8s://") and len(parts) > 5 else ""
