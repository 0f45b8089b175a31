"""What people said of diagnoses: told, recalled, and, when it was wrong, found and removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.store.audit import AuditLog
from app.store.clock import Clock, utc_now
from app.store.database import Database, lock
from app.store.incident_ids import incident_id
from app.store.memory_records import memory_id, memory_number
from app.store.rows.memories import MemoryRow, MemoryUseRow
from graph.codec import decode, encode
from graph.errors import Conflict, NotFound
from graph.memory import Memory

MOST_RECALLABLE = 2000
"""Newest memories of an environment that are compared with an incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMemory:
    """A memory with its later life."""

    memory: Memory
    environment: str
    removed_at: datetime | None
    """UTC; None while it is in use."""
    removed_by: str
    removed_because: str
    """Untrusted."""
    uses: tuple[tuple[str, int], ...] = ()
    """Incident and number of each diagnosis that recalled it."""


class Memories:
    """All memories. Every write leaves an audit entry in the same transaction."""

    def __init__(self, database: Database, audit: AuditLog, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def tell(self, environment: str, memory: Memory) -> Memory:
        """Store an outcome and return it with its id; what was told of the same incident before counts no more."""
        with self._database.session() as session:
            lock(session, f"memories {memory.incident}")
            for earlier in session.exec(_in_use().where(MemoryRow.incident == memory.incident)):
                self._put_away(session, earlier, memory.by, "told anew")
            row = MemoryRow(
                environment=environment,
                incident=memory.incident,
                outcome=memory.outcome.value,
                at=memory.at,
                by=memory.by,
                body=encode(memory),
            )
            session.add(row)
            session.flush()
            told = _memory(row)
            detail = {"memory": told.id, "outcome": told.outcome.value, "cause": encode(told.cause), "note": told.note}
            self._audit.append(
                session, actor=told.by, action="incident.outcome", subject=memory.incident, detail=detail
            )
            return told

    def recallable(self, environment: str) -> Sequence[Memory]:
        """Return the memories of an environment that are in use, newest first."""
        newest = _in_use().where(MemoryRow.environment == environment).order_by(col(MemoryRow.number).desc())
        with self._database.reading() as session:
            return [_memory(row) for row in session.exec(newest.limit(MOST_RECALLABLE))]

    def list(self, environment: str | None = None, *, limit: int = 100, offset: int = 0) -> Sequence[StoredMemory]:
        """Return memories, also removed ones, newest first."""
        found = select(MemoryRow).order_by(col(MemoryRow.number).desc()).limit(limit).offset(offset)
        if environment is not None:
            found = found.where(MemoryRow.environment == environment)
        with self._database.reading() as session:
            return [_stored(session, row) for row in session.exec(found).all()]

    def of_incident(self, incident: str) -> Sequence[StoredMemory]:
        """Return what is held to be the outcome of an incident: at most one memory."""
        with self._database.reading() as session:
            found = session.exec(_in_use().where(MemoryRow.incident == incident)).all()
            return [_stored(session, row) for row in found]

    def get(self, id: str) -> StoredMemory:
        """Return one memory with every diagnosis that recalled it.

        Raises:
            NotFound: there is none with this id.
        """
        with self._database.reading() as session:
            return _stored(session, _known(session, id))

    def remove(self, id: str, *, by: str, because: str) -> StoredMemory:
        """Take a memory out of use; it stays on record.

        Raises:
            NotFound: there is none with this id.
            Conflict: it was removed before.
        """
        with self._database.session() as session:
            row = _known(session, id, for_update=True)
            if row.removed_at is not None:
                raise Conflict(f"{id} was removed by {row.removed_by} before")
            self._put_away(session, row, by, because)
            return _stored(session, row)

    def _put_away(self, session: Session, row: MemoryRow, by: str, because: str) -> None:
        row.removed_at, row.removed_by, row.removed_because = self._clock(), by, because
        session.add(row)
        session.flush()
        detail = {"memory": _memory(row).id, "because": because}
        self._audit.append(session, actor=by, action="memory.removed", subject=row.incident, detail=detail)


def _in_use() -> SelectOfScalar[MemoryRow]:
    return select(MemoryRow).where(col(MemoryRow.removed_at).is_(None))


def _known(session: Session, id: str, *, for_update: bool = False) -> MemoryRow:
    row = session.get(MemoryRow, memory_number(id), with_for_update=for_update or None)
    if row is None:
        raise NotFound(f"no memory {id!r}: the list of memories names those there are")
    return row


def _memory(row: MemoryRow) -> Memory:
    return replace(decode(Memory, row.body), id=memory_id(row.number or 0))


def _stored(session: Session, row: MemoryRow) -> StoredMemory:
    uses = session.exec(
        select(MemoryUseRow)
        .where(MemoryUseRow.memory == row.number)
        .order_by(col(MemoryUseRow.incident), col(MemoryUseRow.diagnosis))
    )
    return StoredMemory(
        memory=_memory(row),
        environment=row.environment,
        removed_at=row.removed_at,
        removed_by=row.removed_by,
        removed_because=row.removed_because,
        uses=tuple((incident_id(use.incident), use.diagnosis) for use in uses),
    )
