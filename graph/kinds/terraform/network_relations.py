"""Relations that security groups state: what a group guards, whom its rules admit, which rules belong to it."""

from __future__ import annotations

from collections.abc import Iterator

from graph.document import Json, Object, pointer
from graph.kinds.lenient import entries, leaves, strings, text
from graph.kinds.terraform.lookup import Lookup, values_of
from graph.relation import Relation, RelationType
from graph.version import Document

GROUP = "aws_security_group"
_RULES = ("aws_security_group_rule", "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")
_ACLS = ("aws_network_acl", "aws_default_network_acl")
_MEMBERSHIP = frozenset(
    {
        "vpc_security_group_ids",
        "security_group_ids",
        "security_groups",
        "cluster_security_group_id",
        "source_security_group",
    }
)
"""Attributes by which a resource joins a group, at any depth."""


def network_relations(lookup: Lookup) -> Iterator[Relation]:
    """Yield GUARDS from groups to members and from rules to groups, ALLOWS from groups and rules to admitted groups.

    `detail` of ALLOWS is protocol and ports, e.g. `tcp 5432`.
    """
    for document in lookup.documents:
        values = values_of(document)
        if document.resource.kind == GROUP:
            yield from _inline(document, values, lookup)
        elif document.resource.kind in _RULES:
            yield from _rule(document, values, lookup)
        elif document.resource.kind in _ACLS:
            yield from _subnets(document, values, lookup)
        else:
            yield from _members(document, values, lookup)


def _subnets(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    """A list of rules decides on what passes in and out of its subnets."""
    for position, name in enumerate(strings(values.get("subnet_ids"))):
        for subnet in lookup.named(name, "aws_subnet", "aws_default_subnet"):
            via = pointer("values", "subnet_ids", position)
            yield Relation(source=document.resource.uid, target=subnet, type=RelationType.GUARDS, via=via)


def _members(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    for way, value in leaves(values):
        name = next((step for step in reversed(way) if isinstance(step, str)), "")
        if name in _MEMBERSHIP and isinstance(value, str):
            for group in lookup.named(value, GROUP):
                via = f"{text(document.body, 'address')} {pointer('values', *way)}"
                yield Relation(source=group, target=document.resource.uid, type=RelationType.GUARDS, via=via)


def _inline(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    for index, rule in entries(values, "ingress"):
        for position, name in enumerate(strings(rule.get("security_groups"))):
            for uid in lookup.named(name, GROUP):
                yield Relation(
                    source=document.resource.uid,
                    target=uid,
                    type=RelationType.ALLOWS,
                    via=pointer("values", "ingress", index, "security_groups", position),
                    detail=ports(rule),
                )


def _rule(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    """A rule of its own acts on its group; an ingress rule also admits, in the group's name and in its own."""
    groups = lookup.named(text(values, "security_group_id"), GROUP)
    for group in groups:
        via = "/values/security_group_id"
        yield Relation(
            source=document.resource.uid, target=group, type=RelationType.GUARDS, via=via, detail=ports(values)
        )
    if text(values, "type") == "egress" or document.resource.kind.endswith("egress_rule"):
        return
    for attribute in ("source_security_group_id", "referenced_security_group_id"):
        for peer in lookup.named(text(values, attribute), GROUP):
            for source in (document.resource.uid, *groups):
                yield Relation(
                    source=source,
                    target=peer,
                    type=RelationType.ALLOWS,
                    via=f"{text(document.body, 'address')} /values/{attribute}",
                    detail=ports(values),
                )


def ports(rule: Object) -> str:
    """Return protocol and ports of a rule in either shape.

    >>> ports({"protocol": "tcp", "from_port": 5432, "to_port": 5432}), ports({"ip_protocol": "-1"})
    ('tcp 5432', 'all')
    """
    protocol = str(rule.get("protocol") or rule.get("ip_protocol") or "-1")
    low, high = _number(rule.get("from_port")), _number(rule.get("to_port"))
    if protocol in ("-1", "all"):
        return "all"
    return f"{protocol} {low}" if low == high else f"{protocol} {low}-{high}"


def _number(value: Json) -> str:
    return "0" if value is None else str(value)
