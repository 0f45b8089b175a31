"""What sources say is stored with the relations that follow, whoever stored it and however much of it is new."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from app.recording import News, Recorder, tell_nobody
from app.store import graph as graph_store
from app.store.database import Database
from app.store.graph import GraphStore
from evals.scale.estate import Estate, document
from graph.packed import Bundle, Packed
from graph.parts import Sayer, Stated
from graph.relation import Relation
from graph.resource import Facet
from graph.version import Delta, Document, Snapshot
from tests.app.store.samples import Time
from tests.graph.slots import FIRST, LATER, SLOTS, from_all

CLUSTER: Sayer = ("cluster:scale", Facet.ACTUAL)


@contextmanager
def _store(template: Path) -> Iterator[tuple[GraphStore, Time]]:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(template, Path(folder) / "plumbline.db")
        database = Database(f"sqlite:///{folder}/plumbline.db")
        clock = Time()
        yield GraphStore(database, clock=clock), clock
        database.dispose()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=FIRST, later=LATER)
def test_stored_relations_are_those_of_all_documents(
    sqlite_template: Path, first: list[int], later: list[list[tuple[int, int]]]
) -> None:
    """Also where another process stored a part of it, and where one begins with what others left."""
    with _store(sqlite_template) as (store, clock):
        processes = [Recorder(store, clock, tell_nobody), Recorder(store, clock, tell_nobody)]
        held: dict[int, Stated] = {}
        for number, changes in enumerate((list(enumerate(first)), *later)):
            for sayer in {SLOTS[slot].sayer for slot, _ in changes}:
                shapes = {slot: shape for slot, shape in changes if SLOTS[slot].sayer == sayer}
                _change(held, shapes)
                gone = tuple(SLOTS[slot].variants[0].resource.uid for slot, shape in shapes.items() if shape < 0)
                new = tuple(held[slot].document for slot, shape in shapes.items() if shape >= 0)
                at = clock.forward(seconds=1)
                said = Delta(facet=sayer[1], source=sayer[0], at=at, documents=new, gone=gone)
                processes[number % 3 == 2].hear("demo", said)
            processes[0].relate("demo")
            assert _stored(store) == _union(from_all(held))
        Recorder(store, clock, tell_nobody).relate("demo")
        assert _stored(store) == _union(from_all(held))


def _change(held: dict[int, Stated], shapes: dict[int, int]) -> None:
    for slot, shape in shapes.items():
        if shape < 0:
            held.pop(slot, None)
        else:
            variants = SLOTS[slot].variants
            held[slot] = Stated(*SLOTS[slot].sayer, variants[shape % len(variants)])


def _stored(store: GraphStore) -> set[Relation]:
    return set(store.load("demo").relations)


def _union(found: dict[Sayer, dict[str, set[Relation]]]) -> set[Relation]:
    return {relation for own in found.values() for some in own.values() for relation in some}


def _snapshot(clock: Time, documents: Sequence[Document]) -> Snapshot:
    source, facet = CLUSTER
    return Snapshot(
        facet=facet, source=source, taken_at=clock.forward(seconds=1), documents=Packed(map(_one, documents))
    )


def _one(document: Document) -> Bundle:
    return Bundle([document])


def test_a_change_looks_at_its_own_namespace(sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at the others, of which there may be thousands."""
    estate = Estate(objects=14 * 60)
    documents = [document(body) for body in estate.live()]
    with _store(sqlite_template) as (store, clock):
        recorder = Recorder(store, clock, tell_nobody)
        recorder.record("demo", [_snapshot(clock, documents)])
        loaded: list[str] = []
        read = store.holdings.stated
        monkeypatch.setattr(store.holdings, "stated", lambda e, uids: loaded.extend(uids) or read(e, uids))
        changed = next(d for d in documents if d.resource.kind == "Service")
        body = {**changed.body, "spec": {**changed.body["spec"], "selector": {"app": "other"}}}
        said = Delta(
            facet=Facet.ACTUAL,
            source=CLUSTER[0],
            at=clock.forward(seconds=1),
            documents=[Document(resource=changed.resource, body=body)],
        )
        recorder.hear("demo", said)
        recorder.relate("demo")
        assert {uid.split("/")[5] for uid in loaded} <= {changed.resource.namespace, "-"}
        assert changed.resource.uid in loaded
        loaded.clear()
        recorder.relate("demo")
        assert loaded == []


def test_a_reading_in_portions_is_one_reading(sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is new, what differs and what is gone is told once, and nothing is told of what is the same."""
    documents = [document(body) for body in Estate(objects=14 * 2).live()]
    monkeypatch.setattr(graph_store, "_AT_ONCE", 5)
    told: list[News] = []
    with _store(sqlite_template) as (store, clock):
        recorder = Recorder(store, clock, told.append)
        recorder.record("demo", [_snapshot(clock, documents)])
        assert told.pop().touched.keys() == {d.resource.uid for d in documents}
        first, pod = documents[0], next(d for d in documents if d.resource.kind == "Pod")
        assert store.load("demo").outgoing(pod.resource.uid)
        changed = Document(resource=first.resource, body={**first.body, "extra": True})
        recorder.record("demo", [_snapshot(clock, [changed, *(d for d in documents[1:] if d is not pod)])])
        assert told.pop().touched.keys() == {first.resource.uid, pod.resource.uid}
        graph = store.load("demo")
        assert graph.body(first.resource.uid, Facet.ACTUAL) == changed.body
        assert pod.resource.uid not in graph
        assert not graph.outgoing(pod.resource.uid)


def test_what_a_source_says_again_is_confirmed(sqlite_template: Path) -> None:
    """It was seen at the later time; unless somebody else stored something of the source in between."""
    documents = [document(body) for body in Estate(objects=14).live()]
    uid = documents[0].resource.uid
    with _store(sqlite_template) as (store, clock):
        told: list[News] = []
        recorder = Recorder(store, clock, told.append)
        for _ in range(2):
            snapshot = _snapshot(clock, documents)
            recorder.record("demo", [snapshot])
            version = store.load("demo").version(uid, Facet.ACTUAL)
            assert version is not None
            assert version.last_seen == snapshot.taken_at
        assert len(told) == 1
        other = Document(resource=documents[0].resource, body={**documents[0].body, "extra": True})
        Recorder(store, clock, tell_nobody).record("demo", [_snapshot(clock, [other, *documents[1:]])])
        recorder.record("demo", [_snapshot(clock, documents)])
        assert store.load("demo").body(uid, Facet.ACTUAL) == documents[0].body
        assert [*told[-1].touched] == [uid]
        assert not store.confirm("demo", _snapshot(clock, documents), clock() - timedelta(days=1))


def test_relations_of_what_is_gone_end(sqlite_template: Path) -> None:
    """Also when the process that stored that it is gone was ended before it found the relations."""
    documents = [document(body) for body in Estate(objects=14).live()]
    with _store(sqlite_template) as (store, clock):
        Recorder(store, clock, tell_nobody).record("demo", [_snapshot(clock, documents)])
        pod = next(d for d in documents if d.resource.kind == "Pod")
        assert store.load("demo").outgoing(pod.resource.uid)
        store.record("demo", _snapshot(clock, [d for d in documents if d is not pod]), None)
        Recorder(store, clock, tell_nobody).relate("demo")
        graph = store.load("demo")
        assert not graph.outgoing(pod.resource.uid)
        assert graph.relations
