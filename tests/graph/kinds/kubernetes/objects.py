"""Small Kubernetes objects for the tests of relations and faults; a test states only what matters to it."""

from __future__ import annotations

from typing import Any

from graph.kinds.kubernetes.parse import parse
from graph.version import Document


def read(kind: str, name: str, *, api: str = "v1", namespace: str = "shop", **body: Any) -> Document:
    """Parse one object; `metadata` may carry labels, annotations or owners."""
    metadata = {"name": name, "namespace": namespace, **body.pop("metadata", {})}
    return parse({"apiVersion": api, "kind": kind, "metadata": metadata, **body}, cluster="demo", salt=b"salt")


def deployment(name: str, *, container: dict[str, Any] | None = None, **pod: Any) -> Document:
    """A Deployment with one container, labelled `app: NAME`."""
    status = {"status": pod.pop("status")} if "status" in pod else {}
    replicas = {"replicas": pod.pop("replicas")} if "replicas" in pod else {}
    metadata = pod.pop("metadata", {})
    namespace = pod.pop("namespace", "shop")
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": "x", **(container or {})}], **pod},
    }
    spec = {"selector": {"matchLabels": labels}, "template": template, **replicas}
    return read("Deployment", name, api="apps/v1", namespace=namespace, spec=spec, metadata=metadata, **status)


def service(name: str, *, port: int = 80, target: str | int | None = None, namespace: str = "shop") -> Document:
    """A Service that selects `app: NAME`."""
    ports = [{"port": port, **({"targetPort": target} if target is not None else {})}]
    return read("Service", name, namespace=namespace, spec={"selector": {"app": name}, "ports": ports})


def pod(name: str, *, owner: str = "", **body: Any) -> Document:
    """A live pod of the app before the last dash of its name, owned by a ReplicaSet when one is named."""
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": "u", "controller": True}
    metadata = {
        "uid": name,
        "labels": {"app": name.rpartition("-")[0]},
        **({"ownerReferences": [reference]} if owner else {}),
    }
    spec = {"containers": [{"name": "main", "image": "x"}]}
    return read("Pod", name, metadata={**metadata, **body.pop("metadata", {})}, spec=spec, **body)


def uid(kind: str, name: str, *, group: str = "core", namespace: str = "shop") -> str:
    return f"k8s://demo/{group}/{kind}/{namespace}/{name}"


def app(name: str, *, namespace: str = "shop") -> str:
    """uid of a Deployment."""
    return uid("Deployment", name, group="apps", namespace=namespace)
