"""Which resources an AWS call acts on, by the naming conventions of the AWS APIs alone; no event is known by name.

The name of an operation is a verb and a noun (`DeleteNatGateway`); the noun, or a part of it, comes back in the
parameters that name the resource (`natGatewayId`), and in the answer when the call makes one. What has no such
parameter changes a setting of the account. See https://smithy.io/2.0/aws/ for the models behind the names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from graph.document import Json, Object

_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z]|\b)|[A-Z][a-z0-9]*|[A-Z]+[0-9]*|[0-9]+")
_PREFIXES: Final = frozenset({"Admin", "Batch", "Bulk"})
"""Words before the verb."""
_MAKES: Final = frozenset(
    {
        "Allocate",
        "Clone",
        "Copy",
        "Create",
        "Import",
        "Launch",
        "Provision",
        "Purchase",
        "Register",
        "Request",
        "Run",
        "Upload",
    }
)
"""Verbs of calls that make something: the answer names it, the parameters what it is made from."""
_TOWARDS: Final = frozenset({"To", "From", "With", "For", "Into", "In", "On"})
"""Words after which a name says what is acted on: `AddRoleToInstanceProfile`."""
_SUFFIXES: Final = ("arn", "arns", "id", "ids", "identifier", "identifiers", "name", "names", "url", "key", "number")
"""Endings of parameters that name something, best first."""
_WRAPPERS: Final = ("set", "list", "detail", "details", "info")
_BY_NAME: Final = ("name", "names", "arn", "arns", "id", "ids", "identifier", "identifiers", "url", "key", "number")
"""Order where made-up ids are not what others know a resource by, as in IAM."""
_OTHER_NAMES: Final = {
    "address": ("allocationid", "publicip"),
    "keypair": ("keyname", "keypairid"),
    "securitygroup": ("groupid", "groupname"),
    "snapshot": ("snapshotid",),
    "tag": ("resourcesset", "resourcearn", "resourceid", "resources"),
    "instances": ("instanceid",),
    "placementgroup": ("groupname",),
    "hostedzone": ("hostedzoneid",),
    "resourcerecordset": ("hostedzoneid",),
}
"""Nouns whose parameters have another name than they."""
_SECONDARY: Final = re.compile(
    r"(?:token|role|kms|key|version|account|request|caller|creator|catalog|client|document|subnet|vpc|policyname|"
    r"securitygroup|host|logs|topic|parent|permission|session|user|source(?!identifier)|statement)",
    re.IGNORECASE,
)
"""Parameters that mostly name what a resource is made with, not the resource."""
_CONTAINERS: Final = {"s3": ("bucketName", "bucket"), "sns": ("topicArn",), "sqs": ("queueUrl",), "events": ("rule",)}
"""Parameters that come before any other in services in which nearly every call is about one kind of thing."""
_NEVER: Final = re.compile(
    r"(?:token|ownerid|accountid|dryrun|callerreference|creatorrequestid|nexttoken|maxresults|maxitems|description|reason|comment|"
    r"apiversion|host|xmlns|requestid|recordformatversion)$|^_",
    re.IGNORECASE,
)
_NAMING: Final = ("arn", "id", "identifier", "name", "url", "key", "number", "prefix", "path")
_DEEPEST: Final = 4
_MOST: Final = 500
"""Resources of one call; batch calls of AWS take at most some hundred."""


def resources_of(service: str, event: str, request: Object, response: Json, account: str) -> list[str]:
    """Return the names, ids or ARNs of the resources that a call acts on, at least one.

    Args:
        service: first part of the event source, e.g. `ec2`.
        event: name of the operation, without a date.
        request: parameters, unwrapped.
        response: answer, or null.
        account: id of the account; named as the resource where a call changes a setting of the account itself.
    """
    verb, words = _parts(event)
    nouns = list(_nouns(words))
    for name in _CONTAINERS.get(service, ()):
        if isinstance(request.get(name), str) and request[name]:
            return [request[name]]
    suffixes = _BY_NAME if service in ("iam", "glue", "kinesis") else _SUFFIXES
    if verb in _MAKES and isinstance(response, dict):
        found = _by_noun(nouns, response, suffixes) or _by_bare_noun(nouns[:1], response, suffixes)
        if found:
            return found
    return (
        _by_noun(nouns, request, suffixes)
        or _by_beginning(nouns, request)
        or _by_convention(request)
        or _by_bare_noun(nouns, request, suffixes)
        or (_by_noun(nouns, response, suffixes) if isinstance(response, dict) else [])
        or (_by_convention(response) if isinstance(response, dict) else [])
        or ([f"arn:aws:iam::{account}:root"] if account else [])
    )


def _parts(event: str) -> tuple[str, list[str]]:
    words = _WORDS.findall(event)
    while len(words) > 2 and words[0] in _PREFIXES:
        words = words[1:]
    return (words[0], words[1:]) if words else ("", [])


def _nouns(words: list[str]) -> Iterator[str]:
    """Yield what a name may call its resource, best first, in lower case and singular."""
    seen: set[str] = set()
    towards = max((i for i, word in enumerate(words) if word in _TOWARDS and 0 < i < len(words) - 1), default=None)
    sides = [words[towards + 1 :], words[:towards]] if towards is not None else [words]
    for side in sides:
        ends = [side[:n] for n in range(len(side), 0, -1)] + [side[n:] for n in range(1, len(side))]
        for part in ends:
            noun = _singular("".join(part).lower())
            if noun not in seen:
                seen.add(noun)
                yield noun


def _singular(noun: str) -> str:
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    if noun.endswith(("sses", "xes", "ches")):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith(("ss", "us", "dns")) else noun


def _by_noun(nouns: Iterable[str], held: Object, suffixes: tuple[str, ...]) -> list[str]:
    """Follow a noun with an ending that names (`instanceId`), then a noun that holds one thing, then a wrapper."""
    members = {key.lower().replace("_", "").replace("-", ""): key for key in held}
    wanted = list(nouns)
    for noun in wanted:
        names = [f"{form}{suffix}" for suffix in suffixes for form in (noun, f"{noun}s")]
        names += _OTHER_NAMES.get(noun, ())
        names += [f"{name}{wrapper}" for name in names for wrapper in _WRAPPERS]
        names += [f"{form}{wrapper}" for form in (noun, f"{noun}s") for wrapper in _WRAPPERS]
        for name in names:
            if name in members and (found := _values(held[members[name]], noun, suffixes)):
                return found
    for noun in wanted:
        value = held.get(members.get(noun, ""))
        if isinstance(value, str | dict) and (found := _values(value, noun, suffixes)):
            return found
    return _inside(wanted, held, suffixes)


def _by_beginning(nouns: Iterable[str], held: Object) -> list[str]:
    """Follow a noun that begins a longer one: a route is named by its `routeTableId`."""
    for noun in nouns:
        for key, value in held.items():
            name = key.lower()
            if name.startswith(noun) and name.endswith(("id", "arn", "name", "identifier")) and not _NEVER.search(key):
                found = _values(value, noun, _SUFFIXES)
                if found:
                    return found
    return []


def _by_bare_noun(nouns: Iterable[str], held: Object, suffixes: tuple[str, ...]) -> list[str]:
    members = {key.lower(): key for key in held}
    for noun in nouns:
        for form in (noun, f"{noun}s", f"{noun}es"):
            if form in members and (found := _values(held[members[form]], noun, suffixes)):
                return found
    return []


def _inside(nouns: Iterable[str], held: Object, suffixes: tuple[str, ...], depth: int = 0) -> list[str]:
    """Look one object deeper, as answers wrap the resource in an object of its own or of the call."""
    if depth >= 2:
        return []
    wanted = list(nouns)
    for value in held.values():
        if isinstance(value, dict) and "items" not in value and (found := _by_noun_here(wanted, value, suffixes)):
            return found
    return []


def _by_noun_here(nouns: list[str], held: Object, suffixes: tuple[str, ...]) -> list[str]:
    members = {key.lower(): key for key in held}
    for noun in nouns:
        for suffix in suffixes:
            for name in (f"{noun}{suffix}", *_OTHER_NAMES.get(noun, ())):
                if name in members and (found := _values(held[members[name]], noun, suffixes)):
                    return found
    return []


def _values(value: Json, noun: str, suffixes: tuple[str, ...], depth: int = 0) -> list[str]:
    """Return the names in a value: a text, a list, what CloudTrail makes of lists, or an object that has a name."""
    if isinstance(value, str):
        return [value] if value and not value.startswith("{") else []
    if depth >= _DEEPEST or not value:
        return []
    if isinstance(value, list):
        return [name for entry in value[:_MOST] for name in _values(entry, noun, suffixes, depth + 1)]
    if not isinstance(value, dict):
        return [str(value)] if isinstance(value, int) and not isinstance(value, bool) else []
    for wrapper in ("items", "item", "member", "content"):
        if wrapper in value:
            return _values(value[wrapper], noun, suffixes, depth + 1)
    members = {key.lower(): key for key in value}
    own = [f"{noun}{suffix}" for suffix in suffixes]
    plain = [suffix for suffix in suffixes if suffix in _NAMING]
    others = [*_OTHER_NAMES.get(noun, ()), *(m for m in members if m.endswith(("id", "arn")) and not _NEVER.search(m))]
    for name in (*own, *plain, *others):
        if name in members and isinstance(value[members[name]], str) and value[members[name]]:
            return [value[members[name]]]
    return []


def _by_convention(held: Object) -> list[str]:
    """Return what is named at all: by a plain name, then by an ending, what resources are made with last."""
    members = {key: value for key, value in held.items() if not _NEVER.search(key)}
    for name in ("arn", "ARN", "Arn", "resourceArn", "resourceARN", "resourceId", "id", "Id", "name", "Name"):
        if name in members and (found := _values(members[name], "", _SUFFIXES)):
            return found
    primary = [key for key in members if not _SECONDARY.search(key)]
    for keys in (primary, [key for key in members if key not in primary]):
        if found := _by_ending(keys, members):
            return found
    for value in members.values():
        if isinstance(value, str) and value.startswith("arn:"):
            return [value]
    texts = [value for key in primary if isinstance(value := members[key], str) and value]
    return texts[:1]


def _by_ending(keys: list[str], members: Object) -> list[str]:
    for ending in _NAMING:
        for key in keys:
            bare = re.sub(r"(?:Set|List|Details?|s)$", "", key).lower()
            if bare.endswith(ending) and (found := _values(members[key], bare.removesuffix(ending), _SUFFIXES)):
                return found
    for key in keys:
        value = members[key]
        if isinstance(value, dict | list) and (found := _named_inside(value)):
            return found
    return []


def _named_inside(value: Json, depth: int = 0) -> list[str]:
    """Return the names that stand in the entries of a list or in an object, two objects deep."""
    if depth > 2:
        return []
    if isinstance(value, list):
        return [name for entry in value[:_MOST] for name in _named_inside(entry, depth)]
    if isinstance(value, dict):
        for wrapper in ("items", "item"):
            if wrapper in value:
                return _named_inside(value[wrapper], depth)
        for ending in ("arn", "id", "name"):
            for key, held in value.items():
                if key.lower().endswith(ending) and isinstance(held, str) and held and not _NEVER.search(key):
                    return [held]
        for held in value.values():
            if isinstance(held, dict | list) and (found := _named_inside(held, depth + 1)):
                return found
    return []
