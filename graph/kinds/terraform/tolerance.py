"""Differences of cloud resources that are no drift: fields that something else is meant to write, or that say
the same twice. Each rule answers for one difference and names itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from graph.document import Json, Object, pointer
from graph.finding import Verdict
from graph.kinds.lenient import entries, mapping, strings, text
from graph.kinds.terraform.three import Difference, is_nothing, path_of
from graph.version import Document

_CAPACITY = {
    "desired_capacity": ("min_size", "max_size"),
    "desired_size": ("min_size", "max_size"),
    "desired_count": ("min_capacity", "max_capacity"),
}
"""Counts that an autoscaler moves, and the bounds it moves them in (T15)."""

_SPLIT = {
    "aws_security_group_rule": ("security_group_id", ("ingress", "egress")),
    "aws_vpc_security_group_ingress_rule": ("security_group_id", ("ingress",)),
    "aws_vpc_security_group_egress_rule": ("security_group_id", ("egress",)),
    "aws_iam_role_policy_attachment": ("role", ("managed_policy_arns",)),
    "aws_iam_role_policy": ("role", ("inline_policy",)),
    "aws_route": ("route_table_id", ("route",)),
    "aws_network_acl_rule": ("network_acl_id", ("ingress", "egress")),
    "aws_network_acl_association": ("network_acl_id", ("subnet_ids",)),
    "aws_api_gateway_rest_api_policy": ("rest_api_id", ("policy",)),
    "aws_sqs_queue_policy": ("queue_url", ("policy",)),
    "aws_sns_topic_policy": ("arn", ("policy",)),
    "aws_kms_key_policy": ("key_id", ("policy",)),
    "aws_s3_bucket_policy": ("bucket", ("policy",)),
    "aws_s3_bucket_versioning": ("bucket", ("versioning",)),
    "aws_s3_bucket_acl": ("bucket", ("acl", "grant")),
    "aws_s3_bucket_logging": ("bucket", ("logging",)),
    "aws_s3_bucket_cors_configuration": ("bucket", ("cors_rule",)),
    "aws_s3_bucket_website_configuration": ("bucket", ("website", "website_domain", "website_endpoint")),
    "aws_s3_bucket_lifecycle_configuration": ("bucket", ("lifecycle_rule",)),
    "aws_s3_bucket_server_side_encryption_configuration": ("bucket", ("server_side_encryption_configuration",)),
    "aws_s3_bucket_replication_configuration": ("bucket", ("replication_configuration",)),
    "aws_s3_bucket_object_lock_configuration": ("bucket", ("object_lock_configuration",)),
}
"""Resources that hold a part of another one: attribute that names the whole, and the whole's own attributes (T12)."""

_LISTED = frozenset({"ingress", "egress", "managed_policy_arns", "inline_policy", "route"})
"""Attributes of the whole that list what several parts say; any other one is said by a single part."""

_VOLATILE = frozenset(
    {
        "last_modified",
        "last_modified_date",
        "last_updated",
        "last_updated_date",
        "latest_restorable_time",
        "source_code_hash_at",
        "version_id",
        "etag",
    }
)
"""Attributes that the provider computes anew by itself (T02)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the rules need to know of other resources."""

    parts: Mapping[tuple[str, str], list[Object]] = field(default_factory=dict)
    """(id of the whole, its attribute) to the attributes of the parts, over all facets"""
    scaled: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """`service/CLUSTER/NAME` to the bounds in which it is scaled"""


def surroundings(documents: Iterable[Document]) -> Surroundings:
    """Collect what the rules need from all facets of a stack."""
    parts: dict[tuple[str, str], list[Object]] = defaultdict(list)
    scaled: dict[str, tuple[float, float]] = {}
    for document in documents:
        values = mapping(document.body, "values")
        whole, attributes = _SPLIT.get(document.resource.kind, ("", ()))
        for attribute in attributes:
            if attribute == text(values, "type") or text(values, "type") not in ("ingress", "egress"):
                parts[text(values, whole), attribute].append(values)
        if document.resource.kind == "aws_appautoscaling_target":
            low, high = values.get("min_capacity"), values.get("max_capacity")
            if isinstance(low, int | float) and isinstance(high, int | float):
                scaled[text(values, "resource_id")] = (low, high)
    return Surroundings(parts=parts, scaled=scaled)


def tolerated(found: Difference, intended: Object, actual: Object, around: Surroundings) -> tuple[Verdict, str] | None:
    """Return the milder verdict of a difference and the rule that gives it, or None.

    Args:
        found: a difference of the resource.
        intended: body of the declared resource, or of the applied one where nothing is declared.
        actual: body of the live resource.
        around: from `surroundings`.
    """
    attribute = str(found.way[0])
    if found.verdict in (Verdict.REPRESENTATION_ONLY, Verdict.CONVERGED_BY_HAND):
        return None
    ignored = strings(intended.get("ignore_changes"))
    if "all" in ignored or any(_is_below(path_of(found.way), name) for name in ignored):
        return Verdict.EXPECTED_MUTATION, "T09"
    if _is_folded_tag(found, intended, actual):
        return Verdict.REPRESENTATION_ONLY, "T05"
    if attribute in _VOLATILE and path_of(found.way) not in strings(intended.get("relevant")):
        return Verdict.EXPECTED_MUTATION, "T02"
    if _is_scaled(found, actual, around):
        return Verdict.EXPECTED_MUTATION, "T15"
    if _is_said_by_part(found, intended, actual, around):
        return Verdict.REPRESENTATION_ONLY, "T12"
    return None


def _is_below(path: str, name: str) -> bool:
    """Whether a place is the one that `ignore_changes` names (`tags`, `tags["x"]`, `a[0].b`), or below it."""
    steps = name.replace('["', ".").replace('"]', "").replace("[", ".").replace("]", "").split(".")
    ignored = pointer("values", *steps)
    return path == ignored or path.startswith(ignored + "/")


def _is_folded_tag(found: Difference, intended: Object, actual: Object) -> bool:
    """`tags_all` repeats `tags` plus the defaults of the provider; `aws:` tags belong to the cloud."""
    if found.way[0] not in ("tags", "tags_all") or len(found.way) < 2:
        return False
    key = str(found.way[1])
    own = {**mapping(intended, "values", "tags"), **mapping(actual, "values", "tags")}
    return key.startswith("aws:") or (found.way[0] == "tags_all" and key in own)


def _is_scaled(found: Difference, actual: Object, around: Surroundings) -> bool:
    name = str(found.way[-1])
    if name not in _CAPACITY or found.verdict is not Verdict.OUT_OF_BAND_CHANGE:
        return False
    values = mapping(actual, "values")
    holder: Json = values
    for step in found.actual_way[:-1]:
        holder = holder[step]
    low_name, high_name = _CAPACITY[name]
    low, high = mapping(holder).get(low_name), mapping(holder).get(high_name)
    if name == "desired_count":
        cluster = text(values, "cluster").rpartition("/")[2]
        low, high = around.scaled.get(f"service/{cluster}/{text(values, 'name')}", (None, None))
    value = found.values.actual
    numbers = all(isinstance(v, int | float) for v in (low, high, value))
    return numbers and low <= value <= high


def _is_said_by_part(found: Difference, intended: Object, actual: Object, around: Surroundings) -> bool:
    """Whether a difference of a whole is one that its separately declared parts account for, and report themselves."""
    if text(actual, "type") in _SPLIT:
        # A part often goes by the name of its whole.
        return False
    attribute = str(found.way[0])
    values = {**mapping(actual, "values"), **mapping(intended, "values")}
    names = [n for n in (text(values, "id"), text(values, "name"), text(values, "arn"), text(values, "key_id")) if n]
    parts = [part for name in dict.fromkeys(names) for part in around.parts.get((name, attribute), [])]
    if not parts:
        return False
    if attribute not in _LISTED:
        return True
    entry = next((v for v in found.values if not is_nothing(v)), None)
    return len(found.way) == 2 and any(_is_same_entry(attribute, entry, part) for part in parts)


def _is_same_entry(attribute: str, entry: Json, part: Object) -> bool:
    if attribute == "managed_policy_arns":
        return bool(entry == part.get("policy_arn"))
    if not isinstance(entry, dict):
        return False
    if attribute == "inline_policy":
        return entry.get("name") == part.get("name")
    if attribute == "route":
        return any(entry.get(k) and entry.get(k) == part.get(f"destination_{k}") for k in ("cidr_block",))
    if "rule_no" in entry:
        return bool(entry.get("rule_no") == part.get("rule_number"))
    same_ports = all(_number(entry.get(k)) == _number(part.get(k)) for k in ("from_port", "to_port"))
    protocol = str(part.get("protocol") or part.get("ip_protocol") or "-1")
    return same_ports and str(entry.get("protocol")) == protocol and _peers(part) <= _peers(entry)


def _number(value: Json) -> Json:
    return 0 if value in (None, -1, "-1") else value


def _peers(rule: Object) -> set[str]:
    """Return everything that a rule in either shape admits."""
    lists = ("cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "security_groups")
    single = ("cidr_ipv4", "cidr_ipv6", "prefix_list_id", "source_security_group_id", "referenced_security_group_id")
    found = {v for name in lists for v in strings(rule.get(name))}
    return (
        found | {v for name in single for v in strings(rule.get(name)) if v} | ({"self"} if rule.get("self") else set())
    )


def is_made_by_cloud(body: Object) -> str:
    """Return the rule that says why an undeclared resource is nobody's change (T13, T14), or an empty text."""
    kind, values = text(body, "type"), mapping(body, "values")
    status = mapping(body, "status")
    if status.get("belongs_to"):
        return "T13"
    if status.get("is_default"):
        return "T14"
    tags = {**mapping(values, "tags"), **{text(tag, "key"): tag.get("value") for _, tag in entries(values, "tag")}}
    if any(key.startswith("aws:") for key in tags):
        # Nobody but a service of AWS can set such a tag: it made the resource, and answers for it.
        return "T13"
    if kind == "aws_elasticache_cluster" and values.get("replication_group_id"):
        return "T13"
    is_default = kind.startswith("aws_default_") or values.get("is_default") is True or values.get("default") is True
    is_default = is_default or (kind == "aws_security_group" and values.get("name") == "default")
    is_service_role = kind == "aws_iam_role" and text(values, "path").startswith("/aws-service-role/")
    is_main = kind == "aws_route_table" and any(a.get("main") for _, a in entries(values, "associations"))
    return "T14" if is_default or is_service_role or is_main else ""
