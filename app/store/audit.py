"""The audit log: entries chained by HMAC, appended in the transaction of what they tell of.

An entry that can't be written takes the whole transaction with it: what is not in the log did not happen. Each entry
seals the one before it, a sealed row marks the end, and the end is exported to a file after each commit.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.store.audit_head import Head, export_head, read_head
from app.store.clock import Clock, utc_now
from app.store.database import Database, after_commit, lock
from app.store.rows.audit import AuditEntryRow, AuditHeadRow
from graph.document import Json, canonical
from graph.errors import Conflict, Invalid, Refused

_log = structlog.get_logger(__name__)

_GENESIS = "0" * 64
_PAGE = 1000
_KINDS = {"seq": int, "at": datetime, **dict.fromkeys(("actor", "action", "subject", "detail", "prev", "hash"), str)}
"""SQLite keeps values of any type in any column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that happened."""

    seq: int
    """From 1, without holes."""
    at: datetime
    """UTC"""
    actor: str
    action: str
    """e.g. `proposal.approved`"""
    subject: str
    """Id of what it happened to, e.g. `INC-7`."""
    detail: Json
    hash: str
    """HMAC-SHA256 over all of the above and the hash of the entry before, in hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """Whether the log is what was written."""

    ok: bool
    entries: int
    """Entries found."""
    first_bad: int | None = None
    """Number of the first entry that is wrong or missing; None when the log is whole or can't be read with this key."""
    problem: str = ""
    """What is wrong, in one sentence; empty when nothing is."""


class AuditLog:
    """The chain of audit entries."""

    def __init__(
        self, database: Database, key: bytes, head_file: Path | None = None, *, clock: Clock = utc_now
    ) -> None:
        """`head_file` receives the end of the chain after each commit; keep copies of it elsewhere."""
        self._database = database
        self._key = key
        self._head_file = head_file
        self._clock = clock

    def append(self, session: Session, *, actor: str, action: str, subject: str, detail: Json) -> AuditEntry:
        """Add an entry in the caller's transaction, as its last step: other writers wait from here to its end.

        Raises:
            Refused: the log was made with another key.
        """
        lock(session, "audit")
        row = session.get(AuditHeadRow, 1, populate_existing=True)
        if row is None:
            row = AuditHeadRow(id=1, seq=0, hash=_GENESIS, seal="", key_id=self._key_id())
        elif row.key_id != self._key_id():
            raise Refused("the audit log was made with another key: restore the key file that belongs to this database")
        entry = AuditEntryRow(
            seq=row.seq + 1,
            at=self._clock(),
            actor=_storable(actor),
            action=action,
            subject=_storable(subject),
            detail=_detail_text(detail),
            prev=row.hash,
            hash="",
        )
        entry.hash = self._hash(entry)
        row.seq, row.hash = entry.seq, entry.hash
        row.seal = self.seal("audit head", [row.seq, row.hash])
        session.add(entry)
        session.add(row)
        session.flush()
        head = Head(seq=entry.seq, hash=entry.hash)
        after_commit(session, lambda: self._export(head))
        return _entry(entry)

    def record(self, *, actor: str, action: str, subject: str, detail: Json) -> AuditEntry:
        """Add an entry in a transaction of its own."""
        with self._database.session() as session:
            return self.append(session, actor=actor, action=action, subject=subject, detail=detail)

    def entries(self, after_seq: int = 0, limit: int = 100, subject: str | None = None) -> list[AuditEntry]:
        """Return entries after `after_seq`, oldest first."""
        return self._select(after_seq, limit, None if subject is None else [subject])

    def latest(self, limit: int = 100) -> list[AuditEntry]:
        """Return the newest entries, newest first."""
        statement = select(AuditEntryRow).order_by(col(AuditEntryRow.seq).desc()).limit(limit)
        with self._database.reading() as session:
            return [_entry(row) for row in session.exec(statement)]

    def about(self, subjects: Sequence[str], limit: int = 1000) -> list[AuditEntry]:
        """Return the entries about any of these subjects, oldest first."""
        return self._select(0, limit, subjects)

    def verify(self) -> AuditReport:
        """Check every entry, the end of the chain, and its exported copy."""
        with self._database.reading() as session:
            head = session.get(AuditHeadRow, 1)
            if head is not None and head.key_id != self._key_id():
                count = sum(1 for _ in _rows(session))
                return _bad(None, count, "The log was made with another key; nothing can be said about it.")
            expected = Head(seq=0, hash=_GENESIS)
            checkpoint = self._exported()
            try:
                for row in _rows(session):
                    problem = self._problem(row, expected)
                    if not problem and checkpoint and checkpoint.seq == row.seq and checkpoint.hash != row.hash:
                        problem = "is not the one that was exported under this number"
                    if problem:
                        first_bad = min(row.seq, expected.seq + 1)
                        return _bad(first_bad, expected.seq, f"Entry {first_bad} {problem}.")
                    expected = Head(seq=row.seq, hash=row.hash)
            except _UnreadableError:
                first_bad = expected.seq + 1
                return _bad(
                    first_bad, expected.seq, f"Entry {first_bad} was changed: it holds what nobody writes there."
                )
            return self._check_end(head, expected, checkpoint)

    def check_not_behind(self, session: Session) -> None:
        """Check that the database still holds the end that was exported.

        Raises:
            Conflict: the database is older than the exported end, as after restoring a backup, or was changed.
        """
        exported = self._exported()
        if exported is None or exported.seq == 0:
            return
        found = session.get(AuditEntryRow, exported.seq)
        if found is None or found.hash != exported.hash:
            raise Conflict(
                f"the audit log does not hold entry {exported.seq} as it was exported: the database was restored or "
                "changed. Run `plumbline audit verify`; no approval from before can be used"
            )

    def accept_restored(self, *, actor: str, reason: str) -> AuditEntry:
        """Start a new exported end after a restored backup; the log keeps who did that and why."""
        if self._head_file is not None:
            self._head_file.unlink(missing_ok=True)
        return self.record(actor=actor, action="audit.restored", subject="audit", detail={"reason": reason})

    def seal(self, purpose: str, content: Json) -> str:
        """Return an HMAC-SHA256 over `content` in hex, good for one purpose only."""
        return hmac.new(self._key, canonical([purpose, content]).encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _select(self, after_seq: int, limit: int, subjects: Sequence[str] | None) -> list[AuditEntry]:
        statement = select(AuditEntryRow).where(AuditEntryRow.seq > after_seq).order_by(col(AuditEntryRow.seq))
        if subjects is not None:
            statement = statement.where(col(AuditEntryRow.subject).in_(subjects))
        with self._database.reading() as session:
            return [_entry(row) for row in session.exec(statement.limit(limit))]

    def _problem(self, row: AuditEntryRow, before: Head) -> str:
        if row.seq != before.seq + 1:
            return "is missing"
        if not _is_same(row.hash, self._hash(row)):
            return "was changed, moved or put in by somebody else"
        if row.prev != before.hash:
            return "does not follow the entry before it: one of the two was moved or replaced"
        return ""

    def _check_end(self, head: AuditHeadRow | None, found: Head, exported: Head | None) -> AuditReport:
        if head is None:
            if found.seq == 0 and exported is None:
                return AuditReport(ok=True, entries=0)
            return _bad(found.seq + 1, found.seq, "The row that marks the end of the log is missing.")
        if not _is_same(head.seal, self.seal("audit head", [head.seq, head.hash])):
            return _bad(found.seq + 1, found.seq, "The row that marks the end of the log was changed.")
        if head.seq != found.seq or head.hash != found.hash:
            return _bad(
                found.seq + 1, found.seq, f"Entries after {found.seq} are missing; the log ended at {head.seq}."
            )
        if exported is not None and exported.seq > found.seq:
            problem = f"Entries after {found.seq} are missing; the exported end is {exported.seq}."
            return _bad(found.seq + 1, found.seq, problem)
        return AuditReport(ok=True, entries=found.seq)

    def _exported(self) -> Head | None:
        """Return the exported end; a damaged file counts as an end that no log can reach."""
        if self._head_file is None:
            return None
        try:
            return read_head(self._head_file)
        except Invalid:
            return Head(seq=2**62, hash="")

    def _export(self, head: Head) -> None:
        """Export the end. What it belongs to is committed already, so a full disk here is told but undoes nothing."""
        if self._head_file is None:
            return
        try:
            export_head(self._head_file, head)
        except OSError as error:
            _log.error("audit_head_not_exported", path=str(self._head_file), seq=head.seq, error=str(error))

    def _hash(self, row: AuditEntryRow) -> str:
        at = row.at.isoformat(timespec="microseconds")
        return self.seal("audit entry", [row.seq, at, row.actor, row.action, row.subject, row.detail, row.prev])

    def _key_id(self) -> str:
        return self.seal("key id", None)[:16]


class _UnreadableError(Exception):
    """An entry holds a value that its columns can't: somebody wrote past this program."""


def _rows(session: Session) -> Iterator[AuditEntryRow]:
    """Yield all entries in order.

    Raises:
        _UnreadableError: the next one holds what only another program can have written.
    """
    after = -(2**62)
    while True:
        page = select(AuditEntryRow).where(AuditEntryRow.seq > after).order_by(col(AuditEntryRow.seq))
        try:
            rows = _read(session, page.limit(_PAGE))
        except _UnreadableError:
            # One of them is bad; those before it are still judged.
            rows = _read(session, page.limit(1))
        yield from rows
        if not rows:
            return
        after = rows[-1].seq
        session.expunge_all()


def _read(session: Session, page: SelectOfScalar[AuditEntryRow]) -> Sequence[AuditEntryRow]:
    try:
        rows = session.exec(page).all()
    except (ValueError, TypeError, AttributeError) as error:
        raise _UnreadableError from error
    except OperationalError as error:
        if "decode" not in str(error.orig):
            raise
        raise _UnreadableError from error
    if all(isinstance(getattr(row, name), kind) for row in rows for name, kind in _KINDS.items()):
        return rows
    session.expunge_all()
    raise _UnreadableError


def _entry(row: AuditEntryRow) -> AuditEntry:
    return AuditEntry(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=json.loads(row.detail),
        hash=row.hash,
    )


def _is_same(found: str, expected: str) -> bool:
    return hmac.compare_digest(found.encode("utf-8", "replace"), expected.encode())


def _bad(first_bad: int | None, entries: int, problem: str) -> AuditReport:
    return AuditReport(ok=False, entries=entries, first_bad=first_bad, problem=problem)


def _detail_text(detail: Json) -> str:
    return json.dumps(json.loads(canonical(detail)), sort_keys=True, separators=(",", ":"))


def _storable(text: str) -> str:
    """What the column gives back, so that the hash is over the stored text."""
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()
