"""Drift events: appended, and read again from any of them on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from app.store.database import Database, lock
from app.store.rows.drift import DriftEventRow, OpenDriftRow
from graph.codec import decode, encode
from graph.document import digest
from graph.drift_event import DriftEvent, DriftEventKind, DriftKey

_CHUNK = 500
"""Values in one IN list; SQLite's oldest limit is 999."""


class DriftEvents:
    """The drift events of all environments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, environment: str, events: Sequence[DriftEvent]) -> list[DriftEvent]:
        """Store events, in order; return them with their numbers."""
        if not events:
            return []
        with self._database.session() as session:
            # Numbers are given out and seen in the same order: whoever reads on from one misses none.
            lock(session, "drift_events")
            return [self._append(session, environment, event) for event in events]

    def open(self, environment: str, uids: Collection[str] | None = None) -> Mapping[DriftKey, DriftEvent]:
        """Return the last event of each open drift: of these resources, or of all."""
        statement = (
            select(DriftEventRow)
            .join(OpenDriftRow, col(OpenDriftRow.event) == col(DriftEventRow.id))
            .where(OpenDriftRow.environment == environment)
            .order_by(col(DriftEventRow.id))
        )
        with self._database.reading() as session:
            if uids is None:
                rows = list(session.exec(statement))
            else:
                named = sorted(uids)
                chunks = (named[i : i + _CHUNK] for i in range(0, len(named), _CHUNK))
                rows = [r for some in chunks for r in session.exec(statement.where(col(OpenDriftRow.uid).in_(some)))]
        return {event.key: event for event in map(_event, rows)}

    def list(
        self,
        environment: str,
        *,
        after: int = 0,
        since: datetime | None = None,
        until: datetime | None = None,
        uid: str | None = None,
        kinds: Iterable[DriftEventKind] = (),
        newest_first: bool = False,
        limit: int = 100,
    ) -> list[DriftEvent]:
        """Return events in order.

        Args:
            environment: of this environment.
            after: only those with a greater number.
            since: UTC; only those that were detected at or after this.
            until: UTC; only those that were detected before this.
            uid: only those of this resource.
            kinds: only these kinds; all when empty.
            newest_first: begin with the last one.
            limit: most of them.
        """
        statement = select(DriftEventRow).where(DriftEventRow.environment == environment, col(DriftEventRow.id) > after)
        if since is not None:
            statement = statement.where(col(DriftEventRow.detected_at) >= since)
        if until is not None:
            statement = statement.where(col(DriftEventRow.detected_at) < until)
        if uid is not None:
            statement = statement.where(DriftEventRow.uid == uid)
        if wanted := [kind.value for kind in kinds]:
            statement = statement.where(col(DriftEventRow.kind).in_(wanted))
        order = col(DriftEventRow.id).desc() if newest_first else col(DriftEventRow.id)
        with self._database.reading() as session:
            return [_event(row) for row in session.exec(statement.order_by(order).limit(limit))]

    def _append(self, session: Session, environment: str, event: DriftEvent) -> DriftEvent:
        row = DriftEventRow(
            environment=environment,
            uid=event.uid,
            kind=event.kind.value,
            detected_at=event.detected_at,
            recorded_at=event.recorded_at,
            body=encode(event),
        )
        session.add(row)
        session.flush()
        assert row.id is not None
        place = digest([event.uid, event.path])
        here = (col(OpenDriftRow.environment) == environment, col(OpenDriftRow.place) == place)
        session.execute(delete(OpenDriftRow).where(*here))
        if event.kind is not DriftEventKind.CLOSED:
            session.add(OpenDriftRow(environment=environment, place=place, uid=event.uid, event=row.id))
            session.flush()
        return replace(event, number=row.id)


def _event(row: DriftEventRow) -> DriftEvent:
    return replace(decode(DriftEvent, row.body), number=row.id or 0)
