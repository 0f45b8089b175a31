"""Objects as the tables of `kubectl get -o wide` tell of them: names, states and labels, little else.

They stand in for objects that nobody described. Columns are those that kubectl has printed since 1.18.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from evals.kubectl.tables import table

_OWNED = re.compile(r"^(?P<set>(?P<top>.+)-(?P<hash>[a-z0-9]{6,10}))-[a-z0-9]{5}$|^(?P<stateful>.+)-\d+$")
_PORT = re.compile(r"(?P<port>\d+)(?::\d+)?/(?P<protocol>\w+)")
_FINE = frozenset({"Running", "Completed", "Succeeded"})
_NOT_STARTED = frozenset({"Pending", "ContainerCreating", "PodInitializing"})


def listed(plural: str, text: str, *, namespace: str) -> Iterator[dict[str, Any]]:
    """Yield an object for each row of a table.

    Args:
        plural: lower-case plural of its kind, as `kubectl` takes it.
        text: the table, wide where there is one.
        namespace: where the objects are; empty for kinds without.
    """
    read = _KINDS.get(plural)
    for row in table(text) if read else ():
        if read and row.get("NAME"):
            body = read(row)
            place = {"namespace": namespace} if namespace and body["kind"] not in _EVERYWHERE else {}
            labels = _pairs(row.get("LABELS", ""))
            uid = f"{plural}/{namespace}/{row['NAME']}"
            body["metadata"] = {"name": row["NAME"], "uid": uid, "labels": labels, **place, **body.get("metadata", {})}
            yield body


_EVERYWHERE = frozenset({"Node", "PersistentVolume", "StorageClass"})


def _pairs(text: str) -> dict[str, str]:
    return {k: v for part in text.split(",") for k, sign, v in [part.partition("=")] if sign}


def _pod(row: dict[str, str]) -> dict[str, Any]:
    ready, _, wanted = row.get("READY", "").partition("/")
    state = row.get("STATUS", "")
    is_ready = bool(ready) and ready == wanted and state == "Running"
    phase = state if state in _FINE else "Pending" if state in _NOT_STARTED or "Pull" in state else "Running"
    waiting = {} if state in _FINE or state in _NOT_STARTED else {"waiting": {"reason": state}}
    restarts = re.match(r"\d+", row.get("RESTARTS", ""))
    status: dict[str, Any] = {
        "phase": phase,
        "conditions": [{"type": "Ready", "status": str(is_ready)}],
        "containerStatuses": [
            {"name": "", "ready": is_ready, "restartCount": int(restarts[0]) if restarts else 0, "state": waiting}
        ],
    }
    if state.startswith("OOMKilled"):
        status["containerStatuses"][0]["state"] = {"terminated": {"reason": "OOMKilled"}}
    node = row.get("NODE", "<none>")
    found: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "status": status}
    found["spec"] = {"nodeName": node} if node not in ("<none>", "") else {}
    if owner := _owner(row["NAME"]):
        found["metadata"] = {"ownerReferences": [owner]}
    return found


def _owner(name: str) -> dict[str, Any] | None:
    """The controller that a pod's name tells of: names of pods are their owner's and a suffix."""
    found = _OWNED.match(name)
    if found is None:
        return None
    if found["stateful"]:
        return {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": found["stateful"], "controller": True}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": found["top"], "controller": True}


def _service(row: dict[str, str]) -> dict[str, Any]:
    ports = [{"port": int(m["port"]), "protocol": m["protocol"]} for m in _PORT.finditer(row.get("PORT(S)", ""))]
    spec = {"type": row.get("TYPE", ""), "clusterIP": row.get("CLUSTER-IP", ""), "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "spec": {**spec, "selector": _pairs(row.get("SELECTOR", ""))}}


def _workload(kind: str) -> Callable[[dict[str, str]], dict[str, Any]]:
    def read(row: dict[str, str]) -> dict[str, Any]:
        ready, _, wanted = row.get("READY", "").partition("/")
        names, images = row.get("CONTAINERS", "").split(","), row.get("IMAGES", "").split(",")
        labels = _pairs(row.get("SELECTOR", ""))
        containers = [{"name": n, "image": i} for n, i in zip(names, images, strict=False) if n]
        template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
        spec: dict[str, Any] = {"selector": {"matchLabels": labels}, "template": template}
        if wanted.isdigit():
            spec["replicas"] = int(wanted)
        status = {"observedGeneration": 1} | ({"readyReplicas": int(ready)} if ready.isdigit() else {})
        return {"apiVersion": "apps/v1", "kind": kind, "spec": spec, "status": status}

    return read


def _node(row: dict[str, str]) -> dict[str, Any]:
    states = row.get("STATUS", "").split(",")
    ready = "True" if "Ready" in states else "False" if "NotReady" in states else "Unknown"
    roles = {f"node-role.kubernetes.io/{r}": "" for r in row.get("ROLES", "").split(",") if r not in ("<none>", "")}
    spec = {"unschedulable": True} if "SchedulingDisabled" in states else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"labels": {**_pairs(row.get("LABELS", "")), **roles}},
        "spec": spec,
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def _plain(kind: str) -> Callable[[dict[str, str]], dict[str, Any]]:
    return lambda _: {"apiVersion": "v1", "kind": kind}


_KINDS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "pods": _pod,
    "services": _service,
    "deployments": _workload("Deployment"),
    "statefulsets": _workload("StatefulSet"),
    "nodes": _node,
    "serviceaccounts": _plain("ServiceAccount"),
    "secrets": _plain("Secret"),
    "configmaps": _plain("ConfigMap"),
}
