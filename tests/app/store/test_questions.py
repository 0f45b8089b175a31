"""What an environment answers at any time, against a replay of what happened that is written here again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from app.store.database import Database
from app.store.graph import GraphStore
from graph.change import Actor, ActorType, Change, Channel
from graph.document import ABSENT
from graph.passages import Scope, What
from graph.questions import changes, history, state, value_at
from graph.resource import Facet, Platform
from graph.version import Document, Origin, Snapshot
from tests.app.store.samples import T0, Time
from tests.graph.builders import k8s, manifest, resource_of

_STEPS = 60
_KEYS = ("A", "B")
_PEOPLE = {"deployment": "argocd", "console": "alma", "pipeline-borrowed": "argocd", "controller": "tuner"}
_TYPES = {"alma": ActorType.HUMAN, "tuner": ActorType.AUTOMATION, "argocd": ActorType.AUTOMATION}


class Story:
    """A random life of some objects, told to the store, and kept as a plain log."""

    def __init__(self, store: GraphStore, time: Time, seed: int) -> None:
        self.random = random.Random(seed)
        self.store, self.time = store, time
        self.objects: dict[Facet, dict[str, dict[str, str]]] = {Facet.INTENDED: {}, Facet.ACTUAL: {}}
        self.log: list[tuple[datetime, Facet, dict[str, dict[str, str]]]] = []
        self.writes: list[tuple[datetime, Facet, str, str, str]] = []

    def tell(self) -> None:
        for name in ("one", "two", "three"):
            for facet in self.objects:
                self.objects[facet][name] = dict.fromkeys(_KEYS, "0")
        self._record()
        for number in range(1, _STEPS):
            self.time.forward(minutes=self.random.randint(1, 30))
            facet = self.random.choice(list(self.objects))
            name = self.random.choice(("one", "two", "three", "four"))
            held = self.objects[facet]
            if name in held and self.random.random() < 0.2:
                del held[name]
            else:
                self._write(facet, name, str(number))
            self._record()

    def at(self, moment: datetime, facet: Facet) -> Mapping[str, Any]:
        """Replay: the last logged state that is not after the moment."""
        held: Mapping[str, Any] = {}
        for when, logged, objects in self.log:
            if when <= moment and logged is facet:
                held = objects
        return held

    def _write(self, facet: Facet, name: str, value: str) -> None:
        held, key = self.objects[facet], self.random.choice(_KEYS)
        channel = self.random.choice(list(_PEOPLE))
        before = held.get(name, {}).get(key)
        held.setdefault(name, dict.fromkeys(_KEYS, "0"))[key] = value
        who = _PEOPLE[channel]
        self.writes.append((self.time(), facet, name, f"/data/{key}", value))
        if before is None:
            return
        written_at = self.time() - timedelta(seconds=20)
        written = Change(
            id=f"w{value}",
            uid=k8s("ConfigMap", name),
            kind="commit" if facet is Facet.INTENDED else "config",
            path=f"/data/{key}",
            before=before,
            after=value,
            earliest=written_at,
            latest=written_at,
            actor=Actor(name=who, type=_TYPES[who]),
            source="git:shop" if facet is Facet.INTENDED else "kubernetes_audit:shop",
            reference=f"ref{value}",
        )
        self.store.record_changes("demo", [written])

    def _record(self) -> None:
        for facet, held in self.objects.items():
            documents = [_document(facet, name, data) for name, data in held.items()]
            taken = Snapshot(facet=facet, source=f"{facet}:shop", taken_at=self.time(), documents=tuple(documents))
            self.store.record("demo", taken, [])
            self.log.append((self.time(), facet, {n: dict(d) for n, d in held.items()}))


def _document(facet: Facet, name: str, data: Mapping[str, str]) -> Document:
    body = manifest("ConfigMap", name, data=dict(data))
    origin = (
        Origin(file=f"{name}.yaml", line=1, commit=f"ref{max(map(int, data.values()))}")
        if facet is Facet.INTENDED
        else None
    )
    return Document(resource=resource_of(body), body=body, origin=origin)


@pytest.fixture(params=[1, 2])
def story(database: Database, time: Time, request: pytest.FixtureRequest) -> Story:
    """Sixty steps of four objects."""
    made = Story(GraphStore(database, clock=time), time, request.param)
    made.tell()
    return made


def test_state_at_any_time_equals_a_replay(story: Story) -> None:
    """What should run and what runs, at random times, are what the log says."""
    end = story.time()
    for _ in range(25):
        moment = T0 + (end - T0) * story.random.random()
        graph = story.store.load("demo", as_of=moment)
        for facet in story.objects:
            found = {v.resource.name: v.body["data"] for v in state(graph, facet)}
            assert found == story.at(moment, facet)


def test_what_changed_between_two_times_equals_a_replay(story: Story) -> None:
    """Each difference between two neighbouring states is told once, with its values, and no other is."""
    end = story.time()
    for _ in range(8):
        one, two = sorted(T0 + (end - T0) * story.random.random() for _ in range(2))
        graph = story.store.load("demo", as_of=two)
        told = changes(graph, since=one, deployers=frozenset({"argocd"}))
        found = {
            (c.seen_at, c.facet, c.resource_name.rpartition("/")[2], c.path, c.before, c.after) for c in told.changes
        }
        assert found == _replayed(story, one, two)
        assert told.total == len(found)


def _replayed(story: Story, one: datetime, two: datetime) -> set[tuple[Any, ...]]:
    found: set[tuple[Any, ...]] = set()
    for facet in story.objects:
        previous = story.at(one, facet)
        for when, logged, objects in story.log:
            if logged is not facet or not one < when <= two:
                continue
            for name in {*previous, *objects}:
                if (name in previous) != (name in objects):
                    found.add((when, facet, name, "", ABSENT, ABSENT))
                    continue
                for key in _KEYS:
                    old, new = previous[name][key], objects[name][key]
                    if old != new:
                        found.add((when, facet, name, f"/data/{key}", old, new))
            previous = objects
    return found


def test_each_change_names_its_actor_and_record(story: Story) -> None:
    """Every change of a field leads to the write that made it, whatever else happened around it."""
    graph = story.store.load("demo")
    told = changes(graph, since=T0, deployers=frozenset({"argocd"}))
    by_id = {c.id: c for c in graph.changes()}
    fields = [c for c in told.changes if c.what is What.CHANGED]
    assert len(fields) > 20
    for change in fields:
        record = by_id[f"w{change.after}"]
        assert change.actor == record.actor
        assert change.reference == record.reference
        assert change.channel is not Channel.DEPLOYMENT
        assert (change.origin is not None) == (change.facet is Facet.INTENDED)


def test_history_of_a_field_is_its_values_in_order(story: Story) -> None:
    """Neighbouring spans differ, and each holds at its start what the log says."""
    graph = story.store.load("demo")
    for name in ("one", "two"):
        found = history(graph, k8s("ConfigMap", name), "/data/A")
        for facet in story.objects:
            mine = [s for f, s in found if f is facet]
            values = [value_at(s, "/data/A") for s in mine]
            assert all(a != b for a, b in pairwise(values))
            for span, value in zip(mine, values, strict=True):
                assert story.at(span.start, facet).get(name, {}).get("A", ABSENT) == value


def test_what_was_not_known_yet_is_not_told(story: Story) -> None:
    """`known_at` hides what was learned later."""
    middle = T0 + (story.time() - T0) / 2
    graph = story.store.load("demo", known_at=middle)
    told = changes(graph, since=T0, deployers=frozenset())
    assert told.changes
    assert max(c.seen_at for c in told.changes) <= middle


def test_pages_and_filters_cut_the_same_list(story: Story) -> None:
    """Pages follow each other; a filter leaves the others out."""
    graph = story.store.load("demo")
    everything = changes(graph, since=T0, deployers=frozenset())
    pages = [changes(graph, since=T0, deployers=frozenset(), limit=7, offset=n) for n in range(0, everything.total, 7)]
    assert tuple(c for p in pages for c in p.changes) == everything.changes
    mine = changes(graph, since=T0, deployers=frozenset(), scope=Scope(uid=k8s("ConfigMap", "one")))
    assert {c.uid for c in mine.changes} == {k8s("ConfigMap", "one")}
    assert state(graph, Facet.ACTUAL, Scope(platform=Platform.TERRAFORM)) == ()
    assert state(graph, Facet.ACTUAL, Scope(namespace="elsewhere")) == ()


def test_a_write_that_no_observation_shows_is_told_on_its_own(database: Database, time: Time) -> None:
    """What was changed and put back between two readings was changed all the same."""
    store = GraphStore(database, clock=time)
    story = Story(store, time, 1)
    story.objects[Facet.ACTUAL]["one"] = {"A": "1", "B": "1"}
    story._record()
    at = time() + timedelta(minutes=1)
    written = Change(
        id="flip", uid=k8s("ConfigMap", "one"), kind="config", path="/data/A", before="1", after="9", latest=at
    )
    store.record_changes("demo", [written])
    time.forward(minutes=10)
    story._record()
    told = changes(store.load("demo"), since=T0, deployers=frozenset())
    assert [(c.what, c.after, c.evidence) for c in told.changes] == [(What.RECORDED, "9", ("flip",))]
