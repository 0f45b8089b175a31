"""From pods to the workload they belong to, from Services to what stands behind them, and back."""

from __future__ import annotations

from collections.abc import Mapping

from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.relation import RelationType
from graph.resource import Facet

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
"""Kinds that keep pods running."""

TEMPLATED = WORKLOADS | {"ReplicaSet", "Job", "CronJob", "ReplicationController"}
"""Kinds that hold a pod template."""


def workload_of(graph: EnvironmentGraph, uid: str) -> str:
    """Return the topmost owner of a pod or ReplicaSet; any other resource is its own."""
    seen = {uid}
    while uid in graph and graph.resource(uid).kind in ("Pod", "ReplicaSet", "Job"):
        owners = [r.target for r in graph.outgoing(uid) if r.type is RelationType.OWNED_BY and r.target in graph]
        if not owners or owners[0] in seen:
            break
        uid = owners[0]
        seen.add(uid)
    return uid


def parts_of(graph: EnvironmentGraph, uid: str) -> tuple[str, ...]:
    """Return what a workload owns, directly or not: ReplicaSets, Jobs and pods, ordered by uid."""
    found: set[str] = set()
    waiting = [uid]
    while waiting:
        for relation in graph.incoming(waiting.pop()):
            if relation.type is RelationType.OWNED_BY and relation.source not in found:
                found.add(relation.source)
                waiting.append(relation.source)
    return tuple(sorted(found))


def workloads_behind(graph: EnvironmentGraph, service: str) -> tuple[str, ...]:
    """Return the workloads whose pods a Service selects now or should select, ordered by uid."""
    found = {
        workload_of(graph, r.target)
        for r in graph.outgoing(service)
        if r.type is RelationType.SELECTS and r.target in graph
    }
    for facet in (Facet.ACTUAL, Facet.INTENDED):
        body = graph.body(service, facet) or {}
        selector = (body.get("spec") or {}).get("selector")
        if isinstance(selector, Mapping) and selector:
            found.update(_selected(graph, service, selector, facet))
    return tuple(sorted(found))


def services_of(graph: EnvironmentGraph, workload: str) -> tuple[str, ...]:
    """Return the Services that select a workload now or should select it, ordered by uid."""
    namespace = graph.resource(workload).namespace
    members = (workload, *parts_of(graph, workload))
    found = {r.source for m in members for r in graph.incoming(m) if r.type is RelationType.SELECTS}
    services = {r.uid for r in graph if r.kind == "Service" and r.namespace == namespace}
    found &= services
    for facet in (Facet.ACTUAL, Facet.INTENDED):
        labels = dict(pod_labels(graph.body(workload, facet) or {}))
        for service in services - found:
            selector = ((graph.body(service, facet) or {}).get("spec") or {}).get("selector")
            if isinstance(selector, Mapping) and selector and selector.items() <= labels.items():
                found.add(service)
    return tuple(sorted(found))


def pod_template(body: Object) -> Object:
    """Return the pod template of a workload (a Pod is its own); empty when there is none."""
    if body.get("kind") == "Pod":
        return body
    spec = body.get("spec") or {}
    if body.get("kind") == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    template = spec.get("template")
    return template if isinstance(template, dict) else {}


def pod_labels(body: Object) -> Mapping[str, str]:
    """Return the labels of the pods that a workload makes."""
    labels = (pod_template(body).get("metadata") or {}).get("labels")
    return labels if isinstance(labels, dict) else {}


def containers(body: Object) -> list[Object]:
    """Return the containers of a workload, init containers first; empty when there are none."""
    spec = pod_template(body).get("spec") or {}
    many = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return [c for c in many if isinstance(c, dict)]


def _selected(graph: EnvironmentGraph, service: str, selector: Mapping[str, str], facet: Facet) -> set[str]:
    resource = graph.resource(service)
    return {
        other.uid
        for other in graph
        if other.kind in WORKLOADS
        and other.namespace == resource.namespace
        and (body := graph.body(other.uid, facet))
        and selector.items() <= dict(pod_labels(body)).items()
    }
