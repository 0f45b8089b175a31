"""A small stand-in for what an API server does to an applied object: fills in defaults and adds its own fields.

Written apart from the defaults of the product, so that the two check each other.
"""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

Object = dict[str, Any]

TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


_NEWER: Object = {
    "futurePolicy": "Standard",
    "futureLimit": 5,
    "futureNames": ["first"],
    "futureSettings": {"mode": "Auto", "entries": [{"name": "a", "weight": 1}]},
}
"""Fields with defaults that no schema of today has."""
_NO_STRUCTS = frozenset(
    {
        "annotations",
        "binaryData",
        "capacity",
        "data",
        "hard",
        "labels",
        "limits",
        "matchLabels",
        "nodeSelector",
        "parameters",
        "requests",
        "stringData",
        "volumeAttributes",
    }
)
"""Maps: their keys are those of users, not of the API."""


def newer(live: Object) -> Object:
    """Return the object as a server of a later version would hold it: each struct of it has fields with defaults more.

    Of a custom resource, whose structs only its own definition tells, just `spec` gets them.
    """
    result = copy.deepcopy(live)
    is_builtin = "." not in live["apiVersion"].rpartition("/")[0] or ".k8s.io/" in live["apiVersion"]
    for name, value in result.items():
        if name in ("metadata", "status") or name in _NO_STRUCTS or not isinstance(value, dict | list):
            continue
        if is_builtin and live["kind"] != "CustomResourceDefinition":
            _grow(value, name, live["kind"])
        elif isinstance(value, dict):
            value.update(copy.deepcopy(_NEWER))
    return result


def _grow(value: Any, name: str, kind: str) -> None:
    if isinstance(value, list):
        for entry in value:
            _grow(entry, "", kind)
    elif isinstance(value, dict):
        for field, inner in value.items():
            is_map = field in _NO_STRUCTS or (field == "selector" and kind in ("ReplicationController", "Service"))
            if not is_map:
                _grow(inner, field, kind)
        if name != "metadata":
            value.update(copy.deepcopy(_NEWER))


def serve(body: Object, *, annotate: bool = False) -> Object:
    """Return the object as `kubectl get -o yaml` would print it after it was applied.

    Args:
        body: the applied object.
        annotate: also keep it in the last-applied annotation, as `kubectl apply` does.
    """
    live = copy.deepcopy(body)
    kind = live["kind"]
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
    metadata = live.setdefault("metadata", {})
    metadata.update(
        uid=f"{digest[:8]}-0000-4000-8000-{digest[8:20]}",
        resourceVersion=str(int(digest[:6], 16)),
        generation=1,
        creationTimestamp="2026-01-02T03:04:05Z",
    )
    if kind not in ("Namespace", "ClusterRole", "ClusterRoleBinding"):
        metadata.setdefault("namespace", "default")
    if annotate:
        written = json.dumps(body, default=str)
        notes = metadata.get("annotations") or {}
        metadata["annotations"] = {**notes, "kubectl.kubernetes.io/last-applied-configuration": written}
    if kind in TEMPLATES:
        _workload(live)
    elif kind == "Pod":
        _pod(live["spec"])
        live["spec"].setdefault("serviceAccountName", "default")
        live["spec"].setdefault("enableServiceLinks", True)
    elif kind == "Service":
        _service(live, digest)
    elif kind == "Secret":
        live.setdefault("type", "Opaque")
    elif kind == "Namespace":
        live.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
        metadata["labels"] = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
        live["status"] = {"phase": "Active"}
    elif body["apiVersion"] == "networking.k8s.io/v1" and kind == "NetworkPolicy":
        spec = live["spec"]
        spec.setdefault("policyTypes", ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
        for direction in ("ingress", "egress"):
            for rule in spec.get(direction) or ():
                for port in (rule or {}).get("ports") or ():
                    port.setdefault("protocol", "TCP")
            if spec.get(direction) == []:
                del spec[direction]
    elif kind in ("RoleBinding", "ClusterRoleBinding"):
        for subject in live.get("subjects") or ():
            if subject["kind"] != "ServiceAccount":
                subject.setdefault("apiGroup", "rbac.authorization.k8s.io")
    elif kind == "PersistentVolumeClaim":
        live["spec"].setdefault("volumeMode", "Filesystem")
        live["spec"].setdefault("storageClassName", "standard")
        live["spec"]["volumeName"] = "pvc-" + digest[:8]
        live["status"] = {"phase": "Bound"}
    elif kind == "HorizontalPodAutoscaler":
        live["spec"].setdefault("minReplicas", 1)
    return live


def _workload(live: Object) -> None:
    spec = live["spec"]
    kind = live["kind"]
    if kind in ("Deployment", "StatefulSet"):
        spec.setdefault("replicas", 1)
    if kind in ("Deployment", "StatefulSet", "DaemonSet"):
        spec.setdefault("revisionHistoryLimit", 10)
    if kind == "Deployment":
        spec.setdefault("progressDeadlineSeconds", 600)
        strategy = spec.setdefault("strategy", {})
        if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            rolling.setdefault("maxSurge", "25%")
            rolling.setdefault("maxUnavailable", "25%")
        live["metadata"].setdefault("annotations", {})["deployment.kubernetes.io/revision"] = "1"
        live["status"] = {"replicas": 1, "observedGeneration": 1}
    elif kind == "StatefulSet":
        spec.setdefault("podManagementPolicy", "OrderedReady")
        spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
        retention = {"whenDeleted": "Retain", "whenScaled": "Retain"}
        spec.setdefault("persistentVolumeClaimRetentionPolicy", retention)
        for claim in spec.get("volumeClaimTemplates") or ():
            claim.update(apiVersion="v1", kind="PersistentVolumeClaim", status={"phase": "Pending"})
            claim["spec"].setdefault("volumeMode", "Filesystem")
    elif kind == "DaemonSet":
        spec.setdefault(
            "updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
        )
    elif kind == "CronJob":
        spec.setdefault("concurrencyPolicy", "Allow")
        spec.setdefault("suspend", False)
        spec.setdefault("successfulJobsHistoryLimit", 3)
        spec.setdefault("failedJobsHistoryLimit", 1)
    elif kind == "Job":
        spec.setdefault("completionMode", "NonIndexed")
        spec.setdefault("suspend", False)
        spec.setdefault("backoffLimit", 6)
        spec.setdefault("parallelism", 1)
        spec.setdefault("completions", 1)
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": "x"}}
    template = live
    for name in TEMPLATES[kind]:
        template = template[name]
    template.setdefault("metadata", {})["creationTimestamp"] = None
    _pod(template["spec"])


def _pod(spec: Object) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    if "serviceAccountName" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        _container(container)
    for volume in spec.get("volumes") or ():
        if volume.keys() == {"name"}:
            volume["emptyDir"] = {}
        for source in ("configMap", "secret", "projected", "downwardAPI"):
            if isinstance(volume.get(source), dict):
                volume[source].setdefault("defaultMode", 420)
        if isinstance(volume.get("hostPath"), dict):
            volume["hostPath"].setdefault("type", "")


def _container(container: Object) -> None:
    image = container["image"]
    is_latest = ":" not in image.rpartition("/")[2] or image.endswith(":latest")
    container.setdefault("imagePullPolicy", "Always" if is_latest and "@" not in image else "IfNotPresent")
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("resources", {})
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for entry in container.get("env") or ():
        if isinstance(entry.get("valueFrom"), dict) and "fieldRef" in entry["valueFrom"]:
            entry["valueFrom"]["fieldRef"].setdefault("apiVersion", "v1")
        if entry.get("value") == "":
            del entry["value"]
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(container.get(name), dict):
            _probe(container[name])


def _probe(probe: Object) -> None:
    for field, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        probe.setdefault(field, value)
    if "httpGet" in probe:
        probe["httpGet"].setdefault("path", "/")
        probe["httpGet"].setdefault("scheme", "HTTP")
    if "grpc" in probe:
        probe["grpc"].setdefault("service", "")


def _service(live: Object, digest: str) -> None:
    spec = live["spec"]
    kind = spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    live["status"] = {"loadBalancer": {}}
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])
    if kind == "ExternalName":
        return
    spec.setdefault("internalTrafficPolicy", "Cluster")
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    spec.setdefault("ipFamilies", ["IPv4"])
    address = f"10.0.{int(digest[:2], 16)}.{int(digest[2:4], 16)}"
    if spec.get("clusterIP") != "None":
        spec.setdefault("clusterIP", address)
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    if kind in ("LoadBalancer", "NodePort"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
        for number, port in enumerate(spec.get("ports") or ()):
            port.setdefault("nodePort", 30000 + number)
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
