"""From `kubectl describe` text to the object that it describes, as far as it tells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from evals.kubectl.containers import containers, time_of
from evals.kubectl.outline import Line

_API = {
    "pods": ("v1", "Pod"),
    "services": ("v1", "Service"),
    "endpoints": ("v1", "Endpoints"),
    "nodes": ("v1", "Node"),
    "persistentvolumeclaims": ("v1", "PersistentVolumeClaim"),
    "persistentvolumes": ("v1", "PersistentVolume"),
    "resourcequota": ("v1", "ResourceQuota"),
    "serviceaccounts": ("v1", "ServiceAccount"),
    "secrets": ("v1", "Secret"),
    "configmaps": ("v1", "ConfigMap"),
    "storageclasses": ("storage.k8s.io/v1", "StorageClass"),
    "deployments": ("apps/v1", "Deployment"),
    "replicasets": ("apps/v1", "ReplicaSet"),
    "statefulsets": ("apps/v1", "StatefulSet"),
    "daemonsets": ("apps/v1", "DaemonSet"),
    "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy"),
    "ingresses": ("networking.k8s.io/v1", "Ingress"),
    "jobs": ("batch/v1", "Job"),
}
CLUSTER_SCOPED = frozenset({"nodes", "persistentvolumes", "storageclasses"})
_OWNER_API = {"ReplicaSet": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Deployment": "apps/v1"}


def described(plural: str, root: Line) -> dict[str, Any] | None:
    """Return the object of a described resource; None for kinds that are not read.

    Args:
        plural: lower-case plural of its kind, as `kubectl` takes it.
        root: outline of the text.
    """
    if plural not in _API or not root.text_of("Name"):
        return None
    version, kind = _API[plural]
    body: dict[str, Any] = {"apiVersion": version, "kind": kind, "metadata": _metadata(plural, root)}
    body |= _KINDS.get(kind, _nothing)(root)
    return body


def _metadata(plural: str, root: Line) -> dict[str, Any]:
    found: dict[str, Any] = {"name": root.text_of("Name"), "labels": root.pairs("Labels")}
    # The identity that only a server gives; describe does not print it.
    found["uid"] = f"{plural}/{root.text_of('Namespace')}/{found['name']}"
    if root.text_of("Namespace") and plural not in CLUSTER_SCOPED:
        found["namespace"] = root.text_of("Namespace")
    found["annotations"] = root.pairs("Annotations", separator=": ")
    kind, sign, name = root.text_of("Controlled By").partition("/")
    if sign:
        owner = {"apiVersion": _OWNER_API.get(kind, "v1"), "kind": kind, "name": name, "controller": True}
        found["ownerReferences"] = [owner]
    return found


def _nothing(_: Line) -> dict[str, Any]:
    return {}


def _pod(root: Line) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    specs, statuses = containers(root.get("Containers"))
    inits, init_statuses = containers(root.get("Init Containers"))
    spec["containers"], spec["initContainers"] = specs, inits
    spec["nodeSelector"] = root.pairs("Node-Selectors")
    spec["tolerations"] = [_toleration(t) for t in root.values("Tolerations")]
    spec["serviceAccountName"] = root.text_of("Service Account") or "default"
    if node := root.text_of("Node").partition("/")[0]:
        spec["nodeName"] = node
    spec["volumes"] = list(_volumes(root.get("Volumes")))
    status: dict[str, Any] = {"phase": root.text_of("Status").partition(" ")[0], "podIP": root.text_of("IP")}
    status["startTime"] = time_of(root.text_of("Start Time"))
    if root.text_of("Reason"):
        status["reason"] = root.text_of("Reason")
    status["conditions"] = [
        {"type": cells[0], "status": cells[1]}
        for cells in root.rows("Conditions")
        if len(cells) > 1 and cells[0] != "Type"
    ]
    status["containerStatuses"], status["initContainerStatuses"] = statuses, init_statuses
    return {"spec": {k: v for k, v in spec.items() if v}, "status": {k: v for k, v in status.items() if v}}


def _toleration(text: str) -> dict[str, Any]:
    """Read `key=value:Effect op=Exists for 300s`; a lone `:Effect op=Exists` tolerates every key."""
    first, _, rest = text.partition(" ")
    key, _, effect = first.rpartition(":") if ":" in first else (first, "", "")
    name, has_value, value = key.partition("=")
    found: dict[str, Any] = {"key": name, "effect": effect}
    if "op=Exists" in rest or not has_value:
        found["operator"] = "Exists"
    else:
        found |= {"operator": "Equal", "value": value}
    return {k: v for k, v in found.items() if v}


def _volumes(block: Line | None) -> Iterator[dict[str, Any]]:
    for volume in block.below if block else ():
        kind = volume.text_of("Type").partition(" ")[0]
        if kind == "PersistentVolumeClaim":
            yield {"name": volume.label, "persistentVolumeClaim": {"claimName": volume.text_of("ClaimName")}}
        elif kind == "HostPath":
            path = {"path": volume.text_of("Path"), "type": volume.text_of("HostPathType")}
            yield {"name": volume.label, "hostPath": path}
        elif kind == "Secret":
            optional = volume.text_of("Optional") == "true"
            yield {"name": volume.label, "secret": {"secretName": volume.text_of("SecretName"), "optional": optional}}
        elif kind == "ConfigMap":
            optional = volume.text_of("Optional") == "true"
            yield {"name": volume.label, "configMap": {"name": volume.text_of("Name"), "optional": optional}}


def _service(root: Line) -> dict[str, Any]:
    ports: list[dict[str, Any]] = []
    for line in root.below:
        if line.label == "Port":
            name, number, protocol = _port(line.value)
            ports.append({"name": name, "port": number, "protocol": protocol})
        elif line.label == "TargetPort" and ports:
            target = line.value.partition("/")[0]
            ports[-1]["targetPort"] = int(target) if target.isdigit() else target
    spec = {"type": root.text_of("Type"), "clusterIP": root.text_of("IP"), "ports": ports}
    # Several selectors stand in one line, parted by commas.
    pairs = (p.partition("=") for v in root.values("Selector") for p in v.split(","))
    return {"spec": {**spec, "selector": {k: v for k, sign, v in pairs if sign}}}


def _port(value: str) -> tuple[str, int, str]:
    """Read `http  80/TCP`; a port without a name is printed as `<unset>`."""
    cells = value.split()
    number, _, protocol = cells[-1].partition("/")
    name = cells[0] if len(cells) > 1 and cells[0] != "<unset>" else ""
    return name, int(number), protocol or "TCP"


def _node(root: Line) -> dict[str, Any]:
    conditions = [
        {"type": c[0], "status": c[1], "reason": c[4] if len(c) > 4 else "", "message": c[5] if len(c) > 5 else ""}
        for c in root.rows("Conditions")
        if len(c) > 1 and c[0] != "Type"
    ]
    taints = [_taint(t) for t in root.values("Taints")]
    spec: dict[str, Any] = {"taints": taints} if taints else {}
    if root.text_of("Unschedulable") == "true":
        spec["unschedulable"] = True
    blocks = {k: root.get(k) for k in ("Capacity", "Allocatable")}
    amounts = {k.lower(): {line.label: line.value for line in block.below} for k, block in blocks.items() if block}
    return {"spec": spec, "status": {"conditions": conditions, **amounts}}


def _taint(text: str) -> dict[str, str]:
    key, _, effect = text.rpartition(":")
    name, _, value = key.partition("=")
    return {k: v for k, v in {"key": name, "value": value, "effect": effect}.items() if v}


_MODES = {
    "RWO": "ReadWriteOnce",
    "ROX": "ReadOnlyMany",
    "RWX": "ReadWriteMany",
    "RWOP": "ReadWriteOncePod",
}


def _modes(root: Line) -> list[str]:
    return [_MODES.get(m.strip(), m.strip()) for m in root.text_of("Access Modes").split(",") if m.strip()]


def _claim(root: Line) -> dict[str, Any]:
    spec = {"storageClassName": root.text_of("StorageClass"), "volumeName": root.text_of("Volume")}
    status: dict[str, Any] = {"phase": root.text_of("Status"), "accessModes": _modes(root)}
    if root.text_of("Capacity"):
        status["capacity"] = {"storage": root.text_of("Capacity")}
    return {"spec": {k: v for k, v in spec.items() if v or k == "storageClassName"}, "status": status}


def _volume(root: Line) -> dict[str, Any]:
    namespace, sign, name = root.text_of("Claim").partition("/")
    spec: dict[str, Any] = {
        "storageClassName": root.text_of("StorageClass"),
        "capacity": {"storage": root.text_of("Capacity")},
        "accessModes": _modes(root),
    }
    if sign:
        spec["claimRef"] = {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": name}
    return {"spec": spec, "status": {"phase": root.text_of("Status")}}


def _quota(root: Line) -> dict[str, Any]:
    rows = [re.split(r"\s{2,}", line.text) for line in root.below]
    start = next((i for i, cells in enumerate(rows) if cells[0] == "Resource"), len(rows))
    cells = [c for c in rows[start + 1 :] if len(c) == 3 and not c[0].startswith("-")]
    hard, used = {c[0]: c[2] for c in cells}, {c[0]: c[1] for c in cells}
    return {"spec": {"hard": hard}, "status": {"hard": hard, "used": used}}


def _storage_class(root: Line) -> dict[str, Any]:
    return {"provisioner": root.text_of("Provisioner"), "volumeBindingMode": root.text_of("VolumeBindingMode")}


def _workload(root: Line) -> dict[str, Any]:
    """Its status, and its pod template as far as describe prints one."""
    counts = {
        what: int(n)
        for n, what in re.findall(r"(\d+) (desired|updated|total|available|current)", root.text_of("Replicas"))
    }
    status: dict[str, Any] = {"observedGeneration": 1}
    if "available" in counts:
        status["readyReplicas"] = status["availableReplicas"] = counts["available"]
    conditions = [
        {"type": c[0], "status": c[1], "reason": c[2] if len(c) > 2 else ""}
        for c in root.rows("Conditions")
        if len(c) > 1 and c[0] != "Type"
    ]
    if conditions:
        status["conditions"] = conditions
    spec: dict[str, Any] = {"replicas": counts["desired"]} if "desired" in counts else {}
    selector = {k: v for p in root.text_of("Selector").split(",") for k, sign, v in [p.partition("=")] if sign}
    template = root.get("Pod Template")
    if template is not None:
        spec |= {"selector": {"matchLabels": selector}, "template": _template(template)}
    return {"spec": spec, "status": status}


def _template(block: Line) -> dict[str, Any]:
    specs, _ = containers(block.get("Containers"))
    inits, _ = containers(block.get("Init Containers"))
    spec: dict[str, Any] = {
        "containers": specs,
        "initContainers": inits,
        "volumes": list(_volumes(block.get("Volumes"))),
    }
    spec["serviceAccountName"] = block.text_of("Service Account")
    spec["nodeSelector"] = block.pairs("Node-Selectors")
    spec["tolerations"] = [_toleration(t) for t in block.values("Tolerations")]
    return {"metadata": {"labels": block.pairs("Labels")}, "spec": {k: v for k, v in spec.items() if v}}


def _secret(root: Line) -> dict[str, Any]:
    """Keys only: of a Secret describe prints sizes."""
    names = [line.label for line in root.below]
    start = names.index("Data") + 2 if "Data" in names else len(names)
    keys = [line for line in root.below[start:] if line.label not in ("BinaryData", "Events", "====", "----")]
    return {"type": root.text_of("Type"), "data": {line.label: "" for line in keys if ":" in line.text}}


def _account(root: Line) -> dict[str, Any]:
    return {"imagePullSecrets": [{"name": n} for v in root.values("Image pull secrets") for n in v.split()]}


_KINDS: dict[str, Callable[[Line], dict[str, Any]]] = {
    "Pod": _pod,
    "Service": _service,
    "Node": _node,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume,
    "ResourceQuota": _quota,
    "StorageClass": _storage_class,
    "Deployment": _workload,
    "StatefulSet": _workload,
    "ReplicaSet": _workload,
    "Secret": _secret,
    "ServiceAccount": _account,
}
