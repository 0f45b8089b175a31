"""The calls of the AWS APIs that give a fact about access a value.

Names of calls and parameters are those of the API models (https://github.com/boto/botocore/tree/develop/botocore/data).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from graph.access.fact import Fact, FactKind
from graph.document import ABSENT, Absent, Json, Object, canonical
from graph.kinds.lenient import mapping, strings, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of an AWS API."""

    service: str
    """As botocore names it, e.g. `kms`."""
    operation: str
    parameters: Object


class Owner(NamedTuple):
    """The resource that states a fact, or stated it last."""

    values: Object
    """Its attributes as Terraform names them."""
    is_gone: bool


def calls(fact: Fact, after: Json | Absent, owner: Owner) -> tuple[Call, ...]:
    """Return the calls that give a fact a value, in order; none where no AWS API can, such as for a Kubernetes object.

    Args:
        fact: what is to be set.
        after: its value; ABSENT takes it away.
        owner: the resource that states it now or did last.
    """
    build = _CALLS.get(fact.kind)
    return tuple(build(fact, after, owner)) if build else ()


_Build: TypeAlias = "Callable[[Fact, Json | Absent, Owner], list[Call]]"


def _text(document: Json | Absent) -> str:
    return canonical(document)


def _inline(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    named = {"RoleName": fact.subject, "PolicyName": fact.member}
    if after is ABSENT:
        return [Call(service="iam", operation="DeleteRolePolicy", parameters=named)]
    return [Call(service="iam", operation="PutRolePolicy", parameters={**named, "PolicyDocument": _text(after)})]


def _attached(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    operation = "DetachRolePolicy" if after is ABSENT else "AttachRolePolicy"
    parameters = {"RoleName": fact.subject, "PolicyArn": fact.member}
    return [Call(service="iam", operation=operation, parameters=parameters)]


def _boundary(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    named = {"RoleName": fact.subject}
    if after is ABSENT:
        return [Call(service="iam", operation="DeleteRolePermissionsBoundary", parameters=named)]
    return [
        Call(service="iam", operation="PutRolePermissionsBoundary", parameters={**named, "PermissionsBoundary": after})
    ]


def _trust(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    parameters = {"RoleName": fact.subject, "PolicyDocument": _text(after)}
    return [Call(service="iam", operation="UpdateAssumeRolePolicy", parameters=parameters)]


def _version(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    parameters = {"PolicyArn": fact.subject, "PolicyDocument": _text(after), "SetAsDefault": True}
    return [Call(service="iam", operation="CreatePolicyVersion", parameters=parameters)]


def _role_tag(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    named = {"RoleName": fact.subject}
    if after is ABSENT:
        return [Call(service="iam", operation="UntagRole", parameters={**named, "TagKeys": [fact.member]})]
    tags = [{"Key": fact.member, "Value": after}]
    return [Call(service="iam", operation="TagRole", parameters={**named, "Tags": tags})]


def _key_state(fact: Fact, after: Json | Absent, owner: Owner) -> list[Call]:
    named = {"KeyId": fact.subject}
    if after != "Enabled":
        return [Call(service="kms", operation="DisableKey", parameters=named)]
    # A key that waits for its deletion is disabled once that is cancelled; a disabled one refuses the first call.
    enable = Call(service="kms", operation="EnableKey", parameters=named)
    is_disabled = owner.values.get("is_enabled") is False or text(owner.values, "key_state") == "Disabled"
    return (
        [enable]
        if is_disabled and not owner.is_gone
        else [Call(service="kms", operation="CancelKeyDeletion", parameters=named), enable]
    )


def _key_policy(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    parameters = {"KeyId": fact.subject, "PolicyName": "default", "Policy": _text(after)}
    return [Call(service="kms", operation="PutKeyPolicy", parameters=parameters)]


def _key_tag(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    named = {"KeyId": fact.subject}
    if after is ABSENT:
        return [Call(service="kms", operation="UntagResource", parameters={**named, "TagKeys": [fact.member]})]
    tags = [{"TagKey": fact.member, "TagValue": after}]
    return [Call(service="kms", operation="TagResource", parameters={**named, "Tags": tags})]


def _grant(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    if not isinstance(after, dict):
        return [
            Call(service="kms", operation="RevokeGrant", parameters={"KeyId": fact.subject, "GrantId": fact.member})
        ]
    parameters: Object = {
        "KeyId": fact.subject,
        "GranteePrincipal": text(after, "grantee_principal"),
        "Operations": strings(after.get("operations")),
    }
    found = after.get("constraints")
    constraint = found[0] if isinstance(found, list) and found else found
    names = {
        "encryption_context_subset": "EncryptionContextSubset",
        "encryption_context_equals": "EncryptionContextEquals",
    }
    if limits := {names[k]: v for k, v in mapping(constraint).items() if k in names and v}:
        parameters["Constraints"] = limits
    for name, source in (("Name", "name"), ("RetiringPrincipal", "retiring_principal")):
        if text(after, source):
            parameters[name] = text(after, source)
    return [Call(service="kms", operation="CreateGrant", parameters=parameters)]


def _alias(fact: Fact, after: Json | Absent, owner: Owner) -> list[Call]:
    if after is ABSENT:
        return [Call(service="kms", operation="DeleteAlias", parameters={"AliasName": fact.subject})]
    operation = "CreateAlias" if owner.is_gone else "UpdateAlias"
    return [Call(service="kms", operation=operation, parameters={"AliasName": fact.subject, "TargetKeyId": after})]


def _organisation_target(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    operation = "DetachPolicy" if after is ABSENT else "AttachPolicy"
    parameters = {"PolicyId": fact.subject, "TargetId": fact.member}
    return [Call(service="organizations", operation=operation, parameters=parameters)]


def _organisation_policy(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    parameters = {"PolicyId": fact.subject, "Content": _text(after)}
    return [Call(service="organizations", operation="UpdatePolicy", parameters=parameters)]


def _endpoint(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    parameters: Object = {"VpcEndpointId": fact.subject}
    parameters |= {"ResetPolicy": True} if after is ABSENT else {"PolicyDocument": _text(after)}
    return [Call(service="ec2", operation="ModifyVpcEndpoint", parameters=parameters)]


def _association(fact: Fact, after: Json | Absent, owner: Owner) -> list[Call]:
    named: Object = {"clusterName": text(owner.values, "cluster_name")}
    if after is ABSENT:
        known = {**named, "associationId": fact.subject}
        return [Call(service="eks", operation="DeletePodIdentityAssociation", parameters=known)]
    if owner.is_gone:
        account = {
            k: text(owner.values, v) for k, v in (("namespace", "namespace"), ("serviceAccount", "service_account"))
        }
        again = {**named, **account, "roleArn": after}
        return [Call(service="eks", operation="CreatePodIdentityAssociation", parameters=again)]
    parameters = {**named, "associationId": fact.subject, "roleArn": after}
    return [Call(service="eks", operation="UpdatePodIdentityAssociation", parameters=parameters)]


def _task(fact: Fact, after: Json | Absent, owner: Owner) -> list[Call]:
    parameters: Object = {"service": fact.subject, "taskDefinition": after}
    if text(owner.values, "cluster"):
        parameters["cluster"] = text(owner.values, "cluster")
    return [Call(service="ecs", operation="UpdateService", parameters=parameters)]


def _function(fact: Fact, after: Json | Absent, _: Owner) -> list[Call]:
    parameters = {"FunctionName": fact.subject, "Role": after}
    return [Call(service="lambda", operation="UpdateFunctionConfiguration", parameters=parameters)]


_CALLS: Final[dict[FactKind, _Build]] = {
    FactKind.INLINE: _inline,
    FactKind.ATTACHED: _attached,
    FactKind.BOUNDARY: _boundary,
    FactKind.TRUST: _trust,
    FactKind.POLICY: _version,
    FactKind.ROLE_TAG: _role_tag,
    FactKind.KEY_STATE: _key_state,
    FactKind.KEY_POLICY: _key_policy,
    FactKind.KEY_TAG: _key_tag,
    FactKind.GRANT: _grant,
    FactKind.ALIAS: _alias,
    FactKind.ORGANISATION_TARGET: _organisation_target,
    FactKind.ORGANISATION_POLICY: _organisation_policy,
    FactKind.ENDPOINT_POLICY: _endpoint,
    FactKind.POD_IDENTITY: _association,
    FactKind.TASK: _task,
    FactKind.FUNCTION_ROLE: _function,
}
