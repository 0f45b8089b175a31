"""Which kinds live outside namespaces, and which API group a kind belongs to today. Static knowledge only."""

from __future__ import annotations

_CLUSTER_SCOPED: dict[str, frozenset[str]] = {
    "": frozenset({"ComponentStatus", "Namespace", "Node", "PersistentVolume"}),
    "admissionregistration.k8s.io": frozenset(
        {
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
        }
    ),
    "apiextensions.k8s.io": frozenset({"CustomResourceDefinition"}),
    "apiregistration.k8s.io": frozenset({"APIService"}),
    "certificates.k8s.io": frozenset({"CertificateSigningRequest", "ClusterTrustBundle"}),
    "flowcontrol.apiserver.k8s.io": frozenset({"FlowSchema", "PriorityLevelConfiguration"}),
    "gateway.networking.k8s.io": frozenset({"GatewayClass"}),
    "internal.apiserver.k8s.io": frozenset({"StorageVersion"}),
    "networking.k8s.io": frozenset({"IPAddress", "IngressClass", "ServiceCIDR"}),
    "node.k8s.io": frozenset({"RuntimeClass"}),
    "policy": frozenset({"PodSecurityPolicy"}),
    "rbac.authorization.k8s.io": frozenset({"ClusterRole", "ClusterRoleBinding"}),
    "resource.k8s.io": frozenset({"DeviceClass", "DeviceTaintRule", "ResourceSlice"}),
    "scheduling.k8s.io": frozenset({"PriorityClass"}),
    "snapshot.storage.k8s.io": frozenset({"VolumeSnapshotClass", "VolumeSnapshotContent"}),
    "storage.k8s.io": frozenset({"CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"}),
    "storagemigration.k8s.io": frozenset({"StorageVersionMigration"}),
    "karpenter.sh": frozenset({"NodeClaim", "NodePool"}),
}

_MOVED_GROUPS: dict[tuple[str, str], str] = {
    ("extensions", "DaemonSet"): "apps",
    ("extensions", "Deployment"): "apps",
    ("extensions", "ReplicaSet"): "apps",
    ("extensions", "Ingress"): "networking.k8s.io",
    ("extensions", "NetworkPolicy"): "networking.k8s.io",
    ("extensions", "PodSecurityPolicy"): "policy",
    ("events.k8s.io", "Event"): "",
}
"""Kinds that changed their API group; both names mean the same object in the same cluster."""

_NAMESPACED_IN_SPITE_OF_NAME = frozenset({"cluster.x-k8s.io", "addons.cluster.x-k8s.io"})


def split_api_version(api_version: str) -> tuple[str, str]:
    """Split `apiVersion` into group (empty for core) and version.

    >>> split_api_version("apps/v1"), split_api_version("v1")
    (('apps', 'v1'), ('', 'v1'))
    """
    group, _, version = api_version.rpartition("/")
    return group, version


def identity_group(group: str, kind: str) -> str:
    """Return the group that identifies this kind, so that an object keeps its identity when its kind moves."""
    return _MOVED_GROUPS.get((group, kind), group)


def is_cluster_scoped(group: str, kind: str) -> bool:
    """Whether objects of this kind live outside namespaces.

    Kinds of the platform are known. Of other groups, a kind named `Cluster...` counts as cluster-scoped, which is
    how operators name them (ClusterIssuer, ClusterPolicy, ClusterSecretStore).
    """
    known = _CLUSTER_SCOPED.get(group)
    if known is not None:
        return kind in known
    if "." not in group or group in _NAMESPACED_IN_SPITE_OF_NAME:
        return False
    return kind.startswith("Cluster") and kind[7:8].isupper()
