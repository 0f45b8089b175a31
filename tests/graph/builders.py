"""Builds small environment graphs by hand, so that a test states only what matters to it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from graph.change import Change
from graph.document import Object
from graph.environment import EnvironmentGraph, SourceState
from graph.evidence import SymptomEvent
from graph.relation import Relation, RelationType
from graph.resource import Facet, Platform, Resource, kubernetes_uid, terraform_uid
from graph.version import Origin, Unreadable, Version

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CLUSTER = "demo"
STACK = "shop"
NAMESPACE = "shop"

_GROUPS = {"apps": {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"}, "policy": {"PodDisruptionBudget"}}
_GROUPS |= {"networking.k8s.io": {"NetworkPolicy", "Ingress"}, "autoscaling": {"HorizontalPodAutoscaler"}}
_GROUPS |= {"batch": {"Job", "CronJob"}, "external-secrets.io": {"ExternalSecret"}}
_GROUPS |= {"rbac.authorization.k8s.io": {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}}
_GROUPS |= {"discovery.k8s.io": {"EndpointSlice"}}
_CLUSTER_SCOPED = {"Namespace", "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "StorageClass"}


def k8s(kind: str, name: str, namespace: str | None = NAMESPACE, *, cluster: str = CLUSTER) -> str:
    """Return the uid of a Kubernetes object of a built-in kind."""
    group = next((g for g, kinds in _GROUPS.items() if kind in kinds), "")
    return kubernetes_uid(
        cluster=cluster,
        group=group,
        kind=kind,
        namespace=None if kind in _CLUSTER_SCOPED else namespace,
        name=name,
    )


def tf(address: str, *, stack: str = STACK) -> str:
    """Return the uid of a Terraform resource."""
    return terraform_uid(stack=stack, address=address)


def manifest(kind: str, name: str, namespace: str | None = NAMESPACE, **rest: Any) -> Object:
    """Return a Kubernetes object; `rest` are top-level fields such as `spec` or `data`."""
    group = next((g for g, kinds in _GROUPS.items() if kind in kinds), "")
    metadata: Object = {"name": name} | dict(rest.pop("metadata", {}))
    if namespace and kind not in _CLUSTER_SCOPED:
        metadata["namespace"] = namespace
    return {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, "metadata": metadata, **rest}


def workload(
    name: str,
    *,
    kind: str = "Deployment",
    namespace: str = NAMESPACE,
    replicas: int = 2,
    ready: int | None = None,
    image: str = "registry.example/app:1.0",
    env: Mapping[str, Any] | None = None,
    container: Mapping[str, Any] | None = None,
    pod: Mapping[str, Any] | None = None,
) -> Object:
    """Return a workload with one container `app`, labelled `app: NAME`; `env` values may be strings or `valueFrom`."""
    variables = [
        {"name": k, "value": v} if isinstance(v, str) else {"name": k, "valueFrom": v} for k, v in (env or {}).items()
    ]
    app = {"name": "app", "image": image} | ({"env": variables} if variables else {}) | dict(container or {})
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [app]} | dict(pod or {})}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    body = manifest(kind, name, namespace, spec=spec)
    if ready is not None:
        body["status"] = {"replicas": replicas, "readyReplicas": ready, "availableReplicas": ready}
    return body


def service(name: str, *, selector: Mapping[str, str] | None = None, namespace: str = NAMESPACE) -> Object:
    """Return a Service on port 80 that selects `app: NAME` unless told otherwise."""
    spec = {"selector": dict(selector or {"app": name}), "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return manifest("Service", name, namespace, spec=spec)


def cloud(address: str, **values: Any) -> Object:
    """Return the body of a Terraform resource with these attributes."""
    type_, _, name = address.rpartition(".")
    return {"type": type_, "name": name, "address": address, "provider": "aws", "values": values}


class EstateBuilder:
    """Collects facets, relations and changes, then builds the graph."""

    def __init__(self, *, name: str = "demo", now: datetime = NOW) -> None:
        self.name = name
        self.now = now
        self._versions: dict[tuple[str, Facet], Version] = {}
        self._history: list[Version] = []
        self._relations: list[Relation] = []
        self._changes: list[Change] = []
        self._symptoms: list[SymptomEvent] = []
        self._unreadable: list[Unreadable] = []

    def put(
        self,
        facet: Facet,
        body: Object,
        *,
        since: datetime | None = None,
        origin: Origin | None = None,
        aliases: tuple[str, ...] = (),
    ) -> str:
        """Set one facet of the resource that `body` describes; returns its uid."""
        resource = resource_of(body, aliases=aliases)
        start = since or self.now - timedelta(days=30)
        source = f"{facet.value}:{self.name}"
        version = Version(
            resource=resource,
            facet=facet,
            body=copy.deepcopy(body),
            source=source,
            valid_from=start,
            valid_to=None,
            last_seen=self.now,
            recorded_at=start,
            origin=origin,
        )
        self._versions[resource.uid, facet] = version
        return resource.uid

    def add(self, body: Object, *, aliases: tuple[str, ...] = (), origin: Origin | None = None) -> str:
        """Add a resource that runs as declared and applied; returns its uid."""
        for facet in Facet:
            uid = self.put(facet, body, aliases=aliases, origin=origin if facet is Facet.INTENDED else None)
        return uid

    def add_actual(self, body: Object, *, aliases: tuple[str, ...] = ()) -> str:
        """Add a resource that only runs (pods, unmanaged objects); returns its uid."""
        return self.put(Facet.ACTUAL, body, aliases=aliases)

    def remove(self, uid: str, facet: Facet = Facet.ACTUAL) -> None:
        """Drop a facet again."""
        self._versions.pop((uid, facet), None)

    def relate(self, source: str, type_: RelationType, target: str, **rest: Any) -> None:
        """Add a relation `source TYPE target`."""
        self._relations.append(Relation(source=source, target=target, type=type_, **rest))

    def change(self, change: Change) -> None:
        """Add a change."""
        self._changes.append(change)

    def past(self, version: Version) -> None:
        """Add a version to the history."""
        self._history.append(version)

    def symptom(self, symptom: SymptomEvent) -> None:
        """Add what a system said of itself."""
        self._symptoms.append(symptom)

    def unreadable(self, unreadable: Unreadable) -> None:
        """Add something that could not be read."""
        self._unreadable.append(unreadable)

    def graph(self) -> EnvironmentGraph:
        """Build the graph as of `now`."""
        sources = [SourceState(f"{facet.value}:{self.name}", facet, self.now, "") for facet in Facet]
        return EnvironmentGraph(
            name=self.name,
            as_of=self.now,
            versions=self._versions.values(),
            relations=self._relations,
            history=[*self._history, *self._versions.values()],
            changes=self._changes,
            symptoms=self._symptoms,
            unreadable=self._unreadable,
            sources=sources,
        )


def resource_of(body: Object, *, aliases: tuple[str, ...] = ()) -> Resource:
    """Return the identity of a body made by this module."""
    if "values" in body and "address" in body:
        return Resource(
            uid=tf(body["address"]),
            platform=Platform.TERRAFORM,
            kind=body["type"],
            name=body["name"],
            aliases=aliases,
        )
    group = body["apiVersion"].rpartition("/")[0]
    metadata = body["metadata"]
    namespace = metadata.get("namespace")
    return Resource(
        uid=kubernetes_uid(cluster=CLUSTER, group=group, kind=body["kind"], namespace=namespace, name=metadata["name"]),
        platform=Platform.KUBERNETES,
        kind=body["kind"],
        name=metadata["name"],
        namespace=namespace,
        group=group,
        aliases=aliases,
    )
