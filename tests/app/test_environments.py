"""An environment is read as a whole: what fails is a gap, and nobody is given a reading from before he asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.environments import GovernedEnvironments, Sources, significant_part
from app.store.database import Database
from app.store.graph import GraphStore
from graph.document import get
from graph.errors import NotFound, Unreachable
from graph.evidence import ObservationKind, SymptomEvent
from graph.resource import Facet
from graph.version import Document, Snapshot
from tests.app.store.samples import Time, change, document, resource
from tools.ports import ChangeBatch


class Clock(Time):
    """A clock that moves by a second each time somebody looks."""

    def __call__(self) -> datetime:
        return self.forward(seconds=1)


class FakeState:
    """A source of state."""

    def __init__(self, clock: Clock, *documents: Document, name: str = "cluster:demo") -> None:
        self.name, self.facet = name, Facet.ACTUAL
        self.documents = documents
        self.reads = 0
        self.while_reading: Callable[[], None] = lambda: None
        self._clock = clock

    def read(self) -> Snapshot:
        self.reads += 1
        at, documents = self._clock(), self.documents
        self.while_reading()
        return Snapshot(facet=self.facet, source=self.name, taken_at=at, documents=documents)


class FakeChanges:
    """A source of changes and symptoms, which remembers since when it was asked."""

    name = "audit"

    def __init__(self) -> None:
        self.since: list[datetime | None] = []

    def changes(self, since: datetime | None) -> ChangeBatch:
        self.since.append(since)
        return ChangeBatch(changes=(change(),))

    def symptoms(self, since: datetime) -> Sequence[SymptomEvent]:
        self.since.append(since)
        return [SymptomEvent(kind=ObservationKind.LOG, resource=resource().uid, at=since, text="hello", source="logs")]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[GraphStore]:
    database = Database(f"sqlite:///{tmp_path / 'plumbline.db'}")
    database.migrate()
    yield GraphStore(database, clock=clock)
    database.dispose()


def _environments(store: GraphStore, clock: Clock, **parts: object) -> GovernedEnvironments:
    values = {"states": (), "changes": (), "symptoms": ()} | parts
    sources = Sources(environment="demo", deployers=frozenset({"ci"}), **values)  # type: ignore[arg-type]
    return GovernedEnvironments([sources], store, clock)


def test_reading_is_stored(store: GraphStore, clock: Clock) -> None:
    """State, changes and symptoms stand in the graph as of the time that is returned."""
    log = FakeChanges()
    source = FakeState(clock, document(timeout="1s"))
    environments = _environments(store, clock, states=(source,), changes=(log,), symptoms=(log,))
    at = environments.refresh("demo")
    graph = environments.graph("demo", as_of=at)
    assert get(graph.body(resource().uid, Facet.ACTUAL), "/data") == {"timeout": "1s"}
    assert environments.names() == ["demo"]
    assert environments.deployers("demo") == {"ci"}


def test_unknown_environment_is_named(store: GraphStore, clock: Clock) -> None:
    """With those that are known."""
    with pytest.raises(NotFound, match="known: demo"):
        _environments(store, clock).refresh("prod")


def test_failed_source_is_a_gap_and_the_others_are_read(store: GraphStore, clock: Clock) -> None:
    """What was known of it before stays, with the error beside it."""
    broken, whole = FakeState(clock, document("old"), name="a"), FakeState(clock, document("whole"), name="b")
    environments = _environments(store, clock, states=(broken, whole))
    environments.refresh("demo")
    broken.while_reading = lambda: _raise(Unreachable("no route to the cluster"))
    whole.documents = (document("whole", timeout="2s"),)
    graph = environments.graph("demo", as_of=environments.refresh("demo"))
    assert get(graph.body(resource("whole").uid, Facet.ACTUAL), "/data") == {"timeout": "2s"}
    assert graph.body(resource("old").uid, Facet.ACTUAL) is not None
    assert ["no route" in s.error for s in graph.sources if s.name == "a"] == [True]


def test_a_source_of_symptoms_that_works_again_is_no_gap_any_more(store: GraphStore, clock: Clock) -> None:
    """Its failure is told with every answer until it can be read, and not longer."""
    log = FakeChanges()
    works, log.symptoms = log.symptoms, lambda since: _raise(Unreachable("no route"))  # type: ignore[method-assign]
    environments = _environments(store, clock, states=(FakeState(clock, document()),), symptoms=(log,))
    graph = environments.graph("demo", as_of=environments.refresh("demo"))
    assert [s.error for s in graph.sources if s.name == "audit"] == ["no route"]
    log.symptoms = works  # type: ignore[method-assign]
    graph = environments.graph("demo", as_of=environments.refresh("demo"))
    assert [s.error for s in graph.sources if s.name == "audit"] == [""]


def test_reading_that_began_before_is_not_shared(store: GraphStore, clock: Clock) -> None:
    """Who asks while a reading is under way may ask because of what it has missed."""
    source = FakeState(clock, document(timeout="1s"))
    environments = _environments(store, clock, states=(source,))
    found: list[datetime] = []
    asking = threading.Thread(target=lambda: found.append(environments.refresh("demo")))

    def meanwhile() -> None:
        source.while_reading = lambda: None
        source.documents = (document(timeout="9s"),)
        before = clock.now
        asking.start()
        while clock.now == before:  # it has asked, and waits for the reading at hand
            pass

    source.while_reading = meanwhile
    environments.refresh("demo")
    asking.join(10)
    assert source.reads == 2
    graph = environments.graph("demo", as_of=found[0])
    assert get(graph.body(resource().uid, Facet.ACTUAL), "/data") == {"timeout": "9s"}


def test_those_who_wait_share_the_next_reading(store: GraphStore, clock: Clock) -> None:
    """An alert storm reads the cluster twice, not once for each alert."""
    source = FakeState(clock, document(timeout="1s"))
    environments = _environments(store, clock, states=(source,))
    asking = [threading.Thread(target=environments.refresh, args=("demo",)) for _ in range(5)]

    def meanwhile() -> None:
        source.while_reading = lambda: None
        asked_at = clock.now
        for thread in asking:
            thread.start()
        while clock.now < asked_at + timedelta(seconds=len(asking)):
            pass

    source.while_reading = meanwhile
    environments.refresh("demo")
    for thread in asking:
        thread.join(10)
    assert source.reads == 2


def test_a_judgement_does_not_wait_for_declarations_that_take_long(store: GraphStore, clock: Clock) -> None:
    """While they are read, what is known of them is good enough; those that are quick are read again."""
    source = FakeState(clock, document(timeout="1s"), name="git")
    source.facet = Facet.INTENDED
    environments = _environments(store, clock, states=(source,))
    environments.refresh("demo")
    assert not environments.read_declared("demo", clock())
    assert source.reads == 2

    def slowly() -> None:
        clock.forward(seconds=10)

    source.while_reading = slowly
    environments.refresh("demo")
    answers: list[bool] = []

    def meanwhile() -> None:
        asking = threading.Thread(target=lambda: answers.append(environments.read_declared("demo", clock.now)))
        asking.start()
        asking.join(5)

    source.while_reading = meanwhile
    environments.refresh("demo")
    assert answers == [False]


def test_changes_are_read_on_from_the_last_time(store: GraphStore, clock: Clock) -> None:
    """With an overlap for records that come late."""
    log = FakeChanges()
    environments = _environments(store, clock, changes=(log,))
    first = environments.refresh("demo")
    environments.refresh("demo")
    assert log.since[0] is None
    assert log.since[1] is not None
    assert first - log.since[1] > timedelta(minutes=14)


def test_bookkeeping_is_not_significant() -> None:
    """A new resourceVersion or status makes no new version; a changed field does."""
    assert significant_part(document(version="1")) == significant_part(document(version="2"))
    assert significant_part(document(timeout="1s")) != significant_part(document(timeout="2s"))


def _raise(error: Exception) -> None:
    raise error
