"""Shares, intervals and reliability."""

from __future__ import annotations

import pytest

from evals.figures import quantile, reliability, summaries, wilson
from evals.scorers import Score


def score(case: str, *, right: bool, confidence: float | None = 0.9) -> Score:
    return Score(
        case=case,
        group="all",
        is_right=right,
        is_answered=confidence is not None,
        confidence=confidence,
        seconds=0.1,
        figures={"right": right, "size": 2.0 if right else 4.0, "part": 1.0 if right else 0.5},
    )


def test_wilson_is_the_published_interval() -> None:
    """Values of the 95 % interval for 8 of 10 and for none of none."""
    low, high = wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.49, 0.943)
    assert wilson(0, 0) == (0.0, 1.0)


def test_shares_and_means_are_told_apart() -> None:
    """A yes-or-no figure is a share with Wilson's interval, a number a mean."""
    found = {s.name: s for s in summaries([score("a", right=True), score("b", right=False)])}
    assert found["right"].is_share
    assert found["right"].value == pytest.approx(0.5)
    assert found["size"].value == pytest.approx(3.0)
    assert not found["size"].is_share


def test_equal_numbers_are_not_taken_for_certainty() -> None:
    """Two cases with the same mark say little of the next one."""
    (found,) = [s for s in summaries([score("a", right=True), score("b", right=True)]) if s.name == "part"]
    assert found.value == 1.0
    assert (round(found.low, 3), found.high) == (0.342, 1.0)


def test_the_interval_of_marks_stays_within_them() -> None:
    """A mark of 1.1 out of 1 would only confuse."""
    found = {s.name: s for s in summaries([score("a", right=True), score("b", right=False)])}
    assert found["part"].high == 1.0
    assert found["size"].high > 4.0


def test_reliability_counts_only_what_was_answered() -> None:
    """Bins carry their mean confidence, the share that was right, and how many."""
    many = [score("a", right=True), score("b", right=False), score("c", right=False, confidence=None)]
    assert [(round(b.confidence, 2), b.right, b.n) for b in reliability(many)] == [(0.9, 0.5, 2)]


def test_confidently_wrong_needs_an_answer() -> None:
    """Silence is no false accusation."""
    assert score("a", right=False).is_confidently_wrong
    assert not score("a", right=False, confidence=0.5).is_confidently_wrong
    assert not score("a", right=False, confidence=None).is_confidently_wrong


@pytest.mark.parametrize(("q", "value"), [(0.5, 2.0), (0.95, 4.0), (0.0, 1.0)])
def test_quantiles_are_values_that_were_measured(q: float, value: float) -> None:
    """No interpolation between readings."""
    assert quantile([4.0, 1.0, 3.0, 2.0], q) == value
