"""One CloudTrail write to what it changes: resource, attribute, values. Follows the rules; keeps no history."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import unquote

from graph.document import ABSENT, Absent, Json, Object, pointer
from tools.adapters.cloudtrail_rules import ATTRIBUTES, KIND_OF_SERVICE, RESOURCE_PARAMETERS, RULES, Rule

_DATED: Final = re.compile(r"(?:20\d{6}(?:v\d+)?|20\d\d_\d\d_\d\d)$")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CREATES: Final = re.compile(r"(?:Create|Allocate|Register)([A-Z]\w*?)(?:20\d{6})?\Z")
_ARN_TYPES: Final = {"kms": "AWS::KMS::Key"}
_NO_MEMBERS: Final = frozenset({"clientToken", "clientRequestToken", "dryRun", "applyImmediately", "fullyQualifiedArn"})


class Write(NamedTuple):
    """One attribute that a call changed."""

    resource: str
    """Name, id or ARN; empty when the record names none."""
    kind: str
    path: str
    """JSON pointer into the document of a Terraform resource; empty for the resource as a whole."""
    before: Json | Absent
    """What the record itself says was there: only for what is removed."""
    after: Json | Absent
    is_entry: bool
    """Before and after are single entries of a collection, not its whole content."""


def writes(record: Object) -> Iterator[Write]:
    """Yield what a write event changed; one entry at least, tied to no resource when none is named."""
    service = str(record.get("eventSource", "")).partition(".")[0]
    event = _DATED.sub("", str(record.get("eventName", "")))
    request = _unwrapped(record.get("requestParameters"))
    rule = RULES.get(service, {}).get(event)
    if event in {"TagResource", "UntagResource", "TagRole", "UntagRole", "TagUser", "UntagUser", "TagPolicy"}:
        yield from _tags(record, service, request)
    elif rule is None:
        kind = KIND_OF_SERVICE.get(service, "infra")
        yield Write(_any_resource(record, service, request), kind, "", ABSENT, ABSENT, False)
    else:
        yield from _by_rule(rule, record, service, request)


def _by_rule(rule: Rule, record: Object, service: str, request: Object) -> Iterator[Write]:
    resource = _resource(rule, record, service, request)
    path = pointer("values", rule.attribute) if rule.attribute and not rule.whole else ""
    if rule.members:
        yield from _members(rule, resource, request)
        return
    if rule.constant is not None:
        yield Write(resource, rule.kind, path, not rule.constant, rule.constant, False)
        return
    value = parsed(request[rule.value]) if rule.value in request else ABSENT
    entries = _entries(rule, record, request, value)
    if entries is not None:
        for entry in entries:
            yield Write(resource, rule.kind, path, entry if rule.removes else ABSENT, _after(rule, entry), True)
        return
    is_entry = rule.removes and bool(rule.value)
    before = value if rule.removes else ABSENT
    yield Write(resource, rule.kind, path, before, ABSENT if rule.removes else value, is_entry)


def _after(rule: Rule, entry: Json) -> Json | Absent:
    return ABSENT if rule.removes else entry


def _entries(rule: Rule, record: Object, request: Object, value: Json | Absent) -> list[Json] | None:
    """Return the entries that an event adds to or removes from a collection; None when it sets a plain value."""
    if rule.attribute in {"managed_policy_arns", "targets"}:
        return [] if value is ABSENT else [value]
    if rule.attribute == "grants":
        # A retired grant is named beside the parameters, which are empty.
        named = {**(more if isinstance(more := record.get("additionalEventData"), dict) else {}), **request}
        return [{k: v for k, v in named.items() if k in {"grantId", "granteePrincipal", "operations"}}]
    if rule.attribute in {"ingress", "egress"}:
        return list(_security_rules(request)) or [{k: v for k, v in request.items() if k != "groupId"}]
    return None


def _security_rules(request: Object) -> Iterator[Json]:
    """Yield the rules of a security group in the shape that Terraform gives them."""
    permissions = _items(request.get("ipPermissions"))
    for permission in permissions:
        yield {
            "protocol": str(permission.get("ipProtocol", "")),
            "from_port": permission.get("fromPort", 0),
            "to_port": permission.get("toPort", 0),
            "cidr_blocks": [r.get("cidrIp") for r in _items(permission.get("ipRanges"))],
            "ipv6_cidr_blocks": [r.get("cidrIpv6") for r in _items(permission.get("ipv6Ranges"))],
            "prefix_list_ids": [r.get("prefixListId") for r in _items(permission.get("prefixListIds"))],
            "security_groups": [r.get("groupId") for r in _items(permission.get("groups"))],
        }


def _items(value: Json) -> list[Object]:
    """Unwrap the `{"items": [...]}` that CloudTrail puts around lists of EC2."""
    found = value.get("items") if isinstance(value, dict) else value
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _members(rule: Rule, resource: str, request: Object) -> Iterator[Write]:
    found = False
    for name, value in _attributes(request):
        if name in rule.resource or name in _NO_MEMBERS or value is None or value in ({}, ""):
            continue
        found = True
        path = pointer("values", ATTRIBUTES.get(name) or "_".join(_CAMEL.split(name)).lower())
        yield Write(resource, rule.kind, path, ABSENT, parsed(value), False)
    if not found:
        yield Write(resource, rule.kind, "", ABSENT, ABSENT, False)


def _attributes(request: Object) -> Iterator[tuple[str, Json]]:
    """Yield what a call sets: its parameters, those inside `attributes` (numbers as text) one by one."""
    for name, value in request.items():
        if name == "attributes" and isinstance(value, dict):
            for key, text in value.items():
                is_number = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19
                yield key, int(text) if is_number else text
        elif name == "attributeName" and isinstance(value, str):
            yield value, request.get("attributeValue")
        elif name != "attributeValue":
            yield name, value


def _tags(record: Object, service: str, request: Object) -> Iterator[Write]:
    resource = _any_resource(record, service, request)
    kind = KIND_OF_SERVICE.get(service, "infra")
    tags = request.get("tags")
    pairs = tags.items() if isinstance(tags, dict) else [_pair(tag) for tag in _items(tags)]
    for key, value in pairs:
        yield Write(resource, kind, pointer("values", "tags", str(key)), ABSENT, value, False)
    keys = request.get("tagKeys")
    for key in keys if isinstance(keys, list) else ():
        yield Write(resource, kind, pointer("values", "tags", str(key)), ABSENT, ABSENT, False)


def _pair(tag: Object) -> tuple[Json, Json]:
    lower = {key.lower().removeprefix("tag"): value for key, value in tag.items()}
    return lower.get("key"), lower.get("value")


def _resource(rule: Rule, record: Object, service: str, request: Object) -> str:
    """Name the resource: by the ARN that the record gives for it, else by the parameters of the call."""
    if rule.resource in {("keyId",)}:
        arn = _listed_arn(record, service)
        if arn:
            return arn
    parts = [request.get(name) for name in rule.resource]
    if all(isinstance(part, str) and part for part in parts):
        return ":".join(str(part) for part in parts)
    return _from_response(record, rule.resource[-1]) or _any_resource(record, service, request)


def _any_resource(record: Object, service: str, request: Object) -> str:
    created = _CREATES.match(str(record.get("eventName", "")))
    if created:
        # The parameters name what the new resource is made from or put into; the answer names the resource itself.
        noun = created[1].lower()
        found = _from_response(record, f"{noun}id") or _from_response(record, f"{noun}arn")
        if found or noun == "address":
            return found or _from_response(record, "allocationId")
    for name in RESOURCE_PARAMETERS.get(service, ()):
        if isinstance(request.get(name), str):
            return str(request[name])
    arn = _listed_arn(record, service)
    if arn:
        return arn
    for ending in ("Arn", "ARN", "arn", "Id", "Identifier", "Name", "name", "Url", "family", "service"):
        for name, value in request.items():
            if name.endswith(ending) and isinstance(value, str) and value and name not in _NO_MEMBERS:
                return value
    for name in ("resourceIdList", "resourcesSet", "instancesSet"):
        for item in _items(request.get(name)):
            for value in item.values():
                if isinstance(value, str):
                    return value
    return _from_response(record, "arn")


def _listed_arn(record: Object, service: str) -> str:
    for item in _items(record.get("resources")):
        arn, wanted = item.get("ARN"), _ARN_TYPES.get(service)
        if isinstance(arn, str) and (wanted is None or item.get("type") == wanted):
            return arn
    return ""


def _from_response(record: Object, name: str) -> str:
    """Find a text of this name (in any case) in the answer, one object deep."""
    response = record.get("responseElements")
    if not isinstance(response, dict):
        return ""
    for level in (response, *(v for v in response.values() if isinstance(v, dict))):
        for key, value in level.items():
            if isinstance(value, str) and (
                key.lower() == name.lower() or (name == "arn" and key.lower().endswith("arn"))
            ):
                return value
    return ""


def _unwrapped(request: Json) -> Object:
    """Return the parameters of a call; newer EC2 calls wrap them in one object named after the request."""
    if not isinstance(request, dict):
        return {}
    if len(request) == 1:
        name, inner = next(iter(request.items()))
        if name.endswith("Request") and isinstance(inner, dict):
            return {key[:1].lower() + key[1:]: value for key, value in inner.items()}
    return request


def parsed(value: Json) -> Json:
    """Return a policy document that stands as text, perhaps URL-encoded, as an object; any other value as it is.

    >>> parsed('{"Version": "2012-10-17"}')
    {'Version': '2012-10-17'}
    """
    if not isinstance(value, str):
        return value
    text = unquote(value) if value.lstrip().lower().startswith("%7b") else value
    if not text.lstrip().startswith("{"):
        return value
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return value
