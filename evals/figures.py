"""Shares and means with their intervals, and how far confidence can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from evals.scorers import Score

_Z = 1.959964
"""Of a 95 % interval."""
_BINS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0001)


class Summary(NamedTuple):
    """One figure over many cases."""

    name: str
    value: float
    n: int
    low: float
    high: float
    """95 % interval: Wilson's for shares, normal for means."""
    is_share: bool


class Bin(NamedTuple):
    """Cases whose confidence lies in one interval."""

    confidence: float
    """Mean of the bin."""
    right: float
    """Share that was right."""
    n: int


def wilson(hits: float, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    if n == 0:
        return 0.0, 1.0
    centre = (hits + _Z * _Z / 2) / (n + _Z * _Z)
    spread = _Z / (n + _Z * _Z) * math.sqrt(hits * (n - hits) / n + _Z * _Z / 4)
    return max(0.0, centre - spread), min(1.0, centre + spread)


def summaries(scores: Sequence[Score]) -> list[Summary]:
    """Sum up every figure that the scores have, in the order in which they have it."""
    names = dict.fromkeys(name for score in scores for name in score.figures)
    return [_summary(name, [s.figures[name] for s in scores if name in s.figures]) for name in names]


def _summary(name: str, values: Sequence[bool | float]) -> Summary:
    n = len(values)
    mean = sum(values) / n
    if all(isinstance(v, bool) for v in values):
        low, high = wilson(sum(map(bool, values)), n)
        return Summary(name, mean, n, low, high, True)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else 0.0
    if spread == 0 and 0 <= mean <= 1:
        # Equal values have no spread to estimate; Wilson's interval, of shares, is the cautious one for 0 to 1.
        return Summary(name, mean, n, *wilson(mean * n, n), False)
    half = _Z * spread / math.sqrt(n)
    # A mark between 0 and 1 can't be beyond them, whatever the normal interval says.
    least, most = (0.0, 1.0) if min(values) >= 0 and max(values) <= 1 else (-math.inf, math.inf)
    return Summary(name, mean, n, max(least, mean - half), min(most, mean + half), False)


def share(values: Iterable[bool]) -> Summary:
    """Sum up one yes-or-no figure."""
    return _summary("", list(values))


def reliability(scores: Iterable[Score]) -> list[Bin]:
    """Group answered cases by confidence, lowest first; empty bins are left out."""
    answered = [(s.confidence, s.is_right) for s in scores if s.is_answered and s.confidence is not None]
    bins = []
    for low, high in pairwise(_BINS):
        inside = [(c, right) for c, right in answered if low <= c < high]
        if inside:
            n = len(inside)
            bins.append(Bin(sum(c for c, _ in inside) / n, sum(r for _, r in inside) / n, n))
    return bins


class Paired(NamedTuple):
    """How the same cases ended in two ways of asking, the second against the first."""

    difference: float
    """Of the shares that are right: negative when the second is worse."""
    low: float
    high: float
    """95 % interval."""
    lost: int
    """Right the first way only."""
    gained: int
    """Right the second way only."""
    p: float
    """Chance of as uneven a split of the cases that differ, if both ways were equal: McNemar's exact test, two-sided"""
    n: int


def paired(first: Sequence[bool], second: Sequence[bool]) -> Paired:
    """Compare two runs over the same cases, in the same order.

    The interval is Wald's after half a case is added to each cell, which holds its 95 % in small samples (Agresti and
    Min 2005, doi:10.1002/sim.1781); the test is the binomial one on the pairs that differ (McNemar 1947).

    >>> paired([True, True, True, False], [True, False, False, False])[3:6]
    (2, 0, 0.5)
    """
    n = len(first)
    lost = sum(a and not b for a, b in zip(first, second, strict=True))
    gained = sum(b and not a for a, b in zip(first, second, strict=True))
    differ = lost + gained
    tail = sum(math.comb(differ, k) for k in range(min(lost, gained) + 1)) / 2**differ
    b, c, m = lost + 0.5, gained + 0.5, n + 2
    half = _Z * math.sqrt(max(0.0, b + c - (c - b) ** 2 / m)) / m
    middle = (c - b) / m
    difference = (gained - lost) / n if n else 0.0
    return Paired(difference, max(-1.0, middle - half), min(1.0, middle + half), lost, gained, min(1.0, 2 * tail), n)


def quantile(values: Sequence[float], q: float) -> float:
    """Return the smallest value that a share `q` of all does not exceed; 0 when there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(q * len(ordered)) - 1))] if ordered else 0.0
