"""Statements that SQLAlchemy spells differently for each database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CursorResult, Result, Table, insert, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel


def insert_or_nothing(session: Session, row: SQLModel) -> Any:
    """Insert a row, or do nothing when one with the same unique columns exists."""
    return _insert(session, type(row)).values(**_values(row)).on_conflict_do_nothing()


def insert_many(session: Session, table: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, as mappings of column to value with the same columns in each.

    Rows by the thousand cost several times as much as instances of their class.
    """
    if rows:
        session.connection().execute(insert(_columns(table)), list(rows))


def insert_many_or_nothing(session: Session, table: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows as `insert_many` does, but for those that exist; return how many were new."""
    if not rows:
        return 0
    statement = _insert(session, _columns(table)).on_conflict_do_nothing()
    return row_count(session.connection().execute(statement, list(rows)))


def row_count(result: Result[Any]) -> int:
    """Return how many rows a statement wrote."""
    assert isinstance(result, CursorResult)
    assert result.rowcount >= 0
    return result.rowcount


def _columns(table: type[SQLModel]) -> Table:
    mapped = inspect(table).local_table
    assert isinstance(mapped, Table)
    return mapped


def _insert(session: Session, table: type[SQLModel] | Table) -> Any:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    # Without the option the number of written rows is -1 for PostgreSQL.
    return dialect.insert(table).execution_options(preserve_rowcount=True)


def _values(row: SQLModel) -> dict[str, Any]:
    """Everything but a number that the database gives."""
    return {name: value for name, value in row.model_dump().items() if (name, value) != ("id", None)}
