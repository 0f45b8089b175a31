"""The measurement of detection speed: what it counts as told, missed, invented and too late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evals.detection import estate
from evals.detection.__main__ import failed, report
from evals.detection.run import ENVIRONMENTS, Made, Record
from graph.document import get
from tools.actions.simulated_cluster.served import ServedCluster

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
OBJECTS = estate.declared(2)
CHOSEN = estate.injections(OBJECTS, 1)[:4]


def told(injection: estate.Injection, after_s: float, kind: str = "opened", **more: object) -> dict[str, Any]:
    at = (AT + timedelta(seconds=after_s)).isoformat()
    event = {"kind": kind, "resource": injection.uid, "resource_name": "x", "path": injection.path, "recorded_at": at}
    return event | {"drift": injection.uid, "actor": None, "channel": "unknown", "verdict": "conflict"} | more


def record(events: list[dict[str, Any]]) -> Record:
    made = Record(made=[Made(i, "in peace", AT) for i in CHOSEN])
    made.seen = {environment: list(events) for environment in ENVIRONMENTS}
    return made


def test_everything_told_in_time_passes() -> None:
    """A change is told by an event in its place, or in one that holds it."""
    events = [told(i, 0.5) for i in CHOSEN[1:]] + [told(CHOSEN[0], 1, path=CHOSEN[0].path.rpartition("/")[0])]
    good = record([*events, told(CHOSEN[0], 2, "attributed")])
    assert failed(good, 10) == []
    assert "watched  | in peace  |       4 |      0 |  0.50 |  1.00 |  1.00" in report(good)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda events: events.pop(), "1 missed"),
        (lambda events: events.append(told(CHOSEN[0], 1, path="/status")), "1 invented"),
        (lambda events: events.append(told(CHOSEN[0], 3, "closed")), "1 invented"),
        (lambda events: events.__setitem__(0, told(CHOSEN[0], 60)), "p95 is 60.0 s"),
        (lambda events: events.__setitem__(0, told(CHOSEN[0], -1)), "1 missed"),
    ],
    ids=["missed", "invented", "closed although nothing was put right", "too late", "told before it happened"],
)
def test_what_is_wrong_fails(change: Any, says: str) -> None:
    """For each way of seeing."""
    events = [told(i, 0.5) for i in CHOSEN]
    change(events)
    failures = failed(record(events), 10)
    assert len(failures) == len(ENVIRONMENTS)
    assert all(says in failure for failure in failures)


def test_injections_change_one_field_each_and_quiet_writes_none_that_counts() -> None:
    """No two are in the same place; undoing one restores the object."""
    cluster = ServedCluster()
    for body in OBJECTS:
        cluster.api.apply(body, by=estate.DEPLOYER, at=AT)
    everything = estate.injections(OBJECTS, 1)
    assert len({(i.uid, i.path) for i in everything}) == len(everything) >= 40
    before = {i.uid + i.path: get(cluster.store.objects[i.key], i.path) for i in everything}
    assert estate.quiet_writes(cluster, OBJECTS, 3) >= 4
    assert before == {i.uid + i.path: get(cluster.store.objects[i.key], i.path) for i in everything}
    for injection in everything:
        injection.act(cluster)
        assert get(cluster.store.objects[injection.key], injection.path) != before[injection.uid + injection.path]
        injection.undo(cluster)
        assert get(cluster.store.objects[injection.key], injection.path) == before[injection.uid + injection.path]
