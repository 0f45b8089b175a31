"""The part of an OpenSRE incident that was seen of a cluster: its objects, and who said what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evals.suites.files import read_object
from evals.world import uid_of
from graph.diagnosis.mechanisms.scene import MONITOR, MONITOR_OK
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.parse import parse
from graph.resource import kubernetes_uid
from graph.version import Document

_CLUSTER = "cluster"
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""Where a case names no time. The clock of the run would give each run another answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What was seen."""

    now: datetime
    """UTC; the last that was said."""
    documents: tuple[Document, ...]
    symptoms: tuple[SymptomEvent, ...]
    labels: dict[str, str]
    """What the alert names, by the label that says what it is."""


def read_cluster(folder: Path, alert: Mapping[str, Any]) -> Cluster:
    """Return what the files of a case show.

    Raises:
        Invalid: a file is no JSON object.
    """
    labels = {**(alert.get("commonLabels") or {}), **(alert.get("commonAnnotations") or {})}
    namespace = str(labels.get("namespace") or labels.get("kube_namespace") or "default")
    workload = str(labels.get("workload_name") or labels.get("kube_deployment") or "")
    kind = _WORKLOADS.get(str(labels.get("workload_type") or "").lower(), "Deployment")
    documents = tuple(_document(body, namespace) for body in _objects(folder, namespace, (kind, workload)))
    return Cluster(
        now=max(_instants(folder), default=LONG_AGO),
        documents=documents,
        symptoms=tuple(_symptoms(folder, _Speakers(documents, namespace, workload, labels))),
        labels={"namespace": namespace, kind.lower(): workload, "pod": str(labels.get("kube_pod") or "")},
    )


def time_of(text: Any) -> datetime | None:
    """Return a time (UTC where it names no zone); None where the text holds none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_WORKLOADS = {
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "job": "Job",
    "cronjob": "Job",
}


def _document(body: dict[str, Any], namespace: str) -> Document:
    return parse(body, cluster=_CLUSTER, default_namespace=namespace, salt=b"no secrets here")


def _objects(folder: Path, namespace: str, about: tuple[str, str]) -> Iterator[dict[str, Any]]:
    deployments = read_object(folder / "eks_deployments.json").get("deployments") or []
    pods = read_object(folder / "eks_pods.json").get("pods") or []
    kind, workload = about
    owners = {str(d["name"]): "Deployment" for d in deployments}
    if workload and workload not in owners and any(str(p["name"]).startswith(f"{workload}-") for p in pods):
        owners[workload] = kind
        yield _body(_group(kind) + "/v1", kind, workload, namespace, spec={}, status={})
    for one in deployments:
        status = {
            "observedGeneration": 1,
            "readyReplicas": one.get("ready", 0),
            "availableReplicas": one.get("available", 0),
        }
        mine = next((p for p in pods if str(p["name"]).startswith(f"{one['name']}-")), None)
        containers = [{"name": c["name"], "image": ""} for c in (mine or {}).get("containers", ())] or [{"name": "app"}]
        template = {"metadata": {"labels": {"app": one["name"]}}, "spec": {"containers": containers}}
        spec = {
            "replicas": one.get("desired", 1),
            "selector": {"matchLabels": {"app": one["name"]}},
            "template": template,
        }
        yield _body("apps/v1", "Deployment", one["name"], one.get("namespace") or namespace, spec=spec, status=status)
    for pod in pods:
        yield from _pod(pod, owners, namespace)
    for node in read_object(folder / "eks_node_health.json").get("nodes") or ():
        pressures = {
            "MemoryPressure": "memory_pressure",
            "DiskPressure": "disk_pressure",
            "PIDPressure": "pid_pressure",
        }
        conditions = [{"type": k, "status": str(node.get(v))} for k, v in pressures.items()]
        conditions.append({"type": "Ready", "status": str(node.get("ready"))})
        yield _body("v1", "Node", node["name"], None, spec={}, status={"conditions": conditions})


def _group(kind: str) -> str:
    return "batch" if kind == "Job" else "apps"


def _owner(pod: str, owners: Mapping[str, str]) -> str:
    """The workload that a pod is called after; of several the longest name."""
    return max((name for name in owners if pod.startswith(f"{name}-")), key=len, default="")


def _pod(pod: Mapping[str, Any], owners: Mapping[str, str], namespace: str) -> Iterator[dict[str, Any]]:
    owner = _owner(str(pod["name"]), owners)
    statuses = []
    for container in pod.get("containers") or ():
        state = dict(container.get("state") or {})
        status: dict[str, Any] = {"name": container["name"], "ready": bool(container.get("ready"))}
        status["restartCount"] = int(container.get("restart_count") or 0)
        last = "OOMKilled" if "OOMKilled" in str(state.get("message")) or state.get("reason") == "OOMKilled" else ""
        detail = {"reason": str(state.get("reason") or ""), "message": str(state.get("message") or "")}
        if state.get("waiting"):
            status["state"] = {"waiting": detail}
        elif state.get("terminated") or state.get("exit_code"):
            status["state"] = {"terminated": {**detail, "exitCode": state.get("exit_code") or 1}}
        else:
            status["state"] = {"running": {"startedAt": str(state.get("started_at") or "")}}
        if last:
            status["lastState"] = {"terminated": {"reason": last, "exitCode": state.get("exit_code") or 137}}
        statuses.append(status)
    body = _body(
        "v1",
        "Pod",
        str(pod["name"]),
        pod.get("namespace") or namespace,
        spec={"nodeName": pod.get("node_name"), "containers": [{"name": s["name"]} for s in statuses]},
        status={
            "phase": pod.get("phase"),
            "reason": str(pod.get("reason") or pod.get("status_reason") or ""),
            "message": str(pod.get("message") or ""),
            "startTime": str(pod.get("start_time") or ""),
            "conditions": pod.get("conditions") or [],
            "containerStatuses": statuses,
        },
    )
    if pod.get("deletion_timestamp"):
        body["metadata"]["deletionTimestamp"] = pod["deletion_timestamp"]
    if owner:
        kind = owners[owner]
        reference = {"apiVersion": f"{_group(kind)}/v1", "kind": kind, "name": owner, "controller": True}
        body["metadata"]["ownerReferences"] = [reference]
        generated = str(pod["name"]).removeprefix(f"{owner}-").split("-")
        if kind == "Deployment" and len(generated) == 2:
            body["metadata"]["labels"] = {"app": owner, "pod-template-hash": generated[0]}
    yield body


def _body(version: str, kind: str, name: str, namespace: str | None, **parts: Any) -> dict[str, Any]:
    metadata = {"name": name, "uid": f"{kind}/{name}", "namespace": namespace}
    kept = {k: v for k, v in metadata.items() if v}
    return {"apiVersion": version, "kind": kind, "metadata": kept, **parts}


_CONTROLLERS = frozenset({"ReplicaSet", "HorizontalPodAutoscaler", "ScaledObject", "PodDisruptionBudget"})
_TAGS = re.compile(r"\b(?P<key>service|kube_deployment|pod_name|kube_pod|app):(?P<name>[\w.-]+)")
_OF_NODES = frozenset(
    {"kernel", "kubelet", "containerd", "systemd", "journald", "chronyd", "kube-proxy", "aws-node", "syslog"}
)
"""Services of a node itself: what they say is of the host that they say it from."""
_STATES = {"Alert": MONITOR, "OK": MONITOR_OK}


class _Speakers:
    """Who says what: the objects of a case by their names."""

    def __init__(self, documents: Sequence[Document], namespace: str, workload: str, labels: Mapping[str, Any]) -> None:
        self.namespace = namespace
        self.workload = workload
        self._by_name: dict[str, str] = {}
        for document in documents:  # of equal names, a workload stands before what it owns
            self._by_name.setdefault(document.resource.name, document.resource.uid)
        self.main = self._by_name.get(workload) or kubernetes_uid(
            cluster=_CLUSTER, group="apps", kind="Deployment", namespace=namespace, name=workload
        )
        self._own = {workload, str(labels.get("service") or ""), str(labels.get("kube_namespace") or ""), namespace}

    def of_event(self, event: Mapping[str, Any]) -> str:
        kind, _, name = str(event.get("involved_object")).partition("/")
        is_gone = kind == "Pod" and name not in self._by_name
        if kind in _CONTROLLERS or is_gone:  # The case shows no such object: it acts on the workload, or was one of it.
            owner = max((n for n in self._by_name if name == n or name.startswith(f"{n}-")), key=len, default="")
            if owner or not is_gone:
                return self._by_name.get(owner, self.main)
        group = "apps" if kind in ("Deployment", "StatefulSet", "DaemonSet") else "batch" if kind == "Job" else ""
        place = None if kind == "Node" else str(event.get("namespace") or self.namespace)
        return kubernetes_uid(cluster=_CLUSTER, group=group, kind=kind, namespace=place, name=name)

    def of_log(self, log: Mapping[str, Any]) -> str:
        """Of a line of another service, what it names; one that the case does not show speaks for the workload."""
        service, said = str(log.get("service") or ""), str(log.get("message"))
        if service in self._by_name or service in self._own:
            return self._by_name.get(service, self.main)
        named = next((uid for name, uid in self._by_name.items() if len(name) > 3 and name in said), "")
        home = self._by_name.get(str(log.get("host"))) if service in _OF_NODES else None
        return named or home or self.main

    def of_monitor(self, monitor: Mapping[str, Any]) -> str:
        text = " ".join([str(monitor.get("query")), *map(str, monitor.get("tags") or ())])
        named = [found["name"] for found in _TAGS.finditer(text)]
        if not named or self._own & set(named):
            return self.main
        return next((self._by_name[n] for n in named if n in self._by_name), uid_of(named[0]))


_STAMP = re.compile(r"^\W?(?P<day>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)([.,]\d+)?\s?(?P<zone>Z|[+-]\d\d:?\d\d)?")


def _begun(line: str) -> datetime | None:
    """The time that a line begins with; UTC where it names no zone."""
    found = _STAMP.match(line)
    return time_of(f"{found['day']}T{found['time']}{found['zone'] or ''}") if found else None


def _symptoms(folder: Path, speakers: _Speakers) -> Iterator[SymptomEvent]:
    for event in read_object(folder / "eks_events.json").get("warning_events") or ():
        yield SymptomEvent(
            kind=ObservationKind.EVENT,
            resource=speakers.of_event(event),
            at=time_of(event.get("last_time")),
            text=str(event.get("message")),
            reason=str(event.get("reason")),
            count=int(event.get("count") or 1),
        )
    logs = read_object(folder / "eks_pod_logs.json")
    pod = kubernetes_uid(
        cluster=_CLUSTER,
        group="",
        kind="Pod",
        namespace=speakers.namespace,
        name=str(logs.get("pod_name") or speakers.workload),
    )
    for line in str(logs.get("logs") or "").splitlines():
        if line.strip():
            yield SymptomEvent(kind=ObservationKind.LOG, resource=pod, at=_begun(line), text=line)
    for log in read_object(folder / "datadog_logs.json").get("logs") or ():
        yield SymptomEvent(
            kind=ObservationKind.LOG,
            resource=speakers.of_log(log),
            at=time_of(log.get("timestamp")),
            text=str(log.get("message")),
            reason=str(log.get("status") or ""),
        )
    for monitor in read_object(folder / "datadog_monitors.json").get("monitors") or ():
        if reason := _STATES.get(str(monitor.get("overall_state"))):
            yield SymptomEvent(
                kind=ObservationKind.EVENT,
                resource=speakers.of_monitor(monitor),
                at=None,
                text=str(monitor.get("name")),
                reason=reason,
            )


def _instants(folder: Path) -> Iterator[datetime]:
    for event in read_object(folder / "eks_events.json").get("warning_events") or ():
        if (at := time_of(event.get("last_time"))) is not None:
            yield at
    for log in read_object(folder / "datadog_logs.json").get("logs") or ():
        if (at := time_of(log.get("timestamp"))) is not None:
            yield at
