"""The CloudTrail evaluation on public events."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.aws_models import ModelledCall, resource_of
from evals.cloudtrail import BY_HAND, DEPLOYMENT, SETS, answers, classify, confusion, extraction, is_stable, records

pytestmark = pytest.mark.shared


@pytest.fixture(params=SETS)
def folder(request: pytest.FixtureRequest, shared: Path) -> Path:
    """A set of events with its answer sheet."""
    return shared / "data" / "cloudtrail" / str(request.param)


def test_every_write_names_a_resource(folder: Path) -> None:
    """No event name of the sets is without a resource."""
    found = extraction(records(folder))
    assert found.events > 0
    assert found.without == {}


def test_order_and_repetition_of_deliveries_do_not_matter(folder: Path) -> None:
    """Shuffled, repeated and late records give the same changes."""
    assert is_stable(records(folder))


def test_user_agents_are_withheld(folder: Path) -> None:
    """Nothing that is classified can have seen a user agent."""
    assert not any("userAgent" in record for record in records(folder))


def test_nothing_by_hand_is_taken_for_a_deployment(folder: Path) -> None:
    """A write of an attack tool under the deployer's own credentials never looks like a run; nearly all of its do."""
    table = confusion(classify(records(folder)), answers(folder))
    assert table[BY_HAND][DEPLOYMENT] == 0
    row = table[DEPLOYMENT]
    assert not row or row[DEPLOYMENT] / row.total() > 0.95


def test_a_modelled_call_is_judged_by_what_the_member_names() -> None:
    """Id and ARN of one thing are the same answer; another thing is not."""
    record = {
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DeleteSubnet",
        "requestParameters": {"subnetId": "request:DeleteSubnet.SubnetId"},
    }
    call = ModelledCall("ec2", "DeleteSubnet", record, frozenset({"request:DeleteSubnet.SubnetArn"}))
    assert call.is_named_by(resource_of(call))
    assert not call.is_named_by(["request:DeleteSubnet.VpcId"])
