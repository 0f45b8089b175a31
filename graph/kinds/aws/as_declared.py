"""A live AWS resource in the spelling and grouping of its declaration, where the two can only say the same apart.

Changes no meaning: what has no counterpart in the declaration stays as it was found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from graph.document import Json, Object
from graph.kinds.lenient import entries, mapping, strings

_PEERS: Final = ("cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "security_groups")
_REFERENCES: Final = frozenset({"cluster", "function_name", "role", "target_key_id", "task_definition"})
"""Attributes that name another resource by its name, or by its ARN."""


def as_declared(type: str, live: Object, declared: Object) -> Object:
    """Return live attributes, spelled and grouped as the declared ones.

    Args:
        type: Terraform type.
        live: attributes as they were found.
        declared: attributes of the state, the plan or the source.
    """
    values = dict(live)
    # The provider's own id is made of the identity by which both were found, and its form changes between versions.
    if declared.get("id"):
        values["id"] = declared["id"]
    for name in _REFERENCES & values.keys() & declared.keys():
        values[name] = _same_reference(values[name], declared[name])
    if "tags" in values:
        values.update(_tags(mapping(live, "tags"), declared))
    if change := _SHAPES.get(type):
        values.update(change(values, declared))
    return values


def last_part(name: str) -> str:
    """Return the name at the end of an ARN, and any other name as it is.

    >>> last_part("arn:aws:lambda:eu-west-1:1:function:orders"), last_part("arn:aws:kms:eu-west-1:1:key/a")
    ('orders', 'a')
    """
    return name.rpartition(":")[2].rpartition("/")[2] if name.startswith("arn:") else name


def _same_reference(live: Json, declared: Json) -> Json:
    if not isinstance(live, str) or not isinstance(declared, str) or not declared:
        return live
    is_same = live.endswith((f"/{declared}", f":{declared}")) or declared.endswith((f"/{live}", f":{live}"))
    return declared if live and is_same else live


def _tags(live: Object, declared: Object) -> Object:
    """Tell tags of the resource from those that the provider adds to all (T05); `aws:` tags belong to the cloud."""
    own = {key: value for key, value in live.items() if not key.startswith("aws:")}
    if "tags_all" not in declared:
        return {"tags": own}
    named, everywhere = mapping(declared, "tags"), mapping(declared, "tags_all")
    return {"tags": {k: v for k, v in own.items() if k in named or k not in everywhere}, "tags_all": own}


def _security_group(live: Object, declared: Object) -> Object:
    return {
        side: list(_regrouped(live.get(side), declared.get(side))) for side in ("ingress", "egress") if side in live
    }


Atom = tuple[str, str, str, str, str, str]


def _regrouped(live: Json, declared: Json) -> Iterator[Object]:
    """Yield live rules in the grouping of the declared ones: AWS merges and splits them by protocol and ports."""
    left: dict[Atom, Object] = {atom: rule for _, rule in entries(live) for atom in atoms(rule)}
    for _, rule in entries(declared):
        wanted = atoms(rule)
        held = [atom for atom in wanted if left.pop(atom, None) is not None]
        if held:
            yield {**rule, **_peers(held)}
    grouped: dict[tuple[str, ...], list[Atom]] = defaultdict(list)
    shown: dict[tuple[str, ...], Object] = {}
    for atom, rule in left.items():
        grouped[atom[:4]].append(atom)
        shown[atom[:4]] = rule
    for key, held in grouped.items():
        yield {**shown[key], **_peers(held)}


def atoms(rule: Object) -> list[Atom]:
    """Return what a rule admits, one entry for each peer: protocol, ports, description, kind of peer, peer."""
    protocol = str(rule.get("protocol") if rule.get("protocol") is not None else rule.get("ip_protocol") or "-1")
    is_all = protocol in ("-1", "all")
    ports = ("0", "0") if is_all else (_port(rule.get("from_port")), _port(rule.get("to_port")))
    head = ("-1" if is_all else protocol, *ports, str(rule.get("description") or ""))
    found = [(*head, kind, peer) for kind in _PEERS for peer in strings(rule.get(kind))]
    return [*found, (*head, "self", "")] if rule.get("self") else found


def _port(value: Json) -> str:
    return str(value if value is not None else 0)


def _peers(held: list[Atom]) -> Object:
    found: Object = {kind: [peer for *_, of, peer in held if of == kind] for kind in _PEERS}
    return {**found, "self": any(atom[4] == "self" for atom in held)}


def _database(live: Object, declared: Object) -> Object:
    """A declared version such as `14` stands for every `14.x` that the service runs."""
    wanted, runs = str(declared.get("engine_version") or ""), str(live.get("engine_version") or "")
    return {"engine_version": wanted} if wanted and runs.startswith(f"{wanted}.") else {}


_PROTOCOLS: Final = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}
"""https://www.iana.org/assignments/protocol-numbers, those that Terraform takes by name."""


def same_protocol(one: Json, other: Json) -> bool:
    """Whether two spellings, a name or a number, are of one protocol."""
    left, right = (str(value if value is not None else "-1").lower() for value in (one, other))
    return _PROTOCOLS.get(left, left) == _PROTOCOLS.get(right, right)


def _membership(live: Object, declared: Object) -> Object:
    """A membership declares some groups of a user; others are declared elsewhere or by nobody."""
    wanted = strings(declared.get("groups"))
    return {"groups": [g for g in strings(live.get("groups")) if g in wanted]}


def _event_rule(_: Object, declared: Object) -> Object:
    """Provider versions say by two attributes whether a rule is enabled; one of them is enough."""
    return {"is_enabled": declared.get("is_enabled")} if declared.get("state") else {"state": declared.get("state")}


def _target(_: Object, declared: Object) -> Object:
    """A target without a port of its own is registered with that of its group."""
    return {} if declared.get("port") else {"port": declared.get("port")}


_SHAPES: Final[dict[str, Callable[[Object, Object], Object]]] = {
    "aws_security_group": _security_group,
    "aws_default_security_group": _security_group,
    "aws_db_instance": _database,
    **dict.fromkeys(
        (
            *("aws_rds_cluster", "aws_rds_cluster_instance", "aws_docdb_cluster", "aws_docdb_cluster_instance"),
            *("aws_neptune_cluster", "aws_neptune_cluster_instance"),
            *("aws_elasticache_cluster", "aws_elasticache_replication_group"),
        ),
        _database,
    ),
    "aws_iam_user_group_membership": _membership,
    "aws_lb_target_group_attachment": _target,
    "aws_alb_target_group_attachment": _target,
    "aws_cloudwatch_event_rule": _event_rule,
    "aws_route53_record": lambda _, declared: {"name": declared["name"]} if declared.get("name") else {},
    "aws_lambda_permission": lambda _, declared: {n: declared[n] for n in ("id",) if n in declared},
}
