"""Bodies that a version held before only insignificant parts changed: what status said at a past time.

A change of status makes no version, since most of them mean nothing and some come every few seconds. The newest ones of
each version are kept so that a question about the past is not answered with the present.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Text, delete, func, or_, select, type_coerce
from sqlmodel import Session, col

from app.store.graph_facts import Stamp
from app.store.graph_moment import Moment
from app.store.rows.graph import BlobRow, BodyRow, VersionRow
from app.store.upsert import insert_many_or_nothing

BODIES_KEPT = 20
"""Of each version; a question about a time before the oldest one is answered with the oldest one."""

_CHUNK = 500
"""Values in one IN list; SQLite's oldest limit is 999."""


class PastBody(NamedTuple):
    """What a version held at a moment, when that is not what it holds now."""

    blob: str
    origin: str
    """JSON."""


def keep_bodies(session: Session, rows: Sequence[VersionRow], at: datetime, stamp: Stamp) -> list[str]:
    """Keep the bodies that versions held up to `at` (UTC), and return the blobs of those that are dropped for it."""
    ids = [row.id for row in rows if row.id is not None]
    newest = select(col(BodyRow.version), func.max(BodyRow.until)).where(col(BodyRow.version).in_(ids))
    began = dict(tuple(row) for row in session.execute(newest.group_by(col(BodyRow.version))))
    kept = [
        {
            "version": row.id,
            "until": at,
            "since": began.get(row.id or 0, row.valid_from),
            "environment": row.environment,
            "uid": row.uid,
            "superseded_at": stamp.at,
            "blob": row.blob,
            "origin": row.origin,
        }
        for row in rows
    ]
    insert_many_or_nothing(session, BodyRow, kept)
    return _dropped(session, ids)


def _dropped(session: Session, ids: Sequence[int]) -> list[str]:
    rank = func.row_number().over(partition_by=col(BodyRow.version), order_by=col(BodyRow.until).desc())
    ranked = select(col(BodyRow.version), col(BodyRow.until), col(BodyRow.blob), rank.label("rank")).where(
        col(BodyRow.version).in_(ids)
    )
    inner = ranked.subquery()
    old = session.execute(select(inner.c.version, inner.c.until, inner.c.blob).where(inner.c.rank > BODIES_KEPT)).all()
    for version, until, _ in old:
        session.execute(delete(BodyRow).where(col(BodyRow.version) == version, col(BodyRow.until) == until))
    return [blob for _, _, blob in old]


def bodies_at(session: Session, environment: str, moment: Moment) -> dict[int, PastBody]:
    """Map the ids of version rows that held another body at a moment to that body."""
    statement = (
        select(col(BodyRow.version), col(BodyRow.blob), type_coerce(col(BodyRow.origin), Text))
        .where(col(BodyRow.environment) == environment, _was_held(moment))
        # The earliest of those that ended later is the one that was held.
        .order_by(col(BodyRow.until).desc())
    )
    return {version: PastBody(blob, origin) for version, blob, origin in session.execute(statement)}


def differing_bodies(session: Session, environment: str, moment: Moment) -> set[str]:
    """Return the uids of resources of which some version held another body at a moment."""
    statement = select(col(BodyRow.uid)).where(col(BodyRow.environment) == environment, _was_held(moment)).distinct()
    return set(session.scalars(statement))


def texts_of(session: Session, environment: str, blobs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield blobs with their bodies as JSON."""
    for start in range(0, len(blobs), _CHUNK):
        statement = select(col(BlobRow.hash), col(BlobRow.body)).where(
            col(BlobRow.environment) == environment, col(BlobRow.hash).in_(blobs[start : start + _CHUNK])
        )
        yield from (tuple(row) for row in session.execute(statement))


def _was_held(moment: Moment) -> ColumnElement[bool]:
    """Condition that a body ended after a moment, or that its end was not known yet."""
    later = col(BodyRow.until) > moment.as_of
    return later if moment.known_at is None else or_(later, col(BodyRow.superseded_at) > moment.known_at)
