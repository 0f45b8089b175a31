"""Versions of resources: how one snapshot is compared with what is stored, and what it adds.

A version is opened when the significant part of a document changed, and closed when another takes its place or the
resource is gone. Documents that differ in the rest only replace the body of the version that holds (`graph_bodies`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias, TypeVar

import sqlalchemy
from sqlalchemy import ColumnElement, delete, or_, update
from sqlmodel import Session, col, exists, select

from app.store.graph_bodies import keep_bodies
from app.store.graph_facts import Stamp, content_hash
from app.store.graph_incoming import Incoming, incoming_parts
from app.store.rows.graph import BlobRow, BodyRow, VersionRow
from app.store.upsert import insert_many, insert_many_or_nothing
from graph.codec import encode
from graph.document import Json
from graph.packed import identities, text_of
from graph.resource import Facet
from graph.version import Delta, Document, Snapshot

Significant: TypeAlias = Callable[[Document], Json]
"""Returns the part of a document whose change makes a new version."""

T = TypeVar("T")

_CHUNK = 500
"""Values in one IN list; SQLite's oldest limit is 999."""
_ROWS = 5_000
"""Rows that are read at once, so that a large result is not in memory twice."""


class Recorded(NamedTuple):
    """What a snapshot brought, as sorted uids."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def joined(parts: Sequence[Recorded]) -> Recorded:
    """Return what several parts brought together."""
    return Recorded(*(tuple(sorted(uid for uids in some for uid in uids)) for some in zip(*parts, strict=True)))


class Read(NamedTuple):
    """How far a source was known before."""

    read_at: datetime | None
    """UTC; its newest complete reading; None: there was none."""
    heard_at: datetime | None
    """UTC; until when it said by itself what changed since then; None: it does not."""
    next_read_at: datetime | None = None
    """UTC; its first complete reading after what is recorded now, for a late one; None: not late, or not known."""

    @property
    def until(self) -> datetime | None:
        """UTC; up to when it is known what the source has and what it has not."""
        return max((t for t in (self.read_at, self.heard_at) if t is not None), default=None)

    def is_after(self, at: datetime) -> bool:
        """Whether something newer than a time (UTC) is known of the source."""
        return self.until is not None and at < self.until

    def heard_by(self, at: datetime) -> Read:
        """Return the same without messages after `at` (UTC)."""
        return self._replace(heard_at=min(self.heard_at, at) if self.heard_at else None)

    def last_seen(self, row: VersionRow | _Row) -> datetime:
        """Return the last time at which a version that holds was known to hold.

        What the last complete reading showed, and no message after it named, is as it was up to the last message.
        """
        is_confirmed = self.read_at is not None and row.last_seen >= self.read_at
        return max(row.last_seen, self.heard_at) if is_confirmed and self.heard_at else row.last_seen


class _Origin(NamedTuple):
    """Who says it, of what, and when."""

    environment: str
    facet: Facet
    source: str
    at: datetime


class _New(NamedTuple):
    """A document that begins a version."""

    incoming: Incoming
    significant: str
    """Hash of the part whose change makes a version."""


def record_versions(
    session: Session,
    environment: str,
    snapshot: Snapshot,
    documents: Sequence[Document],
    significant: Significant,
    *,
    read: Read,
    stamp: Stamp,
) -> Recorded:
    """Store what a snapshot says of its source, part by part, so that only a part of it is looked at at once.

    Args:
        session: the transaction.
        environment: name of the environment.
        snapshot: what the source said; it may be older than what is known.
        documents: those of the snapshot that were not stored yet.
        significant: see there.
        read: how far the source was known before this.
        stamp: of the transaction.

    Returns:
        What is different now from before; what a late snapshot adds to the past is not in it.
    """
    origin = _Origin(environment, snapshot.facet, snapshot.source, snapshot.taken_at)
    listed = {resource.uid for resource in identities(snapshot.documents)}
    missing = [row for row in _unlisted(session, origin, listed) if read.last_seen(row) <= snapshot.taken_at]
    removed = [row for row in missing if not snapshot.hides(row.uid)]
    recorder = _Recorder(session, origin, significant, read, read, stamp)
    return recorder.record(documents, removed)


def record_delta(
    session: Session, environment: str, delta: Delta, significant: Significant, *, read: Read, stamp: Stamp
) -> Recorded:
    """Store what a source says has changed; rows of resources that the delta does not name are not looked at.

    Args and result as for `record_versions`.
    """
    origin = _Origin(environment, delta.facet, delta.source, delta.at)
    removed = [row for row in _current(session, origin, sorted(delta.gone)) if read.last_seen(row) <= delta.at]
    # A message about one kind does not prove that those about all others have arrived.
    seen = read if delta.since is None or read.heard_at is None else read.heard_by(delta.since)
    recorder = _Recorder(session, origin, significant, read, seen, stamp)
    return recorder.record(delta.documents, removed)


def current_ids(session: Session, environment: str, snapshot: Snapshot) -> list[int]:
    """Return the ids of the versions that the source of a snapshot has now."""
    origin = _Origin(environment, snapshot.facet, snapshot.source, snapshot.taken_at)
    return list(session.scalars(sqlalchemy.select(col(VersionRow.id)).where(*_holds(origin))))


def confirm_versions(session: Session, ids: Sequence[int], at: datetime) -> None:
    """Store that versions, by their ids, were seen to hold at a time (UTC)."""
    for some in _chunks(ids):
        seen = update(VersionRow).where(col(VersionRow.id).in_(some)).values(last_seen=at)
        session.execute(seen.execution_options(synchronize_session=False))


class _Row(NamedTuple):
    """A version that holds."""

    id: int
    uid: str
    last_seen: datetime
    blob: str
    significant: str


class _Recorder(NamedTuple):
    """How what one source said at one time is stored."""

    session: Session
    origin: _Origin
    significant: Significant
    read: Read
    seen: Read
    stamp: Stamp

    def record(self, documents: Sequence[Document], removed: Sequence[_Row]) -> Recorded:
        added: list[str] = []
        changed: list[str] = []
        for part in incoming_parts(documents, _CHUNK):
            some_added, some_changed = self._part(part)
            added += some_added
            changed += some_changed
        self._close(removed)
        return Recorded(tuple(sorted(added)), tuple(sorted(changed)), tuple(sorted(row.uid for row in removed)))

    def _part(self, part: Mapping[str, Incoming]) -> tuple[list[str], list[str]]:
        """Store documents by uid; return those that are new, and those that differ."""
        session, origin, stamp = self.session, self.origin, self.stamp
        current = {row.uid: row for row in _current(session, origin, sorted(part))}
        added, changed, touched, same = [], [], [], []
        for uid, item in part.items():
            row = current.get(uid)
            if _is_late(origin.at, row, self.read):
                _record_late(session, origin, self._new(item), self.read, stamp)
            elif row is None:
                added.append(self._new(item))
            elif row.blob == item.blob:
                same.append(row)
            elif (new := self._new(item)).significant == row.significant:
                same.append(row)
                touched.append(row)
            else:
                changed.append(new)
        self._close([current[new.incoming.uid] for new in changed])
        _store_blobs(session, origin.environment, [*(n.incoming for n in (*added, *changed))])
        _store_blobs(session, origin.environment, [part[row.uid] for row in touched])
        insert_many(session, VersionRow, [_version(origin, new, stamp) for new in (*added, *changed)])
        confirm_versions(session, [row.id for row in same], origin.at)
        _replace_bodies(session, origin, touched, part, stamp)
        return [n.incoming.uid for n in added], [n.incoming.uid for n in changed]

    def _new(self, item: Incoming) -> _New:
        document = item.look()
        part = self.significant(document)
        return _New(item, item.blob if part is document.body else content_hash(part))

    def _close(self, rows: Sequence[_Row]) -> None:
        for last_seen, alike in groupby(sorted(rows, key=self.seen.last_seen), key=self.seen.last_seen):
            for some in _chunks([row.id for row in alike]):
                closed = update(VersionRow).where(col(VersionRow.id).in_(some))
                end = {"valid_to": self.origin.at, "closed_at": self.stamp.at, "last_seen": last_seen}
                closed = closed.values(**end, revision=self.stamp.revision)
                self.session.execute(closed.execution_options(synchronize_session=False))


def _current(session: Session, origin: _Origin, uids: Sequence[str]) -> Iterator[_Row]:
    for some in _chunks(uids):
        yield from _rows(session, origin, col(VersionRow.uid).in_(some))


def _unlisted(session: Session, origin: _Origin, listed: Set[str]) -> list[_Row]:
    """Return the versions that hold of resources that are not listed."""
    return [row for row in _rows(session, origin) if row.uid not in listed]


def _rows(session: Session, origin: _Origin, *conditions: ColumnElement[bool]) -> Iterator[_Row]:
    # Columns instead of instances: most of them are looked at and left as they are.
    columns = (VersionRow.id, VersionRow.uid, VersionRow.last_seen, VersionRow.blob, VersionRow.significant)
    statement = sqlalchemy.select(*map(col, columns)).where(*_holds(origin), *conditions)
    return (_Row(*row) for row in session.execute(statement.execution_options(yield_per=_ROWS)))


def _holds(origin: _Origin) -> tuple[ColumnElement[bool], ...]:
    return (
        col(VersionRow.environment) == origin.environment,
        col(VersionRow.facet) == origin.facet.value,
        col(VersionRow.source) == origin.source,
        col(VersionRow.valid_to).is_(None),
    )


def _is_late(at: datetime, row: _Row | None, read: Read) -> bool:
    """Whether something newer than this is known of the resource, which has this version."""
    known = read.until if row is None else read.last_seen(row)
    return known is not None and at < known


def _record_late(session: Session, origin: _Origin, new: _New, read: Read, stamp: Stamp) -> None:
    """Add what was so in the past, without touching what was believed before.

    Where two versions of one source overlap, the one that began later holds, so nothing has to be rewritten. The new
    one ends where the next known version begins, or where the source next told all that it had.
    """
    rows = session.exec(
        select(VersionRow)
        .where(
            VersionRow.environment == origin.environment,
            VersionRow.uid == new.incoming.uid,
            VersionRow.facet == origin.facet.value,
            VersionRow.source == origin.source,
        )
        .order_by(col(VersionRow.valid_from), col(VersionRow.recorded_at), col(VersionRow.id))
    ).all()
    at = origin.at
    held = next((r for r in reversed(rows) if r.valid_from <= at and (r.valid_to is None or at < r.valid_to)), None)
    if held is not None and held.significant == new.significant:
        return
    ends = [r.valid_from for r in rows if r.valid_from > at]
    if held is not None:
        ends += [t for t in (held.valid_to, held.last_seen) if t is not None and t > at]
    ends += [t for t in (read.next_read_at, read.until) if t is not None]
    _store_blobs(session, origin.environment, [new.incoming])
    end = {"valid_to": min((t for t in ends if t > at), default=at), "closed_at": stamp.at}
    insert_many(session, VersionRow, [{**_version(origin, new, stamp), **end}])


def _store_blobs(session: Session, environment: str, items: Sequence[Incoming]) -> None:
    blobs = {i.blob: {"environment": environment, "hash": i.blob, "body": text_of(i.look().body)} for i in items}
    insert_many_or_nothing(session, BlobRow, list(blobs.values()))


def _replace_bodies(
    session: Session, origin: _Origin, rows: Sequence[_Row], incoming: Mapping[str, Incoming], stamp: Stamp
) -> None:
    """Let versions whose insignificant parts changed hold the newest body, and drop the bodies nobody holds now."""
    before: list[str] = []
    for part in _chunks([row.id for row in rows]):
        held = session.exec(select(VersionRow).where(col(VersionRow.id).in_(part))).all()
        before += keep_bodies(session, held, origin.at, stamp)
    for row in rows:
        item = incoming[row.uid]
        values = {
            "blob": item.blob,
            "resource": encode(item.entry.resource),
            "origin": encode(item.entry.origin),
            "revision": stamp.revision,
        }
        session.execute(update(VersionRow).where(col(VersionRow.id) == row.id).values(**values))
    session.flush()
    for some in _chunks(before):
        holding = [
            exists().where(col(table.environment) == BlobRow.environment, col(table.blob) == BlobRow.hash)
            for table in (VersionRow, BodyRow)
        ]
        unheld = delete(BlobRow).where(
            col(BlobRow.environment) == origin.environment, col(BlobRow.hash).in_(some), ~or_(*holding)
        )
        session.execute(unheld)


def _version(origin: _Origin, new: _New, stamp: Stamp) -> Mapping[str, Any]:
    entry = new.incoming.entry
    return {
        "environment": origin.environment,
        "uid": entry.resource.uid,
        "facet": origin.facet.value,
        "source": origin.source,
        "resource": encode(entry.resource),
        "origin": encode(entry.origin),
        "blob": entry.digest,
        "significant": new.significant,
        "valid_from": origin.at,
        "last_seen": origin.at,
        "recorded_at": stamp.at,
        "revision": stamp.revision,
    }


def _chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))
