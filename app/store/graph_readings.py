"""When sources told all that they have: what such a reading did not name was not there."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func
from sqlmodel import Session, col, select

from app.store.rows.graph import ReadingRow, SourceRow
from app.store.upsert import insert_or_nothing

READINGS_KEPT_FOR = timedelta(days=30)
"""Evidence that comes later than this ends at the oldest reading that is kept: what it tells may then hold too long."""


def remember_reading(session: Session, source: SourceRow, at: datetime) -> None:
    """Store that a source told everything at `at` (UTC), and forget readings too old to matter."""
    row = ReadingRow(environment=source.environment, source=source.name, facet=source.facet, at=at)
    session.execute(insert_or_nothing(session, row))
    old = delete(ReadingRow).where(*_of(source), col(ReadingRow.at) < at - READINGS_KEPT_FOR)
    session.execute(old)


def next_reading(session: Session, source: SourceRow, at: datetime) -> datetime | None:
    """Return the first complete reading of a source after `at` (UTC); None: none is known."""
    return session.exec(select(func.min(ReadingRow.at)).where(*_of(source), col(ReadingRow.at) > at)).one()


def _of(source: SourceRow) -> tuple[ColumnElement[bool], ...]:
    return (
        col(ReadingRow.environment) == source.environment,
        col(ReadingRow.source) == source.name,
        col(ReadingRow.facet) == source.facet,
    )
