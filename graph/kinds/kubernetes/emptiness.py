"""When a value is the same as no value (rule N09). The server drops what its Go type marks `omitempty`.

Fields that are pointers in Go keep an explicit zero, so there a zero and no value are two things.
"""

from __future__ import annotations

from graph.document import Json
from graph.kinds.kubernetes.schema import Shape, Type

_POINTERS = frozenset(
    {
        # booleans
        "allowPrivilegeEscalation",
        "allowVolumeExpansion",
        "allocateLoadBalancerNodePorts",
        "attachRequired",
        "automountServiceAccountToken",
        "blockOwnerDeletion",
        "controller",
        "enableServiceLinks",
        "hostUsers",
        "immutable",
        "optional",
        "podInfoOnMount",
        "privileged",
        "readOnlyRootFilesystem",
        "requiresRepublish",
        "runAsNonRoot",
        "setHostnameAsFQDN",
        "shareProcessNamespace",
        "storageCapacity",
        "suspend",
        "x-kubernetes-preserve-unknown-fields",
        # numbers
        "activeDeadlineSeconds",
        "averageUtilization",
        "backoffLimit",
        "backoffLimitPerIndex",
        "completions",
        "defaultMode",
        "expirationSeconds",
        "failedJobsHistoryLimit",
        "fsGroup",
        "maxFailedIndexes",
        "minDomains",
        "minReplicas",
        "mode",
        "parallelism",
        "partition",
        "priority",
        "progressDeadlineSeconds",
        "replicas",
        "revisionHistoryLimit",
        "runAsGroup",
        "runAsUser",
        "stabilizationWindowSeconds",
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "terminationGracePeriodSeconds",
        "timeoutSeconds",
        "tolerationSeconds",
        "ttlSecondsAfterFinished",
        # int-or-strings
        "maxSurge",
        "maxUnavailable",
        "minAvailable",
        # texts
        "appProtocol",
        "ingressClassName",
        "storageClassName",
    }
)

_VALUE_STRUCTS = frozenset(
    {
        "conditions",
        "metadata",
        "names",
        "resources",
        "rollingUpdate",
        "spec",
        "status",
        "strategy",
        "template",
        "updateStrategy",
    }
)
"""Structs that are no pointers: `{}` and absent are the same to the server."""


_PLAIN_HERE = frozenset({("PersistentVolumeSpec", "storageClassName"), ("Probe", "timeoutSeconds")})
"""Fields of `_POINTERS` that are no pointers in this struct."""


def is_nothing(value: Json, kind: Type, field: str, owner: str = "") -> bool:
    """Whether the server stores `value` in this field of a struct type like no value at all."""
    if value is None:
        return True
    if isinstance(value, dict):
        if not value:
            return kind.shape is Shape.MAP or field in _VALUE_STRUCTS
        return False
    if isinstance(value, list):
        return not value
    if (field in _POINTERS and (owner, field) not in _PLAIN_HERE) or kind.shape is Shape.UNKNOWN:
        return False
    return value is False or value == "" or (value == 0 and not isinstance(value, bool | str))


def is_unset(value: Json, kind: Type, owner: str, field: str) -> bool:
    """Whether the server takes an explicit zero in this field of a struct for no value, and fills in its default."""
    return not isinstance(value, dict | list) and is_nothing(value, kind, field, owner)


def may_be_nothing(value: Json) -> bool:
    """Whether a value without a schema could be stored like no value; nothing can be claimed either way."""
    return value is None or value in ({}, [], "") or value is False
