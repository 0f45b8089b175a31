"""Which lines differ between two versions of a text. Knows nothing of what they say."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

_MOST_COMPARED: Final = 4000
"""Lines between the common beginning and end that are compared with one another, which takes time in their square;
beyond that all of them count as changed."""


def changed_lines(old: str, new: str) -> frozenset[int]:
    """Return the numbers, from 1, of the lines of `new` that are not in `old`.

    >>> sorted(changed_lines("a\\nb\\nc", "a\\nx\\nb\\nc\\ny"))
    [2, 5]
    """
    left, right = old.splitlines(), new.splitlines()
    start = _common(left, right)
    end = _common(left[start:][::-1], right[start:][::-1])
    before, after = left[start : len(left) - end], right[start : len(right) - end]
    if len(before) + len(after) > _MOST_COMPARED:
        return frozenset(range(start + 1, start + len(after) + 1))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    same = {start + b + i + 1 for _, b, size in matcher.get_matching_blocks() for i in range(size)}
    return frozenset(n for n in range(start + 1, start + len(after) + 1) if n not in same)


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """Return how many lines two texts begin with alike."""
    differ = (i for i, (one, other) in enumerate(zip(left, right, strict=False)) if one != other)
    return next(differ, min(len(left), len(right)))
