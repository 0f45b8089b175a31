"""Read places of a document that may be missing or of another type than the platform says, without failing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graph.document import Json, Object


def mapping(document: Json, *keys: str) -> Object:
    """Return the object at the end of `keys`, or an empty one when it is missing or no object."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def entries(document: Json, *keys: str) -> list[tuple[int, Object]]:
    """Return the (position, object) pairs of the list at the end of `keys`; entries that are no object are left out."""
    found = mapping(document, *keys[:-1]).get(keys[-1]) if keys else document
    return [(i, e) for i, e in enumerate(found) if isinstance(e, dict)] if isinstance(found, list) else []


def text(document: Json, *keys: str) -> str:
    """Return the string at the end of `keys`, or an empty one."""
    found = mapping(document, *keys[:-1]).get(keys[-1])
    return found if isinstance(found, str) else ""


def strings(value: Json) -> list[str]:
    """Return a string as a list of one, a list as the strings in it, anything else as nothing."""
    if isinstance(value, str):
        return [value]
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def leaves(value: Json, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield (way, value) of every scalar below `value`, in order of appearance."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, (*at, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from leaves(child, (*at, index))
    else:
        yield at, value
