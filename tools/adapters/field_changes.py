"""The places in which two versions of one object differ. Compares as written: it normalises nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from graph.document import ABSENT, Absent, Json, pointer

_ENTRY_KEYS: Final = (
    ("name",),
    ("mountPath",),
    ("containerPort", "protocol"),
    ("port", "protocol"),
    ("containerPort",),
    ("port",),
    ("devicePath",),
    ("topologyKey",),
    ("ip",),
    ("uid",),
    ("Sid",),
)
"""What names an entry of a list of objects, best first; used where it is unique in both versions."""
_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One place that differs."""

    path: str
    """JSON pointer; list positions are those of the new version, for what is gone those of the old one."""
    before: Json | Absent
    after: Json | Absent


def field_changes(before: Json | Absent, after: Json | Absent, *, at: _Path = ()) -> Iterator[FieldChange]:
    """Yield the differences between two documents, outermost first where a whole part came or went.

    Entries of lists of objects are matched by the key that names them; other lists differ as a whole, unless they hold
    the same number of objects.

    >>> [(c.path, c.before, c.after) for c in field_changes({"a": [1], "b": 2}, {"a": [1, 2], "b": 2})]
    [('/a', [1], [1, 2])]
    """
    if _is_same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(k for k in after if k not in before)]:
            yield from field_changes(before.get(key, ABSENT), after.get(key, ABSENT), at=(*at, key))
    elif isinstance(before, list) and isinstance(after, list) and (pairs := _pairs(before, after)) is not None:
        for index, old, new in pairs:
            yield from field_changes(old, new, at=(*at, index))
    else:
        yield FieldChange(path=pointer(*at), before=before, after=after)


def _is_same(before: Json | Absent, after: Json | Absent) -> bool:
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after  # Python holds 1 and True for equal; JSON does not.
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(_is_same(before[k], after[k]) for k in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_is_same, before, after))
    return bool(before == after)


def _pairs(before: list[Json], after: list[Json]) -> Sequence[tuple[int, Json | Absent, Json | Absent]] | None:
    """Match entries; None when nothing names them and their number differs."""
    if not all(isinstance(entry, Mapping) for entry in (*before, *after)) or not before or not after:
        return None
    for keys in _ENTRY_KEYS:
        old, new = _by_name(before, keys), _by_name(after, keys)
        if old is not None and new is not None:
            kept = [(i, before[old[name]] if name in old else ABSENT, after[i]) for name, i in new.items()]
            gone = [(i, before[i], ABSENT) for name, i in old.items() if name not in new]
            return [*kept, *gone]
    if len(before) == len(after):
        return [(i, old_entry, new_entry) for i, (old_entry, new_entry) in enumerate(zip(before, after, strict=True))]
    return None


def _by_name(entries: list[Json], keys: Sequence[str]) -> dict[tuple[Json, ...], int] | None:
    """Map the name of each entry to its position, or None when a name is missing, no scalar, or not unique."""
    names: dict[tuple[Json, ...], int] = {}
    for index, entry in enumerate(entries):
        name = tuple("TCP" if key == "protocol" and key not in entry else entry.get(key) for key in keys)
        if None in name or any(isinstance(part, (dict, list)) for part in name) or name in names:
            return None
        names[name] = index
    return names
