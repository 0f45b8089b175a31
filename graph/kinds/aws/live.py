"""Live AWS resources under the names that Terraform gives them, so that three facets of one thing meet field by field.

What was found is joined with what is declared by ARN, id or the names that make up its identity (T16). A part that is
declared apart, such as an attached policy, is cut out of the live whole (T12). What no declaration claims stays under
a uid of its own, as unmanaged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from graph.document import Json, Object
from graph.kinds.aws.as_declared import as_declared, last_part
from graph.kinds.aws.parts import PARTS, Unread
from graph.kinds.lenient import mapping, text
from graph.kinds.terraform.document import document
from graph.resource import Platform
from graph.version import Document, Unreadable

SAME_TYPE: Final = {
    "aws_alb": "aws_lb",
    "aws_alb_listener": "aws_lb_listener",
    "aws_alb_listener_rule": "aws_lb_listener_rule",
    "aws_alb_target_group": "aws_lb_target_group",
    "aws_alb_target_group_attachment": "aws_lb_target_group_attachment",
    "aws_default_vpc": "aws_vpc",
    "aws_default_subnet": "aws_subnet",
    "aws_default_security_group": "aws_security_group",
    "aws_default_route_table": "aws_route_table",
    "aws_default_network_acl": "aws_network_acl",
    "aws_docdb_cluster": "aws_rds_cluster",
    "aws_docdb_cluster_instance": "aws_rds_cluster_instance",
    "aws_neptune_cluster": "aws_rds_cluster",
    "aws_neptune_cluster_instance": "aws_rds_cluster_instance",
    "aws_kms_external_key": "aws_kms_key",
    "aws_kms_replica_key": "aws_kms_key",
}
"""Terraform types that are another name for the same kind of thing."""

_KEYS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "aws_api_gateway_resource": (("rest_api_id", "id"),),
    "aws_api_gateway_method": (("rest_api_id", "resource_id", "http_method"),),
    "aws_api_gateway_integration": (("rest_api_id", "resource_id", "http_method"),),
    "aws_api_gateway_deployment": (("rest_api_id", "id"),),
    "aws_api_gateway_stage": (("rest_api_id", "stage_name"),),
    "aws_apigatewayv2_integration": (("api_id", "id"),),
    "aws_apigatewayv2_route": (("api_id", "id"),),
    "aws_apigatewayv2_stage": (("api_id", "name"),),
    "aws_appautoscaling_target": (("service_namespace", "resource_id", "scalable_dimension"),),
    "aws_db_instance": (("arn",), ("identifier",), ("resource_id",)),
    "aws_rds_cluster": (("arn",), ("cluster_identifier",), ("cluster_resource_id",)),
    "aws_rds_cluster_instance": (("arn",), ("identifier",), ("dbi_resource_id",)),
    "aws_elasticache_cluster": (("arn",), ("cluster_id",)),
    "aws_elasticache_replication_group": (("arn",), ("replication_group_id",)),
    "aws_organizations_policy_attachment": (("policy_id", "target_id"),),
    "aws_kms_key": (("arn",), ("key_id",)),
    "aws_kms_grant": (("key_id", "grant_id"),),
    "aws_ecs_task_definition": (("arn",),),
    "aws_iam_user_policy": (("user", "name"),),
    "aws_iam_group_policy": (("group", "name"),),
    "aws_iam_user_policy_attachment": (("user", "policy_arn"),),
    "aws_iam_group_policy_attachment": (("group", "policy_arn"),),
    "aws_iam_user_group_membership": (("user",),),
    "aws_lambda_permission": (("function_name", "statement_id"),),
    "aws_lambda_event_source_mapping": (("uuid",), ("id",)),
    "aws_cloudwatch_event_target": (("rule", "target_id", "event_bus_name"), ("rule", "target_id")),
    "aws_lb_target_group_attachment": (
        ("target_group_arn", "target_id", "port"),
        ("target_group_arn", "target_id"),
    ),
    "aws_volume_attachment": (("volume_id", "instance_id"),),
    "aws_route_table_association": (("id",), ("route_table_id", "subnet_id")),
    "aws_route53_record": (("zone_id", "name", "type", "set_identifier"), ("zone_id", "fqdn", "type"), ("id",)),
    "aws_s3_bucket": (("bucket",), ("arn",)),
    "aws_s3_bucket_public_access_block": (("bucket",),),
    "aws_sqs_queue": (("arn",), ("url",), ("id",), ("name",)),
}
"""Attributes that identify a resource of a type, best first; for all other types `_USUAL`."""
_USUAL: Final = (("arn",), ("id",), ("name",))

_NOT_UNIQUE: Final = frozenset(
    {
        *("aws_security_group", "aws_launch_template", "aws_route53_zone", "aws_eks_node_group"),
        *("aws_lb_listener_rule", "aws_api_gateway_rest_api", "aws_apigatewayv2_api"),
        *("aws_lambda_alias", "aws_organizations_account", "aws_organizations_organizational_unit"),
    }
)
"""Types of which several may have the same name in one account and region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveResource:
    """One resource as it was found, its attributes named and shaped as Terraform does."""

    type: str
    values: Object
    """Only what was read; an attribute that is missing was not looked at."""
    status: Object
    """What only the running system knows. `is_default`, `belongs_to` and `is_part` say why nobody declares it."""
    account: str
    region: str
    """Empty for what belongs to no region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What was looked at."""

    account: str
    regions: frozenset[str]
    types: frozenset[str]
    """Types that are read at all."""
    unread: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(type, region) to the reason why some or all of that type there are not known; region empty for global types."""


class Joined(NamedTuple):
    """The actual facet of an account."""

    documents: list[Document]
    unreadable: list[Unreadable]


def join(
    found: Sequence[LiveResource], declared: Iterable[Document], reach: Reach, *, stack: str, salt: bytes
) -> Joined:
    """Give live resources the uids and addresses of their declarations.

    Args:
        found: everything that was read.
        declared: applied and intended documents of Terraform; of one uid, the first one counts.
        reach: what was looked at; a declared resource beyond it is unreadable, never gone.
        stack: name of the stack under which unmanaged resources stand.
        salt: key of the hashes that replace sensitive values.
    """
    index = _Index(found)
    documents: list[Document] = []
    unreadable: list[Unreadable] = []
    claimed: set[int] = set()
    for one in _first_of_each(declared):
        answer = _live_twin(one, index, reach)
        if isinstance(answer, Unread):
            unreadable.append(Unreadable(where=one.resource.kind, reason=answer.reason, resource=one.resource))
        elif answer is not None:
            documents.append(_twin(one, answer, salt))
            claimed.add(id(answer))
    documents += [_unmanaged(live, stack, salt) for live in found if id(live) not in claimed and not _is_silent(live)]
    unreadable += list(_scopes(reach, stack))
    return Joined(documents, unreadable)


def unmanaged_scope(stack: str, account: str, region: str | None = None, type: str = "") -> str:
    """Return what the uids of unmanaged resources begin with: all of an account, or those of a region and type.

    >>> unmanaged_scope("shop", "123456789012", "eu-west-1", "aws_sqs_queue")
    'tf://shop/@123456789012/eu-west-1/aws_sqs_queue/'
    """
    head = f"tf://{stack}/@{account}/"
    return head if region is None else f"{head}{region or 'global'}/{type}/"


class _Index:
    """Live resources by type and identity."""

    def __init__(self, found: Iterable[LiveResource]) -> None:
        self._by_key: dict[tuple[Json, ...], list[LiveResource]] = defaultdict(list)
        for live in found:
            for names in _keys(live.type):
                if key := _key(live.type, names, live.values):
                    self._by_key[key].append(live)

    def find(self, type: str, values: Object, region: str) -> LiveResource | None:
        """Return the one resource that has the identity of these attributes."""
        for names in _keys(type):
            key = _key(type, names, values)
            same = self._by_key.get(key, []) if key else []
            if region and len(same) > 1:
                same = [live for live in same if live.region in ("", region)]
            if len(same) == 1:
                return same[0]
        return None


def _keys(type: str) -> tuple[tuple[str, ...], ...]:
    usual = _USUAL[:2] if type in _NOT_UNIQUE else _USUAL
    return _KEYS.get(type, usual)


def _key(type: str, names: tuple[str, ...], values: Object) -> tuple[Json, ...]:
    """Return the identity of a resource under some of its attributes; empty when one is not known."""
    parts = [values.get(name) for name in names]
    if any(part is None or (part == "" and name != "set_identifier") for part, name in zip(parts, names, strict=True)):
        return ()
    spelled = (
        last_part(str(p)) if n in ("function_name", "key_id") else str(p) for p, n in zip(parts, names, strict=True)
    )
    return (type, names, *(s.rstrip(".") for s in spelled))


def _first_of_each(declared: Iterable[Document]) -> Iterator[Document]:
    seen: set[str] = set()
    for one in declared:
        is_aws = one.resource.platform is Platform.TERRAFORM and one.resource.kind.startswith("aws_")
        if is_aws and not one.body.get("deposed") and one.resource.uid not in seen:
            seen.add(one.resource.uid)
            yield one


def _live_twin(one: Document, index: _Index, reach: Reach) -> LiveResource | Unread | None:
    """Return the live resource of a declaration; None when it is gone; Unread when nobody can say."""
    type, values = SAME_TYPE.get(one.resource.kind, one.resource.kind), mapping(one.body, "values")
    place = _place(values)
    if type in PARTS:
        return _part(type, values, index, reach)
    found = index.find(type, values, place.region)
    return found if found is not None else _why_missing(type, values, place, reach)


def _part(type: str, values: Object, index: _Index, reach: Reach) -> LiveResource | Unread | None:
    part = PARTS[type]
    whole = index.find(part.whole, part.identity(values), _place(values).region)
    if whole is None:
        return _why_missing(part.whole, part.identity(values), _place(values), reach)
    cut = part.cut(whole.values, values)
    if cut is None or isinstance(cut, Unread):
        return cut
    return LiveResource(type=type, values=cut, status={}, account=whole.account, region=whole.region)


class _Place(NamedTuple):
    account: str
    region: str


def _place(values: Object) -> _Place:
    """Return account and region of a declared resource, as far as its ARN tells."""
    parts = text(values, "arn").split(":")
    region = text(values, "region")
    return _Place(parts[4], parts[3] or region) if len(parts) > 5 else _Place("", region)


def _why_missing(type: str, values: Object, place: _Place, reach: Reach) -> Unread | None:
    """Return why a resource that was not found may exist all the same, or None when it is gone."""
    if type not in reach.types:
        return Unread(f"{type} is not among the types that are read from AWS")
    if place.account and place.account != reach.account:
        return Unread(f"it is in account {place.account}, and {reach.account} was read")
    if place.region and place.region not in reach.regions:
        return Unread(f"it is in region {place.region}, which is not read: add it to `regions` of the source")
    for (blind, region), reason in reach.unread.items():
        if blind == type and (not place.region or region in ("", place.region)):
            return Unread(reason)
    if not any(_key(type, names, values) for names in _keys(type)):
        return Unread("nothing says which live resource it is: give the state or a plan")
    return None


def _twin(one: Document, live: LiveResource, salt: bytes) -> Document:
    body = one.body
    values = as_declared(one.resource.kind, live.values, mapping(body, "values"))
    stack = one.resource.uid.removeprefix("tf://").partition("/")[0]
    return document(
        stack=stack,
        type=one.resource.kind,
        name=text(body, "name"),
        address=text(body, "address"),
        provider=text(body, "provider"),
        values=values,
        salt=salt,
        partial=True,
        status=live.status,
    )


def _unmanaged(live: LiveResource, stack: str, salt: bytes) -> Document:
    values = live.values
    names = next((k for names in _keys(live.type) if (k := _key(live.type, names, values))), ("", ""))
    name = str(values.get("name") or values.get("id") or "/".join(map(str, names[2:])))
    identity = str(values.get("id") or "/".join(map(str, names[2:])))
    scope = unmanaged_scope(stack, live.account, live.region, live.type)
    return document(
        stack=stack,
        type=live.type,
        name=name,
        address=f"{scope}{last_part(identity) if identity.startswith('arn:') else identity}".removeprefix(
            f"tf://{stack}/"
        ),
        provider="",
        values=values,
        salt=salt,
        partial=True,
        undeclared=True,
        status=live.status,
    )


def _is_silent(live: LiveResource) -> bool:
    """Whether an undeclared resource is only a part that its whole shows anyway."""
    return bool(live.status.get("is_part"))


def _scopes(reach: Reach, stack: str) -> Iterator[Unreadable]:
    """Say for each type and region that was refused that undeclared resources of it are not known."""
    for (type, region), reason in sorted(reach.unread.items()):
        where = f"{type} in {region or 'the account'} {reach.account}"
        scope = unmanaged_scope(stack, reach.account, region, type)
        yield Unreadable(where=where, reason=reason, scopes=(scope,))
