"""What the API server fills in for fields that nobody set (rule N14). A long table by nature: one row per default.

The rows follow the defaulting functions of the Kubernetes API (pkg/apis/*/v1/defaults.go), keyed by type and field.
A default of a stable API version never changes from one minor version to the next
(https://kubernetes.io/docs/reference/using-api/deprecation-policy/); what changes is which fields there are. The file
`data/default_evidence.json` records what each row rests on, and the versions that describe its field.
Values that depend on neighbours are functions of the struct that lacks the field and of the whole object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from graph.document import ABSENT, Absent, Json, Object, get
from graph.kinds.kubernetes.quantity import pull_policy

Rule = Callable[[Object, Object, str], Json | Absent]
"""(struct that lacks the field, whole object, JSON pointer of the struct) -> default, or ABSENT for none."""

_RBAC: Final = "rbac.authorization.k8s.io"

_CONSTANT: dict[str, dict[str, Json]] = {
    "PodSpec": {
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "terminationGracePeriodSeconds": 30,
        "securityContext": {},
        "enableServiceLinks": True,
    },
    "Container": {
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "resources": {},
    },
    "EphemeralContainer": {
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "resources": {},
    },
    "SecurityContext": {"procMount": "Default"},
    "ContainerPort": {"protocol": "TCP"},
    "Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "GRPCAction": {"service": ""},
    "ObjectFieldSelector": {"apiVersion": "v1"},
    "ResourceFieldSelector": {"divisor": "0"},
    "SecretVolumeSource": {"defaultMode": 420},
    "ConfigMapVolumeSource": {"defaultMode": 420},
    "DownwardAPIVolumeSource": {"defaultMode": 420},
    "ProjectedVolumeSource": {"defaultMode": 420},
    "ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "HostPathVolumeSource": {"type": ""},
    "ISCSIVolumeSource": {"iscsiInterface": "default"},
    "ISCSIPersistentVolumeSource": {"iscsiInterface": "default"},
    "RBDVolumeSource": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "RBDPersistentVolumeSource": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "AzureDiskVolumeSource": {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False},
    "ScaleIOVolumeSource": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
    "ScaleIOPersistentVolumeSource": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
    "ServiceSpec": {"type": "ClusterIP", "sessionAffinity": "None"},
    "ServicePort": {"protocol": "TCP"},
    "ClientIPConfig": {"timeoutSeconds": 10800},
    "EndpointPort": {"protocol": "TCP", "name": ""},
    "DeploymentSpec": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, "strategy": {}},
    "DeploymentStrategy": {"type": "RollingUpdate"},
    "RollingUpdateDeployment": {"maxSurge": "25%", "maxUnavailable": "25%"},
    "ReplicaSetSpec": {"replicas": 1},
    "ReplicationControllerSpec": {"replicas": 1},
    "DaemonSetSpec": {"revisionHistoryLimit": 10, "updateStrategy": {}},
    "DaemonSetUpdateStrategy": {"type": "RollingUpdate"},
    "RollingUpdateDaemonSet": {"maxUnavailable": 1, "maxSurge": 0},
    "StatefulSetSpec": {
        "replicas": 1,
        "podManagementPolicy": "OrderedReady",
        "revisionHistoryLimit": 10,
        "persistentVolumeClaimRetentionPolicy": {},
        "updateStrategy": {},
    },
    "StatefulSetUpdateStrategy": {"type": "RollingUpdate"},
    "StatefulSetPersistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    "RollingUpdateStatefulSetStrategy": {"partition": 0, "maxUnavailable": 1},
    "PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    "PersistentVolumeSpec": {"volumeMode": "Filesystem", "persistentVolumeReclaimPolicy": "Retain"},
    "JobSpec": {
        "parallelism": 1,
        "completionMode": "NonIndexed",
        "suspend": False,
        "manualSelector": False,
    },
    "CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    },
    "PodFailurePolicyOnPodConditionsPattern": {"status": "True"},
    "NetworkPolicyPort": {"protocol": "TCP"},
    "HTTPIngressPath": {"pathType": "ImplementationSpecific"},
    "IngressClassParametersReference": {"scope": "Cluster"},
    "HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "HPAScalingRules": {"selectPolicy": "Max"},
    "HorizontalPodAutoscalerBehavior": {"scaleUp": {}, "scaleDown": {}},
    "MutatingWebhook": {"namespaceSelector": {}, "objectSelector": {}, "reinvocationPolicy": "Never"},
    "ValidatingWebhook": {"namespaceSelector": {}, "objectSelector": {}},
    "RuleWithOperations": {"scope": "*"},
    "NamedRuleWithOperations": {"scope": "*"},
    "MatchResources": {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}},
    "ValidatingAdmissionPolicySpec": {"failurePolicy": "Fail"},
    "MutatingAdmissionPolicySpec": {"failurePolicy": "Fail"},
    "ServiceReference": {"port": 443},
    "RoleRef": {"apiGroup": _RBAC},
    "StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    "CSIDriverSpec": {
        "attachRequired": True,
        "podInfoOnMount": False,
        "storageCapacity": False,
        "fsGroupPolicy": "ReadWriteOnceWithFSType",
        "volumeLifecycleModes": ["Persistent"],
        "requiresRepublish": False,
        "seLinuxMount": False,
    },
    "CustomResourceDefinitionSpec": {"conversion": {}},
    "CustomResourceConversion": {"strategy": "None"},
    "FlowSchemaSpec": {"matchingPrecedence": 1000},
    "LimitedPriorityLevelConfiguration": {"nominalConcurrencyShares": 30, "lendablePercent": 0},
    "ExemptPriorityLevelConfiguration": {"nominalConcurrencyShares": 0, "lendablePercent": 0},
    "QueuingConfiguration": {"queues": 64, "handSize": 8, "queueLengthLimit": 50},
    "PodSecurityPolicySpec": {"allowPrivilegeEscalation": True},
    "DeviceRequest": {"allocationMode": "ExactCount", "count": 1},
    "ExactDeviceRequest": {"allocationMode": "ExactCount", "count": 1},
    "DeviceSubRequest": {"allocationMode": "ExactCount", "count": 1},
    "DeviceToleration": {"operator": "Equal"},
    "PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"},
    "Secret": {"type": "Opaque"},
    "Namespace": {"spec": {}},
    "NamespaceSpec": {"finalizers": ["kubernetes"]},
}


def default(type_name: str, field: str, own: Object, root: Object, at: str) -> Json | Absent:
    """Return what the server would store in a field that is not set, or ABSENT when it stores nothing.

    Args:
        type_name: API type of the struct, e.g. `Container`.
        field: the field that is not set.
        own: the struct that lacks it.
        root: the whole object.
        at: JSON pointer of the struct.
    """
    rule = _COMPUTED.get(type_name, {}).get(field)
    if rule is not None:
        return rule(own, root, at)
    return _CONSTANT.get(type_name, {}).get(field, ABSENT)


def known_defaults() -> Iterator[tuple[str, str, Json]]:
    """Yield type, field and value of each default; None for a value that depends on its neighbours."""
    for type_name, fields in _CONSTANT.items():
        yield from ((type_name, field, value) for field, value in fields.items())
    for type_name, rules in _COMPUTED.items():
        yield from ((type_name, field, None) for field in rules)


def _rolling(own: Object, root: Object, at: str) -> Json | Absent:
    del root, at
    return {} if own.get("type", "RollingUpdate") == "RollingUpdate" else ABSENT


def _pull_policy(field: str) -> Rule:
    def rule(own: Object, root: Object, at: str) -> Json | Absent:
        del root, at
        return pull_policy(own.get(field)) if own.get(field) else ABSENT

    return rule


def _mirror(field: str) -> Rule:
    def rule(own: Object, root: Object, at: str) -> Json | Absent:
        del root, at
        return own.get(field, ABSENT)

    return rule


def _service_account_name(own: Object, root: Object, at: str) -> Json | Absent:
    """`serviceAccount` is the old name of the field; a Pod without either gets the account `default`."""
    del at
    return own.get("serviceAccount", "default" if root.get("kind") == "Pod" else ABSENT)


def _service_account(own: Object, root: Object, at: str) -> Json | Absent:
    del at
    return own.get("serviceAccountName", "default" if root.get("kind") == "Pod" else ABSENT)


def _of_pod(value: Json) -> Rule:
    def rule(own: Object, root: Object, at: str) -> Json | Absent:
        del own, at
        return value if root.get("kind") == "Pod" else ABSENT

    return rule


def _host_port(own: Object, root: Object, at: str) -> Json | Absent:
    """With hostNetwork every container port is a port of the host."""
    spec, found, _ = at.partition("/containers/")
    if not found:
        spec = at.partition("/initContainers/")[0]
    return own.get("containerPort", ABSENT) if get(root, spec + "/hostNetwork") is True else ABSENT


def _empty_dir(own: Object, root: Object, at: str) -> Json | Absent:
    """A volume without a source is an emptyDir."""
    del root, at
    return {} if not own.keys() - {"name"} else ABSENT


def _of_service(value: Json, *types: str) -> Rule:
    def rule(own: Object, root: Object, at: str) -> Json | Absent:
        del root, at
        return value if own.get("type", "ClusterIP") in types else ABSENT

    return rule


def _affinity_config(own: Object, root: Object, at: str) -> Json | Absent:
    del root, at
    return {"clientIP": {"timeoutSeconds": 10800}} if own.get("sessionAffinity") == "ClientIP" else ABSENT


def _template_labels(own: Object, root: Object, at: str) -> Json | Absent:
    del root, at
    return get(own, "/template/metadata/labels")


def _policy_types(own: Object, root: Object, at: str) -> Json | Absent:
    del root, at
    return ["Ingress", "Egress"] if own.get("egress") else ["Ingress"]


def _completions(own: Object, root: Object, at: str) -> Json | Absent:
    del root, at
    return 1 if own.get("parallelism") is None else ABSENT


def _backoff_limit(own: Object, root: Object, at: str) -> Json | Absent:
    """A limit for each index takes the place of the one for the whole Job."""
    del root, at
    return 6 if own.get("backoffLimitPerIndex") is None else 2**31 - 1


def _pod_replacement(own: Object, root: Object, at: str) -> Json | Absent:
    del root, at
    return "Failed" if own.get("podFailurePolicy") else "TerminatingOrFailed"


def _subject_group(own: Object, root: Object, at: str) -> Json | Absent:
    del root, at
    return _RBAC if own.get("kind") in ("User", "Group") else ABSENT


def _scaling_policies(own: Object, root: Object, at: str) -> Json | Absent:
    del own, root
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    if at.endswith("/scaleUp"):
        return [{"type": "Pods", "value": 4, "periodSeconds": 15}, percent]
    return [percent]


def _stabilization(own: Object, root: Object, at: str) -> Json | Absent:
    del own, root
    return 0 if at.endswith("/scaleUp") else ABSENT


def _metrics(own: Object, root: Object, at: str) -> Json | Absent:
    del own, root, at
    target = {"type": "Utilization", "averageUtilization": 80}
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _by_version(current: Json | Absent, beta: Json) -> Rule:
    """Webhooks declared in v1beta1 keep the defaults of that version."""

    def rule(own: Object, root: Object, at: str) -> Json | Absent:
        del own, at
        return beta if str(root.get("apiVersion", "")).endswith("/v1beta1") else current

    return rule


_WEBHOOK: dict[str, Rule] = {
    "admissionReviewVersions": _by_version(ABSENT, ["v1beta1"]),
    "failurePolicy": _by_version("Fail", "Ignore"),
    "matchPolicy": _by_version("Equivalent", "Exact"),
    "sideEffects": _by_version(ABSENT, "Unknown"),
    "timeoutSeconds": _by_version(10, 30),
}


def _crd_name(suffix: str) -> Rule:
    def rule(own: Object, root: Object, at: str) -> Json | Absent:
        del root, at
        kind = own.get("kind")
        if not isinstance(kind, str):
            return ABSENT
        return kind + suffix if suffix else kind.lower()

    return rule


def _labels(own: Object, root: Object, at: str) -> Json | Absent:
    del own
    if root.get("kind") in ("Job", "ReplicationController") and at == "/metadata":
        return get(root, "/spec/template/metadata/labels")
    if root.get("kind") != "Namespace":
        return ABSENT
    return {"kubernetes.io/metadata.name": get(root, "/metadata/name")}


_COMPUTED: dict[str, dict[str, Rule]] = {
    "PodSpec": {
        "serviceAccount": _service_account,
        "serviceAccountName": _service_account_name,
        "priority": _of_pod(0),
        "preemptionPolicy": _of_pod("PreemptLowerPriority"),
    },
    "Container": {"imagePullPolicy": _pull_policy("image")},
    "EphemeralContainer": {"imagePullPolicy": _pull_policy("image")},
    "ImageVolumeSource": {"pullPolicy": _pull_policy("reference")},
    "ContainerPort": {"hostPort": _host_port},
    "Volume": {"emptyDir": _empty_dir},
    "ServiceSpec": {
        "internalTrafficPolicy": _of_service("Cluster", "ClusterIP", "NodePort", "LoadBalancer"),
        "externalTrafficPolicy": _of_service("Cluster", "NodePort", "LoadBalancer"),
        "allocateLoadBalancerNodePorts": _of_service(True, "LoadBalancer"),
        "sessionAffinityConfig": _affinity_config,
    },
    "ServicePort": {"targetPort": _mirror("port")},
    "ReplicationControllerSpec": {"selector": _template_labels},
    "DeploymentStrategy": {"rollingUpdate": _rolling},
    "DaemonSetUpdateStrategy": {"rollingUpdate": _rolling},
    "StatefulSetUpdateStrategy": {"rollingUpdate": _rolling},
    "JobSpec": {
        "completions": _completions,
        "backoffLimit": _backoff_limit,
        "podReplacementPolicy": _pod_replacement,
    },
    "NetworkPolicySpec": {"policyTypes": _policy_types},
    "Subject": {"apiGroup": _subject_group},
    "HorizontalPodAutoscalerSpec": {"metrics": _metrics},
    "HPAScalingRules": {"policies": _scaling_policies, "stabilizationWindowSeconds": _stabilization},
    "MutatingWebhook": _WEBHOOK,
    "ValidatingWebhook": _WEBHOOK,
    "CustomResourceDefinitionNames": {"singular": _crd_name(""), "listKind": _crd_name("List")},
    "ObjectMeta": {"labels": _labels},
}
