"""Columns that many tables have."""

from __future__ import annotations

from typing import Any

from sqlmodel import Field

from app.store.column_types import JsonText, Line, Utc


def utc(*, primary_key: bool = False, index: bool = False) -> Any:
    """A time that is always there."""
    return Field(sa_type=Utc, primary_key=primary_key, index=index)


def optional_utc() -> Any:
    """A time that may be missing."""
    return Field(default=None, sa_type=Utc, nullable=True)


def line(default: str | None = None, *, primary_key: bool = False, index: bool = False) -> Any:
    """Text that is searched or compared."""
    if default is None:
        return Field(sa_type=Line, primary_key=primary_key, index=index)
    return Field(default=default, sa_type=Line, index=index)


def json_text() -> Any:
    """Any JSON value but null."""
    return Field(sa_type=JsonText)


def revision() -> Any:
    """Number of the write of the environment in which the row was last written; 0 from before there was one."""
    return Field(default=0, sa_column_kwargs={"server_default": "0"})
