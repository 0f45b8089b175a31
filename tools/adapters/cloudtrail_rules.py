"""For each AWS write event: which resource it changes, which attribute, and where the new value stands.

Only a table and its types live here. A name of a resource is one of those by which Terraform state knows it: its ARN,
id or name. Event and parameter names are those of the AWS API models
(https://github.com/boto/botocore/tree/develop/botocore/data).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How to read one event."""

    kind: str
    """Kind of the change."""
    resource: tuple[str, ...]
    """Request parameters that name the resource; joined by `:`; the first one alone where there is one."""
    attribute: str = ""
    """Attribute of the resource that changes, as Terraform names it; empty for the resource as a whole."""
    value: str = ""
    """Request parameter with the new value, or with the entry that is added or removed."""
    removes: bool = False
    """The value is what goes, or the attribute goes altogether."""
    constant: bool | None = None
    """The new value, where the event itself says it."""
    members: bool = False
    """Every other request parameter is an attribute that is set."""
    whole: bool = False
    """The resource itself comes or goes."""


def _role(attribute: str, value: str = "", *, removes: bool = False) -> Rule:
    return Rule(kind="iam", resource=("roleName",), attribute=attribute, value=value, removes=removes)


def _inline(owner: str, *, removes: bool = False) -> Rule:
    return Rule(
        kind="iam",
        resource=(owner, "policyName"),
        attribute="policy",
        value="" if removes else "policyDocument",
        removes=removes,
    )


def _attached(owner: str, *, removes: bool = False) -> Rule:
    return Rule(kind="iam", resource=(owner,), attribute="managed_policy_arns", value="policyArn", removes=removes)


def _security_group(direction: str, *, removes: bool = False) -> Rule:
    return Rule(kind="network", resource=("groupId",), attribute=direction, value="ipPermissions", removes=removes)


def _members(kind: str, *resource: str) -> Rule:
    return Rule(kind=kind, resource=resource, members=True)


def _whole(kind: str, *resource: str, removes: bool = False) -> Rule:
    return Rule(kind=kind, resource=resource, whole=True, removes=removes)


RULES: Final[dict[str, dict[str, Rule]]] = {
    "iam": {
        "PutRolePolicy": _inline("roleName"),
        "DeleteRolePolicy": _inline("roleName", removes=True),
        "PutUserPolicy": _inline("userName"),
        "DeleteUserPolicy": _inline("userName", removes=True),
        "PutGroupPolicy": _inline("groupName"),
        "DeleteGroupPolicy": _inline("groupName", removes=True),
        "AttachRolePolicy": _attached("roleName"),
        "DetachRolePolicy": _attached("roleName", removes=True),
        "AttachUserPolicy": _attached("userName"),
        "DetachUserPolicy": _attached("userName", removes=True),
        "AttachGroupPolicy": _attached("groupName"),
        "DetachGroupPolicy": _attached("groupName", removes=True),
        "PutRolePermissionsBoundary": _role("permissions_boundary", "permissionsBoundary"),
        "DeleteRolePermissionsBoundary": _role("permissions_boundary", removes=True),
        "UpdateAssumeRolePolicy": _role("assume_role_policy", "policyDocument"),
        "UpdateRole": _members("iam", "roleName"),
        "CreateRole": _whole("iam", "roleName"),
        "DeleteRole": _whole("iam", "roleName", removes=True),
        "CreatePolicyVersion": Rule(kind="iam", resource=("policyArn",), attribute="policy", value="policyDocument"),
        "SetDefaultPolicyVersion": Rule(kind="iam", resource=("policyArn",), attribute="policy"),
        "DeletePolicyVersion": Rule(kind="iam", resource=("policyArn",)),
        "CreatePolicy": _whole("iam", "policyName"),
        "DeletePolicy": _whole("iam", "policyArn", removes=True),
        "AddRoleToInstanceProfile": Rule(
            kind="iam", resource=("instanceProfileName",), attribute="role", value="roleName"
        ),
        "RemoveRoleFromInstanceProfile": Rule(
            kind="iam", resource=("instanceProfileName",), attribute="role", value="roleName", removes=True
        ),
    },
    "kms": {
        "PutKeyPolicy": Rule(kind="kms", resource=("keyId",), attribute="policy", value="policy"),
        "DisableKey": Rule(kind="kms", resource=("keyId",), attribute="is_enabled", constant=False),
        "EnableKey": Rule(kind="kms", resource=("keyId",), attribute="is_enabled", constant=True),
        "ScheduleKeyDeletion": _whole("kms", "keyId", removes=True),
        "CancelKeyDeletion": Rule(kind="kms", resource=("keyId",)),
        "CreateGrant": Rule(kind="kms", resource=("keyId",), attribute="grants", value="operations"),
        "RevokeGrant": Rule(kind="kms", resource=("keyId",), attribute="grants", value="grantId", removes=True),
        "RetireGrant": Rule(kind="kms", resource=("keyId",), attribute="grants", value="grantId", removes=True),
        "UpdateAlias": Rule(kind="kms", resource=("aliasName",), attribute="target_key_id", value="targetKeyId"),
        "CreateAlias": Rule(kind="kms", resource=("aliasName",), attribute="target_key_id", value="targetKeyId"),
        "DeleteAlias": _whole("kms", "aliasName", removes=True),
        "EnableKeyRotation": Rule(kind="kms", resource=("keyId",), attribute="enable_key_rotation", constant=True),
        "DisableKeyRotation": Rule(kind="kms", resource=("keyId",), attribute="enable_key_rotation", constant=False),
        "CreateKey": _whole("kms", "keyId"),
    },
    "organizations": {
        "AttachPolicy": Rule(kind="iam", resource=("policyId",), attribute="targets", value="targetId"),
        "DetachPolicy": Rule(kind="iam", resource=("policyId",), attribute="targets", value="targetId", removes=True),
        "UpdatePolicy": Rule(kind="iam", resource=("policyId",), attribute="content", value="content"),
        "DeletePolicy": _whole("iam", "policyId", removes=True),
    },
    "ec2": {
        "AuthorizeSecurityGroupIngress": _security_group("ingress"),
        "AuthorizeSecurityGroupEgress": _security_group("egress"),
        "RevokeSecurityGroupIngress": _security_group("ingress", removes=True),
        "RevokeSecurityGroupEgress": _security_group("egress", removes=True),
        "ModifySecurityGroupRules": _members("network", "groupId"),
        "DeleteSecurityGroup": _whole("network", "groupId", removes=True),
        "CreateRoute": _members("network", "routeTableId"),
        "ReplaceRoute": _members("network", "routeTableId"),
        "DeleteRoute": Rule(
            kind="network", resource=("routeTableId",), attribute="route", value="destinationCidrBlock", removes=True
        ),
        "ModifyVpcEndpoint": Rule(
            kind="network", resource=("vpcEndpointId",), attribute="policy", value="policyDocument"
        ),
        "ModifyInstanceAttribute": _members("infra", "instanceId"),
        "TerminateInstances": _whole("infra", "instanceId", removes=True),
    },
    "s3": {
        "PutBucketPolicy": Rule(kind="iam", resource=("bucketName",), attribute="policy", value="bucketPolicy"),
        "DeleteBucketPolicy": Rule(kind="iam", resource=("bucketName",), attribute="policy", removes=True),
        "DeleteBucket": _whole("infra", "bucketName", removes=True),
    },
    "eks": {
        "CreatePodIdentityAssociation": _members("iam", "associationId"),
        "UpdatePodIdentityAssociation": _members("iam", "associationId"),
        "DeletePodIdentityAssociation": _whole("iam", "associationId", removes=True),
    },
    "ecs": {
        "RegisterTaskDefinition": _members("deploy", "family"),
        "UpdateService": _members("deploy", "service"),
    },
    "lambda": {
        "UpdateFunctionCode": _members("deploy", "functionName"),
        "UpdateFunctionConfiguration": _members("config", "functionName"),
        "DeleteFunction": _whole("infra", "functionName", removes=True),
    },
    "secretsmanager": {
        "PutSecretValue": Rule(kind="secret", resource=("secretId",)),
        "UpdateSecret": Rule(kind="secret", resource=("secretId",)),
        "RotateSecret": Rule(kind="secret", resource=("secretId",)),
        "DeleteSecret": _whole("secret", "secretId", removes=True),
        "CreateSecret": _whole("secret", "name"),
        "PutResourcePolicy": Rule(kind="iam", resource=("secretId",), attribute="policy", value="resourcePolicy"),
    },
    "rds": {
        "ModifyDBInstance": _members("infra", "dBInstanceIdentifier"),
        "ModifyDBCluster": _members("infra", "dBClusterIdentifier"),
        "ModifyDBParameterGroup": _members("infra", "dBParameterGroupName"),
        "DeleteDBInstance": _whole("infra", "dBInstanceIdentifier", removes=True),
    },
    "sqs": {
        "SetQueueAttributes": _members("infra", "queueUrl"),
        "DeleteQueue": _whole("infra", "queueUrl", removes=True),
    },
    "sns": {
        "SetTopicAttributes": _members("infra", "topicArn"),
        "DeleteTopic": _whole("infra", "topicArn", removes=True),
    },
    "elasticloadbalancing": {
        "ModifyListener": _members("network", "listenerArn"),
        "ModifyRule": _members("network", "ruleArn"),
        "ModifyTargetGroup": _members("network", "targetGroupArn"),
    },
    "autoscaling": {"UpdateAutoScalingGroup": _members("scaling", "autoScalingGroupName")},
    "route53": {
        "ChangeResourceRecordSets": Rule(
            kind="network", resource=("hostedZoneId",), attribute="records", value="changeBatch"
        )
    },
}
"""Service (first part of eventSource) to event name to rule. Names that AWS dates, such as
`UpdateFunctionCode20150331v2`, are found without the date."""

ATTRIBUTES: Final = {
    "VisibilityTimeout": "visibility_timeout_seconds",
    "MessageRetentionPeriod": "message_retention_seconds",
    "MaximumMessageSize": "max_message_size",
    "ReceiveMessageWaitTimeSeconds": "receive_wait_time_seconds",
    "ContentBasedDeduplication": "content_based_deduplication",
    "SqsManagedSseEnabled": "sqs_managed_sse_enabled",
}
"""Names inside an `attributes` parameter (queues, topics) that Terraform spells in another way than `snake_case`."""

KIND_OF_SERVICE: Final = {
    "iam": "iam",
    "sts": "iam",
    "organizations": "iam",
    "kms": "kms",
    "secretsmanager": "secret",
    "ssm": "config",
    "appconfig": "config",
    "lambda": "deploy",
    "ecs": "deploy",
    "eks": "infra",
    "autoscaling": "scaling",
    "elasticloadbalancing": "network",
    "route53": "network",
}
"""Kind of change for events without a rule; `infra` for all others."""
