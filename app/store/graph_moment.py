"""Which time is asked about, and as known at which time: as conditions on rows, and as what a row said then."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, or_, type_coerce
from sqlmodel import col

from app.store.column_types import Utc
from app.store.rows.graph import FactRow, VersionRow


def unindexed(column: Any) -> Any:
    """Return a column of times in a form for which no index is used.

    SQLite keeps no statistics of its own accord, and takes a range of times for a better way to a few named rows than
    their names: it would look at all that ever began.
    """
    return type_coerce(func.coalesce(column, column), Utc)


class Moment(NamedTuple):
    """A time, and what had been learned by another."""

    as_of: datetime
    """UTC; what was so then."""
    known_at: datetime | None
    """UTC; as far as Plumbline knew by then; None: all that it knows now."""
    revision: int
    """Write of the environment that is the last one of which anything is told."""
    read_at: datetime
    """UTC; when that revision was the newest."""

    @property
    def is_present(self) -> bool:
        """Whether it is the newest that is told of."""
        return self.known_at is None and self.as_of >= self.read_at

    def was_known(self, recorded_at: Any) -> list[ColumnElement[bool]]:
        """Condition that something had been learned."""
        return [] if self.known_at is None else [recorded_at <= self.known_at]

    def holds(self, table: type[VersionRow] | type[FactRow], *, of_some: bool = False) -> list[ColumnElement[bool]]:
        """Condition that a row held at this time, as far as was known; `of_some` where few rows are named besides."""
        unended = [col(table.valid_to).is_(None), col(table.valid_to) > self.as_of]
        if self.known_at is not None:
            unended.append(col(table.closed_at) > self.known_at)
        begun = unindexed(col(table.valid_from)) if of_some else col(table.valid_from)
        return [begun <= self.as_of, or_(*unended), *self.was_known(col(table.recorded_at))]

    def differs(self, table: type[VersionRow] | type[FactRow]) -> list[ColumnElement[bool]]:
        """Conditions of which a row fulfils one when it held at this time and does not now, or the other way round."""
        found = [col(table.valid_from) > self.as_of, col(table.valid_to) > self.as_of]
        if self.known_at is not None:
            found += [col(table.recorded_at) > self.known_at, col(table.closed_at) > self.known_at]
        return found

    def was_written(self) -> ColumnElement[bool]:
        """Condition that a version had been written by the revision that is told of."""
        return or_(col(VersionRow.revision) <= self.revision, col(VersionRow.recorded_at) <= self.read_at)

    def is_later(self, revision: int, recorded_at: datetime) -> bool:
        """Whether a row that was written in a revision came after the one that is told of."""
        return revision > self.revision and recorded_at > self.read_at

    def ended(self, valid_to: datetime | None, closed_at: datetime | None, revision: int) -> datetime | None:
        """Return when a row ended, as far as was known."""
        is_unknown = self.known_at is not None and closed_at is not None and closed_at > self.known_at
        is_later = closed_at is not None and self.is_later(revision, closed_at)
        return None if is_unknown or is_later else valid_to

    def seen(self, last_seen: datetime, valid_from: datetime) -> datetime:
        """Return the last sight of a row, as far as was known."""
        return last_seen if self.known_at is None else min(last_seen, max(self.known_at, valid_from))
