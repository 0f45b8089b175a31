"""The history of an environment: what is kept, what is asked for again, and what was believed when."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlmodel import select

from app.store import graph as graph_store
from app.store.database import Database
from app.store.graph import GraphStore
from app.store.rows.graph import SymptomRow, VersionRow
from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.evidence import Gap, ObservationKind, SymptomEvent
from graph.relation import Relation, RelationType
from graph.resource import Facet
from graph.version import Document, Unreadable
from tests.app.store.samples import T0, Time, change, document, minutes, resource, snapshot, without_version

UID = resource().uid


@pytest.fixture
def store(database: Database, time: Time) -> GraphStore:
    return GraphStore(database, clock=time)


@pytest.fixture
def an_hour_later(time: Time) -> None:
    """Let the snapshots of the first minutes lie in the past."""
    time.forward(minutes=60)


def _body(graph: EnvironmentGraph, facet: Facet = Facet.ACTUAL, uid: str = UID) -> Object | None:
    body = graph.body(uid, facet)
    return None if body is None else body["data"]


def _relation(target: str = "b", detail: str = "") -> Relation:
    return Relation(source=UID, target=target, type=RelationType.READS, detail=detail)


def test_document_comes_back_as_it_was_read(store: GraphStore) -> None:
    """With resource, origin and times."""
    recorded = store.record("demo", snapshot(document(timeout="1s\x00\ud800")), [])
    assert recorded == ((UID,), (), ())
    graph = store.load("demo")
    version = graph.version(UID, Facet.ACTUAL)
    assert version is not None
    assert version.resource == resource()
    assert version.body == document(timeout="1s\x00\ud800").body
    assert version.origin == document().origin
    assert (version.valid_from, version.valid_to, version.last_seen) == (T0, None, T0)
    assert graph.resource("a").uid == UID


def test_facets_and_environments_are_kept_apart(store: GraphStore) -> None:
    """The same resource is declared, applied and observed; and exists elsewhere, too."""
    for facet in Facet:
        store.record("demo", snapshot(document(facet=facet.value), facet=facet), [])
    store.record("other", snapshot(document(timeout="9s")), [])
    graph = store.load("demo")
    assert [_body(graph, f) for f in Facet] == [{"facet": f.value} for f in Facet]
    assert _body(store.load("other")) == {"timeout": "9s"}
    assert store.environments() == ["demo", "other"]
    assert len(store.load("unknown")) == 0


@pytest.mark.usefixtures("an_hour_later")
def test_change_makes_a_new_version(store: GraphStore) -> None:
    """The old one is closed, and any time can be asked for."""
    store.record("demo", snapshot(document(timeout="5s")), [])
    store.record("demo", snapshot(document(timeout="5s"), at=minutes(10)), [])
    recorded = store.record("demo", snapshot(document(timeout="1s"), at=minutes(20)), [])
    assert recorded == ((), (UID,), ())
    assert _body(store.load("demo")) == {"timeout": "1s"}
    assert _body(store.load("demo", as_of=minutes(19))) == {"timeout": "5s"}
    assert _body(store.load("demo", as_of=minutes(20))) == {"timeout": "1s"}
    assert _body(store.load("demo", as_of=minutes(-1))) is None
    old, new = store.load("demo").history(UID, Facet.ACTUAL)
    assert (old.valid_from, old.valid_to, old.last_seen) == (T0, minutes(20), minutes(10))
    assert (new.valid_from, new.valid_to) == (minutes(20), None)


def test_unchanged_resource_has_no_history(store: GraphStore) -> None:
    """Only what changed carries earlier versions."""
    for minute in range(3):
        store.record("demo", snapshot(document(timeout="5s"), at=minutes(minute)), [])
    assert store.load("demo").history(UID, Facet.ACTUAL) == ()


def test_noise_makes_no_version(store: GraphStore, database: Database) -> None:
    """The newest body is kept, in the version that holds."""
    for number in range(5):
        noisy = snapshot(document(version=str(number), timeout="5s"), at=minutes(number))
        recorded = store.record("demo", noisy, [], significant=without_version)
        assert recorded.changed == ()
    version = store.load("demo").version(UID, Facet.ACTUAL)
    assert version is not None
    assert version.body["metadata"]["resourceVersion"] == "4"
    assert (version.valid_from, version.last_seen) == (T0, minutes(4))
    with database.reading() as session:
        assert len(session.exec(select(VersionRow)).all()) == 1


@pytest.mark.usefixtures("an_hour_later")
def test_noise_does_not_touch_what_other_versions_hold(store: GraphStore) -> None:
    """A body that an older version shares stays."""
    store.record("demo", snapshot(document(timeout="5s")), [], significant=without_version)
    store.record("demo", snapshot(document(timeout="1s"), at=minutes(1)), [], significant=without_version)
    store.record("demo", snapshot(document(timeout="5s"), at=minutes(2)), [], significant=without_version)
    noisy = document(version="2", timeout="5s")
    store.record("demo", snapshot(noisy, at=minutes(3)), [], significant=without_version)
    assert _body(store.load("demo", as_of=T0)) == {"timeout": "5s"}
    assert [v.body["data"]["timeout"] for v in store.load("demo").history(UID, Facet.ACTUAL)] == ["5s", "1s", "5s"]


@pytest.mark.usefixtures("an_hour_later")
def test_missing_from_a_complete_snapshot_is_gone(store: GraphStore) -> None:
    """It is closed, and its last version stays in the history."""
    store.record("demo", snapshot(document(), document("other")), [])
    recorded = store.record("demo", snapshot(document("other"), at=minutes(5)), [])
    assert recorded.removed == (UID,)
    graph = store.load("demo")
    assert UID not in graph
    (last,) = graph.history(UID, Facet.ACTUAL)
    assert last.valid_to == minutes(5)
    assert UID in store.load("demo", as_of=minutes(4))
    assert store.record("demo", snapshot(document(), at=minutes(6)), []).added == (UID,)
    assert len(store.load("demo").history(UID, Facet.ACTUAL)) == 2


def test_missing_from_a_partial_snapshot_says_nothing(store: GraphStore) -> None:
    """It may just not have been readable."""
    store.record("demo", snapshot(document(), document("other")), [_relation()])
    store.record("demo", snapshot(document("other"), at=minutes(5), complete=False), [])
    graph = store.load("demo")
    version = graph.version(UID, Facet.ACTUAL)
    assert version is not None
    assert version.last_seen == T0
    assert graph.relations == (_relation(),)


_CONFIG_MAPS = Unreadable(where="/api/v1/configmaps", reason="denied", scopes=("k8s://demo/core/ConfigMap/",))


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param(_CONFIG_MAPS, id="its kind may not be listed"),
        pytest.param(Unreadable(where="x.yaml", reason="bad", resource=resource()), id="its file is broken"),
    ],
)
@pytest.mark.usefixtures("an_hour_later")
def test_hidden_resource_stays_until_a_reading_shows_that_it_is_gone(store: GraphStore, hidden: Unreadable) -> None:
    """A snapshot that is complete but for one kind, or one file, closes everything else that is missing."""
    pod = Document(resource=resource("pod", "Pod"), body={"kind": "Pod"})
    edges = [_relation(), Relation(source=pod.resource.uid, target="b", type=RelationType.READS)]
    store.record("demo", snapshot(document(), pod), edges)
    recorded = store.record("demo", snapshot(at=minutes(5), unreadable=(hidden,)), [])
    assert recorded.removed == (pod.resource.uid,)
    graph = store.load("demo")
    version = graph.version(UID, Facet.ACTUAL)
    assert version is not None
    assert (version.valid_to, version.last_seen) == (None, T0)
    assert graph.relations == (_relation(),)
    assert graph.unreadable == (hidden,)
    assert [(s.read_at, s.is_partial) for s in graph.sources] == [(minutes(5), False)]
    assert store.record("demo", snapshot(at=minutes(10)), []).removed == (UID,)
    graph = store.load("demo")
    assert UID not in graph
    assert graph.relations == graph.unreadable == ()
    assert store.load("demo", as_of=minutes(7)).unreadable == (hidden,)
    assert UID in store.load("demo", as_of=minutes(7))


@pytest.mark.usefixtures("an_hour_later")
def test_first_complete_reading_after_partial_ones_closes_what_is_gone(store: GraphStore) -> None:
    """As of that reading; the partial ones only confirmed what they showed."""
    broken = Unreadable(where="x.yaml", reason="nobody knows what it declares")
    store.record("demo", snapshot(document(), document("other"), document("third")), [_relation()])
    for minute in (5, 6):
        partial = snapshot(document("other"), at=minutes(minute), complete=False, unreadable=(broken,))
        assert store.record("demo", partial, []).removed == ()
        assert [s.is_partial for s in store.load("demo").sources] == [True]
    recorded = store.record("demo", snapshot(document("other"), at=minutes(9)), [])
    assert recorded.removed == tuple(sorted((UID, resource("third").uid)))
    graph = store.load("demo")
    assert [r.name for r in graph] == ["other"]
    assert graph.relations == ()
    assert [(v.last_seen, v.valid_to) for v in graph.history(UID, Facet.ACTUAL)] == [(T0, minutes(9))]
    assert [(s.read_at, s.is_partial) for s in graph.sources] == [(minutes(9), False)]


@pytest.mark.usefixtures("an_hour_later")
def test_sources_do_not_close_each_other(store: GraphStore) -> None:
    """Two repositories declare different things."""
    store.record("demo", snapshot(document(), source="git:a"), [])
    store.record("demo", snapshot(document("other"), source="git:b", at=minutes(1)), [])
    assert len(store.load("demo")) == 2


def test_one_of_two_sources_is_chosen_steadily(store: GraphStore) -> None:
    """The first by name, whichever was read last; the other is no history of it."""
    store.record("demo", snapshot(document(timeout="a"), source="git:a"), [])
    store.record("demo", snapshot(document(timeout="b"), source="git:b", at=minutes(1)), [])
    assert _body(store.load("demo")) == {"timeout": "a"}
    store.record("demo", snapshot(document(timeout="a"), source="git:a", at=minutes(2)), [])
    assert _body(store.load("demo")) == {"timeout": "a"}
    assert store.load("demo").history(UID, Facet.ACTUAL) == ()


def test_late_evidence_is_added_to_the_past(store: GraphStore, time: Time) -> None:
    """What is learned later about earlier appends; what was believed then can still be asked for."""
    store.record("demo", snapshot(document(timeout="5s"), at=minutes(0)), [])
    time.forward(minutes=30)
    store.record("demo", snapshot(document(timeout="5s"), at=minutes(30)), [])
    time.forward(minutes=30)
    recorded = store.record("demo", snapshot(document(timeout="1s"), at=minutes(15)), [])
    assert recorded == ((), (), ())
    assert _body(store.load("demo")) == {"timeout": "5s"}
    assert _body(store.load("demo", as_of=minutes(10))) == {"timeout": "5s"}
    assert _body(store.load("demo", as_of=minutes(20))) == {"timeout": "1s"}
    assert _body(store.load("demo", as_of=minutes(20), known_at=minutes(45))) == {"timeout": "5s"}
    assert _body(store.load("demo", as_of=minutes(40))) == {"timeout": "5s"}


def test_late_evidence_of_an_earlier_start(store: GraphStore, time: Time) -> None:
    """A resource existed before it was first seen."""
    store.record("demo", snapshot(document(timeout="5s"), at=minutes(30)), [])
    assert _body(store.load("demo", as_of=minutes(10))) is None
    time.forward(minutes=60)
    store.record("demo", snapshot(document(timeout="5s"), at=minutes(5)), [])
    assert _body(store.load("demo", as_of=minutes(10))) == {"timeout": "5s"}
    assert _body(store.load("demo", as_of=minutes(10), known_at=minutes(59))) is None


def test_late_evidence_that_agrees_adds_nothing(store: GraphStore, database: Database) -> None:
    """The version that held says it already."""
    store.record("demo", snapshot(document(timeout="5s")), [])
    store.record("demo", snapshot(document(timeout="5s"), at=minutes(30)), [])
    store.record("demo", snapshot(document(timeout="5s"), at=minutes(15)), [])
    with database.reading() as session:
        assert len(session.exec(select(VersionRow)).all()) == 1


@pytest.mark.usefixtures("an_hour_later")
def test_late_snapshot_removes_nothing(store: GraphStore) -> None:
    """That something was not there then does not mean that it is not here now."""
    store.record("demo", snapshot(document(), at=minutes(30)), [_relation()])
    store.record("demo", snapshot(document("gone"), at=minutes(10)), [])
    graph = store.load("demo")
    assert UID in graph
    assert resource("gone").uid not in graph
    assert resource("gone").uid in store.load("demo", as_of=minutes(20))
    assert graph.relations == (_relation(),)


def test_what_was_believed_before_it_was_known_to_be_over(store: GraphStore, time: Time) -> None:
    """The end of a version was learned at a time, too."""
    store.record("demo", snapshot(document(timeout="5s")), [_relation()])
    time.forward(minutes=60)
    store.record("demo", snapshot(document(timeout="1s"), at=minutes(30)), [])
    believed = store.load("demo", as_of=minutes(40), known_at=minutes(50))
    assert _body(believed) == {"timeout": "5s"}
    assert believed.relations == (_relation(),)
    version = believed.version(UID, Facet.ACTUAL)
    assert version is not None
    assert version.valid_to is None
    assert store.load("demo", as_of=minutes(40)).relations == ()


@pytest.mark.usefixtures("an_hour_later")
def test_relations_have_versions(store: GraphStore) -> None:
    """An edge that is gone is gone from then on; the same edge twice is one."""
    store.record("demo", snapshot(document()), [_relation("b"), _relation("b"), _relation("c", "key")])
    store.record("demo", snapshot(document(), at=minutes(10)), [_relation("b")])
    assert store.load("demo").relations == (_relation("b"),)
    assert set(store.load("demo", as_of=minutes(9)).relations) == {_relation("b"), _relation("c", "key")}


def test_same_relation_from_two_facets_is_one(store: GraphStore) -> None:
    """Declared and observed alike."""
    for facet in (Facet.INTENDED, Facet.ACTUAL):
        store.record("demo", snapshot(document(), facet=facet), [_relation()])
    assert store.load("demo").relations == (_relation(),)


@pytest.mark.usefixtures("an_hour_later")
def test_unreadable_places_are_kept_until_they_are_read(store: GraphStore) -> None:
    """They never count as clean."""
    broken = Unreadable(where="base/x.yaml", line=4, reason="not YAML", resource=resource("x"))
    store.record("demo", snapshot(document(), unreadable=(broken,)), [])
    assert store.load("demo").unreadable == (broken,)
    store.record("demo", snapshot(document(), at=minutes(1)), [])
    assert store.load("demo").unreadable == ()
    assert store.load("demo", as_of=T0).unreadable == (broken,)


@pytest.mark.usefixtures("an_hour_later")
def test_failing_source_is_known_to_fail(store: GraphStore) -> None:
    """With its error and the time of its last good reading; what it said stays."""
    store.record("demo", snapshot(document()), [])
    store.source_failed("demo", "cluster:demo", Facet.ACTUAL, "no answer", minutes(5))
    store.source_failed("demo", "cloudtrail:demo", None, "no file", minutes(5))
    graph = store.load("demo")
    assert [s[:5] for s in graph.sources] == [
        ("cloudtrail:demo", None, None, "no file", False),
        ("cluster:demo", Facet.ACTUAL, T0, "no answer", False),
    ]
    assert UID in graph
    store.record("demo", snapshot(document(), at=minutes(10)), [])
    store.source_read("demo", "cloudtrail:demo", minutes(10))
    assert [(s.read_at, s.error) for s in store.load("demo").sources] == [(minutes(10), ""), (minutes(10), "")]
    past = store.load("demo", as_of=minutes(7))
    assert [(s.read_at, s.error) for s in past.sources] == [(None, "no file"), (minutes(7), "no answer")]


@pytest.mark.usefixtures("an_hour_later")
def test_what_a_stream_has_lost_is_kept_until_it_is_found(store: GraphStore) -> None:
    """A later reading without the hole closes it; what was believed before stays answerable."""
    lost = Gap(what="records between 12:00 and 12:30", why="none came")
    store.source_read("demo", "cloudtrail:demo", minutes(10), told_until=minutes(9), gaps=[lost])
    (source,) = store.load("demo").sources
    assert (source.told_until, source.gaps) == (minutes(9), (lost,))
    store.source_read("demo", "cloudtrail:demo", minutes(20), told_until=minutes(19), gaps=[])
    (source,) = store.load("demo").sources
    assert (source.told_until, source.gaps) == (minutes(19), ())
    assert store.load("demo", as_of=minutes(15)).sources[0].gaps == (lost,)


def test_changes_are_kept_once(store: GraphStore) -> None:
    """By id; a repeat changes nothing."""
    assert store.record_changes("demo", [change("c1"), change("c2", latest=minutes(10))]) == 2
    assert store.record_changes("demo", [change("c1", latest=minutes(99)), change("c3", latest=minutes(20))]) == 1
    assert store.record_changes("demo", []) == 0
    store.record("demo", snapshot(document()), [])
    assert [c.id for c in store.load("demo", as_of=minutes(15)).changes(UID)] == ["c1", "c2"]
    assert store.load("demo", as_of=minutes(15)).changes()[0] == change("c1")


def test_many_changes_at_once(store: GraphStore, time: Time) -> None:
    """More than fit in one statement."""
    many = [change(f"c{n}", latest=minutes(-n)) for n in range(450)]
    assert store.record_changes("demo", many) == 450
    assert len(store.load("demo").changes()) == 450


def _symptom(text: str, at: float | None = 0) -> SymptomEvent:
    when = None if at is None else minutes(at)
    return SymptomEvent(kind=ObservationKind.LOG, resource=UID, at=when, text=text, reason="Error")


def test_symptoms_are_kept_once(store: GraphStore) -> None:
    """Those of the last day, oldest first; one without a time is as old as its recording."""
    later = _symptom("later", 1)
    assert store.record_symptoms("demo", [later, _symptom("x"), _symptom("x"), _symptom("old", -60 * 30)]) == 3
    assert store.record_symptoms("demo", [later, _symptom("now", None)]) == 1
    found = store.load("demo", as_of=minutes(2)).symptoms(UID)
    assert [s.text for s in found][-1] == "later"
    assert {s.text for s in found} == {"later", "x", "now"}


def test_symptoms_are_not_kept_for_ever(
    store: GraphStore, database: Database, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for long nor in any number."""
    monkeypatch.setattr(graph_store, "SYMPTOMS_KEPT", 5)
    store.record_symptoms("demo", [_symptom(f"x{n}", n / 10) for n in range(20)])
    with database.reading() as session:
        assert {r.body["text"] for r in session.exec(select(SymptomRow))} == {f"x{n}" for n in range(15, 20)}
    time.forward(days=8)
    store.record_symptoms("demo", [_symptom("new", 8 * 24 * 60)])
    with database.reading() as session:
        assert [r.body["text"] for r in session.exec(select(SymptomRow))] == ["new"]


def test_current_graph_is_built_once_for_a_revision(store: GraphStore, time: Time) -> None:
    """Nothing was written: the same parts, asked at a later time."""
    store.record("demo", snapshot(document()), [])
    first = store.load("demo")
    time.forward(minutes=5)
    second = store.load("demo")
    assert second.relations is first.relations
    assert (first.as_of, second.as_of) == (T0, minutes(5))
    revision = store.revision("demo")
    store.record_changes("demo", [change()])
    assert store.revision("demo") > revision
    assert store.load("demo").changes() != first.changes()
    assert store.revision("unknown") == 0


def test_write_of_another_process_is_seen(store: GraphStore, database: Database, time: Time) -> None:
    """The cache asks the database whether it is still right."""
    store.record("demo", snapshot(document(timeout="5s")), [])
    assert _body(store.load("demo")) == {"timeout": "5s"}
    other = GraphStore(database, clock=time)
    other.record("demo", snapshot(document(timeout="1s"), at=T0 + timedelta(seconds=0)), [])
    assert _body(store.load("demo")) == {"timeout": "1s"}


def test_racing_writers_lose_nothing(store: GraphStore, database: Database, time: Time) -> None:
    """Sources of one environment are recorded from several threads."""

    def write(number: int) -> None:
        for minute in range(5):
            taken = snapshot(document(f"c{number}", n=str(minute)), source=f"s{number}", at=minutes(minute))
            store.record("demo", taken, [_relation(f"c{number}")])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.forward(minutes=10)
    graph = store.load("demo")
    assert [_body(graph, uid=resource(f"c{n}").uid) for n in range(4)] == [{"n": "4"}] * 4
    assert len(graph.relations) == 4
    assert store.revision("demo") == 20
