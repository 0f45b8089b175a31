"""Parts of AWS resources that Terraform may declare apart, cut out of the live whole (T12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from graph.document import Object
from graph.kinds.aws.as_declared import Atom, atoms, last_part, same_protocol
from graph.kinds.lenient import entries, strings, text


class Unread(NamedTuple):
    """Nobody can say, and why."""

    reason: str


Cut = Callable[[Object, Object], "Object | Unread | None"]
"""(attributes of the live whole, attributes of the declared part) to those of the live part; None when it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How one type is cut out of another."""

    whole: str
    """Terraform type of the whole."""
    names: Mapping[str, str]
    """Attribute of the part that names the whole, to the attribute of the whole that has this name."""
    cut: Cut

    def identity(self, values: Object) -> Object:
        """Return the attributes of the whole that a part names."""
        found: Object = {}
        for own, other in self.names.items():
            value = text(values, own)
            for attribute in other.split("|"):
                is_arn = value.startswith("arn:")
                if value and (attribute == "arn") == is_arn:
                    found[attribute] = value
                elif value and attribute in ("name", "key_id"):
                    found[attribute] = last_part(value)
        return found


def _same(attribute: str, *also: str) -> Cut:
    """Cut one attribute that whole and part have in common."""

    def cut(whole: Object, part: Object) -> Object | Unread | None:
        if attribute not in whole:
            return Unread(f"its {attribute} was refused")
        if whole[attribute] in (None, "", [], {}):
            return None
        return {**{name: part[name] for name in also if name in part}, attribute: whole[attribute]}

    return cut


def _attached(whole: Object, part: Object) -> Object | Unread | None:
    if "managed_policy_arns" not in whole:
        return Unread("the attached policies were refused")
    arn = text(part, "policy_arn")
    return {"role": part.get("role"), "policy_arn": arn} if arn in strings(whole["managed_policy_arns"]) else None


def _inline(whole: Object, part: Object) -> Object | Unread | None:
    if "inline_policy" not in whole:
        return Unread("the inline policies were refused")
    name = text(part, "name") or text(part, "id").partition(":")[2]
    for _, entry in entries(whole["inline_policy"]):
        if entry.get("name") == name:
            return {"role": part.get("role"), "name": name, "policy": entry.get("policy")}
    return None


def _rule(*sides: str) -> Cut:
    def cut(whole: Object, part: Object) -> Object | Unread | None:
        side = text(part, "type") if len(sides) > 1 else sides[0]
        held = {atom for _, rule in entries(whole.get(side)) for atom in atoms(rule)}
        rule = _as_inline(part, text(whole, "id"))
        present = [atom for atom in atoms(rule) if atom in held]
        if not present:
            return _described_otherwise(part, atoms(rule), held)
        values: Object = {name: part[name] for name in _RULE if name in part}
        for kind in ("cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids"):
            if isinstance(part.get(kind), list):
                values[kind] = [peer for *_, of, peer in present if of == kind]
        return values

    return cut


_RULE: Final[tuple[str, ...]] = (
    "type",
    "security_group_id",
    "protocol",
    "ip_protocol",
    "from_port",
    "to_port",
    "description",
    "self",
    "source_security_group_id",
    "referenced_security_group_id",
    "cidr_ipv4",
    "cidr_ipv6",
    "prefix_list_id",
    "cidr_blocks",
    "ipv6_cidr_blocks",
    "prefix_list_ids",
)


def _described_otherwise(part: Object, wanted: list[Atom], held: set[Atom]) -> Object | None:
    """Return the part with its live description, where a rule says the same under another one."""
    for atom in held:
        if any(atom[:3] == w[:3] and atom[4:] == w[4:] for w in wanted):
            return {**{name: part[name] for name in _RULE if name in part}, "description": atom[3]}
    return None


def _as_inline(part: Object, group: str) -> Object:
    """Return a rule that is declared apart in the shape of one that stands in its group."""
    peer = text(part, "source_security_group_id") or text(part, "referenced_security_group_id")
    return {
        "protocol": part.get("protocol") or part.get("ip_protocol"),
        "from_port": part.get("from_port"),
        "to_port": part.get("to_port"),
        "description": part.get("description"),
        "self": bool(part.get("self")) or peer == group,
        "cidr_blocks": [*strings(part.get("cidr_blocks")), *strings(part.get("cidr_ipv4"))],
        "ipv6_cidr_blocks": [*strings(part.get("ipv6_cidr_blocks")), *strings(part.get("cidr_ipv6"))],
        "prefix_list_ids": [*strings(part.get("prefix_list_ids")), *strings(part.get("prefix_list_id"))],
        "security_groups": [peer] if peer and peer != group else [],
    }


_DESTINATIONS: Final = {
    "destination_cidr_block": "cidr_block",
    "destination_ipv6_cidr_block": "ipv6_cidr_block",
    "destination_prefix_list_id": "destination_prefix_list_id",
}


def _route(whole: Object, part: Object) -> Object | Unread | None:
    wanted = next(((own, inner) for own, inner in _DESTINATIONS.items() if part.get(own)), None)
    if wanted is None:
        return Unread("its destination is not known")
    own, inner = wanted
    for _, route in entries(whole.get("route")):
        if route.get(inner) == part[own]:
            targets = {name: value for name, value in route.items() if name not in _DESTINATIONS.values()}
            return {"route_table_id": part.get("route_table_id"), own: part[own], **targets}
    return None


_ACL_RULE: Final = {
    "rule_action": "action",
    "cidr_block": "cidr_block",
    "ipv6_cidr_block": "ipv6_cidr_block",
    "from_port": "from_port",
    "to_port": "to_port",
    "icmp_type": "icmp_type",
    "icmp_code": "icmp_code",
}
"""Attribute of a rule that is declared apart, to that of one in its list."""


def _acl_rule(whole: Object, part: Object) -> Object | Unread | None:
    for _, entry in entries(whole.get("egress" if part.get("egress") else "ingress")):
        if entry.get("rule_no") == part.get("rule_number"):
            own: Object = {
                name: part[name] for name in ("network_acl_id", "rule_number", "egress", "protocol") if name in part
            }
            if not same_protocol(entry.get("protocol"), part.get("protocol")):
                own["protocol"] = entry.get("protocol")
            return {**own, **{name: entry.get(inner) for name, inner in _ACL_RULE.items() if name in part}}
    return None


def _acl_of_subnet(whole: Object, part: Object) -> Object | Unread | None:
    if text(part, "subnet_id") not in strings(whole.get("subnet_ids")):
        return None
    return {name: part[name] for name in ("network_acl_id", "subnet_id") if name in part}


def _versioning(whole: Object, part: Object) -> Object | Unread | None:
    if "versioning" not in whole:
        return Unread("the versioning of the bucket was refused")
    is_on = any(entry.get("enabled") for _, entry in entries(whole["versioning"]))
    declared = next((e for _, e in entries(part.get("versioning_configuration"))), {})
    off = declared.get("status") if declared.get("status") in ("Suspended", "Disabled") else "Suspended"
    configuration = {**declared, "status": "Enabled" if is_on else off}
    return {"bucket": part.get("bucket"), "versioning_configuration": [configuration]}


def _encryption(whole: Object, part: Object) -> Object | Unread | None:
    name = "server_side_encryption_configuration"
    if name not in whole:
        return Unread("the encryption of the bucket was refused")
    held = next((entry for _, entry in entries(whole[name])), None)
    return {"bucket": part.get("bucket"), "rule": held.get("rule")} if held else None


def _logging(whole: Object, part: Object) -> Object | Unread | None:
    if "logging" not in whole:
        return Unread("the logging of the bucket was refused")
    held = next((entry for _, entry in entries(whole["logging"])), None)
    return {"bucket": part.get("bucket"), **held} if held else None


def _part(whole: str, own: str, other: str, cut: Cut) -> Part:
    return Part(whole=whole, names={own: other}, cut=cut)


PARTS: Final[dict[str, Part]] = {
    "aws_iam_role_policy_attachment": _part("aws_iam_role", "role", "name", _attached),
    "aws_iam_role_policy": _part("aws_iam_role", "role", "name", _inline),
    "aws_security_group_rule": _part("aws_security_group", "security_group_id", "id", _rule("ingress", "egress")),
    "aws_vpc_security_group_ingress_rule": _part("aws_security_group", "security_group_id", "id", _rule("ingress")),
    "aws_vpc_security_group_egress_rule": _part("aws_security_group", "security_group_id", "id", _rule("egress")),
    "aws_route": _part("aws_route_table", "route_table_id", "id", _route),
    "aws_network_acl_rule": _part("aws_network_acl", "network_acl_id", "id", _acl_rule),
    "aws_network_acl_association": _part("aws_network_acl", "network_acl_id", "id", _acl_of_subnet),
    "aws_api_gateway_rest_api_policy": _part(
        "aws_api_gateway_rest_api", "rest_api_id", "id", _same("policy", "rest_api_id")
    ),
    "aws_vpc_endpoint_policy": _part("aws_vpc_endpoint", "vpc_endpoint_id", "id", _same("policy", "vpc_endpoint_id")),
    "aws_kms_key_policy": _part("aws_kms_key", "key_id", "key_id|arn", _same("policy", "key_id")),
    "aws_s3_bucket_policy": _part("aws_s3_bucket", "bucket", "bucket", _same("policy", "bucket")),
    "aws_s3_bucket_versioning": _part("aws_s3_bucket", "bucket", "bucket", _versioning),
    "aws_s3_bucket_server_side_encryption_configuration": _part("aws_s3_bucket", "bucket", "bucket", _encryption),
    "aws_s3_bucket_logging": _part("aws_s3_bucket", "bucket", "bucket", _logging),
    "aws_sqs_queue_policy": _part("aws_sqs_queue", "queue_url", "url", _same("policy", "queue_url")),
    "aws_sqs_queue_redrive_policy": _part("aws_sqs_queue", "queue_url", "url", _same("redrive_policy", "queue_url")),
    "aws_sns_topic_policy": _part("aws_sns_topic", "arn", "arn", _same("policy", "arn")),
    "aws_secretsmanager_secret_policy": _part(
        "aws_secretsmanager_secret", "secret_arn", "arn", _same("policy", "secret_arn")
    ),
}
"""Type of the part to how it is cut out."""
