"""Versions of resources: how one snapshot is compared with what is stored, and what it adds.

A version is opened when the significant part of a document changed, and closed when another takes its place or the
resource is gone. Documents that differ in the rest only replace the body of the version that holds (`graph_bodies`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias, TypeVar

from sqlalchemy import delete, or_, update
from sqlmodel import Session, col, exists, select

from app.store.graph_bodies import keep_bodies
from app.store.graph_facts import Stamp, content_hash
from app.store.rows.graph import BlobRow, BodyRow, VersionRow
from app.store.upsert import insert_many, insert_many_or_nothing
from graph.codec import encode
from graph.document import Json
from graph.resource import Facet
from graph.version import Delta, Document, Snapshot

Significant: TypeAlias = Callable[[Document], Json]
"""Returns the part of a document whose change makes a new version."""

T = TypeVar("T")

_CHUNK = 500
"""Values in one IN list; SQLite's oldest limit is 999."""


class Recorded(NamedTuple):
    """What a snapshot brought, as sorted uids."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


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

    def heard_by(self, at: datetime) -> Read:
        """Return the same without messages after `at` (UTC)."""
        return self._replace(heard_at=min(self.heard_at, at) if self.heard_at else None)

    def last_seen(self, row: VersionRow) -> datetime:
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


class _Incoming(NamedTuple):
    document: Document
    blob: str
    significant: str


def record_versions(
    session: Session,
    environment: str,
    snapshot: Snapshot,
    hashes: Hashes,
    *,
    read: Read,
    stamp: Stamp,
) -> Recorded:
    """Store what a snapshot says of its source.

    Args:
        session: the transaction.
        environment: name of the environment.
        snapshot: what the source said; it may be older than what is known.
        hashes: of the documents.
        read: how far the source was known before this.
        stamp: of the transaction.

    Returns:
        What is different now from before; what a late snapshot adds to the past is not in it.
    """
    origin = _Origin(environment, snapshot.facet, snapshot.source, snapshot.taken_at)
    current = {row.uid: row for row in _current(session, origin)}
    listed = {d.resource.uid for d in snapshot.documents}
    missing = [u for u, row in current.items() if u not in listed and read.last_seen(row) <= snapshot.taken_at]
    removed = sorted(uid for uid in missing if not snapshot.hides(uid))
    return _record(session, origin, snapshot.documents, removed, current, hashes, read=read, seen=read, stamp=stamp)


def record_delta(
    session: Session, environment: str, delta: Delta, hashes: Hashes, *, read: Read, stamp: Stamp
) -> Recorded:
    """Store what a source says has changed; rows of resources that the delta does not name are not looked at.

    Args and result as for `record_versions`.
    """
    origin = _Origin(environment, delta.facet, delta.source, delta.at)
    uids = sorted({*delta.gone, *(d.resource.uid for d in delta.documents)})
    current = {row.uid: row for row in _current(session, origin, uids)}
    removed = sorted(u for u in delta.gone if u in current and read.last_seen(current[u]) <= delta.at)
    # A message about one kind does not prove that those about all others have arrived.
    seen = read if delta.since is None or read.heard_at is None else read.heard_by(delta.since)
    return _record(session, origin, delta.documents, removed, current, hashes, read=read, seen=seen, stamp=stamp)


def _record(
    session: Session,
    origin: _Origin,
    documents: Sequence[Document],
    removed: Sequence[str],
    current: Mapping[str, VersionRow],
    hashes: Hashes,
    *,
    read: Read,
    seen: Read,
    stamp: Stamp,
) -> Recorded:
    incoming = {}
    for document in documents:
        item = _Incoming(document, *hashes.of(document))
        if _is_late(origin.at, document.resource.uid, current, read):
            _record_late(session, origin, item, read, stamp)
        else:
            incoming[document.resource.uid] = item
    added = sorted(incoming.keys() - current.keys())
    changed = sorted(u for u in incoming.keys() & current.keys() if incoming[u].significant != current[u].significant)
    same = [current[uid] for uid in sorted(incoming.keys() & current.keys() - set(changed))]
    _close(session, [current[uid] for uid in (*changed, *removed)], origin.at, seen, stamp)
    touched = [row for row in same if row.blob != incoming[row.uid].blob]
    new = [incoming[uid] for uid in (*added, *changed)]
    _store_blobs(session, origin.environment, [*new, *(incoming[row.uid] for row in touched)])
    insert_many(session, VersionRow, [_version(origin, item, stamp) for item in new])
    _confirm(session, same, origin.at)
    _replace_bodies(session, origin, touched, incoming, stamp)
    return Recorded(tuple(added), tuple(changed), tuple(removed))


class Hashes:
    """Hashes of the bodies of one snapshot, so that those which the next one holds again are not hashed again."""

    def __init__(self, significant: Significant, before: Hashes | None = None) -> None:
        self._significant = significant
        self._before = before._known if before and before._significant is significant else {}
        self._known: dict[int, tuple[Json, str, str]] = {}

    def of(self, document: Document) -> tuple[str, str]:
        """Return the hash of a document's body and that of its significant part."""
        key = id(document.body)
        # The body is kept with its hashes: no other object can have its id as long as it is.
        known = self._before.get(key)
        if known is None:
            blob = hashlib.sha256(_text(document.body).encode()).hexdigest()
            part = self._significant(document)
            known = document.body, blob, blob if part is document.body else content_hash(part)
        self._known[key] = known
        return known[1:]

    def done(self) -> Hashes:
        """Return this without what only the snapshot before held."""
        self._before = {}
        return self


def _text(body: Json) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def _current(session: Session, origin: _Origin, uids: Sequence[str] | None = None) -> Iterator[VersionRow]:
    statement = select(VersionRow).where(
        VersionRow.environment == origin.environment,
        VersionRow.facet == origin.facet.value,
        VersionRow.source == origin.source,
        col(VersionRow.valid_to).is_(None),
    )
    if uids is None:
        yield from session.exec(statement)
        return
    for some in _chunks(uids):
        yield from session.exec(statement.where(col(VersionRow.uid).in_(some)))


def _is_late(at: datetime, uid: str, current: Mapping[str, VersionRow], read: Read) -> bool:
    """Whether something newer than this is known of the resource."""
    known = read.last_seen(current[uid]) if uid in current else read.until
    return known is not None and at < known


def _record_late(session: Session, origin: _Origin, item: _Incoming, read: Read, stamp: Stamp) -> None:
    """Add what was so in the past, without touching what was believed before.

    Where two versions of one source overlap, the one that began later holds, so nothing has to be rewritten. The new
    one ends where the next known version begins, or where the source next told all that it had.
    """
    rows = session.exec(
        select(VersionRow)
        .where(
            VersionRow.environment == origin.environment,
            VersionRow.uid == item.document.resource.uid,
            VersionRow.facet == origin.facet.value,
            VersionRow.source == origin.source,
        )
        .order_by(col(VersionRow.valid_from), col(VersionRow.recorded_at), col(VersionRow.id))
    ).all()
    at = origin.at
    held = next((r for r in reversed(rows) if r.valid_from <= at and (r.valid_to is None or at < r.valid_to)), None)
    if held is not None and held.significant == item.significant:
        return
    ends = [r.valid_from for r in rows if r.valid_from > at]
    if held is not None:
        ends += [t for t in (held.valid_to, held.last_seen) if t is not None and t > at]
    ends += [t for t in (read.next_read_at, read.until) if t is not None]
    _store_blobs(session, origin.environment, [item])
    end = {"valid_to": min((t for t in ends if t > at), default=at), "closed_at": stamp.at}
    insert_many(session, VersionRow, [{**_version(origin, item, stamp), **end}])


def _close(session: Session, rows: Sequence[VersionRow], at: datetime, read: Read, stamp: Stamp) -> None:
    for last_seen, alike in groupby(sorted(rows, key=read.last_seen), key=read.last_seen):
        for some in _chunks([row.id for row in alike]):
            closed = update(VersionRow).where(col(VersionRow.id).in_(some))
            end = {"valid_to": at, "closed_at": stamp.at, "last_seen": last_seen, "revision": stamp.revision}
            session.execute(closed.values(**end))


def _store_blobs(session: Session, environment: str, items: Sequence[_Incoming]) -> None:
    blobs = {i.blob: {"environment": environment, "hash": i.blob, "body": _text(i.document.body)} for i in items}
    insert_many_or_nothing(session, BlobRow, list(blobs.values()))


def _confirm(session: Session, rows: Sequence[VersionRow], at: datetime) -> None:
    for some in _chunks(rows):
        seen = update(VersionRow).where(col(VersionRow.id).in_([r.id for r in some]))
        session.execute(seen.values(last_seen=at))


def _replace_bodies(
    session: Session, origin: _Origin, rows: Sequence[VersionRow], incoming: Mapping[str, _Incoming], stamp: Stamp
) -> None:
    """Let versions whose insignificant parts changed hold the newest body, and drop the bodies nobody holds now."""
    before: list[str] = []
    for part in _chunks(rows):
        before += keep_bodies(session, part, origin.at, stamp)
    for row in rows:
        item = incoming[row.uid]
        values = {
            "blob": item.blob,
            "resource": encode(item.document.resource),
            "origin": encode(item.document.origin),
            "revision": stamp.revision,
        }
        session.execute(update(VersionRow).where(col(VersionRow.id) == row.id).values(**values))
    session.flush()
    for some in _chunks(before):
        held = [
            exists().where(col(table.environment) == BlobRow.environment, col(table.blob) == BlobRow.hash)
            for table in (VersionRow, BodyRow)
        ]
        unheld = delete(BlobRow).where(
            col(BlobRow.environment) == origin.environment, col(BlobRow.hash).in_(some), ~or_(*held)
        )
        session.execute(unheld)


def _version(origin: _Origin, item: _Incoming, stamp: Stamp) -> Mapping[str, Any]:
    return {
        "environment": origin.environment,
        "uid": item.document.resource.uid,
        "facet": origin.facet.value,
        "source": origin.source,
        "resource": encode(item.document.resource),
        "origin": encode(item.document.origin),
        "blob": item.blob,
        "significant": item.significant,
        "valid_from": origin.at,
        "last_seen": origin.at,
        "recorded_at": stamp.at,
        "revision": stamp.revision,
    }


def _chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))
