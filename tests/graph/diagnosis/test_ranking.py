"""Hypotheses that tell of the same thing are one."""

from __future__ import annotations

import pytest

from graph.diagnosis.hypothesis import Hypothesis, Point, Weight
from graph.diagnosis.ranking import joined, total
from graph.finding import Finding, Verdict
from tests.graph.builders import k8s, resource_of, workload

ENV = "/spec/template/spec/containers/0/env/3"
CHECKOUT = k8s("Deployment", "checkout")


def drifted(place: str = f"{ENV}/value", resource: str = CHECKOUT) -> Hypothesis:
    finding = Finding(resource=resource_of(workload("checkout")), path=place, verdict=Verdict.OUT_OF_BAND_CHANGE)
    point = Point(rule="drift", text="It differs from its declaration.", evidence=("drift-1",))
    return Hypothesis(
        resource=resource,
        kind="config_changed",
        summary="It changed by hand.",
        points=(point,),
        drift=finding,
        places=(place,),
    )


def shown(*places: str) -> Hypothesis:
    point = Point(rule="mechanism", text="It asks for a port that nobody has.", evidence=("state-1",))
    return Hypothesis(
        resource=CHECKOUT,
        kind="address_mismatch",
        summary="It asks the wrong port.",
        points=(point,),
        weight=Weight.BREAKS,
        places=places,
    )


@pytest.mark.parametrize("place", [ENV, f"{ENV}/value"])
def test_what_is_shown_to_be_wrong_where_it_was_changed_is_one_cause(place: str) -> None:
    """The change keeps its drift, so that it can be undone, and gains what the platform shows."""
    (cause,) = joined([drifted(), shown(place)])
    assert cause.drift is not None
    assert (cause.summary, cause.weight) == ("It asks the wrong port. It changed by hand.", Weight.BREAKS)
    assert total(cause) == total(drifted()) + total(shown(place))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(drifted("/spec/replicas"), id="another field"),
        pytest.param(drifted(f"{ENV}1"), id="a field whose name only begins alike"),
        pytest.param(drifted(resource=k8s("Deployment", "cart")), id="another resource"),
    ],
)
def test_what_was_changed_elsewhere_stays_apart(change: Hypothesis) -> None:
    """A difference that is not where the fault is shown is another story."""
    assert len(joined([change, shown(ENV)])) == 2
