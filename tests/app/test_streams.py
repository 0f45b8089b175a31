"""Followed streams: what is read is stored even when the database is away for a while, and what is lost is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.database import Database
from app.store.graph import GraphStore
from app.streams import Streams
from graph.change import Change
from graph.errors import NotFound, Unreachable
from graph.evidence import Gap
from tests.app.store.samples import Time, change
from tools.ports import ChangeBatch


class Log:
    """A stream that says what it is told to say."""

    name = "audit"

    def __init__(self) -> None:
        self.says: list[ChangeBatch | Exception] = []

    def changes(self, since: object) -> ChangeBatch:
        raise AssertionError("a stream that is followed is not read again")

    def news(self) -> ChangeBatch:
        said = self.says.pop(0) if self.says else ChangeBatch(changes=())
        if isinstance(said, Exception):
            raise said
        return said


class Away:
    """A graph store whose database is away for the first writes."""

    def __init__(self, store: GraphStore) -> None:
        self._store = store
        self.failures = 1

    def record_changes(self, environment: str, changes: list[Change]) -> int:
        if self.failures:
            self.failures -= 1
            raise Unreachable("the database is away")
        return self._store.record_changes(environment, changes)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def store(tmp_path: Path, time: Time) -> Iterator[GraphStore]:
    database = Database(f"sqlite:///{tmp_path / 'plumbline.db'}")
    database.migrate()
    yield GraphStore(database, clock=time)
    database.dispose()


def errors(store: GraphStore) -> list[str]:
    return [s.error for s in store.load("demo").sources if s.name == "audit"]


def test_new_changes_name_their_resources_once(store: GraphStore, time: Time) -> None:
    """What is known already is no news."""
    log, streams = Log(), Streams(store, time)
    log.says = [ChangeBatch(changes=(change(),)), ChangeBatch(changes=(change(),))]
    assert streams.follow("demo", log) == {change().uid}
    assert streams.follow("demo", log) == set()
    assert store.load("demo").changes(change().uid)


def test_what_could_not_be_stored_is_stored_later(store: GraphStore, time: Time) -> None:
    """The stream will not say it again."""
    log, streams = Log(), Streams(Away(store), time)  # type: ignore[arg-type]
    log.says = [ChangeBatch(changes=(change(),))]
    with pytest.raises(Unreachable):
        streams.follow("demo", log)
    assert streams.follow("demo", log) == {change().uid}


def test_lost_records_and_missing_files_are_told_with_the_source(store: GraphStore, time: Time) -> None:
    """Until the file is back, and for an hour."""
    log, streams = Log(), Streams(store, time)
    log.says = [NotFound("no file 'audit.log': check the path")]
    streams.follow("demo", log)
    assert errors(store) == ["no file 'audit.log': check the path"]
    log.says = [ChangeBatch(changes=(), gaps=(Gap(what="line 7 of audit.log", why="cut off in the middle"),))]
    streams.follow("demo", log)
    assert "line 7 of audit.log: cut off in the middle" in errors(store)[0]
    time.forward(hours=2)
    streams.follow("demo", log)
    assert errors(store) == [""]
