"""Views that are advanced by what was written, and told back from the present, equal views that are built anew."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from app.store.database import Database
from app.store.graph import GraphStore
from graph.environment import EnvironmentGraph
from graph.relation import Relation, RelationType
from graph.resource import Facet
from graph.version import Delta, Document, Version
from tests.app.store.samples import T0, Time, change, document, minutes, resource, snapshot

_NAMES = tuple(f"c{n}" for n in range(8))


def _uid(name: str) -> str:
    return resource(name).uid


def _relation(source: str, target: str) -> Relation:
    return Relation(source=_uid(source), target=_uid(target), type=RelationType.READS)


def _told(graph: EnvironmentGraph) -> object:
    """Everything that a view says, in an order that does not depend on how it was built."""
    uids = [_uid(name) for name in _NAMES]
    return (
        sorted(r.uid for r in graph),
        {(u, f): _parts(graph.version(u, f)) for u in uids for f in Facet},
        {(u, f): [_parts(v) for v in graph.history(u, f)] for u in uids for f in Facet},
        {u: (set(graph.outgoing(u)), set(graph.incoming(u))) for u in uids},
        sorted(r.uid for name in _NAMES for r in graph.named(name)),
        sorted(r.uid for r in graph.beside(uids[0])),
        {f: set(graph.platforms(f)) for f in Facet},
        [c.id for c in graph.changes()],
        sorted(r.uid for r in graph.remembered()),
    )


def _parts(version: Version | None) -> object:
    if version is None:
        return None
    return version.body, version.source, version.valid_from, version.valid_to, version.recorded_at, version.origin


class Life:
    """A random life of some objects, told in snapshots and deltas, on time and late."""

    def __init__(self, store: GraphStore, time: Time, seed: int) -> None:
        self.random = random.Random(seed)
        self.store, self.time = store, time
        self.count = 0

    def step(self) -> None:
        """Let one thing happen."""
        self.time.forward(seconds=self.random.randint(1, 600))
        self.count += 1
        facet = self.random.choice((Facet.INTENDED, Facet.ACTUAL))
        at = self.time() - timedelta(seconds=self.random.choice((0, 0, 0, 900)))
        source = self.random.choice(("a", "b")) if facet is Facet.ACTUAL else "git"
        names = self.random.sample(_NAMES, self.random.randint(0, 5))
        documents = [self._document(name) for name in names]
        kind = self.random.random()
        if kind < 0.3:
            relations = [_relation(n, self.random.choice(_NAMES)) for n in names]
            self.store.record("demo", snapshot(*documents, at=at, facet=facet, source=source), relations)
        elif kind < 0.9:
            gone = [_uid(n) for n in self.random.sample(_NAMES, 2) if n not in names]
            stated = {_uid(n): [_relation(n, self.random.choice(_NAMES))] for n in names[:3]}
            delta = Delta(facet=facet, source=source, at=at, documents=tuple(documents), gone=tuple(gone))
            self.store.record_delta("demo", delta, stated)
        else:
            self.store.record_changes("demo", [change(f"x{self.count}", latest=at)])

    def _document(self, name: str) -> Document:
        return document(name, n=str(self.random.randint(0, 3)))


@pytest.mark.parametrize("seed", range(2))
def test_a_view_that_was_advanced_equals_one_that_was_built(database: Database, time: Time, seed: int) -> None:
    """After any interleaving of snapshots and deltas, on time or late."""
    store = GraphStore(database, clock=time)
    life = Life(store, time, seed)
    for _ in range(30):
        life.step()
        assert _told(store.load("demo")) == _told(GraphStore(database, clock=time).load("demo"))


@pytest.mark.parametrize("seed", range(2))
def test_the_past_stays_as_it_was_told(database: Database, time: Time, seed: int) -> None:
    """What was believed at a time is the same whenever it is asked for, whatever was learned later."""
    store = GraphStore(database, clock=time)
    life = Life(store, time, seed)
    believed = []
    for _ in range(25):
        life.step()
        now = time()
        believed.append((now, store.load("demo"), _told(store.load("demo"))))
    time.forward(days=1)
    for now, view, told in believed:
        assert _told(store.load("demo", as_of=now, known_at=now)) == told
        assert _told(view) == told, "a view changed after it was built"


def test_a_delta_changes_what_it_names_and_nothing_else(database: Database, time: Time) -> None:
    """Other resources keep their versions and relations, and count as seen when the source was heard."""
    store = GraphStore(database, clock=time)
    store.record("demo", snapshot(document("c0"), document("c1"), document("c2")), [_relation("c0", "c1")])
    time.forward(minutes=10)
    delta = Delta(
        facet=Facet.ACTUAL,
        source="cluster:demo",
        at=minutes(10),
        documents=(document("c1", n="2"), document("c3")),
        gone=(_uid("c2"),),
    )
    recorded = store.record_delta("demo", delta, {_uid("c1"): [_relation("c1", "c3")]})
    assert recorded == ((_uid("c3"),), (_uid("c1"),), (_uid("c2"),))
    graph = store.load("demo")
    assert sorted(r.name for r in graph) == ["c0", "c1", "c3"]
    assert set(graph.relations) == {_relation("c0", "c1"), _relation("c1", "c3")}
    untouched = graph.version(_uid("c0"), Facet.ACTUAL)
    assert untouched is not None
    assert (untouched.valid_from, untouched.last_seen) == (T0, minutes(10))
    assert [s.read_at for s in graph.sources] == [minutes(10)]
    assert sorted(r.name for r in store.load("demo", as_of=minutes(5))) == ["c0", "c1", "c2"]
    old = graph.history(_uid("c1"), Facet.ACTUAL)[0]
    assert (old.valid_from, old.valid_to, old.last_seen) == (T0, minutes(10), T0)


def test_a_version_that_a_later_delta_ends_was_seen_until_the_last_message(database: Database, time: Time) -> None:
    """The interval in which it changed begins when the source was heard last, not when everything was read."""
    store = GraphStore(database, clock=time)
    store.record("demo", snapshot(document("c0"), document("c1")), [])
    for minute, name in ((10, "c0"), (20, "c1")):
        time.forward(minutes=10)
        delta = Delta(facet=Facet.ACTUAL, source="cluster:demo", at=minutes(minute), documents=(document(name, n="2"),))
        store.record_delta("demo", delta, {})
    old = store.load("demo").history(_uid("c1"), Facet.ACTUAL)[0]
    assert (old.last_seen, old.valid_to) == (minutes(10), minutes(20))


def test_a_late_delta_adds_to_the_past_only(database: Database, time: Time) -> None:
    """What is known of the present stays, with its relations."""
    store = GraphStore(database, clock=time)
    time.forward(minutes=30)
    store.record("demo", snapshot(document("c0", n="3"), at=minutes(20)), [_relation("c0", "c1")])
    late = Delta(facet=Facet.ACTUAL, source="cluster:demo", at=minutes(5), documents=(document("c0", n="1"),))
    assert store.record_delta("demo", late, {_uid("c0"): []}) == ((), (), ())
    graph = store.load("demo")
    assert graph.body(_uid("c0"), Facet.ACTUAL) == document("c0", n="3").body
    assert graph.relations == (_relation("c0", "c1"),)
    assert store.load("demo", as_of=minutes(6)).body(_uid("c0"), Facet.ACTUAL) == document("c0", n="1").body
