"""Which entries of two or three lists are the same entry. Knows nothing of verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from graph.document import Json
from graph.document import canonical as text_of

_IDENTITY = ("Sid", "name", "key", "id", "device_name", "origin_id", "rule_no", "sid", "path", "type")
"""Members that name an entry among its siblings, strongest first."""

_LIKENESS = 0.5
"""Two entries count as one that changed when at least half of their members are equal."""

Key = Callable[[Json], str]


class Row(NamedTuple):
    """Positions of one entry in the three lists; None where it is missing."""

    intended: int | None
    applied: int | None
    actual: int | None


def align(intended: Sequence[Json], applied: Sequence[Json], actual: Sequence[Json], *keys: Key) -> list[Row]:
    """Pair up the entries of three lists: equal ones first, then those that look like one entry that changed.

    Args:
        intended: the list whose order counts.
        applied: as it was applied.
        actual: as it is.
        keys: give equal texts for entries that are the same, strictest first; by default the entries as they stand.
    """
    keys = keys or (text_of,)
    to_applied, to_actual = _pair(intended, applied, keys), _pair(intended, actual, keys)
    rows = [Row(i, to_applied.get(i), to_actual.get(i)) for i in range(len(intended))]
    left = [i for i in range(len(applied)) if i not in to_applied.values()]
    rest = [i for i in range(len(actual)) if i not in to_actual.values()]
    beside = _pair([applied[i] for i in left], [actual[i] for i in rest], keys)
    rows += [Row(None, i, rest[beside[n]] if n in beside else None) for n, i in enumerate(left)]
    rows += [Row(None, None, i) for n, i in enumerate(rest) if n not in beside.values()]
    return rows


def _pair(base: Sequence[Json], other: Sequence[Json], keys: Sequence[Key]) -> dict[int, int]:
    """Map positions of `base` to positions of `other`, each used once."""
    pairs: dict[int, int] = {}
    for key in keys:
        free: dict[str, list[int]] = {}
        taken = {*pairs.values()}
        for position, entry in enumerate(other):
            if position not in taken:
                free.setdefault(key(entry), []).append(position)
        for position, entry in enumerate(base):
            same = free.get(key(entry)) if position not in pairs else None
            if same:
                # An equal entry at the same place is the same entry also when it stands there twice.
                pairs[position] = same.pop(same.index(position) if position in same else 0)
    left = [i for i in range(len(base)) if i not in pairs]
    rest = [i for i in range(len(other)) if i not in pairs.values()]
    scores = sorted(
        ((-_likeness(base[i], other[j]), i, j) for i in left for j in rest if _likeness(base[i], other[j]) > 0),
    )
    for _, i, j in scores:
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def _likeness(one: Json, other: Json) -> float:
    """Say how much two different entries look like the same one, 0 to 2."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return 0.0
    for member in _IDENTITY:
        if one.get(member) not in (None, "") and other.get(member) not in (None, ""):
            if one[member] == other[member]:
                return 2.0
            if member == "Sid":
                return 0.0
    members = {k for entry in (one, other) for k, v in entry.items() if v not in (None, "", [], {}, False)}
    if not members:
        return 1.0
    share = sum(_overlap(one.get(k), other.get(k)) for k in members) / len(members)
    return share if share >= _LIKENESS else 0.0


def _overlap(one: Json, other: Json) -> float:
    """Say how equal two members are: sets by the share of common entries, everything else fully or not at all."""
    if one == other:
        return 1.0
    if isinstance(one, list) or isinstance(other, list):
        a = {text_of(v) for v in (one if isinstance(one, list) else [one])}
        b = {text_of(v) for v in (other if isinstance(other, list) else [other])}
        return len(a & b) / len(a | b)
    return 0.0
