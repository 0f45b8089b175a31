"""Versions of resources: how one snapshot is compared with what is stored, and what it adds.

A version is opened when the significant part of a document changed, and closed when another takes its place or the
resource is gone. Documents that differ in the rest only replace the body of the version that holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias, TypeVar

from sqlalchemy import delete, update
from sqlmodel import Session, col, exists, select

from app.store.graph_facts import content_hash
from app.store.rows.graph import BlobRow, VersionRow
from app.store.upsert import insert_many, insert_many_or_nothing
from graph.codec import encode
from graph.document import Json
from graph.version import Document, Snapshot

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
    read_at: datetime | None,
    recorded_at: datetime,
) -> Recorded:
    """Store what a snapshot says of its source.

    Args:
        session: the transaction.
        environment: name of the environment.
        snapshot: what the source said; it may be older than what is known.
        hashes: of the documents.
        read_at: UTC; newest complete reading of the source before this one.
        recorded_at: UTC; now.

    Returns:
        What is different now from before; what a late snapshot adds to the past is not in it.
    """
    current = {row.uid: row for row in _current(session, environment, snapshot)}
    incoming = {}
    for document in snapshot.documents:
        item = _Incoming(document, *hashes.of(document))
        if _is_late(snapshot, document.resource.uid, current, read_at):
            _record_late(session, environment, snapshot, item, read_at, recorded_at)
        else:
            incoming[document.resource.uid] = item
    listed = {d.resource.uid for d in snapshot.documents}
    added = sorted(incoming.keys() - current.keys())
    changed = sorted(u for u in incoming.keys() & current.keys() if incoming[u].significant != current[u].significant)
    missing = [u for u, row in current.items() if u not in listed and row.last_seen <= snapshot.taken_at]
    removed = sorted(uid for uid in missing if not snapshot.hides(uid))
    same = [current[uid] for uid in sorted(incoming.keys() & current.keys() - set(changed))]
    _close(session, [current[uid] for uid in (*changed, *removed)], snapshot.taken_at, recorded_at)
    touched = [row for row in same if row.blob != incoming[row.uid].blob]
    new = [incoming[uid] for uid in (*added, *changed)]
    _store_blobs(session, environment, [*new, *(incoming[row.uid] for row in touched)])
    insert_many(session, VersionRow, [_version(environment, snapshot, item, recorded_at) for item in new])
    _confirm(session, same, snapshot.taken_at)
    _replace_bodies(session, environment, touched, incoming)
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
            known = document.body, blob, content_hash(self._significant(document))
        self._known[key] = known
        return known[1:]

    def done(self) -> Hashes:
        """Return this without what only the snapshot before held."""
        self._before = {}
        return self


def _text(body: Json) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def _current(session: Session, environment: str, snapshot: Snapshot) -> Sequence[VersionRow]:
    return session.exec(
        select(VersionRow).where(
            VersionRow.environment == environment,
            VersionRow.facet == snapshot.facet.value,
            VersionRow.source == snapshot.source,
            col(VersionRow.valid_to).is_(None),
        )
    ).all()


def _is_late(snapshot: Snapshot, uid: str, current: Mapping[str, VersionRow], read_at: datetime | None) -> bool:
    """Whether something newer than this snapshot is known of the resource."""
    if uid in current:
        return snapshot.taken_at < current[uid].last_seen
    return read_at is not None and snapshot.taken_at < read_at


def _record_late(
    session: Session,
    environment: str,
    snapshot: Snapshot,
    item: _Incoming,
    read_at: datetime | None,
    recorded_at: datetime,
) -> None:
    """Add what was so in the past, without touching what was believed before.

    Where two versions of one source overlap, the one that began later holds, so nothing has to be rewritten. The new
    one ends where the next known version begins, or where the old one was next seen.
    """
    rows = session.exec(
        select(VersionRow)
        .where(
            VersionRow.environment == environment,
            VersionRow.uid == item.document.resource.uid,
            VersionRow.facet == snapshot.facet.value,
            VersionRow.source == snapshot.source,
        )
        .order_by(col(VersionRow.valid_from), col(VersionRow.recorded_at), col(VersionRow.id))
    ).all()
    at = snapshot.taken_at
    held = next((r for r in reversed(rows) if r.valid_from <= at and (r.valid_to is None or at < r.valid_to)), None)
    if held is not None and held.significant == item.significant:
        return
    ends = [r.valid_from for r in rows if r.valid_from > at]
    if held is not None:
        ends += [t for t in (held.valid_to, held.last_seen) if t is not None and t > at]
    ends += [read_at] if read_at is not None else []
    _store_blobs(session, environment, [item])
    end = {"valid_to": min((t for t in ends if t > at), default=at), "closed_at": recorded_at}
    insert_many(session, VersionRow, [{**_version(environment, snapshot, item, recorded_at), **end}])


def _close(session: Session, rows: Sequence[VersionRow], at: datetime, recorded_at: datetime) -> None:
    for some in _chunks(rows):
        closed = update(VersionRow).where(col(VersionRow.id).in_([r.id for r in some]))
        session.execute(closed.values(valid_to=at, closed_at=recorded_at))


def _store_blobs(session: Session, environment: str, items: Sequence[_Incoming]) -> None:
    blobs = {i.blob: {"environment": environment, "hash": i.blob, "body": _text(i.document.body)} for i in items}
    insert_many_or_nothing(session, BlobRow, list(blobs.values()))


def _confirm(session: Session, rows: Sequence[VersionRow], at: datetime) -> None:
    for some in _chunks(rows):
        seen = update(VersionRow).where(col(VersionRow.id).in_([r.id for r in some]))
        session.execute(seen.values(last_seen=at))


def _replace_bodies(
    session: Session, environment: str, rows: Sequence[VersionRow], incoming: Mapping[str, _Incoming]
) -> None:
    """Let versions whose insignificant parts changed hold the newest body, and drop the bodies nobody holds now."""
    before = []
    for row in rows:
        before.append(row.blob)
        item = incoming[row.uid]
        values = {"blob": item.blob, "resource": encode(item.document.resource), "origin": encode(item.document.origin)}
        session.execute(update(VersionRow).where(col(VersionRow.id) == row.id).values(**values))
    session.flush()
    for some in _chunks(before):
        held = exists().where(col(VersionRow.environment) == BlobRow.environment, col(VersionRow.blob) == BlobRow.hash)
        unheld = delete(BlobRow).where(col(BlobRow.environment) == environment, col(BlobRow.hash).in_(some), ~held)
        session.execute(unheld)


def _version(environment: str, snapshot: Snapshot, item: _Incoming, recorded_at: datetime) -> Mapping[str, Any]:
    return {
        "environment": environment,
        "uid": item.document.resource.uid,
        "facet": snapshot.facet.value,
        "source": snapshot.source,
        "resource": encode(item.document.resource),
        "origin": encode(item.document.origin),
        "blob": item.blob,
        "significant": item.significant,
        "valid_from": snapshot.taken_at,
        "last_seen": snapshot.taken_at,
        "recorded_at": recorded_at,
    }


def _chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))
