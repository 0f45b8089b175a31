"""IAM: roles, users, groups, policies with what is attached to whom; keys of KMS with policies, grants and aliases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graph.document import Object
from tools.adapters.aws.calls import NOT_READ, Calls, Found, Way, each, shaped, tags, text

_ROLE: Final[dict[str, Way]] = {
    "id": "RoleName",
    "name": "RoleName",
    "arn": "Arn",
    "path": "Path",
    "unique_id": "RoleId",
    "description": "Description",
    "max_session_duration": "MaxSessionDuration",
    "assume_role_policy": text("AssumeRolePolicyDocument"),
    "permissions_boundary": "PermissionsBoundary.PermissionsBoundaryArn",
    "managed_policy_arns": each("AttachedManagedPolicies", "PolicyArn"),
    "inline_policy": lambda body: [
        {"name": p.get("PolicyName"), "policy": text("PolicyDocument")(p)} for p in body.get("RolePolicyList") or ()
    ],
    "tags": tags(),
}
_USER: Final[dict[str, Way]] = {
    "id": "UserName",
    "name": "UserName",
    "arn": "Arn",
    "path": "Path",
    "unique_id": "UserId",
    "permissions_boundary": "PermissionsBoundary.PermissionsBoundaryArn",
    "tags": tags(),
}
_GROUP: Final[dict[str, Way]] = {
    "id": "GroupName",
    "name": "GroupName",
    "arn": "Arn",
    "path": "Path",
    "unique_id": "GroupId",
}
_POLICY: Final[dict[str, Way]] = {
    "id": "Arn",
    "arn": "Arn",
    "name": lambda body: body["Arn"].rpartition("/")[2],
    "path": "Path",
    "policy_id": "PolicyId",
    "policy": text("document"),
    "description": "more.Policy.Description",
    "tags": tags("more.Policy.Tags"),
}
_PROFILE: Final[dict[str, Way]] = {
    "id": "InstanceProfileName",
    "name": "InstanceProfileName",
    "arn": "Arn",
    "path": "Path",
    "unique_id": "InstanceProfileId",
    "role": lambda body: next((r.get("RoleName") for r in body.get("Roles") or ()), ""),
    "tags": tags(),
}
_KEY: Final[dict[str, Way]] = {
    "id": "KeyId",
    "key_id": "KeyId",
    "arn": "Arn",
    "description": "Description",
    "key_usage": "KeyUsage",
    "customer_master_key_spec": lambda body: body.get("KeySpec") or body.get("CustomerMasterKeySpec"),
    "multi_region": "MultiRegion",
    "is_enabled": "Enabled",
    "enable_key_rotation": "rotation.KeyRotationEnabled",
    "policy": "policies.Policy",
    "grants": "grants",
    "tags": tags("tagged.Tags"),
}
_GRANT: Final[dict[str, Way]] = {
    "grant_id": "GrantId",
    "grantee_principal": "GranteePrincipal",
    "retiring_principal": "RetiringPrincipal",
    "name": "Name",
    "operations": "Operations",
    "constraints": lambda body: _constraints(body.get("Constraints") or {}),
}
_ALIAS: Final[dict[str, Way]] = {
    "id": "AliasName",
    "name": "AliasName",
    "arn": "AliasArn",
    "target_key_id": "TargetKeyId",
}


def identities(calls: Calls) -> Iterator[Found]:
    """Yield roles, users and groups with their policies: one paged call gives nearly all of it."""
    roles = {r["RoleName"]: r for r in calls.pages("iam", "list_roles", "Roles")}
    filters = ["User", "Role", "Group", "LocalManagedPolicy"]
    for page in calls.whole_pages("iam", "get_account_authorization_details", Filter=filters):
        for body in page.get("RoleDetailList") or ():
            merged = {**roles.get(body["RoleName"], {}), **body}
            yield Found("aws_iam_role", shaped(merged, _ROLE), {})
        for body in page.get("UserDetailList") or ():
            yield Found("aws_iam_user", shaped(body, _USER), {})
            yield from _held("user", body, body.get("UserName"), body.get("UserPolicyList"))
            yield Found(
                "aws_iam_user_group_membership",
                {"user": body.get("UserName"), "groups": body.get("GroupList") or []},
                {"is_part": True},
            )
        for body in page.get("GroupDetailList") or ():
            yield Found("aws_iam_group", shaped(body, _GROUP), {})
            yield from _held("group", body, body.get("GroupName"), body.get("GroupPolicyList"))
        for body in page.get("Policies") or ():
            yield _policy(calls, body)


def _held(holder: str, body: Object, name: Any, inline: Any) -> Iterator[Found]:
    """Yield what a user or group holds; unlike a role, it has no attribute of its own that lists them."""
    for attached in body.get("AttachedManagedPolicies") or ():
        values = {holder: name, "policy_arn": attached.get("PolicyArn")}
        yield Found(f"aws_iam_{holder}_policy_attachment", values, {})
    for policy in inline or ():
        values = {
            "id": f"{name}:{policy.get('PolicyName')}",
            holder: name,
            "name": policy.get("PolicyName"),
            "policy": text("PolicyDocument")(policy),
        }
        yield Found(f"aws_iam_{holder}_policy", values, {})


def _policy(calls: Calls, body: Object) -> Found:
    versions = body.get("PolicyVersionList") or []
    default = next((v for v in versions if v.get("IsDefaultVersion")), None)
    body["document"] = default.get("Document") if default else NOT_READ
    body["more"] = calls.part("iam", "get_policy", PolicyArn=body["Arn"])
    live = {
        "default_version": body.get("DefaultVersionId"),
        "versions": [v.get("VersionId") for v in versions],
        "attachments": body.get("AttachmentCount"),
    }
    return Found("aws_iam_policy", shaped(body, _POLICY), live)


def instance_profiles(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("iam", "list_instance_profiles", "InstanceProfiles"):
        name = body["InstanceProfileName"]
        # The list leaves tags out.
        answer = calls.part("iam", "get_instance_profile", InstanceProfileName=name)
        body["Tags"] = answer["InstanceProfile"].get("Tags") if answer else NOT_READ
        yield Found("aws_iam_instance_profile", shaped(body, _PROFILE), {})


def keys(calls: Calls) -> Iterator[Found]:
    for entry in calls.pages("kms", "list_keys", "Keys"):
        name = entry["KeyId"]
        described = calls.part("kms", "describe_key", "NotFoundException", KeyId=name)
        if described is NOT_READ:
            # A key policy may refuse the look; that the key exists is known all the same.
            yield Found("aws_kms_key", {"id": name, "key_id": name, "arn": entry["KeyArn"]}, {})
            continue
        if not described:
            continue
        body = described["KeyMetadata"]
        state = str(body.get("KeyState") or "")
        is_own = body.get("KeyManager") == "CUSTOMER"
        body["policies"] = calls.part("kms", "get_key_policy", KeyId=name, PolicyName="default")
        body["tagged"] = calls.part("kms", "list_resource_tags", KeyId=name)
        # Asymmetric, imported and unavailable keys can't be rotated.
        kept = ("UnsupportedOperationException", "KMSInvalidStateException")
        body["rotation"] = calls.part("kms", "get_key_rotation_status", *kept, KeyId=name) if is_own else {}
        grants = calls.listed("kms", "list_grants", "Grants", of="aws_kms_grant", KeyId=name) if is_own else []
        body["grants"] = NOT_READ if grants is NOT_READ else [shaped(g, _GRANT) for g in grants if not _is_of_cloud(g)]
        values = shaped(body, _KEY)
        if state not in ("Enabled", "Disabled"):
            values["key_state"] = state
        deletion = body.get("DeletionDate")
        live = {"key_state": state, "deletion_date": deletion.isoformat() if deletion else None}
        yield Found("aws_kms_key", values, live if is_own else {**live, "is_default": True})
        for grant in values.get("grants") or ():
            part = {**grant, "id": f"{name}:{grant['grant_id']}", "key_id": name}
            yield Found("aws_kms_grant", part, {"is_part": True})


def aliases(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("kms", "list_aliases", "Aliases"):
        values = shaped(body, _ALIAS)
        target = values.get("target_key_id")
        values["target_key_arn"] = calls.account.arn("kms", f"key/{target}") if target else ""
        is_default = str(values.get("name", "")).startswith("alias/aws/")
        yield Found("aws_kms_alias", values, {"is_default": True} if is_default else {})


def _is_of_cloud(grant: Object) -> bool:
    """Whether a service of AWS gave itself a grant for work that it does by itself; those come and go all day."""
    return any(
        str(grant.get(member, "")).endswith(".amazonaws.com")
        for member in ("GranteePrincipal", "IssuingAccount", "RetiringPrincipal")
    )


def _constraints(found: Object) -> list[Object]:
    names = {
        "encryption_context_equals": "EncryptionContextEquals",
        "encryption_context_subset": "EncryptionContextSubset",
    }
    entry = {name: found[member] for name, member in names.items() if found.get(member)}
    return [entry] if entry else []
