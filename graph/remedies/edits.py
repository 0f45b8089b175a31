"""Turns "this field should hold that value" into edits of the actual object that can be checked and undone exactly.

An edit starts where the actual object still has something: a whole list when an element comes or goes, the whole
attribute when the field lies inside a JSON text, the first missing object when parents are missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graph.action import FieldEdit
from graph.document import ABSENT, Absent, Json, Object, get, pointer, put, tokens
from graph.remedies.locate import Place, locate


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One field and the value that it should hold."""

    path: str
    """JSON pointer into `source`"""
    value: Json | Absent
    """ABSENT: the field should not exist."""
    source: Object
    """The version of the object that `path` points into: the declared one, or the actual one for what is to go."""
    actual_path: str = ""
    """JSON pointer into the actual object, where it is already known; shorter than `path` when the actual object has
    nothing there and this is where that begins."""


def edits_for(actual: Object, wishes: Sequence[Wish]) -> tuple[FieldEdit, ...]:
    """Return the edits that fulfil the wishes on the actual object and change nothing else; none where all holds."""
    wanted = actual
    anchors: list[str] = []
    gone = [w.actual_path or w.path for w in wishes if w.value is ABSENT]
    for wish in sorted(wishes, key=lambda w: _order(actual, w)):
        if any((wish.actual_path or wish.path).startswith(path + "/") for path in gone):
            continue
        wanted, anchor = _apply(actual, wanted, wish)
        anchors.append(anchor)
    edits = []
    for anchor in _outermost(anchors):
        before, after = get(actual, anchor), get(wanted, anchor)
        if before != after:
            edits.append(FieldEdit(path=anchor, before=before, after=after))
    return tuple(edits)


def inside_text(document: Object, path: str) -> str | None:
    """Return the pointer of the string that `path` leads into (a policy document in an attribute), or None."""
    parts = tokens(path)
    for length in range(1, len(parts)):
        if isinstance(get(document, pointer(*parts[:length])), str):
            return pointer(*parts[:length])
    return None


def _order(actual: Object, wish: Wish) -> tuple[int, tuple[int, ...], str]:
    """Values first, then removals from the end of lists, then insertions from their start: so positions stay true."""
    path = (wish.actual_path or wish.path) if wish.value is ABSENT else wish.path
    positions = tuple(int(t) if t.isdigit() else 0 for t in tokens(path))
    if wish.value is ABSENT:
        return (1, tuple(-p for p in positions), path)
    return (2 if _place(actual, wish).missing else 0, positions, path)


def _place(document: Object, wish: Wish) -> Place:
    """Find the place of a wish in an actual object, by what is known of it or else by what names its elements."""
    if not wish.actual_path or get(document, wish.actual_path) is ABSENT:
        return locate(wish.source, document, wish.path)
    return Place(wish.actual_path, tokens(wish.path)[len(tokens(wish.actual_path)) :])


def _apply(actual: Object, wanted: Object, wish: Wish) -> tuple[Object, str]:
    """Fulfil one wish; returns the new object and the pointer at which the difference begins."""
    text = inside_text(wish.source, wish.path) or inside_text(actual, wish.actual_path or wish.path)
    if text is not None and (whole := get(wish.source, text)) is not ABSENT:
        return put(wanted, text, whole), text
    if wish.value is ABSENT:
        return _remove(wanted, wish.actual_path or locate(wish.source, wanted, wish.path).path)
    place = _place(wanted, wish)
    if not place.missing:
        return put(wanted, place.path, wish.value), place.path
    parent = get(wanted, place.path) if place.path else wanted
    if isinstance(parent, list):
        return _insert(wanted, place.path, parent, place.missing, wish), place.path
    anchor = place.path + pointer(place.missing[0])
    return put(wanted, place.path + pointer(*place.missing), wish.value), anchor


def _remove(wanted: Object, path: str) -> tuple[Object, str]:
    parts = tokens(path)
    parent = pointer(*parts[:-1])
    anchor = parent if isinstance(get(wanted, parent), list) else path
    return put(wanted, path, ABSENT), anchor


def _insert(wanted: Object, path: str, siblings: list[Json], missing: tuple[str, ...], wish: Wish) -> Object:
    """Put a missing element back at its declared position, whole even when the wish names a field of it."""
    element = wish.value
    if len(missing) > 1:
        depth = len(tokens(wish.path)) - len(missing) + 1
        element = get(wish.source, pointer(*tokens(wish.path)[:depth]))
    if element is ABSENT or element in siblings:
        return wanted
    index = min(int(missing[0]), len(siblings)) if missing[0].isdigit() else len(siblings)
    restored: Object = put(wanted, path, [*siblings[:index], element, *siblings[index:]])
    return restored


def _outermost(anchors: Sequence[str]) -> list[str]:
    """Drop pointers that lie below another one."""
    unique = list(dict.fromkeys(anchors))
    return [a for a in unique if not any(a != b and (a.startswith(b + "/") or b == "") for b in unique)]
