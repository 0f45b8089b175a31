"""What a status said at a past time is not what it says now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import select

from app.store.database import Database
from app.store.graph import GraphStore
from app.store.graph_bodies import BODIES_KEPT
from app.store.rows.graph import BlobRow, BodyRow
from graph.document import Json
from graph.resource import Facet
from graph.version import Document
from tests.app.store.samples import Time, document, minutes, resource, snapshot


def without_status(document: Document) -> Json:
    return {k: v for k, v in document.body.items() if k != "status"}


def seen(store: GraphStore, time: Time, minute: int, status: str, *, delay: int = 0, **data: Any) -> None:
    """Let a source say at one minute what it saw then."""
    time.now = minutes(minute + delay)
    told = document(**data)
    body = {**told.body, "status": {"phase": status}}
    store.record(
        "demo",
        snapshot(Document(resource=told.resource, body=body, origin=told.origin), at=minutes(minute)),
        [],
        significant=without_status,
    )


def phase(store: GraphStore, as_of: datetime | None = None, known_at: datetime | None = None) -> Any:
    body = store.load("demo", as_of=as_of, known_at=known_at).body(resource().uid, Facet.ACTUAL)
    return None if body is None else body["status"]["phase"]


def test_a_status_is_told_as_it_was(database: Database, time: Time) -> None:
    """One version all along: what is asked about decides which status is told."""
    store = GraphStore(database, clock=time)
    for minute, status in ((0, "Pending"), (10, "Running"), (20, "Failed")):
        seen(store, time, minute, status, n="1")
    time.now = minutes(30)
    told = [phase(store, minutes(m)) for m in (0, 9, 10, 19, 20, 25)]
    assert told == ["Pending", "Pending", "Running", "Running", "Failed", "Failed"]
    assert phase(store) == "Failed"
    history = list(store.load("demo", as_of=minutes(9)).history(resource().uid, Facet.ACTUAL))
    assert len(history) <= 1, "a status makes no version"


def test_a_status_that_was_not_known_yet_is_not_told(database: Database, time: Time) -> None:
    """What was learned at minute 15 of minute 10 was not believed at minute 12."""
    store = GraphStore(database, clock=time)
    seen(store, time, 0, "Pending", n="1")
    seen(store, time, 10, "Failed", delay=5, n="1")
    time.now = minutes(30)
    assert phase(store, minutes(12), known_at=minutes(12)) == "Pending"
    assert phase(store, minutes(12), known_at=minutes(16)) == "Failed"


def test_a_change_between_statuses_has_its_own(database: Database, time: Time) -> None:
    """Each version has the statuses of its time."""
    store = GraphStore(database, clock=time)
    seen(store, time, 0, "Pending", n="1")
    seen(store, time, 10, "Running", n="1")
    seen(store, time, 20, "Restarting", n="2")
    seen(store, time, 30, "Running", n="2")
    time.now = minutes(40)
    assert [phase(store, minutes(m)) for m in (5, 15, 25, 35)] == ["Pending", "Running", "Restarting", "Running"]


def test_a_status_that_flaps_does_not_fill_the_disk(database: Database, time: Time) -> None:
    """The newest ones are kept, and no body that nobody holds."""
    store = GraphStore(database, clock=time)
    for minute in range(BODIES_KEPT * 2):
        seen(store, time, minute, f"number {minute}", n="1")
    time.now = minutes(500)
    with database.reading() as session:
        assert session.exec(select(func.count()).select_from(BodyRow)).one() == BODIES_KEPT
        assert session.exec(select(func.count()).select_from(BlobRow)).one() == BODIES_KEPT + 1
    last = BODIES_KEPT * 2 - 1
    assert phase(store, minutes(last - 3)) == f"number {last - 3}"
