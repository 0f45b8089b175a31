"""Statements that SQLAlchemy spells differently for each database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import CursorResult, Result
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel


def insert_or_nothing(session: Session, table: type[SQLModel], values: Mapping[str, Any]) -> Any:
    """Insert a row, or do nothing when one with the same unique columns exists."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(table).values(**values).on_conflict_do_nothing()


def row_count(result: Result[Any]) -> int:
    """Return how many rows a statement wrote."""
    assert isinstance(result, CursorResult)
    return result.rowcount
