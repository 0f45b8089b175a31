"""One CloudTrail write to what it changes: resource, attribute, values. Follows the rules; keeps no history."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import unquote

from graph.document import ABSENT, Absent, Json, Object, pointer
from tools.adapters.cloudtrail_resources import resources_of
from tools.adapters.cloudtrail_rules import ATTRIBUTES, KIND_OF_SERVICE, RULES, Rule

_DATED: Final = re.compile(r"(?:20\d{6}(?:v\d+)?|20\d\d_\d\d_\d\d)$")
_TAGS: Final = re.compile(r"(?:Tag|Untag)(?=[A-Z])|(?:Add|Create|Delete|Put|Remove)(?:[A-Z]\w*)?Tag(?:s|ging)")
"""Calls that set or remove tags; services spell them in some twenty ways."""
_TAG_PARAMETERS: Final = ("tags", "tagset", "taglist", "tagstoadd", "tagging")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ARN_TYPES: Final = {"kms": "AWS::KMS::Key"}
_MEMBERSHIPS: Final = frozenset({"AddUserToGroup", "RemoveUserFromGroup"})
"""Calls that change what a group holds and what its member may do."""
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
    if _TAGS.match(event):
        yield from _tags(record, service, event, request)
    elif rule is None:
        kind = KIND_OF_SERVICE.get(service, "infra")
        for resource in _any_resources(record, service, request):
            yield Write(resource, kind, "", ABSENT, ABSENT, False)
    else:
        yield from _by_rule(rule, record, service, request)


def _by_rule(rule: Rule, record: Object, service: str, request: Object) -> Iterator[Write]:
    for resource in _resources(rule, record, service, request):
        yield from _of_resource(rule, resource, record, request)


def _of_resource(rule: Rule, resource: str, record: Object, request: Object) -> Iterator[Write]:
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


def _tags(record: Object, service: str, event: str, request: Object) -> Iterator[Write]:
    for resource in _any_resources(record, service, request):
        yield from _tags_of(resource, service, event, request)


def _tags_of(resource: str, service: str, event: str, request: Object) -> Iterator[Write]:
    kind = KIND_OF_SERVICE.get(service, "infra")
    pairs = list(_tag_pairs(request))
    is_removal = event.startswith(("Untag", "Delete", "Remove"))
    for key, value in pairs:
        after = ABSENT if is_removal else value
        yield Write(resource, kind, pointer("values", "tags", str(key)), ABSENT, after, False)
    keys = request.get("tagKeys")
    for key in keys if isinstance(keys, list) else ():
        yield Write(resource, kind, pointer("values", "tags", str(key)), ABSENT, ABSENT, False)
    if not pairs and not keys:
        yield Write(resource, kind, "", ABSENT, ABSENT, False)


def _tag_pairs(request: Object) -> Iterator[tuple[Json, Json]]:
    """Yield the tags of a call: a map, a list of pairs, or what the tagging document of S3 holds."""
    named = {name.lower(): value for name, value in request.items()}
    tags = next((named[name] for name in _TAG_PARAMETERS if name in named), None)
    for wrapper in ("TagSet", "tagSet", "Tag"):
        tags = tags[wrapper] if isinstance(tags, dict) and wrapper in tags else tags
    if isinstance(tags, dict) and "items" not in tags:
        if not {name.lower() for name in tags} & {"key", "tagkey"}:
            yield from tags.items()
            return
        tags = [tags]
    yield from (_pair(tag) for tag in _items(tags))


def _pair(tag: Object) -> tuple[Json, Json]:
    lower = {key.lower().removeprefix("tag"): value for key, value in tag.items()}
    return lower.get("key"), lower.get("value")


def _resources(rule: Rule, record: Object, service: str, request: Object) -> list[str]:
    """Name the resources: by the ARN that the record gives, by the parameters of the rule, else by convention."""
    if rule.resource in {("keyId",)}:
        arn = _listed_arn(record, service)
        if arn:
            return [arn]
    parts = [request.get(name) for name in rule.resource]
    if all(isinstance(part, str) and part for part in parts):
        return [":".join(str(part) for part in parts)]
    return _any_resources(record, service, request)


def _any_resources(record: Object, service: str, request: Object) -> list[str]:
    event = _DATED.sub("", str(record.get("eventName", "")))
    account = record.get("recipientAccountId")
    answer = _unwrapped(record.get("responseElements"))
    named = resources_of(service, event, request or _details(record), answer, "")
    if event in _MEMBERSHIPS and isinstance(member := request.get("userName"), str):
        named = [*named, member]
    listed = _listed_arn(record, service)
    if named:
        return named
    return [listed] if listed else resources_of(service, event, {}, None, account if isinstance(account, str) else "")


def _details(record: Object) -> Object:
    """Return what a service says of something it did by itself, which is no call and has no parameters."""
    found = record.get("serviceEventDetails") or record.get("additionalEventData")
    return found if isinstance(found, dict) and record.get("serviceEventDetails") else {}


def _listed_arn(record: Object, service: str) -> str:
    for item in _items(record.get("resources")):
        arn, wanted = item.get("ARN"), _ARN_TYPES.get(service)
        if isinstance(arn, str) and (wanted is None or item.get("type") == wanted):
            return arn
    return ""


def _unwrapped(request: Json) -> Object:
    """Return the parameters or the answer of a call; newer EC2 calls wrap them in one object named after it."""
    if not isinstance(request, dict):
        return {}
    if len(request) == 1:
        name, inner = next(iter(request.items()))
        if name.endswith(("Request", "Response")) and isinstance(inner, dict):
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
