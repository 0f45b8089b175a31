"""A synthetic Kubernetes estate of any size: what is declared, and what a cluster would show of it.

The shapes are those of ordinary services (a Deployment with its ReplicaSet, Pods, Service, configuration and rights),
with the fields that an API server and its controllers add. Everything follows from the number of an application, so two
runs give the same bytes, and no part of the estate has to be held to make another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from graph.document import Object
from graph.kinds.kubernetes.scope import identity_group, split_api_version
from graph.resource import Platform, Resource, kubernetes_uid
from graph.version import Document

CLUSTER = "scale"
APPS_IN_NAMESPACE = 25
PODS = 3
PER_APP = 14
"""Live objects of one application."""
_BORN = "2026-01-02T03:04:05Z"
_NODES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """An estate of about `objects` live objects."""

    objects: int
    drift_every: int = 50
    """One application in so many had a field changed by hand: its image, replicas or configuration in turn."""

    @property
    def apps(self) -> int:
        """How many applications there are."""
        return max(1, self.objects // PER_APP)

    def drifted(self) -> dict[str, str]:
        """Map uid to the path of the one field that differs from its declaration."""
        return {uid_of(body): path for n in range(self.apps) if (found := self._edit(n)) for body, path in [found]}

    def declared(self) -> Iterator[Object]:
        """Yield what version control holds."""
        for number in range(self.apps):
            if number % APPS_IN_NAMESPACE == 0:
                yield _namespace(number)
            yield from declared(number)

    def live(self) -> Iterator[Object]:
        """Yield what the cluster holds, with the drift."""
        for number in range(self.apps):
            if number % APPS_IN_NAMESPACE == 0:
                yield _served(_namespace(number), number)
            for body in live(number):
                yield self.edited(number, body)

    def edited(self, number: int, body: Object) -> Object:
        """Return a live object with the drift that it is meant to have."""
        edit = number // self.drift_every % 3 if number % self.drift_every == 0 else None
        if edit == 0 and body["kind"] == "Deployment":
            body["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/hotfix:1"
        elif edit == 1 and body["kind"] == "Service":
            body["spec"]["ports"][0]["targetPort"] = 9999
        elif edit == 2 and body["kind"] == "ConfigMap":
            body["data"]["TIMEOUT"] = "1ms"
        return body

    def _edit(self, number: int) -> tuple[Object, str] | None:
        if number % self.drift_every:
            return None
        kind, path = (
            ("Deployment", "/spec/template/spec/containers/0/image"),
            ("Service", "/spec/ports/0/targetPort"),
            ("ConfigMap", "/data/TIMEOUT"),
        )[number // self.drift_every % 3]
        return next(b for b in declared(number) if b["kind"] == kind), path


def document(body: Object) -> Document:
    """Return an object as a source would give it."""
    return Document(resource=resource_of(body), body=body)


def uid_of(body: Object) -> str:
    """Return the uid of an object of the estate."""
    metadata = body["metadata"]
    group = identity_group(split_api_version(body["apiVersion"])[0], body["kind"])
    return kubernetes_uid(
        cluster=CLUSTER, group=group, kind=body["kind"], namespace=metadata.get("namespace"), name=metadata["name"]
    )


def resource_of(body: Object) -> Resource:
    """Return the identity of an object of the estate."""
    metadata = body["metadata"]
    return Resource(
        uid=uid_of(body),
        platform=Platform.KUBERNETES,
        kind=body["kind"],
        name=metadata["name"],
        namespace=metadata.get("namespace"),
        group=identity_group(split_api_version(body["apiVersion"])[0], body["kind"]),
    )


def name_of(number: int) -> str:
    """Return the name of an application."""
    return f"app-{number:06}"


def namespace_of(number: int) -> str:
    """Return the namespace of an application."""
    return f"team-{number // APPS_IN_NAMESPACE:05}"


def declared(number: int) -> Iterator[Object]:
    """Yield the manifests of one application."""
    name = name_of(number)
    labels = {"app": name, "tier": ("web", "api", "worker")[number % 3]}
    called = number // APPS_IN_NAMESPACE * APPS_IN_NAMESPACE + (number * 7 + 1) % APPS_IN_NAMESPACE
    template = {
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": name,
            "containers": [
                {
                    "name": "main",
                    "image": f"registry.example/{name}:1.{number % 40}.0",
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "envFrom": [{"configMapRef": {"name": name}}],
                    "env": [
                        {"name": "UPSTREAM_URL", "value": f"http://{name_of(called)}:80"},
                        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": name, "key": "password"}}},
                    ],
                    "resources": {
                        "requests": {"cpu": "100m", "memory": "128Mi"},
                        "limits": {"cpu": "1", "memory": "256Mi"},
                    },
                    "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
                    "volumeMounts": [{"name": "settings", "mountPath": "/etc/app"}],
                }
            ],
            "volumes": [{"name": "settings", "configMap": {"name": name}}],
        },
    }
    yield _object(number, "v1", "ServiceAccount")
    yield _object(number, "v1", "ConfigMap", data={"TIMEOUT": "5s", "LEVEL": "info", "app.yaml": _SETTINGS})
    yield _object(number, "v1", "Secret", type="Opaque", data={"password": _hashed(name)})
    spec = {"replicas": PODS, "selector": {"matchLabels": {"app": name}}, "template": template}
    yield _object(number, "apps/v1", "Deployment", labels=labels, spec=spec)
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    yield _object(number, "v1", "Service", labels=labels, spec={"selector": {"app": name}, "ports": ports})
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
    }
    spec = {"scaleTargetRef": scaled, "minReplicas": 2, "maxReplicas": 9, "metrics": [metric]}
    yield _object(number, "autoscaling/v2", "HorizontalPodAutoscaler", spec=spec)
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": name}}}
    yield _object(number, "policy/v1", "PodDisruptionBudget", spec=spec)
    peer = {"podSelector": {"matchLabels": {"tier": "web"}}}
    rule = {"from": [peer], "ports": [{"port": 8080, "protocol": "TCP"}]}
    spec = {"podSelector": {"matchLabels": {"app": name}}, "policyTypes": ["Ingress"], "ingress": [rule]}
    yield _object(number, "networking.k8s.io/v1", "NetworkPolicy", spec=spec)
    backend = {"service": {"name": name, "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec = {"ingressClassName": "nginx", "rules": [{"host": f"{name}.example.org", "http": {"paths": paths}}]}
    yield _object(number, "networking.k8s.io/v1", "Ingress", spec=spec)


def live(number: int) -> Iterator[Object]:
    """Yield what the cluster shows of one application: 14 objects, as they were declared."""
    deployment: Object = {}
    for body in declared(number):
        shown = _served(body, number)
        if body["kind"] == "Deployment":
            deployment = shown
        yield shown
    yield from _controlled(number, deployment)


_SETTINGS = "\n".join(f"setting-{i}: value-{i}" for i in range(12))


def _controlled(number: int, deployment: Object) -> Iterator[Object]:
    """The ReplicaSet, the Pods and the EndpointSlice, which controllers made."""
    name, namespace = name_of(number), namespace_of(number)
    key = _digest("template", number)[:10]
    template = _copy(deployment["spec"]["template"])
    template["metadata"]["labels"]["pod-template-hash"] = key
    replicaset = _object(number, "apps/v1", "ReplicaSet", name=f"{name}-{key}")
    replicaset["metadata"] |= {"labels": template["metadata"]["labels"], "ownerReferences": [_owner(deployment)]}
    selector = {"matchLabels": {"app": name, "pod-template-hash": key}}
    replicaset["spec"] = {"replicas": PODS, "selector": selector, "template": template}
    replicaset["status"] = {"replicas": PODS, "readyReplicas": PODS, "availableReplicas": PODS}
    replicaset = _served(replicaset, number)
    yield replicaset
    endpoints = []
    for index in range(PODS):
        pod = _object(number, "v1", "Pod", name=f"{name}-{key}-{_digest('pod', number, index)[:5]}")
        pod["metadata"] |= {"labels": template["metadata"]["labels"], "ownerReferences": [_owner(replicaset)]}
        pod["spec"] = _copy(template["spec"])
        pod["spec"] |= {"nodeName": f"node-{(number * PODS + index) % _NODES:03}", "enableServiceLinks": True}
        address = f"10.{number // 16384 % 256}.{number // 64 % 256}.{number % 64 * 4 + index}"
        pod["status"] = _pod_status(pod, address)
        yield _served(pod, number)
        target = {"kind": "Pod", "name": pod["metadata"]["name"], "namespace": namespace}
        endpoints.append({"addresses": [address], "conditions": {"ready": True}, "targetRef": target})
    slice_ = _object(number, "discovery.k8s.io/v1", "EndpointSlice", name=f"{name}-{key[:5]}")
    slice_["metadata"]["labels"] = {"kubernetes.io/service-name": name}
    slice_ |= {"addressType": "IPv4", "endpoints": endpoints, "ports": [{"name": "http", "port": 8080}]}
    yield _served(slice_, number)


def _served(body: Object, number: int) -> Object:
    """Return an object with what an API server adds to it."""
    served: Object = _copy(body)
    metadata = served["metadata"]
    metadata |= {
        "uid": _uuid(body["kind"], metadata["name"], number),
        "resourceVersion": str(100_000 + number),
        "creationTimestamp": _BORN,
        "generation": 1,
        "managedFields": [
            {
                "apiVersion": body["apiVersion"],
                "manager": "argocd-controller" if "ownerReferences" not in metadata else "kube-controller-manager",
                "operation": "Update",
                "time": _BORN,
                "fieldsType": "FieldsV1",
                "fieldsV1": _field_set({k: v for k, v in body.items() if k in ("spec", "data")}),
            }
        ],
    }
    kind = body["kind"]
    if kind in ("Deployment", "ReplicaSet"):
        _pod_spec(served["spec"]["template"]["spec"])
    if kind == "Deployment":
        served["spec"] |= {
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        }
        counts = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), PODS)
        ready = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "lastUpdateTime": _BORN}
        served["status"] = {"observedGeneration": 1, **counts, "conditions": [ready]}
    elif kind == "Service":
        address = f"172.{16 + number // 65536 % 16}.{number // 256 % 256}.{number % 256}"
        served["spec"]["ports"][0]["protocol"] = "TCP"
        served["spec"] |= {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
            "internalTrafficPolicy": "Cluster",
        }
        served["status"] = {"loadBalancer": {}}
    elif kind == "Namespace":
        metadata["labels"] = {"kubernetes.io/metadata.name": metadata["name"]}
        served |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    return served


def _pod_spec(spec: Object) -> None:
    container = spec["containers"][0]
    container |= {
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    container["ports"][0]["protocol"] = "TCP"
    container["readinessProbe"] |= {"timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3}
    container["readinessProbe"]["httpGet"]["scheme"] = "HTTP"
    spec["volumes"][0]["configMap"]["defaultMode"] = 420
    spec |= {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "serviceAccount": spec["serviceAccountName"],
    }


def _pod_status(pod: Object, address: str) -> Object:
    image = pod["spec"]["containers"][0]["image"]
    conditions = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    container = {
        "name": "main",
        "image": image,
        "imageID": f"{image.partition(':')[0]}@sha256:{_digest(image)}",
        "containerID": f"containerd://{_digest(address)}",
        "ready": True,
        "restartCount": 0,
        "started": True,
        "state": {"running": {"startedAt": _BORN}},
    }
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "hostIP": "10.250.0.1",
        "startTime": _BORN,
        "qosClass": "Burstable",
        "conditions": [{"type": t, "status": "True", "lastTransitionTime": _BORN} for t in conditions],
        "containerStatuses": [container],
    }


def _namespace(number: int) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace_of(number)}}


def _object(
    number: int, version: str, kind: str, *, name: str = "", labels: dict[str, str] | None = None, **parts: Any
) -> Object:
    metadata: Object = {"name": name or name_of(number), "namespace": namespace_of(number)}
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}


def _owner(body: Object) -> Object:
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "name": body["metadata"]["name"],
        "uid": body["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _field_set(value: Any) -> Object:
    """The set of fields of a value, as managedFields lists them."""
    if not isinstance(value, dict):
        return {}
    return {f"f:{key}": _field_set(inner) for key, inner in value.items()}


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if isinstance(value, list) else value


def _hashed(name: str) -> str:
    return f"hmac-sha256:{_digest('secret', name)}"


def _uuid(*parts: object) -> str:
    digest = _digest(*parts)
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def _digest(*parts: object) -> str:
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def first(estate: Estate, count: int) -> list[Object]:
    """Return the first live objects, for a look at what the estate is made of."""
    return list(islice(estate.live(), count))
