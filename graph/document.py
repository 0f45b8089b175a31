"""JSON documents and RFC 6901 pointers into them. Knows nothing of any platform."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, list or dict with str keys."""

Object: TypeAlias = dict[str, Any]
"""A JSON object."""


class Absent(Enum):
    """Marks a place where a document has no value at all; None is JSON null."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = Absent.ABSENT


def pointer(*tokens: str | int) -> str:
    """Build an RFC 6901 JSON pointer.

    >>> pointer("metadata", "annotations", "a/b", 0)
    '/metadata/annotations/a~1b/0'
    """
    return "".join("/" + str(t).replace("~", "~0").replace("/", "~1") for t in tokens)


def tokens(ptr: str) -> tuple[str, ...]:
    """Split an RFC 6901 JSON pointer into its unescaped tokens.

    >>> tokens("/metadata/annotations/a~1b/0")
    ('metadata', 'annotations', 'a/b', '0')
    """
    if ptr == "":
        return ()
    return tuple(t.replace("~1", "/").replace("~0", "~") for t in ptr.removeprefix("/").split("/"))


def get(document: Json, ptr: str) -> Json | Absent:
    """Return the value that `ptr` names, or ABSENT when any step of the way is missing."""
    value = document
    for token in tokens(ptr):
        if isinstance(value, Mapping) and token in value:
            value = value[token]
        elif isinstance(value, list) and token.isdigit() and int(token) < len(value):
            value = value[int(token)]
        else:
            return ABSENT
    return value


def put(document: Json, ptr: str, value: Json | Absent) -> Json:
    """Return a copy of `document` with `value` at `ptr`; ABSENT removes it.

    Missing objects on the way are made. For a list, an index equal to its length or "-" appends.

    Raises:
        KeyError: the way leads through a scalar or past the end of a list.
    """
    parts = tokens(ptr)
    if not parts:
        return value
    return _put(document, parts, value)


def _put(node: Json, parts: Sequence[str], value: Json | Absent) -> Json:
    head, rest = parts[0], parts[1:]
    if isinstance(node, list):
        return _put_in_list(node, head, rest, value)
    if node is None or node is ABSENT:
        node = {}
    if not isinstance(node, Mapping):
        raise KeyError(head)
    copy = dict(node)
    if rest:
        copy[head] = _put(copy.get(head, ABSENT), rest, value)
    elif value is ABSENT:
        copy.pop(head, None)
    else:
        copy[head] = value
    return copy


def _put_in_list(node: list[Json], head: str, rest: Sequence[str], value: Json | Absent) -> Json:
    index = len(node) if head == "-" else int(head)
    if index > len(node):
        raise KeyError(head)
    items = list(node)
    if rest:
        if index == len(items):
            items.append(_put(ABSENT, rest, value))
        else:
            items[index] = _put(items[index], rest, value)
    elif value is ABSENT:
        del items[index]
    elif index == len(items):
        items.append(value)
    else:
        items[index] = value
    return items


def canonical(value: Json) -> str:
    """Serialise with sorted keys and no spaces, so that equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_jsonable)


def digest(value: Json) -> str:
    """SHA-256 of the canonical form, as 64 lower-case hex digits.

    JSON may escape lone surrogates, which have no UTF-8 form; they count as the three bytes that they would have.
    """
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


def _jsonable(value: object) -> object:
    if value is ABSENT:
        return {"$absent": True}
    raise TypeError(f"not a JSON value: {type(value).__name__}")
