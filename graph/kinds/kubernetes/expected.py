"""Fields that the platform or its controllers add to objects by design (rules N03, N15, N17, N20, N22)."""

from __future__ import annotations

from graph.document import ABSENT, Absent, Json, Object
from graph.kinds.kubernetes.difference import Difference
from graph.kinds.kubernetes.redact import LAST_APPLIED

_ALLOCATED = frozenset(
    {
        ("APIServiceSpec", "caBundle"),
        ("IngressSpec", "ingressClassName"),
        ("JobSpec", "selector"),
        ("NamespaceSpec", "finalizers"),
        ("ObjectMeta", "finalizers"),
        ("ObjectMeta", "ownerReferences"),
        ("PersistentVolumeClaimSpec", "dataSource"),
        ("PersistentVolumeClaimSpec", "dataSourceRef"),
        ("PersistentVolumeClaimSpec", "storageClassName"),
        ("PersistentVolumeClaimSpec", "volumeName"),
        ("PersistentVolumeSpec", "claimRef"),
        ("PersistentVolumeSpec", "nodeAffinity"),
        ("ServiceAccount", "secrets"),
        ("ServicePort", "nodePort"),
        ("ServiceSpec", "clusterIP"),
        ("ServiceSpec", "clusterIPs"),
        ("ServiceSpec", "healthCheckNodePort"),
        ("ServiceSpec", "ipFamilies"),
        ("ServiceSpec", "ipFamilyPolicy"),
        ("WebhookClientConfig", "caBundle"),
    }
)

_ON_PODS = frozenset(
    {"imagePullSecrets", "nodeName", "nodeSelector", "overhead", "priority", "priorityClassName", "tolerations"}
)
_TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105  (a path, not a password)

_SERVER_KEYS = frozenset(
    {
        LAST_APPLIED,
        "controller-uid",
        "job-name",
        "kubernetes.io/limit-ranger",
        "kubernetes.io/psp",
        "pod-template-generation",
        "pod-template-hash",
        "controller-revision-hash",
    }
)
_SERVER_PREFIXES = ("deployment.kubernetes.io/", "batch.kubernetes.io/", "deprecated.daemonset.template.generation")

_FORCE_SYNC = "force-sync"
"""Asks the External Secrets operator to read once more; what is declared is as it was.
https://external-secrets.io/latest/introduction/faq/#can-i-manually-trigger-a-secret-refresh"""

_TRACKING_KEYS = frozenset(
    {"app.kubernetes.io/managed-by", "app.kubernetes.io/instance", "kubernetes.io/metadata.name", "helm.sh/chart"}
)
_TRACKING_PREFIXES = (
    "argocd.argoproj.io/",
    "config.k8s.io/",
    "helm.toolkit.fluxcd.io/",
    "kapp.k14s.io/",
    "kustomize.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "objectset.rio.cattle.io/",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/",
)


def is_allocated(owner: str, field: str) -> bool:
    """Whether the server or a controller fills in this field of a struct type when nobody declares it (rule N15)."""
    return (owner, field) in _ALLOCATED


def is_server_key(difference: Difference) -> bool:
    """Whether it is a label or annotation in which the platform keeps its books: never content (rule N03)."""
    key = metadata_key(difference)
    return key is not None and (key in _SERVER_KEYS or key.startswith(_SERVER_PREFIXES))


def is_by_design(difference: Difference, root: Object) -> bool:
    """Whether an undeclared field is one that the platform or the deploy tool fills in on such objects."""
    place = difference.place
    if difference.x is not ABSENT:
        return False
    key = metadata_key(difference)
    if key is not None:
        is_request = root.get("kind") == "ExternalSecret" and key == _FORCE_SYNC
        return is_request or key in _TRACKING_KEYS or key.startswith(_TRACKING_PREFIXES)
    if root.get("kind") == "Pod" and _is_pod_admission(difference):
        return True
    if (place.owner, place.field) == ("ServiceAccount", "imagePullSecrets"):
        return all("-dockercfg-" in _name(one) for one in _entries(difference.y))
    return root.get("kind") == "Secret" and place.field == "data" and _is_token_secret(root)


def metadata_key(difference: Difference) -> str | None:
    """Return the key when the difference is one label or annotation, else None."""
    place = difference.place
    if place.owner == "ObjectMeta" and place.field in ("labels", "annotations") and place.steps[-1].name != place.field:
        return place.steps[-1].name
    return None


def _is_pod_admission(difference: Difference) -> bool:
    """What is added to a Pod when it is created: its node, its token, its tolerations, sizes from its containers."""
    place, value = difference.place, difference.y
    if (place.owner == "PodSpec" and place.field in _ON_PODS) or place.y.startswith("/spec/resources/"):
        return True
    if place.field == "volumes":
        return _name(value).startswith("kube-api-access-") or "-token-" in _name(value)
    return place.field == "volumeMounts" and isinstance(value, dict) and value.get("mountPath") == _TOKEN_MOUNT


def _entries(value: Json | Absent) -> list[Json]:
    """Return what was added to a list: all of it, or one entry."""
    return value if isinstance(value, list) else [] if value is ABSENT else [value]


def _name(value: Json) -> str:
    return str(value.get("name", "")) if isinstance(value, dict) else ""


def _is_token_secret(root: Object) -> bool:
    return root.get("type") == "kubernetes.io/service-account-token"
