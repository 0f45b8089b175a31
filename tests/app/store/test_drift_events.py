"""Drift events are appended in order, and which drifts are open is known without reading them all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.store.database import Database
from app.store.drift_events import DriftEvents
from graph.change import Actor, ActorType, Channel
from graph.document import ABSENT
from graph.drift_event import DriftEvent, DriftEventKind, DriftKey
from graph.finding import Verdict
from tests.app.store.samples import T0, minutes, resource

UID = resource().uid
OPENED, CHANGED, CLOSED = DriftEventKind.OPENED, DriftEventKind.CHANGED, DriftEventKind.CLOSED


@pytest.fixture
def events(database: Database) -> DriftEvents:
    return DriftEvents(database)


def event(kind: DriftEventKind = OPENED, *, path: str = "/data/a", uid: str = UID, minute: int = 0) -> DriftEvent:
    return DriftEvent(
        kind=kind,
        drift="d1",
        uid=uid,
        resource="shop/ConfigMap/a",
        path=path,
        verdict=Verdict.OUT_OF_BAND_CHANGE,
        intended="1s",
        applied=ABSENT,
        actual={"$absent": True, "text": "\ud800\x00"},
        content="c1",
        earliest=T0 - timedelta(hours=1),
        latest=T0,
        detected_at=minutes(minute),
        recorded_at=minutes(minute),
        actor=Actor(name="ann", type=ActorType.HUMAN),
        channel=Channel.BY_HAND,
        evidence=("audit-1",),
    )


def test_event_comes_back_as_it_was_stored(events: DriftEvents) -> None:
    """With its number; values that JSON can't tell apart are told apart."""
    (stored,) = events.append("demo", [event()])
    assert stored.number > 0
    assert events.list("demo") == [stored]
    assert replace(stored, number=0) == event()


def test_events_are_read_on_from_the_last_one(events: DriftEvents) -> None:
    """In order, of one environment; and by time, resource and kind."""
    stored = events.append("demo", [event(), event(path="/data/b", minute=5), event(CLOSED, minute=9)])
    events.append("other", [event()])
    assert events.list("demo", after=stored[0].number) == stored[1:]
    assert events.list("demo", newest_first=True, limit=1) == stored[2:]
    assert events.list("demo", since=minutes(5), until=minutes(9)) == [stored[1]]
    assert events.list("demo", kinds=[CLOSED]) == [stored[2]]
    assert events.list("demo", uid="k8s://demo/none") == []


def test_open_drifts_are_known_by_their_last_event(events: DriftEvents) -> None:
    """A closed one is open no more; one that opens again is."""
    assert events.open("demo") == {}
    events.append("demo", [event(), event(path="/data/b")])
    (changed,) = events.append("demo", [event(CHANGED)])
    assert events.open("demo")[DriftKey(UID, "/data/a")] == changed
    events.append("demo", [event(CLOSED)])
    assert list(events.open("demo")) == [DriftKey(UID, "/data/b")]
    events.append("demo", [event()])
    assert set(events.open("demo", [UID])) == {DriftKey(UID, "/data/a"), DriftKey(UID, "/data/b")}
    assert events.open("demo", ["k8s://demo/none"]) == events.open("demo", []) == events.open("other") == {}
