"""Whether an object that nobody declared is anybody's business: made by the control plane, by an owner, or by hand."""

from __future__ import annotations

from collections.abc import Iterable

from graph.document import Object
from graph.version import Document

_MADE_BY_PLATFORM = frozenset(
    {
        "APIService",
        "CSINode",
        "CertificateSigningRequest",
        "ComponentStatus",
        "ControllerRevision",
        "EndpointSlice",
        "Event",
        "IPAddress",
        "Lease",
        "Node",
        "NodeMetrics",
        "OpenAPI",
        "PodMetrics",
        "ServiceCIDR",
        "StorageVersion",
        "VolumeAttachment",
    }
)
_CONFIG_MAPS = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert"})
_GENERATED_SECRETS = frozenset(
    {"helm.sh/release.v1", "kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"}
)
_MADE_FROM = (
    "cert-manager.io/certificate-name",
    "control-plane.alpha.kubernetes.io/leader",
    "kubernetes.io/service-account.name",
    "pv.kubernetes.io/provisioned-by",
)
"""Annotations by which a controller marks what it made."""


class Belonging:
    """Knows what the control plane and controllers make for themselves, given what else exists."""

    def __init__(self, actual: Iterable[Document]) -> None:
        """Look over the observed objects."""
        self._services: set[tuple[str | None, str]] = set()
        self._claims: list[tuple[str | None, str]] = []
        for document in actual:
            resource = document.resource
            if resource.kind == "Service":
                self._services.add((resource.namespace, resource.name))
            elif resource.kind == "StatefulSet":
                for template in _templates(document.body):
                    self._claims.append((resource.namespace, f"{template}-{resource.name}-"))

    def is_made_by_platform(self, document: Document) -> bool:
        """Whether the object needs no declaration of its own."""
        resource, metadata = document.resource, document.body.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        labels, annotations = _dict(metadata, "labels"), _dict(metadata, "annotations")
        if metadata.get("ownerReferences") or resource.kind in _MADE_BY_PLATFORM:
            return True
        if is_system_namespace(resource.namespace) or _is_bootstrap(labels, annotations) or _is_by_server(metadata):
            return True
        if any(key in annotations for key in _MADE_FROM):
            return True
        return self._is_companion(document) or _is_builtin(document)

    def _is_companion(self, document: Document) -> bool:
        resource = document.resource
        if resource.kind == "Endpoints":
            return (resource.namespace, resource.name) in self._services
        if resource.kind == "PersistentVolumeClaim":
            return any(
                resource.namespace == namespace and _is_ordinal(resource.name, prefix)
                for namespace, prefix in self._claims
            )
        return False


def is_system_namespace(namespace: str | None) -> bool:
    """Whether the namespace belongs to the control plane."""
    return namespace is not None and namespace.startswith("kube-")


def _is_bootstrap(labels: Object, annotations: Object) -> bool:
    return (
        "kubernetes.io/bootstrapping" in labels
        or "kube-aggregator.kubernetes.io/automanaged" in labels
        or "apf.kubernetes.io/autoupdate-spec" in annotations
    )


def _is_by_server(metadata: Object) -> bool:
    """Whether nobody but parts of the API server ever wrote to the object."""
    managers = metadata.get("managedFields")
    names = [m.get("manager") for m in managers if isinstance(m, dict)] if isinstance(managers, list) else []
    return bool(names) and all(str(name).startswith(_SERVER_MANAGERS) for name in names)


_SERVER_MANAGERS = ("kube-apiserver", "api-priority-and-fairness-")


def _is_builtin(document: Document) -> bool:
    kind, name = document.resource.kind, document.resource.name
    if kind == "ConfigMap":
        return name in _CONFIG_MAPS
    if kind == "ServiceAccount":
        return name == "default"
    if kind == "Secret":
        return document.body.get("type") in _GENERATED_SECRETS
    if kind in ("Service", "Endpoints"):
        return name == "kubernetes" and document.resource.namespace == "default"
    if kind == "Namespace":
        return name == "default" or is_system_namespace(name)
    return name.startswith("system:") or (kind == "PriorityClass" and name.startswith("system-"))


def _templates(body: Object) -> list[str]:
    spec = body.get("spec")
    templates = spec.get("volumeClaimTemplates") if isinstance(spec, dict) else None
    found = []
    for template in templates if isinstance(templates, list) else ():
        if isinstance(template, dict):
            name = _dict(template, "metadata").get("name")
            if isinstance(name, str):
                found.append(name)
    return found


def _is_ordinal(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and name[len(prefix) :].isdigit()


def _dict(body: Object, key: str) -> Object:
    value = body.get(key)
    return value if isinstance(value, dict) else {}
