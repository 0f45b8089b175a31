"""The tables that policy is made of. A row may only name kinds and say how risky touching them is; code judges.

What no row opens stays closed.
"""

from __future__ import annotations

from dataclasses import dataclass

from graph.action import ActionKind, Risk
from graph.reach.effect import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An action on some kinds that people may approve."""

    action: ActionKind
    kinds: frozenset[str]
    """Kubernetes kinds or Terraform types"""
    risk: Risk
    """At least this"""
    why: str


SECRETS = frozenset(
    {
        "Secret",
        "SealedSecret",
        "aws_secretsmanager_secret",
        "aws_secretsmanager_secret_version",
        "aws_ssm_parameter",
        "aws_iam_access_key",
        "tls_private_key",
        "random_password",
    }
)
"""Kinds whose content is a credential."""

PROTECTED = frozenset(
    {
        "Namespace",
        "Node",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "StorageClass",
        "VolumeSnapshot",
        "CustomResourceDefinition",
        "APIService",
        "ServiceAccount",
        "StatefulSet",
        "aws_db_instance",
        "aws_rds_cluster",
        "aws_rds_cluster_instance",
        "aws_dynamodb_table",
        "aws_elasticache_cluster",
        "aws_elasticache_replication_group",
        "aws_s3_bucket",
        "aws_kms_key",
        "aws_sqs_queue",
        "aws_sns_topic",
        "aws_efs_file_system",
        "aws_ebs_volume",
        "aws_ecr_repository",
        "aws_eks_cluster",
        "aws_vpc",
        "aws_subnet",
        "aws_security_group",
        "aws_iam_role",
        "aws_iam_user",
        "aws_route53_zone",
    }
)
"""Kinds that hold data, or that everything under them goes with."""

UNTOUCHABLE_FIELDS = frozenset(
    {
        "/apiVersion",
        "/kind",
        "/status",
        "/metadata/name",
        "/metadata/namespace",
        "/metadata/uid",
        "/metadata/resourceVersion",
        "/metadata/managedFields",
        "/metadata/ownerReferences",
        "/metadata/finalizers",
        "/metadata/deletionTimestamp",
        "/type",
        "/name",
        "/address",
        "/provider",
        "/values/id",
        "/values/arn",
    }
)
"""Identity of an object, or bookkeeping of its platform."""

GRANTS = frozenset(
    {
        "Role",
        "ClusterRole",
        "RoleBinding",
        "ClusterRoleBinding",
        "aws_iam_policy",
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_iam_role_policy_attachment",
        "aws_iam_user_policy",
        "aws_iam_group_policy",
        "aws_kms_key",
        "aws_kms_key_policy",
        "aws_s3_bucket_policy",
        "aws_sqs_queue_policy",
    }
)
"""Kinds that hand out permissions."""

MOST_RESOURCES = 10
"""Resources that one action may certainly disturb."""

HARM = frozenset(
    {
        Mode.DOWN,
        Mode.DEGRADED,
        Mode.OVERLOAD,
        Mode.STARVED,
        Mode.DENIED,
        Mode.MISROUTED,
        Mode.DATA_RISK,
        Mode.CANNOT_SCHEDULE,
    }
)
"""Modes in which somebody notices."""

_WORKLOADS = frozenset({"Deployment", "DaemonSet", "StatefulSet"})
_TRAFFIC = frozenset({"Service", "Ingress", "HTTPRoute"})
_LIMITS = frozenset({"NetworkPolicy", "ResourceQuota", "LimitRange", "PodDisruptionBudget", "HorizontalPodAutoscaler"})
_RBAC = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})
_FIREWALLS = frozenset(
    {
        "aws_security_group_rule",
        "aws_vpc_security_group_ingress_rule",
        "aws_vpc_security_group_egress_rule",
    }
)
_PERMISSIONS = frozenset(
    {
        "aws_iam_policy",
        "aws_iam_role_policy",
        "aws_iam_role_policy_attachment",
        "aws_kms_key_policy",
        "aws_kms_grant",
        "aws_s3_bucket_policy",
        "aws_sqs_queue_policy",
        "aws_sns_topic_policy",
    }
)
_MANAGED = frozenset(
    {"aws_iam_role", "aws_kms_key", "aws_kms_alias", "aws_security_group", "aws_sqs_queue", "aws_sns_topic"}
)
_DATA = frozenset(
    {"aws_db_instance", "aws_rds_cluster", "aws_dynamodb_table", "aws_s3_bucket", "aws_elasticache_cluster"}
)

OPENINGS: tuple[Opening, ...] = (
    Opening(
        action=ActionKind.SET_FIELDS,
        kinds=frozenset({"ConfigMap"}),
        risk=Risk.LOW,
        why="Configuration that is put back as it was.",
    ),
    Opening(
        action=ActionKind.SET_FIELDS,
        kinds=_WORKLOADS | {"CronJob"},
        risk=Risk.MEDIUM,
        why="The pods of the workload may be replaced.",
    ),
    Opening(
        action=ActionKind.SET_FIELDS,
        kinds=_TRAFFIC | _LIMITS | {"ServiceAccount", "ExternalSecret"},
        risk=Risk.MEDIUM,
        why="It changes where requests go or what limits apply.",
    ),
    Opening(
        action=ActionKind.SET_FIELDS,
        kinds=_PERMISSIONS | _FIREWALLS | _MANAGED,
        risk=Risk.MEDIUM,
        why="It changes who may do or reach what.",
    ),
    Opening(
        action=ActionKind.SET_FIELDS,
        kinds=_RBAC | _DATA,
        risk=Risk.HIGH,
        why="It changes a database, a store, or the rights inside the cluster.",
    ),
    Opening(
        action=ActionKind.CREATE_OBJECT,
        kinds=_WORKLOADS | _TRAFFIC | _LIMITS | {"ConfigMap", "ServiceAccount", "CronJob", "ExternalSecret"},
        risk=Risk.MEDIUM,
        why="A declared object comes back.",
    ),
    Opening(
        action=ActionKind.CREATE_OBJECT,
        kinds=_PERMISSIONS | _FIREWALLS | {"aws_kms_alias"},
        risk=Risk.MEDIUM,
        why="A declared permission or firewall rule comes back.",
    ),
    Opening(
        action=ActionKind.CREATE_OBJECT,
        kinds=_RBAC,
        risk=Risk.HIGH,
        why="Rights inside the cluster come back.",
    ),
    Opening(
        action=ActionKind.DELETE_OBJECT,
        kinds=_LIMITS,
        risk=Risk.MEDIUM,
        why="A limit that nobody declared goes away.",
    ),
    Opening(
        action=ActionKind.DELETE_OBJECT,
        kinds=_TRAFFIC | {"Deployment", "DaemonSet", "CronJob", "Job", "ConfigMap"} | _FIREWALLS,
        risk=Risk.HIGH,
        why="Something that may serve requests goes away.",
    ),
    Opening(
        action=ActionKind.RESTART_WORKLOAD,
        kinds=_WORKLOADS,
        risk=Risk.LOW,
        why="The pods are replaced one after the other, unchanged.",
    ),
    Opening(
        action=ActionKind.RESYNC_SECRET,
        kinds=frozenset({"ExternalSecret"}),
        risk=Risk.LOW,
        why="The operator writes its Secret again; no value is handled here.",
    ),
)
"""Everything that people may approve, and nothing else."""
