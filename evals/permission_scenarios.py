"""The ways in which a service loses `kms:Decrypt`, each with a harmless change in the same minute.

Paths: key policy, grant, inline and managed policies, boundary, organisation, endpoint, key state, alias, trust,
redeployment, conditions, tags. Only the loss differs from the same world with the harmless change alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeAlias

from evals.permission_estate import ACCOUNT, FIRST, LOST, Estate
from graph.document import Json, Object

KEY_ID, OTHER_ID = "1111-2222", "3333-4444"
_REGION = "eu-west-1"
KEY = f"arn:aws:kms:{_REGION}:{ACCOUNT}:key/{KEY_ID}"
OTHER = f"arn:aws:kms:{_REGION}:{ACCOUNT}:key/{OTHER_ID}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
PLAIN = f"arn:aws:iam::{ACCOUNT}:role/plain"
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/use-key"
SPARE = f"arn:aws:iam::{ACCOUNT}:policy/spare"
LIMIT = f"arn:aws:iam::{ACCOUNT}:policy/limit"
ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/AAAA"
DECOY = LOST - timedelta(seconds=15)
SERVICE = "shop/Deployment/checkout"

Act: TypeAlias = Callable[[Estate, str], None]
"""Changes the estate as an actor does, and records the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One way to lose the permission."""

    path: int
    """Number of the path, 1 to 14."""
    name: str
    lose: Act
    decoy: Act
    blamed: str
    """End of the uid of the resource whose change is to blame."""
    field: str = "/values/policy"
    """Place in it; empty for a resource that goes or comes as a whole."""
    via: str = "managed"
    """Where the permission comes from: `managed`, `inline`, `key`, `grant`."""
    service: str = SERVICE
    target: str = KEY


def doc(*statements: Object) -> str:
    """Return the text of a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(sid: str, action: str | list[str], resource: str = "*", **more: Json) -> Object:
    """Return a statement."""
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource, **more}


_USE = allow("Use", ["kms:Decrypt", "kms:GenerateDataKey"], KEY)
_AUDIT = allow("Audit", "kms:ListKeys")
_ROOT = allow("Account", "kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
_DIRECT = allow("App", "kms:Decrypt", Principal={"AWS": ROLE})
_READERS = allow("Readers", "kms:DescribeKey", Principal={"AWS": PLAIN})
_DENY = {"Sid": "No", "Effect": "Deny", "Action": "kms:*", "Resource": "*"}
_ALL = allow("All", "*")
_FREE = allow("Free", "s3:ListAllMyBuckets")


def _trust(service: str = "", *, account: str = "checkout") -> str:
    if service:
        return doc({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})
    subject = {"StringEquals": {f"{ISSUER}:sub": f"system:serviceaccount:shop:{account}"}}
    federated = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"}
    web = {"Effect": "Allow", "Principal": federated, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": subject}
    programs = {"Service": ["ecs-tasks.amazonaws.com", "lambda.amazonaws.com"]}
    pods = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}}
    return doc(
        web,
        {"Effect": "Allow", "Principal": programs, "Action": "sts:AssumeRole"},
        {**pods, "Action": ["sts:AssumeRole", "sts:TagSession"]},
    )


def _key(key: str, arn: str, *statements: Object) -> Object:
    return {"arn": arn, "key_id": key, "id": key, "policy": doc(*statements), "is_enabled": True, "tags": {"team": "a"}}


def _role(name: str, arn: str) -> Object:
    tags = {"team": "a", "cost": "1"}
    return {"arn": arn, "id": name, "name": name, "assume_role_policy": _trust(), "tags": tags}


def _endpoint(name: str, service: str) -> Object:
    return {"id": name, "service_name": f"com.amazonaws.{_REGION}.{service}", "vpc_id": "vpc-1", "policy": doc(_ALL)}


def _account(name: str, arn: str = "") -> Object:
    notes = {"eks.amazonaws.com/role-arn": arn} if arn else {}
    metadata = {"name": name, "namespace": "shop", "annotations": {"team": "shop", **notes}}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def _workload(name: str, account: str) -> Object:
    container = {"name": "app", "image": "shop/app:1", "env": [{"name": "MODE", "value": "a"}]}
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": account, "containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": name, "namespace": "shop"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def build(root: Path, scenario: Scenario) -> Estate:
    """Build the estate of a scenario before anything happens; nothing is written yet."""
    cloud: dict[str, Object] = {
        "aws_iam_role.app": _role("app", ROLE),
        "aws_iam_role.plain": _role("plain", PLAIN),
        "aws_iam_policy.spare": {"arn": SPARE, "id": SPARE, "name": "spare", "policy": doc(_FREE)},
        "aws_iam_policy.limit": {"arn": LIMIT, "id": LIMIT, "name": "limit", "policy": doc(_FREE)},
        "aws_kms_key.orders": _key(KEY_ID, KEY, _ROOT),
        "aws_kms_key.other": _key(OTHER_ID, OTHER, _ROOT),
        "aws_kms_alias.orders": {"id": "alias/orders", "name": "alias/orders", "target_key_id": KEY_ID},
        "aws_kms_alias.other": {"id": "alias/other", "name": "alias/other", "target_key_id": OTHER_ID},
        "aws_vpc_endpoint.kms": _endpoint("vpce-1", "kms"),
        "aws_vpc_endpoint.s3": _endpoint("vpce-2", "s3"),
        "aws_organizations_policy.guard": {
            "id": "p-guard", "type": "SERVICE_CONTROL_POLICY", "name": "guard", "content": doc(_ALL)
        },
        "aws_organizations_policy_attachment.guard": {"id": "r-1:p-guard", "policy_id": "p-guard", "target_id": "r-1"},
        "aws_organizations_policy.strict": {
            "id": "p-strict", "type": "SERVICE_CONTROL_POLICY", "name": "strict", "content": doc(_DENY)
        },
        "aws_eks_pod_identity_association.worker": {
            "id": "a-1", "association_id": "a-1", "cluster_name": "demo",
            "namespace": "shop", "service_account": "worker", "role_arn": ROLE,
        },
        "aws_ecs_task_definition.billing": _task(1, ROLE),
        "aws_ecs_service.billing": {"id": "billing", "name": "billing", "task_definition": _task(1, ROLE)["arn"]},
        "aws_lambda_function.notify": {"function_name": "notify", "role": ROLE, "timeout": 3},
    }  # fmt: skip
    if scenario.via == "managed":
        cloud["aws_iam_policy.use"] = {"arn": POLICY, "id": POLICY, "name": "use-key", "policy": doc(_USE, _AUDIT)}
        cloud["aws_iam_role_policy_attachment.use"] = {"id": "app-use", "role": "app", "policy_arn": POLICY}
    elif scenario.via == "inline":
        inline = {"id": "app:use", "name": "use", "role": "app", "policy": doc(_USE, _AUDIT)}
        cloud["aws_iam_role_policy.use"] = inline
    elif scenario.via == "key":
        cloud["aws_kms_key.orders"] = _key(KEY_ID, KEY, _ROOT, _DIRECT)
    else:
        for name, role in (("g-1", ROLE), ("g-2", PLAIN)):
            grant = {"grant_id": name, "key_id": KEY_ID, "grantee_principal": role, "operations": ["Decrypt"]}
            cloud[f"aws_kms_grant.{name}"] = {"id": f"{KEY_ID}:{name}", **grant}
    objects = [_account("checkout", ROLE), _account("worker"), _account("bare"), _account("plain", PLAIN)]
    estate = Estate(root, cloud, [*objects, _workload("checkout", "checkout"), _workload("worker", "worker")])
    for kind, name in estate.objects:
        estate.update(kind, name, "boot@example.com", at=FIRST - timedelta(hours=1))
    return estate


def _task(revision: int, role: str) -> Object:
    arn = f"arn:aws:ecs:{_REGION}:{ACCOUNT}:task-definition/billing:{revision}"
    return {"arn": arn, "id": "billing", "family": "billing", "revision": revision, "task_role_arn": role}


def _put(address: str, attribute: str, value: Json, service: str, event: str, request: Object, at: timedelta) -> Act:
    """Set an attribute (None: remove the resource), and record the call."""

    def act(estate: Estate, who: str) -> None:
        if attribute and value is None:
            estate.cloud[address].pop(attribute)
        elif attribute:
            estate.cloud[address] = {**estate.cloud[address], attribute: value}
        elif value is None:
            estate.cloud.pop(address)
        else:
            estate.cloud[address] = value
        estate.call(service, event, request, who, at=LOST + at)

    return act


_NOW, _BEFORE = timedelta(0), DECOY - LOST


def _key_policy(at: timedelta, *statements: Object) -> Act:
    request = {"keyId": KEY, "policyName": "default", "policy": doc(*statements)}
    return _put("aws_kms_key.orders", "policy", doc(*statements), "kms", "PutKeyPolicy", request, at)


def _inline(at: timedelta, *statements: Object) -> Act:
    request = {"roleName": "app", "policyName": "use", "policyDocument": doc(*statements)}
    return _put("aws_iam_role_policy.use", "policy", doc(*statements), "iam", "PutRolePolicy", request, at)


def _managed(address: str, arn: str, at: timedelta, *statements: Object) -> Act:
    request = {"policyArn": arn, "policyDocument": doc(*statements), "setAsDefault": True}
    answer = {"policyVersion": {"versionId": "v2", "isDefaultVersion": True}}
    put = _put(address, "policy", doc(*statements), "iam", "CreatePolicyVersion", request, at)

    def act(estate: Estate, who: str) -> None:
        put(estate, who)
        estate.trail[-1]["responseElements"] = answer

    return act


def _default_version(estate: Estate, who: str) -> None:
    """Make an older version the default; that it once was made is on record."""
    old = {"policyArn": POLICY, "policyDocument": doc(_AUDIT), "setAsDefault": False}
    answer = {"policyVersion": {"versionId": "v1"}}
    estate.call("iam", "CreatePolicyVersion", old, who, at=FIRST - timedelta(days=1), responseElements=answer)
    estate.cloud["aws_iam_policy.use"]["policy"] = doc(_AUDIT)
    estate.call("iam", "SetDefaultPolicyVersion", {"policyArn": POLICY, "versionId": "v1"}, who)


def _tag(address: str, tags: Object, service: str, event: str, request: Object, at: timedelta) -> Act:
    return _put(address, "tags", tags, service, event, request, at)


def _annotate(name: str, change: Object | None, at: timedelta) -> Act:
    """Set annotations of a ServiceAccount, or take its role away."""

    def act(estate: Estate, who: str) -> None:
        notes = estate.objects["ServiceAccount", name]["metadata"]["annotations"]
        if change is None:
            del notes["eks.amazonaws.com/role-arn"]
        else:
            notes.update(change)
        estate.update("ServiceAccount", name, who, at=LOST + at)

    return act


def _redeploy(estate: Estate, who: str) -> None:
    estate.objects["Deployment", "checkout"]["spec"]["template"]["spec"]["serviceAccountName"] = "plain"
    estate.update("Deployment", "checkout", who)


def _mode(estate: Estate, who: str) -> None:
    estate.objects["Deployment", "checkout"]["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "b"
    estate.update("Deployment", "checkout", who, at=DECOY)


def _ecs(estate: Estate, who: str) -> None:
    task = _task(2, PLAIN)
    estate.cloud["aws_ecs_task_definition.billing"] = task
    estate.cloud["aws_ecs_service.billing"]["task_definition"] = task["arn"]
    registered = {"family": "billing", "taskRoleArn": PLAIN}
    estate.call("ecs", "RegisterTaskDefinition", registered, who, at=LOST - timedelta(seconds=2))
    estate.call("ecs", "UpdateService", {"service": "billing", "cluster": "main", "taskDefinition": "billing:2"}, who)


def _alias_again(estate: Estate, who: str) -> None:
    estate.cloud["aws_kms_alias.orders"]["target_key_id"] = OTHER_ID
    estate.call("kms", "DeleteAlias", {"aliasName": "alias/orders"}, who, at=LOST - timedelta(seconds=1))
    estate.call("kms", "CreateAlias", {"aliasName": "alias/orders", "targetKeyId": OTHER_ID}, who)


def _attach(policy: str, arn: str, at: timedelta) -> Act:
    request = {"roleName": "app", "policyArn": arn}
    value = {"id": f"app-{policy}", "role": "app", "policy_arn": arn}
    return _put(f"aws_iam_role_policy_attachment.{policy}", "", value, "iam", "AttachRolePolicy", request, at)


_ROLE_TAG = _tag(
    "aws_iam_role.app", {"team": "a", "cost": "2"}, "iam", "TagRole",
    {"roleName": "app", "tags": [{"key": "cost", "value": "2"}]}, _BEFORE,
)  # fmt: skip
_BOUND: Object = {"roleName": "app", "permissionsBoundary": LIMIT}
_STRICT: Object = {"id": "r-1:p-strict", "policy_id": "p-strict", "target_id": "r-1"}
_SCP, _SCP_AT = "aws_organizations_policy.guard", "aws_organizations_policy_attachment"
_ORG: Object = {"policyId": "p-spare", "targetId": "r-1"}
_ALIAS: Object = {"aliasName": "alias/orders", "targetKeyId": OTHER_ID}
_TENANT: Object = {"StringEquals": {"kms:EncryptionContext:tenant": "a"}}
_NETWORK: Object = {"StringEquals": {"aws:SourceVpce": "vpce-9"}}
_TEAM: Object = {"StringEquals": {"aws:ResourceTag/team": "a"}}
_MINE: Object = {"StringEquals": {"aws:PrincipalTag/team": "a"}}


def _decoy_alias(estate: Estate, who: str) -> None:
    estate.cloud["aws_kms_alias.other"]["target_key_id"] = KEY_ID
    estate.call("kms", "UpdateAlias", {"aliasName": "alias/other", "targetKeyId": KEY_ID}, who, at=DECOY)


def _decoy_scp(estate: Estate, who: str) -> None:
    estate.cloud["aws_organizations_policy.spare"] = {
        "id": "p-spare", "type": "SERVICE_CONTROL_POLICY", "name": "spare", "content": doc(_FREE)
    }  # fmt: skip
    estate.cloud[f"{_SCP_AT}.spare"] = {"id": "r-1:p-spare", "policy_id": "p-spare", "target_id": "r-1"}
    estate.call("organizations", "AttachPolicy", _ORG, who, at=DECOY)


def _disable(key: str, address: str, at: timedelta) -> Act:
    return _put(address, "is_enabled", False, "kms", "DisableKey", {"keyId": key}, at)


def _endpoint_policy(address: str, name: str, at: timedelta, *statements: Object) -> Act:
    request = {"ModifyVpcEndpointRequest": {"VpcEndpointId": name, "PolicyDocument": doc(*statements)}}
    return _put(address, "policy", doc(*statements), "ec2", "ModifyVpcEndpoint", request, at)


def _conditioned(statement: Object, condition: Object) -> Object:
    return {**statement, "Condition": condition}


_KEY, _SA = "aws_kms_key.orders", "ServiceAccount/shop/checkout"
_KEY_DECOY = _key_policy(_BEFORE, _ROOT, _DIRECT, _READERS)
_INLINE_DECOY = _inline(_BEFORE, _USE, _AUDIT, _FREE)
_IRSA = "/metadata/annotations/eks.amazonaws.com~1role-arn"
_ANNOTATED = _annotate("worker", {"team": "x"}, _BEFORE)


def _first(prepare: Act, act: Act) -> Act:
    """Only for conditions that were there all along: the first commit and reading have them too."""
    return _Prepared(prepare, act)


class _Prepared:
    """A change with what must hold before it."""

    def __init__(self, prepare: Act, act: Act) -> None:
        self.prepare = prepare
        self._act = act

    def __call__(self, estate: Estate, who: str) -> None:
        self._act(estate, who)


def _with_condition(condition: Object) -> Act:
    def prepare(estate: Estate, _: str) -> None:
        estate.cloud["aws_iam_role_policy.use"]["policy"] = doc(_conditioned(_USE, condition), _AUDIT)

    return prepare


_UNTAG = _tag(_KEY, {}, "kms", "UntagResource", {"keyId": KEY_ID, "tagKeys": ["team"]}, _NOW)
_RETAG = _tag(
    "aws_iam_role.app", {"team": "b", "cost": "2"}, "iam", "TagRole",
    {"roleName": "app", "tags": [{"key": "team", "value": "b"}]}, _NOW,
)  # fmt: skip
_OTHER_TAG = _tag(
    "aws_kms_key.other", {"team": "b"}, "kms", "TagResource",
    {"keyId": OTHER_ID, "tags": [{"tagKey": "team", "tagValue": "b"}]}, _BEFORE,
)  # fmt: skip


def _scenarios(path: int, *variants: tuple[str, Act, Act, str, str, str, str, str]) -> list[Scenario]:
    return [
        Scenario(path=path, name=name, lose=lose, decoy=decoy, blamed=blamed, field=field, via=via, service=s, target=t)
        for name, lose, decoy, blamed, field, via, s, t in variants
    ]


def _one(
    name: str, lose: Act, decoy: Act, blamed: str, field: str = "/values/policy", via: str = "managed",
    service: str = SERVICE, target: str = KEY,
) -> tuple[str, Act, Act, str, str, str, str, str]:  # fmt: skip
    return name, lose, decoy, blamed, field, via, service, target


_DETACH = _put(
    "aws_iam_role_policy_attachment.use", "", None, "iam", "DetachRolePolicy",
    {"roleName": "app", "policyArn": POLICY}, _NOW,
)  # fmt: skip
_DELETE_INLINE = _put(
    "aws_iam_role_policy.use", "", None, "iam", "DeleteRolePolicy", {"roleName": "app", "policyName": "use"}, _NOW
)
_REVOKE = _put("aws_kms_grant.g-1", "", None, "kms", "RevokeGrant", {"keyId": KEY, "grantId": "g-1"}, _NOW)
_REVOKE_OTHER = _put("aws_kms_grant.g-2", "", None, "kms", "RevokeGrant", {"keyId": KEY, "grantId": "g-2"}, _BEFORE)


def _retire(estate: Estate, who: str) -> None:
    """A retired grant is named beside the parameters, which are empty."""
    estate.cloud.pop("aws_kms_grant.g-1")
    resources = [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": KEY}]
    estate.call("kms", "RetireGrant", {}, who, resources=resources, additionalEventData={"grantId": "g-1"})


_BOUNDARY = _put("aws_iam_role.app", "permissions_boundary", LIMIT, "iam", "PutRolePermissionsBoundary", _BOUND, _NOW)


def _bounded(estate: Estate, _: str) -> None:
    estate.cloud["aws_iam_role.app"]["permissions_boundary"] = LIMIT
    estate.cloud["aws_iam_policy.limit"]["policy"] = doc(_ALL)


_NARROW_LIMIT = _managed("aws_iam_policy.limit", LIMIT, _NOW, _FREE)
_ATTACH_SCP = _put(
    f"{_SCP_AT}.strict", "", _STRICT, "organizations", "AttachPolicy", {"policyId": "p-strict", "targetId": "r-1"}, _NOW
)
_UPDATE_SCP = _put(
    _SCP, "content", doc(_ALL, _DENY), "organizations", "UpdatePolicy",
    {"policyId": "p-guard", "content": doc(_ALL, _DENY)}, _NOW,
)  # fmt: skip
_ENDPOINT_DECOY = _endpoint_policy("aws_vpc_endpoint.s3", "vpce-2", _BEFORE, _FREE)
_DELETION = _put(_KEY, "", None, "kms", "ScheduleKeyDeletion", {"keyId": KEY_ID, "pendingWindowInDays": 7}, _NOW)
_TURN = _put("aws_kms_alias.orders", "target_key_id", OTHER_ID, "kms", "UpdateAlias", _ALIAS, _NOW)
_DISTRUST = _put(
    "aws_iam_role.app", "assume_role_policy", _trust("ec2.amazonaws.com"), "iam", "UpdateAssumeRolePolicy",
    {"roleName": "app", "policyDocument": _trust("ec2.amazonaws.com")}, _NOW,
)  # fmt: skip
_DISSOCIATE = _put(
    "aws_eks_pod_identity_association.worker", "", None, "eks", "DeletePodIdentityAssociation",
    {"clusterName": "demo", "associationId": "a-1"}, _NOW,
)  # fmt: skip
_REASSOCIATE = _put(
    "aws_eks_pod_identity_association.worker", "role_arn", PLAIN, "eks", "UpdatePodIdentityAssociation",
    {"clusterName": "demo", "associationId": "a-1", "roleArn": PLAIN}, _NOW,
)  # fmt: skip
_FUNCTION = _put(
    "aws_lambda_function.notify", "role", PLAIN, "lambda", "UpdateFunctionConfiguration20150331v2",
    {"functionName": "notify", "role": PLAIN}, _NOW,
)  # fmt: skip
_WORKER = "shop/Deployment/worker"
_ALIASED = "alias/orders"
_DECOY_KEY = _disable(OTHER_ID, "aws_kms_key.other", _BEFORE)
_DECOY_VERSION = _managed("aws_iam_policy.spare", SPARE, _BEFORE, _FREE, _AUDIT)

SCENARIOS: Final[tuple[Scenario, ...]] = tuple(
    _scenarios(1, _one("key policy statement removed", _key_policy(_NOW, _ROOT, _READERS), _KEY_DECOY, _KEY, via="key"))
    + _scenarios(
        2,
        _one("grant revoked", _REVOKE, _REVOKE_OTHER, "aws_kms_grant.g-1", "", "grant"),
        _one("grant retired", _retire, _REVOKE_OTHER, "aws_kms_grant.g-1", "", "grant"),
    )
    + _scenarios(
        3,
        _one(
            "inline policy edited", _inline(_NOW, _AUDIT, _FREE), _INLINE_DECOY, "aws_iam_role_policy.use", via="inline"
        ),
        _one("inline policy deleted", _DELETE_INLINE, _INLINE_DECOY, "aws_iam_role_policy.use", via="inline"),
    )
    + _scenarios(4, _one("policy detached", _DETACH, _attach("spare", SPARE, _BEFORE), "attachment.use", ""))
    + _scenarios(
        5,
        _one("new version", _managed("aws_iam_policy.use", POLICY, _NOW, _AUDIT), _DECOY_VERSION, "aws_iam_policy.use"),
        _one("older version", _default_version, _DECOY_VERSION, "aws_iam_policy.use"),
    )
    + _scenarios(
        6,
        _one("boundary added", _BOUNDARY, _ROLE_TAG, "aws_iam_role.app", "/values/permissions_boundary"),
        _one("boundary narrowed", _first(_bounded, _NARROW_LIMIT), _ROLE_TAG, "aws_iam_policy.limit"),
    )
    + _scenarios(
        7,
        _one("organisation policy attached", _ATTACH_SCP, _decoy_scp, "attachment.strict", ""),
        _one("organisation policy changed", _UPDATE_SCP, _decoy_scp, _SCP, "/values/content"),
    )
    + _scenarios(
        8,
        _one(
            "endpoint policy tightened",
            _endpoint_policy("aws_vpc_endpoint.kms", "vpce-1", _NOW, _FREE),
            _ENDPOINT_DECOY,
            "aws_vpc_endpoint.kms",
        ),
    )
    + _scenarios(
        9,
        _one("key disabled", _disable(KEY_ID, _KEY, _NOW), _DECOY_KEY, _KEY, "/values/is_enabled"),
        _one("key to be deleted", _DELETION, _DECOY_KEY, _KEY, "/values/is_enabled"),
    )
    + _scenarios(
        10,
        _one("alias moved", _TURN, _decoy_alias, "aws_kms_alias.orders", "/values/target_key_id", target=_ALIASED),
        _one(
            "alias made again",
            _alias_again,
            _decoy_alias,
            "aws_kms_alias.orders",
            "/values/target_key_id",
            target=_ALIASED,
        ),
    )
    + _scenarios(
        11,
        _one("trust policy changed", _DISTRUST, _ROLE_TAG, "aws_iam_role.app", "/values/assume_role_policy"),
        _one("annotation removed", _annotate("checkout", None, _NOW), _ANNOTATED, _SA, _IRSA),
        _one("association deleted", _DISSOCIATE, _ROLE_TAG, "association.worker", "/values/role_arn", service=_WORKER),
        _one("association changed", _REASSOCIATE, _ROLE_TAG, "association.worker", "/values/role_arn", service=_WORKER),
    )
    + _scenarios(
        12,
        _one(
            "another service account",
            _redeploy,
            _mode,
            "Deployment/shop/checkout",
            "/spec/template/spec/serviceAccountName",
        ),
        _one(
            "another task definition",
            _ecs,
            _ROLE_TAG,
            "aws_ecs_service.billing",
            "/values/task_definition",
            service="aws_ecs_service.billing",
        ),
        _one(
            "another role of a function",
            _FUNCTION,
            _ROLE_TAG,
            "aws_lambda_function.notify",
            "/values/role",
            service="aws_lambda_function.notify",
        ),
    )
    + _scenarios(
        13,
        _one(
            "source network",
            _inline(_NOW, _conditioned(_USE, _NETWORK), _AUDIT, _FREE),
            _INLINE_DECOY,
            "aws_iam_role_policy.use",
            via="inline",
        ),
        _one(
            "encryption context",
            _key_policy(_NOW, _ROOT, _conditioned(_DIRECT, _TENANT), _READERS),
            _KEY_DECOY,
            _KEY,
            via="key",
        ),
        _one(
            "tag",
            _inline(_NOW, _conditioned(_USE, {"StringEquals": {"aws:ResourceTag/team": "b"}}), _AUDIT, _FREE),
            _INLINE_DECOY,
            "aws_iam_role_policy.use",
            via="inline",
        ),
    )
    + _scenarios(
        14,
        _one("tag of the key", _first(_with_condition(_TEAM), _UNTAG), _OTHER_TAG, _KEY, "/values/tags/team", "inline"),
        _one(
            "tag of the role",
            _first(_with_condition(_MINE), _RETAG),
            _ROLE_TAG,
            "aws_iam_role.app",
            "/values/tags/team",
            "inline",
        ),
    )
)
