"""Statements that SQLAlchemy spells differently for each database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CursorResult, Result
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

_ROWS = 100
"""Rows in one statement; SQLite's limit of variables is 32,766, PostgreSQL's 65,535."""


def insert_or_nothing(session: Session, row: SQLModel) -> Any:
    """Insert a row, or do nothing when one with the same unique columns exists."""
    return _insert(session, type(row)).values(**_values(row)).on_conflict_do_nothing()


def insert_many_or_nothing(session: Session, rows: Sequence[SQLModel]) -> int:
    """Insert rows of one table that have the same columns set, but for those that exist; return how many were new."""
    new = 0
    for start in range(0, len(rows), _ROWS):
        some = rows[start : start + _ROWS]
        statement = _insert(session, type(some[0])).values([_values(r) for r in some]).on_conflict_do_nothing()
        new += row_count(session.execute(statement))
    return new


def row_count(result: Result[Any]) -> int:
    """Return how many rows a statement wrote."""
    assert isinstance(result, CursorResult)
    assert result.rowcount >= 0
    return result.rowcount


def _insert(session: Session, table: type[SQLModel]) -> Any:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    # Without the option the number of written rows is -1 for PostgreSQL.
    return dialect.insert(table).execution_options(preserve_rowcount=True)


def _values(row: SQLModel) -> dict[str, Any]:
    """Everything but a number that the database gives."""
    return {name: value for name, value in row.model_dump().items() if (name, value) != ("id", None)}
