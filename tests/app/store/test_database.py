"""Connections and transactions."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel, select

import app.store.rows  # noqa: F401  (fills the metadata)
from app.store.database import Database, after_commit
from app.store.rows.graph import EnvironmentRow
from graph.errors import Unreachable


def test_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    """After all migrations nothing is missing and nothing is left over."""
    with database.engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    """Each start migrates; the second one finds nothing to do."""
    database.migrate()
    database.ping()


def test_migrates_once_when_processes_start_together(tmp_path: Path) -> None:
    """Several starters of one new database all end with the newest tables."""
    databases = [Database(f"sqlite:///{tmp_path / 'new.db'}") for _ in range(4)]
    failures: list[Exception] = []

    def migrate(database: Database) -> None:
        try:
            database.migrate()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=migrate, args=(d,)) for d in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for database in databases:
        database.ping()
        database.dispose()


def test_every_pooled_sqlite_connection_is_durable(tmp_path: Path) -> None:
    """WAL, synchronous FULL, a busy time-out and foreign keys hold on all connections, not only on the first."""
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    connections = [database.engine.connect() for _ in range(12)]
    for connection in connections:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]
        assert settings[0] == "wal"
        assert settings[1] == 2
        assert settings[2] is not None
        assert settings[2] >= 5000
        assert settings[3] == 1
        connection.rollback()
    for connection in connections:
        connection.close()
    database.dispose()


def test_database_file_is_private(tmp_path: Path) -> None:
    """Other users can't read what is stored."""
    database = Database(f"sqlite:///{tmp_path / 'sub' / 'a.db'}")
    database.migrate()
    database.dispose()
    for file in (tmp_path / "sub").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_failed_transaction_leaves_nothing(database: Database) -> None:
    """An error inside the block undoes its writes, and what was to follow the commit does not."""
    called: list[int] = []

    def act() -> None:
        with database.session() as session:
            session.add(EnvironmentRow(name="a", revision=1))
            after_commit(session, lambda: called.append(1))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        act()
    with database.reading() as session:
        assert session.exec(select(EnvironmentRow)).all() == []
    assert called == []


def test_callback_runs_after_the_commit(database: Database) -> None:
    """What follows a commit sees it from another connection."""
    seen: list[int] = []

    def look() -> None:
        with database.reading() as other:
            seen.append(len(other.exec(select(EnvironmentRow)).all()))

    with database.session() as session:
        session.add(EnvironmentRow(name="a", revision=1))
        after_commit(session, look)
    assert seen == [1]


def test_busy_database_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is not given back in time is told as a database that did not answer."""
    monkeypatch.setattr("app.store.database._BUSY_TIMEOUT_MS", 50)
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    database.migrate()
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unreachable, match="locked"), database.session() as session:
        session.add(EnvironmentRow(name="a", revision=1))
    other.execute("ROLLBACK")
    other.close()
    with database.session() as session:
        session.add(EnvironmentRow(name="a", revision=1))
    database.dispose()


def test_full_disk_is_unreachable(tmp_path: Path) -> None:
    """What could not be written is never taken for stored."""
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    database.migrate()

    def act() -> None:
        with database.session() as session:
            session.connection().exec_driver_sql("PRAGMA max_page_count=1")
            session.add_all(EnvironmentRow(name=str(n) * 1000, revision=1) for n in range(500))

    with pytest.raises(Unreachable, match="full"):
        act()
    database.dispose()


def test_absent_server_is_unreachable() -> None:
    """Nobody listens there."""
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Unreachable):
        database.ping()


def test_memory_is_no_database() -> None:
    """What is lost at the next start is not accepted."""
    with pytest.raises(Unreachable, match="in-memory"):
        Database("sqlite://")


def test_password_is_not_in_the_message() -> None:
    """Errors name the database without its password."""
    database = Database("postgresql://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(Unreachable) as caught:
        database.ping()
    assert "secret" not in str(caught.value)
