"""Which writes look like a part of a run, by what is done around them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from graph.calls import Call, judge

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _call(second: int, event: str, *names: str, write: bool = True) -> Call:
    at = START + timedelta(seconds=second)
    return Call(id=f"{second}-{event}", at=at, credential="ci key", event=event, is_write=write, names=frozenset(names))


def _looks(*calls: Call) -> dict[str, bool]:
    return {judged.call.event: judged.is_of_run for judged in judge(calls)}


def _who(second: int = 0) -> Call:
    return _call(second, "GetCallerIdentity", write=False)


def test_a_write_that_is_read_back_looks_like_a_run() -> None:
    """A reconciling tool reads what it wrote."""
    assert _looks(_who(), _call(1, "CreateTrail", "audit"), _call(2, "DescribeTrails", "audit", write=False)) == {
        "CreateTrail": True
    }


def test_a_write_with_the_same_credentials_after_the_run_has_read_back_does_not() -> None:
    """A person who borrows the pipeline's credentials writes and goes on."""
    found = _looks(
        _who(),
        _call(1, "CreateTrail", "audit"),
        _call(2, "DescribeTrails", "audit", write=False),
        _call(4, "PutEventSelectors", "audit"),
    )
    assert found == {"CreateTrail": True, "PutEventSelectors": False}


def test_a_removal_that_was_looked_at_before_looks_like_a_run() -> None:
    """A tool refreshes a resource before it destroys it."""
    assert _looks(_who(), _call(1, "DescribeTrails", "audit", write=False), _call(2, "DeleteTrail", "audit")) == {
        "DeleteTrail": True
    }


def test_removing_what_the_same_run_has_made_does_not() -> None:
    """A tool does not destroy in the run that made it."""
    found = _looks(
        _who(),
        _call(1, "CreateFlowLogs", "fl-1"),
        _call(2, "DescribeFlowLogs", "fl-1", write=False),
        _call(3, "DeleteFlowLogs", "fl-1"),
    )
    assert found == {"CreateFlowLogs": True, "DeleteFlowLogs": False}


def test_a_second_run_may_remove_what_the_first_one_made() -> None:
    """A new question who the caller is begins a new run."""
    found = _looks(
        _who(),
        _call(1, "CreateFlowLogs", "fl-1"),
        _call(2, "DescribeFlowLogs", "fl-1", write=False),
        _who(20),
        _call(21, "DescribeFlowLogs", "fl-1", write=False),
        _call(22, "DeleteFlowLogs", "fl-1"),
    )
    assert found["DeleteFlowLogs"] is True


def test_a_command_is_never_a_part_of_a_run() -> None:
    """What leaves no state can't be declared, though somebody asks how it went."""
    found = _looks(_who(), _call(1, "SendCommand", "i-1"), _call(2, "GetCommandInvocation", "i-1", write=False))
    assert found == {"SendCommand": False}


def test_calls_under_other_credentials_do_not_count() -> None:
    """Somebody else's look is no read-back."""
    mine = _call(1, "CreateTrail", "audit")
    other = _call(2, "DescribeTrails", "audit", write=False)
    other = Call(id=other.id, at=other.at, credential="person", event=other.event, is_write=False, names=other.names)
    assert _looks(_who(), mine, other) == {"CreateTrail": False}
