"""A curve is judged on answers that it was not fitted to."""

from __future__ import annotations

import pytest

from evals.calibration import Point, judged, left_out, observed, rendered, table
from graph.diagnosis import reliability
from graph.diagnosis.calibration import fitted


def points(group: str, right: bool, n: int = 10, strength: float = 0.7) -> list[Point]:
    return [Point(group, strength, right)] * n


def test_what_is_written_is_what_the_counts_give() -> None:
    """Writing again what was observed changes nothing."""
    text = rendered(reliability.OBSERVED)
    assert f"INTERCEPT = {reliability.INTERCEPT:.4f}\n" in text
    assert text.count("\n    (") == len(reliability.OBSERVED)


def test_counts_are_by_strength() -> None:
    """Weakest first, with how many were right."""
    some = [Point("a", 0.701, True), Point("b", 0.699, False), Point("a", 0.2, False)]
    assert observed(some) == ((0.2, 1, 0), (0.7, 2, 1))


def test_a_group_is_judged_by_the_others_alone() -> None:
    """A fault whose answers are always wrong is stated as surely as the others, which were right."""
    some = points("good", True) + points("fine", True) + points("bad", False)
    stated = dict(zip([p.group for p in some], left_out(some), strict=True))
    assert stated["bad"] == (pytest.approx(fitted(observed(some[:20])).at(0.7)), False)
    assert stated["bad"][0] > stated["good"][0]


def test_errors_are_those_of_the_definitions() -> None:
    """Brier's score, the calibration error by bins, and what was wrong above 0.8."""
    one = judged([(0.9, True), (0.9, False), (0.2, False), (0.2, False)])
    assert one.brier == pytest.approx((0.01 + 0.81 + 0.04 + 0.04) / 4)
    assert one.ece == pytest.approx((0.8 + 0.4) / 4)
    assert one.surely_wrong == 1


def test_the_table_shows_strength_beside_the_curve() -> None:
    """Also for sets that the curve has not seen."""
    text = table(points("a", True) + points("b", False, strength=0.3), points("demo", True, n=2))
    assert "| transplants, each fault left out | 20 | strength |" in text
    assert "| demo | 2 | curve |" in text
