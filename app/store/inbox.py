"""The webhook inbox: what a sender delivered is stored, with the job that reads it, before anybody says thank you."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, update
from sqlmodel import col, select

from app.store.database import Database
from app.store.jobs import Jobs
from app.store.rows.inbox import DeliveryRow
from app.store.upsert import insert_or_nothing
from graph.errors import NotFound

DELIVERY_JOB = "delivery"
"""Kind of the job that reads a delivery; its payload is `{"delivery_id": ID}`."""

_NEVER_KEPT = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key", "x-routing-key"})
"""Headers that hold a credential of the sender."""


class Receipt(NamedTuple):
    """What became of a delivery."""

    delivery_id: int
    is_new: bool
    """False when the sender delivered it before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook delivery as it came."""

    id: int
    sender: str
    key: str
    """What makes a delivery of this sender the same one when it comes twice."""
    body: bytes
    headers: Mapping[str, str]
    """Lower-case names; without credentials."""
    received_at: datetime
    """UTC"""
    status: str
    """`received`, `done` or `quarantined`"""
    reason: str
    """Why it is in quarantine."""


class Inbox:
    """All deliveries."""

    def __init__(self, database: Database, jobs: Jobs) -> None:
        self._database = database
        self._jobs = jobs

    def receive(
        self, *, sender: str, key: str, body: bytes, headers: Mapping[str, str], received_at: datetime
    ) -> Receipt:
        """Store a delivery and the job that reads it, durably, in one transaction.

        Raises:
            Unreachable: it could not be stored; the sender must be told to try again.
        """
        kept = {k.lower(): v for k, v in headers.items() if k.lower() not in _NEVER_KEPT}
        row = DeliveryRow(sender=sender, key=key, body=body, headers=kept, received_at=received_at, status="received")
        with self._database.session() as session:
            new = session.execute(insert_or_nothing(session, row).returning(col(DeliveryRow.id)))
            number = new.scalar_one_or_none()
            if number is not None:
                self._jobs.enqueue(session, DELIVERY_JOB, str(number), {"delivery_id": number})
                return Receipt(delivery_id=number, is_new=True)
            same = select(DeliveryRow.id).where(DeliveryRow.sender == sender, DeliveryRow.key == key)
            known = session.exec(same).one()
            assert known is not None
            return Receipt(delivery_id=known, is_new=False)

    def get(self, id: int) -> Delivery:
        """Return one delivery.

        Raises:
            NotFound: there is none with this number.
        """
        with self._database.reading() as session:
            row = session.get(DeliveryRow, id)
            if row is None:
                raise NotFound(f"no delivery {id}")
            return _delivery(row)

    def quarantine(self, id: int, reason: str) -> None:
        """Set a delivery aside that can't be read, for a person to look at."""
        self._set(id, "quarantined", reason)

    def done(self, id: int) -> None:
        """Mark a delivery as read."""
        self._set(id, "done", "")

    def quarantined(self, limit: int = 100) -> list[Delivery]:
        """Return what was set aside, newest first."""
        statement = select(DeliveryRow).where(DeliveryRow.status == "quarantined")
        with self._database.reading() as session:
            return [_delivery(r) for r in session.exec(statement.order_by(col(DeliveryRow.id).desc()).limit(limit))]

    def pending_count(self) -> int:
        """Return how many deliveries wait to be read."""
        statement = select(func.count()).select_from(DeliveryRow).where(DeliveryRow.status == "received")
        with self._database.reading() as session:
            return session.exec(statement).one()

    def _set(self, id: int, status: str, reason: str) -> None:
        with self._database.session() as session:
            session.execute(update(DeliveryRow).where(col(DeliveryRow.id) == id).values(status=status, reason=reason))


def _delivery(row: DeliveryRow) -> Delivery:
    assert row.id is not None
    return Delivery(
        id=row.id,
        sender=row.sender,
        key=row.key,
        body=row.body,
        headers=row.headers,
        received_at=row.received_at,
        status=row.status,
        reason=row.reason,
    )
