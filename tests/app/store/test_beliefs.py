"""Evidence in any order: what was so, and what was believed to be so, equal a replay of what had been said by then."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.store.database import Database
from app.store.graph import GraphStore
from graph.change import Change
from graph.resource import Facet
from graph.version import Snapshot
from tests.app.store.samples import T0, Time, document, minutes, resource, snapshot

_NAMES = ("a", "b", "c")


class Said(NamedTuple):
    """A source said at one time what it had, and it was learned at another."""

    taken: int
    """Minute that it is about."""
    delay: int
    """Minutes until it was learned."""
    values: dict[str, str]
    """What each object held; one that is not named did not exist."""


_SAID = st.builds(
    Said,
    taken=st.integers(0, 60),
    delay=st.sampled_from((0, 0, 0, 1, 30)),
    values=st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(("1", "2")), max_size=3),
)
_STORY = st.lists(_SAID, min_size=1, max_size=8, unique_by=lambda said: said.taken)
_ASKED = st.lists(st.tuples(st.integers(0, 70), st.integers(0, 100)), min_size=1, max_size=6)


def _snapshot(said: Said) -> Snapshot:
    documents = [document(name, n=value) for name, value in said.values.items()]
    return snapshot(*documents, at=minutes(said.taken))


def _tell(store: GraphStore, time: Time, story: Sequence[Said]) -> None:
    """Let everything be said, in the order in which it was learned."""
    for said in sorted(story, key=lambda s: (s.taken + s.delay, s.taken)):
        time.now = minutes(said.taken + said.delay)
        store.record("demo", _snapshot(said), [])
        time.forward(seconds=1)
    time.now = minutes(200)


def _replayed(story: Sequence[Said], as_of: int, known_at: int) -> dict[str, str]:
    """What each object held, from all that had been learned: the last sight of it decides.

    A sight that was learned late tells what something held then; that something was missing then is only known when
    it was learned in time, so an object that a late sight does not name is not taken for one that was gone.
    """
    held: dict[str, str] = {}
    known = [s for s in story if s.taken + s.delay <= known_at]
    in_time: set[int] = set()
    newest = -1
    for said in sorted(known, key=lambda s: (s.taken + s.delay, s.taken)):
        if said.taken >= newest:
            in_time.add(said.taken)
            newest = said.taken
    for said in sorted((s for s in known if s.taken <= as_of), key=lambda s: s.taken):
        if said.taken in in_time:
            held = dict(said.values)
        else:
            held |= said.values
    return held


def _told(store: GraphStore, as_of: datetime, known_at: datetime | None) -> dict[str, str]:
    graph = store.load("demo", as_of=as_of, known_at=known_at)
    bodies = {name: graph.body(resource(name).uid, Facet.ACTUAL) for name in _NAMES}
    return {name: body["data"]["n"] for name, body in bodies.items() if body is not None}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=_STORY, asked=_ASKED)
# What is learned late of a resource nobody knew ends where a reading in between did not name it.
@example(story=[Said(1, 0, {}), Said(2, 0, {}), Said(0, 30, {"a": "1"})], asked=[(0, 30), (1, 30)])
def test_beliefs_equal_a_replay(sqlite_template: Path, story: list[Said], asked: list[tuple[int, int]]) -> None:
    """For random times and random orders of learning; nothing that is learned later changes an earlier belief."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(sqlite_template, Path(folder) / "p.db")
        database = Database(f"sqlite:///{folder}/p.db")
        time = Time()
        store = GraphStore(database, clock=time)
        _tell(store, time, story)
        for as_of, known_at in asked:
            known = minutes(known_at) + timedelta(seconds=30)
            assert _told(store, minutes(as_of), known) == _replayed(story, as_of, known_at), (as_of, known_at)
        database.dispose()


def test_beliefs_equal_a_replay_on_every_database(database: Database, time: Time) -> None:
    """One story with late evidence in it, asked for each minute as known at each minute."""
    story = [
        Said(0, 0, {"a": "1", "b": "1"}),
        Said(20, 0, {"a": "2"}),
        Said(10, 30, {"a": "1", "c": "2"}),
        Said(50, 0, {"a": "2", "b": "2"}),
    ]
    store = GraphStore(database, clock=time)
    _tell(store, time, story)
    for as_of in range(0, 60, 5):
        for known_at in range(0, 60, 10):
            known = minutes(known_at) + timedelta(seconds=30)
            assert _told(store, minutes(as_of), known) == _replayed(story, as_of, known_at), (as_of, known_at)


def test_records_of_changes_are_believed_from_when_they_came(database: Database, time: Time) -> None:
    """An audit record that is an hour late is in what is known now of that time, and not in what was known then."""
    store = GraphStore(database, clock=time)
    store.record("demo", snapshot(document("a", n="1")), [])
    time.now = minutes(70)
    uid = resource("a").uid
    store.record_changes("demo", [Change(id="late", uid=uid, kind="config", path="/data/n", latest=T0)])
    assert [c.id for c in store.load("demo", as_of=minutes(10)).changes(uid)] == ["late"]
    assert store.load("demo", as_of=minutes(10), known_at=minutes(10)).changes(uid) == []
