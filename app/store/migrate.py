"""Runs the migrations from inside the program; there is no alembic.ini and no separate command."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, create_engine, event, text
from sqlalchemy.pool import NullPool

from app.store.database import prepare_sqlite

_LOCK = 0x706C756D62
"""Key of the PostgreSQL advisory lock under which one process migrates while the others wait."""


def config(connection: Connection) -> Config:
    """Return the configuration that lets alembic work on an open connection."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    settings.attributes["connection"] = connection
    return settings


def upgrade(url: URL, to: str = "head") -> None:
    """Apply the migrations up to one in one transaction: a process that dies in between leaves the old state."""
    engine = create_engine(url, poolclass=NullPool)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _without_foreign_keys)
        event.listen(engine, "begin", _immediately)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        command.upgrade(config(connection), to)
    engine.dispose()


def _without_foreign_keys(connection: sqlite3.Connection, _record: Any) -> None:
    """SQLite alters a table by making it anew, which foreign keys that point at it would prevent."""
    prepare_sqlite(connection)
    connection.execute("PRAGMA foreign_keys=OFF")


def _immediately(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
