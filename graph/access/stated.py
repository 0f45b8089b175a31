"""Which facts about access a document of Terraform or Kubernetes states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from graph.access.fact import Fact, FactKind, Stated, key_id, last_part
from graph.document import Json, Object, pointer
from graph.kinds.aws.canonical import parse
from graph.kinds.aws.kms import ENABLED
from graph.kinds.kubernetes.workloads import template_of
from graph.kinds.lenient import entries, mapping, strings, text
from graph.resource import Platform, Resource
from graph.version import Document

ROLE_ANNOTATION: Final = "eks.amazonaws.com/role-arn"
"""https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html"""


def stated(resource: Resource, body: Object) -> Iterator[Stated]:
    """Yield the facts of one document; nothing for a document that says nothing about access."""
    if resource.platform is Platform.KUBERNETES:
        yield from _kubernetes(resource, body)
    elif resource.platform is Platform.TERRAFORM and (read_type := _TYPES.get(resource.kind)):
        yield from read_type(resource, mapping(body, "values"))


def policy(value: Json) -> Json:
    """Return a policy document that may be text as an object; None when it is no JSON."""
    try:
        found = parse(value) if isinstance(value, str | dict) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found else None


def short_task(name: str) -> str:
    """Return FAMILY:REVISION of a task definition given by ARN, or the name as it is."""
    return last_part(name)


def _kubernetes(resource: Resource, body: Object) -> Iterator[Stated]:
    if resource.kind == "ServiceAccount":
        arn = mapping(body, "metadata", "annotations").get(ROLE_ANNOTATION)
        if isinstance(arn, str) and arn:
            path = pointer("metadata", "annotations", ROLE_ANNOTATION)
            yield Stated(Fact(FactKind.ANNOTATED_ROLE, resource.uid), arn, path)
    elif (workload := template_of(Document(resource=resource, body=body))) is not None:
        name = text(workload.spec, "serviceAccountName") or "default"
        yield Stated(Fact(FactKind.RUNS_AS, resource.uid), name, workload.path("serviceAccountName"))


def _document(fact: Fact, values: Object, attribute: str) -> Iterator[Stated]:
    if values.get(attribute) not in (None, ""):
        yield Stated(fact, policy(values[attribute]), pointer("values", attribute))


def _tags(kind: FactKind, subject: str, values: Object) -> Iterator[Stated]:
    attribute = "tags_all" if mapping(values, "tags_all") and not mapping(values, "tags") else "tags"
    for key, value in mapping(values, attribute).items():
        yield Stated(Fact(kind, subject, key), value, pointer("values", attribute, key))


def _role(_: Resource, values: Object) -> Iterator[Stated]:
    name = text(values, "name") or last_part(text(values, "arn"))
    yield Stated(Fact(FactKind.ROLE, name), text(values, "arn"), "")
    yield from _document(Fact(FactKind.TRUST, name), values, "assume_role_policy")
    if boundary := text(values, "permissions_boundary"):
        yield Stated(Fact(FactKind.BOUNDARY, name), boundary, "/values/permissions_boundary")
    for index, arn in enumerate(strings(values.get("managed_policy_arns"))):
        yield Stated(Fact(FactKind.ATTACHED, name, arn), True, pointer("values", "managed_policy_arns", index))
    for index, inline in entries(values, "inline_policy"):
        if text(inline, "name"):
            path = pointer("values", "inline_policy", index, "policy")
            yield Stated(Fact(FactKind.INLINE, name, text(inline, "name")), policy(inline.get("policy")), path)
    yield from _tags(FactKind.ROLE_TAG, name, values)


def _inline(_: Resource, values: Object) -> Iterator[Stated]:
    yield from _document(Fact(FactKind.INLINE, last_part(text(values, "role")), text(values, "name")), values, "policy")


def _attachment(_: Resource, values: Object) -> Iterator[Stated]:
    for role in (*strings(values.get("role")), *strings(values.get("roles"))):
        yield Stated(Fact(FactKind.ATTACHED, last_part(role), text(values, "policy_arn")), True, "")


def _managed(_: Resource, values: Object) -> Iterator[Stated]:
    yield from _document(Fact(FactKind.POLICY, text(values, "arn")), values, "policy")


def _key(_: Resource, values: Object) -> Iterator[Stated]:
    key = text(values, "key_id") or key_id(text(values, "arn"))
    yield Stated(Fact(FactKind.KEY, key), text(values, "arn"), "")
    state = text(values, "key_state")
    path = "/values/key_state" if state else "/values/is_enabled"
    yield Stated(
        Fact(FactKind.KEY_STATE, key),
        state or ("Disabled" if values.get("is_enabled") is False else ENABLED),
        path,
    )
    yield from _document(Fact(FactKind.KEY_POLICY, key), values, "policy")
    for index, grant in entries(values, "grants"):
        yield Stated(Fact(FactKind.GRANT, key, text(grant, "grant_id")), grant, pointer("values", "grants", index))
    yield from _tags(FactKind.KEY_TAG, key, values)


def _key_policy(_: Resource, values: Object) -> Iterator[Stated]:
    yield from _document(Fact(FactKind.KEY_POLICY, key_id(text(values, "key_id"))), values, "policy")


def _grant(_: Resource, values: Object) -> Iterator[Stated]:
    names = ("grantee_principal", "operations", "constraints", "name", "retiring_principal")
    grant = {name: values[name] for name in names if values.get(name)}
    yield Stated(Fact(FactKind.GRANT, key_id(text(values, "key_id")), text(values, "grant_id")), grant, "")


def _alias(_: Resource, values: Object) -> Iterator[Stated]:
    target = key_id(text(values, "target_key_id") or text(values, "target_key_arn"))
    yield Stated(Fact(FactKind.ALIAS, text(values, "name")), target, "/values/target_key_id")


def _organisation_policy(_: Resource, values: Object) -> Iterator[Stated]:
    kind = text(values, "type") or "SERVICE_CONTROL_POLICY"
    yield Stated(Fact(FactKind.ORGANISATION_TYPE, text(values, "id")), kind, "/values/type")
    yield from _document(Fact(FactKind.ORGANISATION_POLICY, text(values, "id")), values, "content")


def _organisation_target(_: Resource, values: Object) -> Iterator[Stated]:
    target = text(values, "target_id")
    yield Stated(Fact(FactKind.ORGANISATION_TARGET, text(values, "policy_id"), target), True, "")


def _organisation_member(_: Resource, values: Object) -> Iterator[Stated]:
    if parent := text(values, "parent_id"):
        yield Stated(Fact(FactKind.ORGANISATION_PARENT, text(values, "id")), parent, "/values/parent_id")


def _endpoint(_: Resource, values: Object) -> Iterator[Stated]:
    name = text(values, "id")
    value = {"service": text(values, "service_name"), "vpc": text(values, "vpc_id")}
    yield Stated(Fact(FactKind.ENDPOINT, name), value, "")
    yield from _document(Fact(FactKind.ENDPOINT_POLICY, name), values, "policy")


def _association(_: Resource, values: Object) -> Iterator[Stated]:
    name = text(values, "association_id") or text(values, "id")
    account = f"{text(values, 'namespace')}/{text(values, 'service_account')}"
    yield Stated(Fact(FactKind.POD_IDENTITY_OF, name), account, "/values/service_account")
    yield Stated(Fact(FactKind.POD_IDENTITY, name), text(values, "role_arn"), "/values/role_arn")


def _cluster(resource: Resource, values: Object) -> Iterator[Stated]:
    for _, network in entries(values, "vpc_config"):
        if text(network, "vpc_id"):
            yield Stated(Fact(FactKind.NETWORK, resource.uid), text(network, "vpc_id"), "/values/vpc_config")


def _task(_: Resource, values: Object) -> Iterator[Stated]:
    name = short_task(text(values, "arn")) or f"{text(values, 'family')}:{values.get('revision')}"
    yield Stated(Fact(FactKind.TASK_ROLE, name), text(values, "task_role_arn"), "/values/task_role_arn")


def _service(_: Resource, values: Object) -> Iterator[Stated]:
    task = short_task(text(values, "task_definition"))
    yield Stated(Fact(FactKind.TASK, text(values, "name")), task, "/values/task_definition")


def _function(resource: Resource, values: Object) -> Iterator[Stated]:
    yield Stated(Fact(FactKind.FUNCTION_ROLE, text(values, "function_name")), text(values, "role"), "/values/role")
    yield from _cluster(resource, values)


_TYPES: Final[dict[str, Callable[[Resource, Object], Iterator[Stated]]]] = {
    "aws_iam_role": _role,
    "aws_iam_role_policy": _inline,
    "aws_iam_role_policy_attachment": _attachment,
    "aws_iam_policy_attachment": _attachment,
    "aws_iam_policy": _managed,
    "aws_kms_key": _key,
    "aws_kms_replica_key": _key,
    "aws_kms_key_policy": _key_policy,
    "aws_kms_grant": _grant,
    "aws_kms_alias": _alias,
    "aws_organizations_policy": _organisation_policy,
    "aws_organizations_policy_attachment": _organisation_target,
    "aws_organizations_account": _organisation_member,
    "aws_organizations_organizational_unit": _organisation_member,
    "aws_vpc_endpoint": _endpoint,
    "aws_vpc_endpoint_policy": lambda _, v: _document(
        Fact(FactKind.ENDPOINT_POLICY, text(v, "vpc_endpoint_id")), v, "policy"
    ),
    "aws_eks_pod_identity_association": _association,
    "aws_eks_cluster": _cluster,
    "aws_ecs_task_definition": _task,
    "aws_ecs_service": _service,
    "aws_lambda_function": _function,
}
