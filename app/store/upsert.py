"""Statements that SQLAlchemy spells differently for each database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CursorResult, Result
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel


def insert_or_nothing(session: Session, row: SQLModel) -> Any:
    """Insert a row, or do nothing when one with the same unique columns exists."""
    values = {name: value for name, value in row.model_dump().items() if value is not None}
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(type(row)).values(**values).on_conflict_do_nothing()


def row_count(result: Result[Any]) -> int:
    """Return how many rows a statement wrote."""
    assert isinstance(result, CursorResult)
    return result.rowcount
