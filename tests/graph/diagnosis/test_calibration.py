"""Confidence says how often such an answer is right; the order of causes is not its business."""

from __future__ import annotations

import pytest

from graph.diagnosis import reliability
from graph.diagnosis.calibration import MEASURED, OPEN, Curve, confidence_of, fitted
from graph.diagnosis.hypothesis import Hypothesis, Point
from graph.diagnosis.ranking import CAP_DECISIVE, CAP_GUESS, FOUND


def hypothesis(rule: str) -> Hypothesis:
    point = Point(rule=rule, text="It is so.", evidence=("state-1",))
    return Hypothesis(resource="k8s://c/apps/Deployment/shop/web", kind="crash", summary="It crashes.", points=(point,))


def test_the_curve_is_the_one_through_what_was_observed() -> None:
    """The file holds what the command that writes it computes."""
    curve = fitted(reliability.OBSERVED)
    assert (round(curve.intercept, 4), round(curve.slope, 4)) == (reliability.INTERCEPT, reliability.SLOPE)
    assert sum(n for _, n, _ in reliability.OBSERVED) > 500


def test_more_strength_is_more_confidence_and_never_certainty() -> None:
    """The order of causes stays, and the cap of the best evidence."""
    found = [MEASURED.at(step / 20) for step in range(20)]
    assert found == sorted(found)
    assert found[0] == 0.0
    assert max(found) <= CAP_DECISIVE


def test_only_evidence_of_the_sort_that_was_observed_is_put_right() -> None:
    """What rests on measures alone keeps its strength."""
    assert confidence_of(hypothesis("mechanism"), 0.75) == round(MEASURED.at(0.75), 3)
    assert confidence_of(hypothesis("measured_origin"), 0.75) == 0.75


def test_what_the_verdict_leaves_open_is_not_said_to_be_sure() -> None:
    """A guess stays below even odds, and what is not found below 0.8, also where such answers were mostly right."""
    assert confidence_of(hypothesis("guessed"), 0.49) <= CAP_GUESS
    assert MEASURED.at(FOUND - 0.01) <= OPEN < 0.8 < MEASURED.at(FOUND)


def test_a_fit_finds_the_curve_that_made_the_answers() -> None:
    """Shares right that follow a logistic curve give that curve back, but for Platt's caution at the ends."""
    made = Curve(-4.0, 8.0)
    counts = [(x / 10, 1000, round(1000 * made.at(x / 10))) for x in range(1, 10)]
    found = fitted(counts)
    assert found.intercept == pytest.approx(made.intercept, abs=0.3)
    assert found.slope == pytest.approx(made.slope, abs=0.6)


def test_answers_that_were_all_right_give_no_certainty() -> None:
    """Three of three is little."""
    assert fitted([(0.7, 3, 3)]).at(0.7) == pytest.approx(0.8, abs=0.01)
