"""Whom monitoring is asked about, and whose a reading is: resources, by the labels that monitoring puts on them.

Labels are the one thing that metrics, logs and traces share with the graph. A pod names its workload; else a label that
names a workload or service does, within its namespace where it has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from graph.environment import EnvironmentGraph
from graph.names import joined
from graph.relation import RelationType
from graph.resource import Platform
from graph.workloads import WORKLOADS, parts_of, services_of, workload_of, workloads_behind

MOST_TARGETS = 24
"""Resources that one question asks about: the subjects, what they depend on and who depends on them, nearest first."""

POD_LABELS = ("pod", "pod_name", "k8s_pod_name", "kubernetes_pod_name")
NAMESPACE_LABELS = (
    "namespace",
    "k8s_namespace_name",
    "kubernetes_namespace",
    "service_namespace",
    "destination_service_namespace",
)
NAME_LABELS = (
    "deployment",
    "statefulset",
    "daemonset",
    "k8s_deployment_name",
    "k8s_statefulset_name",
    "k8s_daemonset_name",
    "workload",
    "destination_workload",
    "service_name",
    "service",
    "destination_service_name",
    "server",
    "app",
    "app_kubernetes_io_name",
    "k8s_app",
    "application",
    "dbinstance_identifier",
    "db_instance_identifier",
    "queue_name",
    "function_name",
    "node",
    "job",
    "container",
    "instance",
)
"""Labels that name what was measured, the closest first: `job`, `container` and `instance` may name the exporter."""
PEER_LABELS = ("source_workload", "source_app", "client", "caller")
"""Labels that name who called."""
SIDE_LABELS = ("reporter", "span_kind")
"""Labels that tell on which side of a call it was measured: of Istio, and of OpenTelemetry's spans."""
CALLEE_LABELS = (
    "destination_workload",
    "destination_service_name",
    "destination_app",
    "server_address",
    "net_peer_name",
    "peer_service",
)
"""Labels that name who was called, where the caller measured: Istio's, and OpenTelemetry's of HTTP and RPC clients."""
_CALLEE_NAMESPACES = ("destination_workload_namespace", "destination_service_namespace")
_CLIENT_METRIC = re.compile(r"^(http|rpc)[._]client[._]")
"""https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ and .../rpc/rpc-metrics/"""
_UNNAMED = frozenset({"", "unknown", "none", "-"})


@dataclass(frozen=True, kw_only=True)
class Target:
    """A resource that monitoring is asked about."""

    uid: str
    namespace: str = ""
    """Empty where it has none."""
    names: tuple[str, ...]
    """Under which monitoring may know it: its own, and those of the Services before it."""
    pods: tuple[str, ...] = ()
    kind: str = ""
    """e.g. `Deployment` or `aws_db_instance`; empty when it is not known."""
    arn: str = ""
    """Of a resource of AWS."""


class Told(NamedTuple):
    """Whose a reading is, and how that is known."""

    uid: str
    label: str
    """Name of the label, as `plain_labels` writes it"""


class Outgoing(NamedTuple):
    """A reading of calls, measured where they leave."""

    callee: str
    """uid"""
    caller: str
    """uid"""


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Everything that one question asks about."""

    all: tuple[Target, ...]
    """Nearest to the subjects first."""

    def __iter__(self) -> Iterator[Target]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    @cached_property
    def _by_pod(self) -> dict[str, str]:
        return {pod: target.uid for target in self.all for pod in target.pods}

    @cached_property
    def _by_name(self) -> dict[str, list[Target]]:
        found: dict[str, list[Target]] = {}
        for target in self.all:
            for name in target.names:
                found.setdefault(joined(name), []).append(target)
        return found

    def owner(self, labels: Mapping[str, str]) -> str | None:
        """Return the uid of whom a reading with these labels is about; None when it is nobody asked about."""
        found = self.told_by(plain_labels(labels))
        return found.uid if found else None

    def told_by(self, labels: Mapping[str, str]) -> Told | None:
        """Return whom a reading is about, and the label that tells it; `labels` are those of `plain_labels`."""
        namespace = _first(labels, NAMESPACE_LABELS)
        for label in POD_LABELS:
            value = labels.get(label, "")
            if value not in _UNNAMED and (uid := self._of_pod(value, namespace)):
                return Told(uid, label)
        return self._named(labels, NAME_LABELS)

    def peer(self, labels: Mapping[str, str]) -> str | None:
        """Return the uid of who called, where the reading is one of calls between two resources."""
        found = self._named(plain_labels(labels), PEER_LABELS)
        return found.uid if found else None

    def outgoing(self, labels: Mapping[str, str], metric: str) -> Outgoing | None:
        """Return who calls whom, where the caller measured and both are asked about; None for any other reading."""
        plain = plain_labels(labels)
        if not is_of_caller(metric, plain):
            return None
        callee = next(filter(None, (self._host(plain, label) for label in CALLEE_LABELS)), None)
        own = {k: v for k, v in plain.items() if not k.startswith("destination_") and k not in CALLEE_LABELS}
        caller = self._named(plain, PEER_LABELS) or self.told_by(own)
        if callee is None or caller is None or callee == caller.uid:
            return None
        return Outgoing(callee, caller.uid)

    def _host(self, labels: Mapping[str, str], label: str) -> str | None:
        """Return whom a label names as the called one; a name of another domain than the cluster's is nobody's."""
        value = labels.get(label, "")
        if value in _UNNAMED:
            return None
        name, *domain = value.split(".")
        namespace = _first(labels, _CALLEE_NAMESPACES)
        if domain:
            if len(domain) > 1 and domain[1] != "svc":
                return None
            namespace = domain[0]
        elif not namespace:
            namespace = _first(labels, NAMESPACE_LABELS)
        found = self._named({label: name, "namespace": namespace}, (label,))
        return found.uid if found else None

    def _named(self, labels: Mapping[str, str], order: Sequence[str]) -> Told | None:
        namespace = _first(labels, NAMESPACE_LABELS)
        for label in order:
            value = labels.get(label, "")
            if value in _UNNAMED:
                continue
            # OpenTelemetry's `job` is NAMESPACE/NAME; a host of the cluster ends in its domain; an instance has a port.
            bare = (value, value.rpartition("/")[2], value.partition(".")[0], value.partition(":")[0])
            for name in dict.fromkeys(bare):
                for target in self._by_name.get(joined(name), ()):
                    if not namespace or target.namespace in ("", namespace):
                        return Told(target.uid, label)
        return None

    def _of_pod(self, pod: str, namespace: str) -> str | None:
        if pod in self._by_pod:
            return self._by_pod[pod]
        # A pod that is gone: its generated name begins with that of its workload.
        for parts in (pod.rsplit("-", 2), pod.rsplit("-", 1)):
            for target in self._by_name.get(joined(parts[0]), ()) if len(parts) > 1 else ():
                if not namespace or target.namespace in ("", namespace):
                    return target.uid
        return None


def is_of_caller(metric: str, labels: Mapping[str, str]) -> bool:
    """Whether a metric was measured by who called; `labels` are those of `plain_labels`.

    >>> is_of_caller("istio_requests_total", {"reporter": "source"}), is_of_caller("http_server_duration", {})
    (True, False)
    """
    kind = labels.get("span_kind", "").upper().removeprefix("SPAN_KIND_")
    is_told = labels.get("reporter") == "source" or kind in ("CLIENT", "PRODUCER")
    return is_told or _CLIENT_METRIC.match(metric) is not None


def plain_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels under comparable names: dots as underscores, in lower case; `exported_` ones win, being the target's own.

    >>> plain_labels({"k8s.pod.name": "a", "pod": "exporter", "exported_pod": "b"})
    {'k8s_pod_name': 'a', 'pod': 'b'}
    """
    found = {_plain(key): value for key, value in labels.items() if not key.startswith("exported_")}
    return found | {_plain(key[9:]): value for key, value in labels.items() if key.startswith("exported_")}


def targets_of(graph: EnvironmentGraph, subjects: Iterable[str], *, most: int = MOST_TARGETS) -> Targets:
    """Return whom to ask about: the subjects first, then who is one step away, then two, of things that run.

    Args:
        graph: the environment.
        subjects: uids of what alerts are about, best first.
        most: bound.
    """
    found: dict[str, Target] = {}
    level = [u for uid in subjects for u in _whole(graph, uid)]
    seen = set(level)
    while level and len(found) < most:
        for uid in level:
            target = _target(graph, uid)
            if target is not None and len(found) < most:
                found[uid] = target
        neighbours = dict.fromkeys(n for uid in level for n in _neighbours(graph, uid))
        level = [uid for uid in neighbours if uid not in seen]
        seen.update(level)
    return Targets(all=tuple(found.values()))


_WAYS = frozenset(
    {RelationType.CALLS, RelationType.CONNECTS_TO, RelationType.ROUTES_TO, RelationType.RUNS_ON, RelationType.SELECTS}
)


def _neighbours(graph: EnvironmentGraph, uid: str) -> Iterator[str]:
    """Whom it calls or uses, and who calls or uses it, as whole things."""
    for one in (uid, *(services_of(graph, uid) if uid in graph and graph.resource(uid).kind in WORKLOADS else ())):
        for relation in graph.outgoing(one):
            if relation.type in _WAYS:
                yield from _whole(graph, relation.target)
        for relation in graph.incoming(one):
            if relation.type in _WAYS:
                yield from _whole(graph, relation.source)


def _whole(graph: EnvironmentGraph, uid: str) -> tuple[str, ...]:
    """A Service stands for the workloads behind it, a pod for its workload."""
    if uid not in graph:
        return ()
    if graph.resource(uid).kind == "Service" and graph.resource(uid).platform is Platform.KUBERNETES:
        return workloads_behind(graph, uid) or (uid,)
    return (workload_of(graph, uid),)


def _target(graph: EnvironmentGraph, uid: str) -> Target | None:
    if uid not in graph:
        return None
    resource = graph.resource(uid)
    names, pods = [resource.name], []
    if resource.kind in WORKLOADS:
        names += [graph.resource(s).name for s in services_of(graph, uid) if s in graph]
        pods = [graph.resource(p).name for p in parts_of(graph, uid) if p in graph and graph.resource(p).kind == "Pod"]
    if resource.platform is Platform.TERRAFORM:
        names += [a for a in resource.aliases if ":" not in a]
    return Target(
        uid=uid,
        namespace=resource.namespace or "",
        names=tuple(dict.fromkeys(names)),
        pods=tuple(pods),
        kind=resource.kind,
        arn=next((a for a in resource.aliases if a.startswith("arn:")), ""),
    )


def _first(labels: Mapping[str, str], order: Sequence[str]) -> str:
    return next((labels[label] for label in order if labels.get(label, "") not in _UNNAMED), "")


@lru_cache(maxsize=4096)
def _plain(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", label).lower()).strip("_")
