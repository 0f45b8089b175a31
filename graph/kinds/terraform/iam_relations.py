"""Relations that IAM states: roles and their policies, what policies grant, who assumes roles, whom resources admit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.document import Json, Object, pointer
from graph.kinds.aws.canonical import is_policy, principals_of
from graph.kinds.aws.permission import actions_of, resources_of
from graph.kinds.lenient import entries, leaves, strings, text
from graph.kinds.terraform.embedded import parsed
from graph.kinds.terraform.lookup import Lookup, values_of
from graph.relation import Relation, RelationType
from graph.version import Document

ROLE, POLICY = "aws_iam_role", "aws_iam_policy"
_HOLDERS = {"role": ROLE, "user": "aws_iam_user", "group": "aws_iam_group"}
_IDENTITY_POLICIES = (POLICY, "aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_group_policy")
_ATTACHMENTS = (
    "aws_iam_role_policy_attachment",
    "aws_iam_user_policy_attachment",
    "aws_iam_group_policy_attachment",
    "aws_iam_policy_attachment",
)
_RESOURCE_POLICIES = {
    "aws_kms_key_policy": "key_id",
    "aws_s3_bucket_policy": "bucket",
    "aws_sqs_queue_policy": "queue_url",
    "aws_sns_topic_policy": "arn",
    "aws_secretsmanager_secret_policy": "secret_arn",
    "aws_ecr_repository_policy": "repository",
}
"""Types that hold the policy of another resource, and the attribute that names it."""

_ROLE_ATTRIBUTES = re.compile(r"(?:^|_)role(?:_arn)?$|^iam_instance_profile$")

WILDCARD = 0.6
"""Confidence that a statement about every resource of a service is what gives access to one of them."""


def iam_relations(lookup: Lookup) -> Iterator[Relation]:
    """Yield HAS_POLICY, GRANTS_ON, ASSUMES, and ALLOWS of resource policies."""
    for document in lookup.documents:
        values, kind = values_of(document), document.resource.kind
        if kind in _IDENTITY_POLICIES:
            yield from _held(document, values, lookup)
            yield from _grants(document, values.get("policy"), "policy", lookup)
        elif kind in _ATTACHMENTS:
            yield from _attached(document, values, lookup)
        elif kind == ROLE:
            yield from _role(document, values, lookup)
        elif kind in _RESOURCE_POLICIES:
            owner = text(values, _RESOURCE_POLICIES[kind])
            for uid in lookup.named(owner):
                yield _relation(document, RelationType.GUARDS, uid, _RESOURCE_POLICIES[kind])
                yield from _admitted(document, uid, values.get("policy"), lookup)
        elif kind == "aws_kms_grant":
            yield from _kms_grant(document, values, lookup)
        else:
            yield from _admitted(document, document.resource.uid, values.get("policy"), lookup)
        if not kind.startswith("aws_iam_") or kind == "aws_iam_instance_profile":
            yield from _assumed(document, values, lookup)


def _relation(document: Document, kind: RelationType, target: str, *way: str | int, detail: str = "") -> Relation:
    via = pointer("values", *way)
    return Relation(source=document.resource.uid, target=target, type=kind, via=via, detail=detail)


def _held(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    """An inline policy names its holder; the holder depends on it."""
    for attribute, kind in _HOLDERS.items():
        for uid in lookup.named(text(values, attribute), kind):
            via = f"{text(document.body, 'address')} {attribute}"
            yield Relation(source=uid, target=document.resource.uid, type=RelationType.HAS_POLICY, via=via)


def _attached(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    """An attachment stands between holder and policy, and both ways are shown: the short one, and through it."""
    arn = text(values, "policy_arn")
    # A policy that is managed elsewhere is known by its ARN only.
    policies = lookup.named(arn, POLICY) or ([arn] if arn else [])
    for policy in policies:
        yield _relation(document, RelationType.HAS_POLICY, policy, "policy_arn")
    for attribute, kind in _HOLDERS.items():
        names = [*strings(values.get(attribute)), *strings(values.get(f"{attribute}s"))]
        for holder in (uid for name in names for uid in lookup.named(name, kind)):
            via = text(document.body, "address")
            yield Relation(source=holder, target=document.resource.uid, type=RelationType.HAS_POLICY, via=via)
            for policy in policies:
                yield Relation(source=holder, target=policy, type=RelationType.HAS_POLICY, via=via)


def _role(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    listed = strings(values.get("managed_policy_arns"))
    for index, arn in enumerate(listed):
        for uid in lookup.named(arn, POLICY) or [arn]:
            yield _relation(document, RelationType.HAS_POLICY, uid, "managed_policy_arns", index)
    for uid in lookup.named(text(values, "permissions_boundary"), POLICY):
        yield _relation(document, RelationType.HAS_POLICY, uid, "permissions_boundary", detail="boundary")
    for index, inline in entries(values, "inline_policy"):
        yield from _grants(document, inline.get("policy"), f"inline_policy/{index}/policy", lookup)
    yield from _admitted(
        document, document.resource.uid, values.get("assume_role_policy"), lookup, "assume_role_policy"
    )


def _grants(document: Document, policy: Json, attribute: str, lookup: Lookup) -> Iterator[Relation]:
    """Yield what the Allow statements of an identity policy name, with the actions."""
    for position, statement in _statements(policy):
        if str(statement.get("Effect", "")).lower() != "allow":
            continue
        actions = actions_of(statement)
        via = f"/values/{attribute}{position}"
        for pattern in resources_of(statement):
            if pattern == "*":
                yield from _grants_on_all(document, actions, via, lookup)
                continue
            for uid in lookup.arns(pattern):
                yield Relation(
                    source=document.resource.uid,
                    target=uid,
                    type=RelationType.GRANTS_ON,
                    via=via,
                    detail=",".join(actions),
                )


def _grants_on_all(document: Document, actions: list[str], via: str, lookup: Lookup) -> Iterator[Relation]:
    """A statement about `*` reaches the resources of the services that its actions name; `*:*` names none."""
    for service in dict.fromkeys(action.partition(":")[0].lower() for action in actions if ":" in action):
        own = [action for action in actions if action.lower().startswith(f"{service}:")]
        for uid in lookup.of_service(service):
            yield Relation(
                source=document.resource.uid,
                target=uid,
                type=RelationType.GRANTS_ON,
                via=via,
                detail=",".join(own),
                confidence=WILDCARD,
            )


def _admitted(
    document: Document, owner: str, policy: Json, lookup: Lookup, attribute: str = "policy"
) -> Iterator[Relation]:
    """Yield ALLOWS from a resource to the roles and users that its own policy names."""
    for position, statement in _statements(policy):
        if str(statement.get("Effect", "")).lower() != "allow":
            continue
        for name in principals_of(statement):
            # An assumed session is the role it comes from.
            role = re.sub(r":sts:(.*):assumed-role/([^/]+)/.*", r":iam:\1:role/\2", name)
            for uid in lookup.named(role, ROLE, "aws_iam_user"):
                if uid != owner:
                    yield Relation(
                        source=owner,
                        target=uid,
                        type=RelationType.ALLOWS,
                        via=f"{text(document.body, 'address')} /values/{attribute}{position}",
                        detail=",".join(actions_of(statement)),
                    )


def _kms_grant(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    for key in lookup.named(text(values, "key_id"), "aws_kms_key"):
        yield _relation(document, RelationType.REFERENCES, key, "key_id")
    for uid in lookup.named(text(values, "grantee_principal"), ROLE, "aws_iam_user"):
        operations = ",".join(f"kms:{name}" for name in strings(values.get("operations")))
        yield _relation(document, RelationType.ALLOWS, uid, "grantee_principal", detail=operations)


def _assumed(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    """Yield ASSUMES from whatever names a role in an attribute called like one, at any depth."""
    for way, value in leaves(values):
        name = next((step for step in reversed(way) if isinstance(step, str)), "")
        if isinstance(value, str) and value and _ROLE_ATTRIBUTES.search(name):
            kinds = ("aws_iam_instance_profile",) if name == "iam_instance_profile" else (ROLE,)
            for uid in lookup.named(value, *kinds):
                yield _relation(document, RelationType.ASSUMES, uid, *way)


def _statements(policy: Json) -> Iterator[tuple[str, Object]]:
    """Yield (pointer inside the policy, statement) of a policy text; nothing when it is none."""
    held = parsed(policy)
    if not is_policy(held):
        return
    if isinstance(held["Statement"], dict):
        yield "/Statement", held["Statement"]
    for index, statement in entries(held, "Statement"):
        yield pointer("Statement", index), statement
