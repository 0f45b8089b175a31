"""Pairing of list entries: by key where the type names one, else from both ends towards the middle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from graph.document import Json

Key = tuple[Json, ...]


class Pairing(NamedTuple):
    """Positions of entries that belong together, and of those that stand alone."""

    pairs: list[tuple[int, int]]
    only_x: list[int]
    only_y: list[int]


def pair_by_key(
    xs: Sequence[Json],
    ys: Sequence[Json],
    key_x: Sequence[Key],
    key_y: Sequence[Key],
    equal: Callable[[Json, Json], bool],
) -> Pairing:
    """Pair entries with equal keys. Duplicate keys pair as multisets: equal entries first, then in order (N13)."""
    places_x, places_y = _places(key_x), _places(key_y)
    pairs: list[tuple[int, int]] = []
    only_x: list[int] = []
    only_y = [j for key, js in places_y.items() if key not in places_x for j in js]
    for key, here in places_x.items():
        there = places_y.get(key, [])
        if len(here) == len(there) == 1:
            pairs.append((here[0], there[0]))
            continue
        left_x, left_y = list(here), list(there)
        for i in here:
            found = next((j for j in left_y if equal(xs[i], ys[j])), None)
            if found is not None:
                pairs.append((i, found))
                left_x.remove(i)
                left_y.remove(found)
        pairs += zip(left_x, left_y, strict=False)
        only_x += left_x[len(left_y) :]
        only_y += left_y[len(left_x) :]
    return Pairing(sorted(pairs), sorted(only_x), sorted(only_y))


def _places(keys: Sequence[Key]) -> dict[Key, list[int]]:
    places: dict[Key, list[int]] = defaultdict(list)
    for position, key in enumerate(keys):
        places[key].append(position)
    return places


def align(xs: Sequence[Json], ys: Sequence[Json], equal: Callable[[Json, Json], bool]) -> Pairing:
    """Pair entries by position: the common head and tail, and what lies between when it is equally long."""
    head = 0
    while head < min(len(xs), len(ys)) and equal(xs[head], ys[head]):
        head += 1
    tail = 0
    while tail < min(len(xs), len(ys)) - head and equal(xs[-1 - tail], ys[-1 - tail]):
        tail += 1
    middle_x, middle_y = range(head, len(xs) - tail), range(head, len(ys) - tail)
    if len(middle_x) == len(middle_y):
        return Pairing(list(zip(middle_x, middle_y, strict=True)), [], [])
    return Pairing([], list(middle_x), list(middle_y))


def match_anywhere(xs: Sequence[Json], ys: Sequence[Json], equal: Callable[[Json, Json], bool]) -> Pairing:
    """Pair equal entries wherever they stand; the rest is paired in order."""
    left = list(range(len(ys)))
    rest: list[int] = []
    for i, x in enumerate(xs):
        found = next((j for j in left if equal(x, ys[j])), None)
        if found is None:
            rest.append(i)
        else:
            left.remove(found)
    if len(rest) == len(left):
        return Pairing(list(zip(rest, left, strict=True)), [], [])
    return Pairing([], rest, left)
