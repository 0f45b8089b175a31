"""Walk three facets of one resource's attributes side by side and say at which places they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from graph.document import ABSENT, Json
from graph.document import canonical as text_of
from graph.finding import Verdict
from graph.kinds.aws import canonical as iam
from graph.kinds.terraform.align import Key, align
from graph.kinds.terraform.embedded import parsed
from graph.kinds.terraform.policy_meaning import RULE, meaning_of
from graph.kinds.terraform.policy_walk import policy_differences
from graph.kinds.terraform.three import Difference, Place, Three, difference, is_nothing, leaf

SETS = frozenset(
    {
        "alarm_actions",
        "aliases",
        "allowed_methods",
        "allowed_oauth_flows",
        "attribute",
        "availability_zone_ids",
        "availability_zones",
        "binary_media_types",
        "cached_methods",
        "cidr_blocks",
        "client_id_list",
        "cluster_members",
        "custom_error_response",
        "custom_header",
        "egress",
        "enabled_cloudwatch_logs_exports",
        "enabled_cluster_log_types",
        "events",
        "global_secondary_index",
        "grants",
        "groups",
        "ingress",
        "inline_policy",
        "ipv6_cidr_blocks",
        "layers",
        "load_balancer",
        "load_balancers",
        "managed_policy_arns",
        "member_clusters",
        "members",
        "ok_actions",
        "operations",
        "origin",
        "origin_ssl_protocols",
        "parameter",
        "prefix_list_ids",
        "propagating_vgws",
        "public_access_cidrs",
        "records",
        "requires_compatibilities",
        "resource_records",
        "roles",
        "route",
        "route_table_ids",
        "rule",
        "scopes",
        "security_group_ids",
        "security_groups",
        "source_security_group_ids",
        "subnet_ids",
        "subnets",
        "suspended_processes",
        "tag",
        "target_group_arns",
        "users",
        "volume",
        "vpc_security_group_ids",
        "vpc_zone_identifier",
    }
)
"""Attributes whose schema is a set in the big providers; state and plan print them as lists in any order (T07)."""


def differences(attribute: str, values: Three, identities: Mapping[str, str]) -> list[Difference]:
    """Return the places at and below one attribute at which the facets differ.

    Args:
        attribute: its name.
        values: its values; a missing one means the same as null.
        identities: ARN or id of a resource to its uid (T16).
    """
    place = Place(way=(attribute,), actual_way=(attribute,), attribute=attribute, identities=identities)
    return list(_walk(place, values))


def _walk(place: Place, values: Three) -> Iterator[Difference]:
    if text_of(values.intended) == text_of(values.applied) == text_of(values.actual):
        return
    held = Three(*(parsed(v) for v in values))
    if any(one is not other for one, other in zip(values, held, strict=True)) and not _is_mixed(held):
        yield from _inside_text(place, values, held)
    elif values.all_are(dict):
        for key in values.members():
            members = values.get(key)
            if place.is_block and members.intended is ABSENT:
                if members.applied is ABSENT:
                    continue
                members = members._replace(intended=members.applied)
            yield from _walk(place.member(key), members)
    elif values.all_are(list):
        yield from _entries(place, values)
    else:
        yield from leaf(place, values)


def _is_mixed(held: Three) -> bool:
    """Whether one facet has a text that holds no JSON where another one does."""
    return any(isinstance(v, str) and v for v in held)


def _inside_text(place: Place, values: Three, held: Three) -> Iterator[Difference]:
    """Compare JSON texts by what they hold (T06), IAM policies in canonical form."""
    is_policy = all(iam.is_policy(v) for v in held if not is_nothing(v))
    forms = held.each(lambda v: text_of(iam.canonical(v) if is_policy and not is_nothing(v) else v))
    if forms.intended == forms.applied == forms.actual:
        yield difference(place, values, Verdict.REPRESENTATION_ONLY, "T06")
    elif is_policy and held.all_are(dict):
        meaning = meaning_of(held)
        if meaning.are_all_same:
            yield difference(place, values, Verdict.REPRESENTATION_ONLY, RULE, note=meaning.note)
            return
        found = policy_differences(place, meaning.values)
        yield from (replace(d, rule=d.rule or "T06", note=meaning.note) for d in found)
    else:
        yield from (replace(d, rule=d.rule or "T06") for d in _walk(replace(place, in_text=True), held))


def _entries(place: Place, values: Three) -> Iterator[Difference]:
    """Compare lists entry by entry; entries that only moved are no difference in a set."""
    key = _key(place)
    keys = [[key(v) for v in entries] for entries in values]
    if keys[0] == keys[1] == keys[2]:
        for n, same in enumerate(zip(*values, strict=True)):
            yield from _walk(place.entry(n, n), Three(*same))
    elif sorted(keys[0]) == sorted(keys[1]) == sorted(keys[2]):
        if place.attribute in SETS:
            yield difference(place, values, Verdict.REPRESENTATION_ONLY, "T07")
        else:
            yield from leaf(place, values)
    elif _is_single_block(place, values):
        yield from _walk(place.entry(0, 0), Three(*(entries[0] for entries in values)))
    else:
        for row in align(values.intended, values.applied, values.actual, key):
            position = next(p for p in (row.intended, row.actual, row.applied) if p is not None)
            entry = (ABSENT if p is None else v[p] for v, p in zip(values, row, strict=True))
            yield from _walk(place.entry(position, row.actual), Three(*entry))


def _is_single_block(place: Place, values: Three) -> bool:
    """Whether each facet holds one block where the schema allows one only: that it differs makes it no other one."""
    is_alone = all(len(entries) == 1 and isinstance(entries[0], dict) for entries in values)
    return is_alone and not place.in_text and place.attribute not in SETS


def _key(place: Place) -> Key:
    """Return what makes entries equal: references by identity, blocks without the members that say nothing."""

    def key(value: Json) -> str:
        if isinstance(value, str):
            return place.identities.get(value, value)
        if isinstance(value, dict):
            said = {k: v for k, v in value.items() if v is not None and v not in ([], {}, "")}
            return text_of({k: sorted(v, key=text_of) if _is_set(k, v) else v for k, v in said.items()})
        return text_of(value)

    return key


def _is_set(attribute: str, value: Json) -> bool:
    return attribute in SETS and isinstance(value, list)
