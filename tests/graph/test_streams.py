"""What streams do not tell is named in answers."""

from __future__ import annotations

from datetime import timedelta

from graph.environment import EnvironmentGraph, SourceState
from graph.evidence import Gap
from graph.streams import LATE_AFTER, stream_gaps
from tests.graph.builders import NOW


def _graph(source: SourceState) -> EnvironmentGraph:
    return EnvironmentGraph(name="demo", as_of=NOW, sources=[source])


def test_a_stream_that_has_ended_is_a_gap() -> None:
    """Who changed something after the newest record is not known."""
    source = SourceState("cloudtrail:demo", None, NOW, "", told_until=NOW - LATE_AFTER - timedelta(seconds=1))
    (gap,) = stream_gaps(_graph(source))
    assert gap.what.startswith("records of cloudtrail:demo after ")


def test_a_stream_within_its_usual_delay_is_none() -> None:
    """CloudTrail takes some minutes."""
    source = SourceState("cloudtrail:demo", None, NOW, "", told_until=NOW - LATE_AFTER)
    assert list(stream_gaps(_graph(source))) == []


def test_lost_records_are_told_and_counted() -> None:
    """A few are named, the rest is a number."""
    lost = tuple(Gap(what=f"line {n}", why="cut") for n in range(25))
    found = list(stream_gaps(_graph(SourceState("audit:demo", None, NOW, "", gaps=lost))))
    assert [g.what for g in found][-1] == "15 more records of audit:demo"
    assert len(found) == 11
