"""Values by place: the default of a field, the key of a list entry, and the same place in a third object."""

from __future__ import annotations

from collections.abc import Sequence

from graph.document import ABSENT, Absent, Json, Object, canonical
from graph.kinds.kubernetes.defaults import default
from graph.kinds.kubernetes.difference import Step
from graph.kinds.kubernetes.emptiness import is_unset
from graph.kinds.kubernetes.schema import Type


def locate(root: Object, steps: Sequence[Step]) -> Json | Absent:
    """Return the value of a third object at the same place; defaults count as values."""
    value: Json | Absent = root
    at = ""
    for step in steps:
        if step.name and isinstance(value, dict):
            value = value_or_default(step.kind, step.name, value, root, at)
            at = f"{at}/{step.name}"
        elif isinstance(value, list):
            value = _entry_of(value, step, root, at)
        else:
            return ABSENT
        if value is None or value is ABSENT:
            return ABSENT
    return value


def default_of(kind: Type, name: str, own: Object, root: Object, at: str) -> Json | Absent:
    """Return the default of a field: of a built-in type, or as the schema states it (N23)."""
    value = default(kind.name, name, own, root, at)
    return kind.told_default(name) if value is ABSENT and (not kind.name or name in kind.news) else value


def value_or_default(kind: Type, name: str, own: Object, root: Object, at: str) -> Json | Absent:
    """Return the value of a field, or its default when it has none."""
    value = own.get(name)
    if value is not None and not is_unset(value, kind.field(name), kind.name, name):
        return value
    filled = default_of(kind, name, own, root, at)
    return value if filled is ABSENT and value is not None else filled


def entry_key(kind: Type, entry: Object, root: Object, at: str) -> tuple[Json, ...]:
    """Return what identifies an entry of a list with keys; defaults count, so a port without protocol is TCP."""
    return tuple(_hashable(value_or_default(kind.item, name, entry, root, at)) for name in kind.keys)


def _entry_of(entries: list[Json], step: Step, root: Object, at: str) -> Json | Absent:
    if step.position >= 0:
        return entries[step.position] if step.position < len(entries) else ABSENT
    for entry in entries:
        if isinstance(entry, dict) and entry_key(step.kind, entry, root, at) == step.key:
            return entry
    return ABSENT


def _hashable(value: Json | Absent) -> Json:
    if value is ABSENT:
        return None
    return canonical(value) if isinstance(value, dict | list) else value
