"""Every seeded change is given the channel through which it came."""

from __future__ import annotations

import pytest

from evals.channel_cases import SCENARIOS, Case, cases
from evals.channels import answer, deployer_in_a_run, user_agent
from graph.change import Channel

CASES = list(cases(1))


def _name(case: Case) -> str:
    return f"{case.field.name}: {case.scenario.name}"


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_the_channel_is_right(case: Case) -> None:
    """Decoys, borrowed credentials and holes in the logs included; the interval holds the true time."""
    found = answer(case)
    assert found.found is case.scenario.channel
    assert found.is_in_time


def test_there_are_enough_cases_of_every_channel() -> None:
    """A hundred at least, and none of the six channels is left out."""
    assert len(CASES) >= 100
    assert {s.channel for s in SCENARIOS} == set(Channel)


def test_simpler_rules_are_wrong_about_borrowed_credentials() -> None:
    """The baselines take a person with the pipeline's credentials for a deployment."""
    borrowed = [c for c in CASES if c.scenario.name == "borrowed credentials, no run"]
    assert {deployer_in_a_run(c) for c in borrowed} == {user_agent(c) for c in borrowed} == {Channel.DEPLOYMENT}
