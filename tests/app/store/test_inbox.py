"""Deliveries are stored, once, before anybody is told so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from sqlmodel import select

from app.store.database import Database
from app.store.inbox import DELIVERY_JOB, Inbox, Receipt
from app.store.jobs import Jobs
from app.store.rows.inbox import DeliveryRow
from graph.errors import NotFound
from tests.app.store.samples import T0, Time


@pytest.fixture
def inbox(database: Database, time: Time) -> Inbox:
    return Inbox(database, Jobs(database, clock=time))


def _receive(inbox: Inbox, key: str = "k1", body: bytes = b"{}") -> Receipt:
    headers = {"X-PagerDuty-Signature": "v1=ab", "Authorization": "Bearer secret", "Cookie": "a=b"}
    return inbox.receive(sender="pagerduty", key=key, body=body, headers=headers, received_at=T0)


def test_delivery_comes_with_its_job(inbox: Inbox, database: Database, time: Time) -> None:
    """The raw bytes and the job that reads them are both there."""
    receipt = _receive(inbox, body=b"\x00\xff")
    assert receipt.is_new
    delivery = inbox.get(receipt.delivery_id)
    assert (delivery.body, delivery.status, delivery.received_at) == (b"\x00\xff", "received", T0)
    job = Jobs(database, clock=time).claim("w", lease_s=30)
    assert job is not None
    assert (job.kind, job.payload) == (DELIVERY_JOB, {"delivery_id": receipt.delivery_id})


def test_credentials_of_the_sender_are_not_kept(inbox: Inbox) -> None:
    """A bearer token in a header is nothing to store."""
    assert dict(inbox.get(_receive(inbox).delivery_id).headers) == {"x-pagerduty-signature": "v1=ab"}


def test_same_delivery_twice_is_one(inbox: Inbox) -> None:
    """The second receipt names the first delivery."""
    first, second = _receive(inbox), _receive(inbox, body=b"other")
    assert second == Receipt(first.delivery_id, False)
    assert inbox.pending_count() == 1


def test_quarantine_keeps_what_can_not_be_read(inbox: Inbox) -> None:
    """It is listed with its reason and waits no more."""
    receipt = _receive(inbox)
    inbox.quarantine(receipt.delivery_id, "no \x00 JSON")
    (delivery,) = inbox.quarantined(10)
    assert (delivery.id, delivery.status) == (receipt.delivery_id, "quarantined")
    assert inbox.pending_count() == 0


def test_read_delivery_waits_no_more(inbox: Inbox) -> None:
    """Done is done."""
    inbox.done(_receive(inbox).delivery_id)
    assert (inbox.pending_count(), inbox.quarantined(10)) == (0, [])


def test_unknown_delivery_is_not_found(inbox: Inbox) -> None:
    """There is none with that number."""
    with pytest.raises(NotFound):
        inbox.get(99)


def test_racing_repeats_are_one(database: Database, inbox: Inbox) -> None:
    """Eight threads deliver the same twenty; each is stored once, and every receipt is right."""
    receipts: list[Receipt] = []

    def deliver() -> None:
        receipts.extend(_receive(inbox, key=f"k{n}") for n in range(20))

    _together(deliver, 8)
    assert sum(r.is_new for r in receipts) == 20
    with database.reading() as session:
        assert len(session.exec(select(DeliveryRow)).all()) == 20


_RECEIVER = """
import sys
from datetime import UTC, datetime
from app.store.database import Database
from app.store.inbox import Inbox
from app.store.jobs import Jobs
database = Database(sys.argv[1])
inbox = Inbox(database, Jobs(database))
number = 0
while True:
    number += 1
    key = f"{sys.argv[2]}-{number}"
    inbox.receive(sender="s", key=key, body=b"x" * 2000, headers={}, received_at=datetime.now(UTC))
    print(key, flush=True)
"""


@pytest.mark.parametrize("rounds", [3])
def test_receipt_survives_kill(database: Database, database_url: str, rounds: int) -> None:
    """What was acknowledged before a kill -9 is there afterwards, with its job."""
    acknowledged: set[str] = set()
    for round_ in range(rounds):
        process = subprocess.Popen(
            [sys.executable, "-c", _RECEIVER, database_url, str(round_)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(10 + 7 * round_):
            acknowledged.add(process.stdout.readline().strip())
        os.kill(process.pid, signal.SIGKILL)
        acknowledged.update(line.strip() for line in process.stdout if line.endswith("\n"))
        process.wait()
        process.stdout.close()
    with database.reading() as session:
        stored = {row.key: row.id for row in session.exec(select(DeliveryRow))}
    assert acknowledged <= stored.keys()
    jobs = Jobs(database)
    found = set()
    while (job := jobs.claim("w", lease_s=600)) is not None:
        found.add(job.payload["delivery_id"])
    assert found == set(stored.values())


def _together(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
