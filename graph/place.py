"""The same place in two versions of a document: pointers that follow list items by their key instead of position.

An environment variable that moves from position 3 to 4 is still the same variable; a JSON policy kept as a string
is read as the document that it holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graph.document import ABSENT, Absent, Json, pointer, tokens
from graph.resource import Facet


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place in the live state of a resource: the value it had and the one it has."""

    uid: str
    path: str
    """JSON pointer into the actual object; empty for the whole resource."""
    before: Json | Absent
    after: Json | Absent
    frame: Facet = Facet.ACTUAL
    """Whose list positions `path` has: for what is gone from the actual object, those of the object that has it."""


_KEYS = ("name", "Sid", "key", "containerPort", "port", "mountPath", "devicePath", "ip", "topologyKey", "type")
"""Fields by which items of known lists are told apart, in order of preference."""


def opened(value: Json | Absent) -> Json | Absent:
    """Return the document inside a string that holds a JSON object or list; anything else unchanged."""
    if isinstance(value, str) and value[:1] in "{[" and len(value) > 1:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def read(body: Json | Absent, ptr: str) -> Json | Absent:
    """Return what `ptr` names in `body`, looking into JSON kept as text; ABSENT when the way is missing."""
    return read_tokens(body, tokens(ptr))


def read_tokens(body: Json | Absent, parts: Iterable[str]) -> Json | Absent:
    """Like `read`, for unescaped tokens."""
    value = opened(body)
    for token in parts:
        if isinstance(value, Mapping):
            value = value.get(token, ABSENT)
        elif isinstance(value, list) and token.isdigit() and int(token) < len(value):
            value = value[int(token)]
        else:
            return ABSENT
        value = opened(value)
    return value


def translate(ptr: str, here: Json | Absent, there: Json | Absent) -> str:
    """Rewrite list positions of `ptr`, which is valid in `here`, to those of the same items in `there`.

    An item that `there` does not have keeps a position past the end, so that reading it gives ABSENT. Items without a
    key are matched by equality, else by position.
    """
    out: list[str] = []
    left, right = opened(here), opened(there)
    for token in tokens(ptr):
        if isinstance(left, list) and token.isdigit() and int(token) < len(left):
            item = left[int(token)]
            token = str(_position(item, int(token), right) if isinstance(right, list) else int(token))
            left = opened(item)
        else:
            left = read_tokens(left, (token,))
        right = read_tokens(right, (token,))
        out.append(token)
    return pointer(*out)


def read_same(ptr: str, here: Json | Absent, there: Json | Absent) -> Json | Absent:
    """Return the value in `there` at the place that `ptr` names in `here`."""
    return read(there, translate(ptr, here, there))


def is_same(a: Json | Absent, b: Json | Absent) -> bool:
    """Whether two values are equal, JSON kept as text counted as what it holds."""
    return bool(opened(a) == opened(b))


def is_within(inner: str, outer: str) -> bool:
    """Whether the place `inner` lies at or under the place `outer`."""
    return inner == outer or outer == "" or inner.startswith(outer + "/")


def is_near(a: str, b: str) -> bool:
    """Whether one place contains the other, list positions left aside."""
    left, right = _unnumbered(a), _unnumbered(b)
    shorter = min(len(left), len(right))
    return left[:shorter] == right[:shorter]


def leaves(before: Json | Absent, after: Json | Absent, ptr: str = "") -> Iterable[str]:
    """Yield pointers to the smallest places in which two documents differ, in document order.

    Lists are compared item by item along `translate`; an added or a removed object is one place. Pointers are valid in
    `after`, or in `before` for what is gone.
    """
    left, right = opened(before), opened(after)
    if left == right:
        return
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for key in dict.fromkeys((*left, *right)):
            yield from leaves(left.get(key, ABSENT), right.get(key, ABSENT), ptr + pointer(key))
    elif isinstance(left, list) and isinstance(right, list) and _is_keyed(left, right):
        taken = set()
        for index, item in enumerate(right):
            twin = _position(item, index, left)
            taken.add(twin)
            yield from leaves(left[twin] if twin < len(left) else ABSENT, item, ptr + pointer(index))
        for index in range(len(left)):
            if index not in taken:
                yield ptr + pointer(index)
    else:
        yield ptr


def _is_keyed(*lists: list[Json]) -> bool:
    return all(isinstance(item, Mapping) for items in lists for item in items)


def _unnumbered(ptr: str) -> tuple[str, ...]:
    return tuple(t for t in tokens(ptr) if not t.isdigit())


def _position(item: Json, index: int, others: list[Json]) -> int:
    if isinstance(item, Mapping):
        for key in _KEYS:
            if isinstance(item.get(key), str | int):
                same = [i for i, o in enumerate(others) if isinstance(o, Mapping) and o.get(key) == item[key]]
                return _closest(same, index) if same else len(others)
    if item in others:
        return _closest([i for i, other in enumerate(others) if other == item], index)
    if isinstance(item, Mapping):
        return index if index < len(others) else len(others)
    return len(others)


def _closest(positions: list[int], index: int) -> int:
    return min(positions, key=lambda i: abs(i - index))
