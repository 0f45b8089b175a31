"""From strength, which orders causes, to confidence, which says how often such an answer is right.

The curve is a logistic one (Platt 1999, "Probabilistic outputs for support vector machines"), fitted to faults that
were put into healthy recordings with evidence hidden from the answer (`evals.calibration`). Almost all of them are
shown by the platform or by the objects themselves, so only answers that rest on such evidence are put right by it. For
answers that rest on measures alone no cases but those that the rules were written with were at hand: their strength
stands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from graph.diagnosis.hypothesis import Hypothesis
from graph.diagnosis.ranking import CAP_DECISIVE, CAP_GUESS, FOUND, cap, is_shown
from graph.diagnosis.reliability import INTERCEPT, SLOPE

OPEN = 0.75
"""What the verdict leaves open is not said to be sure, whatever the curve says."""
_ROUNDS = 100
_CLOSE = 1e-10
_DAMPING = 1e-6
"""Added to the curvature, so that answers of a single strength have a solution; it moves none."""


class Curve(NamedTuple):
    """A logistic curve."""

    intercept: float
    slope: float

    def at(self, strength: float) -> float:
        """The share right, within what may be said; none for no strength.

        >>> Curve(-8.0, 16.0).at(0.5), Curve(-8.0, 16.0).at(0.0)
        (0.5, 0.0)
        """
        if strength <= 0:
            return 0.0
        most = CAP_DECISIVE if strength >= FOUND else OPEN
        return min(most, 1 / (1 + math.exp(-(self.intercept + self.slope * strength))))


MEASURED = Curve(INTERCEPT, SLOPE)


def confidence_of(hypothesis: Hypothesis, strength: float) -> float:
    """Return the confidence in a hypothesis of this strength, 0 to 1."""
    if not is_shown(hypothesis):
        return strength
    # A direction to look in stays below even odds, however often it happened to be right.
    most = CAP_GUESS if cap(hypothesis) == CAP_GUESS else CAP_DECISIVE
    if not any(p.rule == "mechanism" for p in hypothesis.points):
        most = min(most, OPEN)  # The curve was fitted to what the platform shows, not to the words of logs.
    return round(min(MEASURED.at(strength), most), 3)


def fitted(observed: Sequence[tuple[float, int, int]]) -> Curve:
    """Fit the curve by Newton's method, with Platt's targets, which keep it from certainty where all were right.

    Args:
        observed: (strength, answers of it, how many of them were right).
    """
    right = sum(r for _, _, r in observed)
    wrong = sum(n for _, n, _ in observed) - right
    high, low = (right + 1) / (right + 2), 1 / (wrong + 2)
    a, b = 0.0, 1.0
    for _ in range(_ROUNDS):
        ga = gb = hab = 0.0
        haa = hbb = _DAMPING
        for x, n, r in observed:
            p = 1 / (1 + math.exp(-(a + b * x)))
            error = r * high + (n - r) * low - n * p
            weight = n * p * (1 - p)
            ga, gb = ga + error, gb + error * x
            haa, hab, hbb = haa + weight, hab + weight * x, hbb + weight * x * x
        scale = haa * hbb - hab * hab
        da, db = (hbb * ga - hab * gb) / scale, (haa * gb - hab * ga) / scale
        a, b = a + da, b + db
        if abs(da) + abs(db) < _CLOSE:
            break
    return Curve(a, b)
