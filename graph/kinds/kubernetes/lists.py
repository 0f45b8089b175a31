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


def pair_by_key(xs: Sequence[Json], ys: Sequence[Json], key_x: Sequence[Key], key_y: Sequence[Key]) -> Pairing:
    """Pair entries with equal keys. Duplicate keys pair as multisets: equal entries first, then in order (N13)."""
    waiting: dict[Key, list[int]] = defaultdict(list)
    for j, key in enumerate(key_y):
        waiting[key].append(j)
    pairs: list[tuple[int, int]] = []
    only_x: list[int] = []
    counted = {key: list(key_x).count(key) for key in {k for k, js in waiting.items() if len(js) > 1}}
    late: list[int] = []
    for i, key in enumerate(key_x):
        candidates = waiting.get(key)
        if not candidates:
            only_x.append(i)
        elif key in counted:
            equal = next((j for j in candidates if ys[j] == xs[i]), None)
            if equal is None:
                late.append(i)
            else:
                candidates.remove(equal)
                pairs.append((i, equal))
        else:
            pairs.append((i, candidates.pop(0)))
    for i in late:
        candidates = waiting[key_x[i]]
        if candidates:
            pairs.append((i, candidates.pop(0)))
        else:
            only_x.append(i)
    return Pairing(sorted(pairs), sorted(only_x), sorted(j for js in waiting.values() for j in js))


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
