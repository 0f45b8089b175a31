"""What is recorded becomes drift events: the touched resources are judged, late evidence is appended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.drift_watch import DriftWatch
from app.environments import GovernedEnvironments, Sources
from app.recording import News
from app.store.database import Database
from app.store.drift_events import DriftEvents
from app.store.graph import GraphStore
from graph.change import Actor, ActorType, Change, Channel
from graph.drift_event import DriftEvent
from graph.finding import Verdict
from graph.resource import Facet
from graph.version import Delta, Document, Snapshot, Unreadable
from tests.app.store.samples import document, resource
from tests.app.test_environments import Clock

UID = resource().uid


class Declared:
    """A source of declarations."""

    name, facet = "git:shop", Facet.INTENDED

    def __init__(self, clock: Clock, *documents: Document) -> None:
        self.documents = documents
        self.reads = 0
        self._clock = clock

    def read(self) -> Snapshot:
        self.reads += 1
        return Snapshot(facet=self.facet, source=self.name, taken_at=self._clock(), documents=self.documents)


class World:
    """An environment with one declared ConfigMap, and what is told of it."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.database = Database(f"sqlite:///{folder / 'plumbline.db'}")
        self.database.migrate()
        self.store = GraphStore(self.database, clock=self.clock)
        self.declared = Declared(self.clock, document(timeout="1s"))
        self.news: list[News] = []
        sources = Sources(
            environment="demo", deployers=frozenset({"ci"}), states=(self.declared,), changes=(), symptoms=()
        )
        self.environments = GovernedEnvironments([sources], self.store, self.clock, tell=self.news.append)
        self.events = DriftEvents(self.database)
        self.drift = DriftWatch(self.environments, self.events, is_ours=lambda _: True, clock=self.clock)
        self.environments.refresh("demo")
        self.environments.hear("demo", self.running(document(timeout="1s")))
        assert self.judged() == []

    def running(self, *documents: Document) -> Snapshot:
        return Snapshot(facet=Facet.ACTUAL, source="cluster:demo", taken_at=self.clock(), documents=documents)

    def tell(
        self, *documents: Document, gone: tuple[str, ...] = (), unreadable: tuple[Unreadable, ...] | None = None
    ) -> datetime:
        """Let the watched cluster say that something changed; return when."""
        delta = Delta(
            facet=Facet.ACTUAL,
            source="cluster:demo",
            at=self.clock(),
            documents=documents,
            gone=gone,
            unreadable=unreadable,
        )
        self.environments.hear("demo", delta)
        return delta.at

    def judged(self) -> list[DriftEvent]:
        """Judge what was told since the last time."""
        news, self.news[:] = list(self.news), []
        touched = {uid: at for n in news for uid, at in n.touched.items()}
        evidence = frozenset(name for n in news for name in n.evidence)
        return self.drift.judge("demo", touched, evidence=evidence)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.database.dispose()


def write_by(name: str, world: World, value: str, *, kind: ActorType = ActorType.HUMAN) -> Change:
    """A record of a write."""
    at = world.clock.now
    return Change(
        id=f"audit-{name}-{value}",
        uid=UID,
        kind="config",
        path="/data/timeout",
        after=value,
        earliest=at,
        latest=at,
        actor=Actor(name=name, type=kind),
        source="audit",
        reference="r1",
    )


def test_change_is_an_event_and_so_is_its_end(world: World) -> None:
    """With values, times, and the same drift from beginning to end."""
    told_at = world.tell(document(timeout="9s"))
    (opened,) = world.judged()
    assert (opened.kind, opened.uid, opened.path) == ("opened", UID, "/data/timeout")
    assert (opened.verdict, opened.intended, opened.before, opened.actual) == (
        Verdict.OUT_OF_BAND_CHANGE,
        "1s",
        "1s",
        "9s",
    )
    assert opened.detected_at == told_at < opened.recorded_at
    assert opened.channel is Channel.UNKNOWN
    world.tell(document(timeout="7s"))
    (changed,) = world.judged()
    assert (changed.kind, changed.drift, changed.before, changed.actual) == ("changed", opened.drift, "9s", "7s")
    world.tell(document(timeout="1s"))
    (closed,) = world.judged()
    assert (closed.kind, closed.drift, closed.before, closed.actual) == ("closed", opened.drift, "7s", "1s")
    assert world.events.open("demo") == {}


def test_write_without_a_change_is_no_event(world: World) -> None:
    """Not even a judgement: nothing that counts differs."""
    world.tell(document(timeout="1s", version="2"))
    assert world.news == []
    assert world.judged() == []


def test_late_evidence_is_appended(world: World) -> None:
    """What was said first stands; who it was follows, once."""
    world.tell(document(timeout="9s"))
    (opened,) = world.judged()
    assert opened.actor is None
    world.store.record_changes("demo", [write_by("ann", world, "9s")])
    world.news.append(News(environment="demo", evidence=frozenset({UID})))
    (attributed,) = world.judged()
    assert (attributed.kind, attributed.drift) == ("attributed", opened.drift)
    assert attributed.actor is not None
    assert (attributed.actor.name, attributed.channel) == ("ann", Channel.BY_HAND)
    assert attributed.detected_at == opened.detected_at
    world.news.append(News(environment="demo", evidence=frozenset({UID})))
    assert world.judged() == []
    assert len(world.events.list("demo")) == 2


def test_who_ended_a_drift_is_told(world: World) -> None:
    """Putting it right by hand is not the same as a deployment."""
    world.tell(document(timeout="9s"))
    world.judged()
    world.tell(document(timeout="1s"))
    world.store.record_changes("demo", [write_by("bob", world, "1s")])
    (closed,) = world.judged()
    assert closed.actor is not None
    assert (closed.kind, closed.actor.name, closed.channel) == ("closed", "bob", Channel.BY_HAND)


def test_deployment_that_was_committed_before_is_no_drift(world: World) -> None:
    """Declarations are read again before a difference is called drift."""
    world.declared.documents = (document(timeout="9s"),)
    reads = world.declared.reads
    world.tell(document(timeout="9s"))
    assert world.judged() == []
    assert world.declared.reads == reads + 1


def test_deleted_and_undeclared_objects_are_events(world: World) -> None:
    """What is gone, what is new, and both put right again."""
    world.tell(document("other", timeout="1s"), gone=(UID,))
    assert {(e.kind.value, e.verdict.value, e.path) for e in world.judged()} == {
        ("opened", "deleted_out_of_band", ""),
        ("opened", "unmanaged", ""),
    }
    world.tell(document(timeout="1s"), gone=(resource("other").uid,))
    assert [e.kind.value for e in world.judged()] == ["closed", "closed"]


def test_drift_stays_open_while_its_kind_cannot_be_watched(world: World) -> None:
    """A hole in what is seen is told as one, and is no sign that all is well."""
    world.tell(document(timeout="9s"))
    world.judged()
    broken = Unreadable(where="/api/v1/configmaps", reason="the watch is broken", scopes=(UID.rpartition("/")[0],))
    world.tell(unreadable=(broken,))
    assert world.drift.judge("demo", {}, is_all=True) == []
    assert len(world.events.open("demo")) == 1
    assert broken in world.environments.graph("demo").unreadable
    world.tell(unreadable=())
    world.tell(document(timeout="1s"))
    assert [e.kind.value for e in world.judged()] == ["closed"]


def test_everything_is_judged_now_and_then(world: World) -> None:
    """What another process recorded is an event, too, though nobody told this one."""
    world.tell(document(timeout="9s"))
    world.news.clear()
    assert world.judged() == []
    world.clock.forward(seconds=timedelta(minutes=11).seconds)
    assert [e.kind.value for e in world.judged()] == ["opened"]


def test_nothing_is_judged_before_everything_was_read(world: World) -> None:
    """What is declared and was not looked for yet is not missing."""
    heard = DriftWatch(world.environments, world.events, is_ours=lambda _: True, clock=world.clock)
    world.tell(gone=(UID,))
    heard.start()
    for news in world.news:
        heard.hear(news)
    world.tell(document(timeout="1s"))
    heard.judge_all("demo")
    heard.stop()
    heard.join(10)
    assert world.events.list("demo") == []


def test_thread_judges_what_it_hears_and_only_what_is_ours(world: World) -> None:
    """Another replica judges the other environments."""
    heard = DriftWatch(world.environments, world.events, is_ours=lambda name: name == "demo", clock=world.clock)
    heard.judge_all("demo")
    heard.judge_all("other")
    world.tell(document(timeout="9s"))
    heard.hear(News(environment="other", touched={UID: world.clock.now}))
    for news in world.news:
        heard.hear(news)
    heard.start()
    while not world.events.list("demo"):
        pass
    heard.stop()
    heard.join(10)
    assert [e.kind.value for e in world.events.list("demo")] == ["opened"]
    assert world.events.list("other") == []
