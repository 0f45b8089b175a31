"""The database: connections, transactions, and what a failing one means. Knows no table.

A write transaction on SQLite begins with the write lock (BEGIN IMMEDIATE), so that what it reads can't be changed
by another process before it commits. PostgreSQL transactions lock the rows that they decide on.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from graph.errors import Unreachable

_BUSY_TIMEOUT_MS = 10_000
"""How long a SQLite connection waits for another one's write lock before it gives up."""

_AFTER_COMMIT = "after_commit"


class Database:
    """One database by URL: `sqlite:///PATH` or `postgresql://...`."""

    def __init__(self, url: str) -> None:
        """Prepare the connection pool; nothing is opened yet."""
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.url = parsed
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            _make_private_file(parsed.database)
            self.engine = create_engine(parsed, pool_size=10, max_overflow=40)
            _make_safe(self.engine)
            self._reading = self.engine.execution_options(begin="BEGIN")
        else:
            self.engine = create_engine(
                parsed, pool_size=10, max_overflow=20, pool_pre_ping=True, connect_args={"connect_timeout": 5}
            )
            self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def migrate(self) -> None:
        """Bring the tables to the newest version; safe to call from several processes at once.

        Raises:
            Unreachable: the database is away, locked or can't be written.
        """
        from app.store.migrate import upgrade  # alembic takes long to import, and most commands don't migrate

        with _translated(self.url.render_as_string()):
            upgrade(self.url)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One write transaction: commits at the end, rolls back on any error.

        Raises:
            Unreachable: the database is away, locked, full or can't be written. Nothing was stored.
        """
        with _translated(self.url.render_as_string()), Session(self.engine, expire_on_commit=False) as session:
            with session.begin():
                yield session
            for callback in session.info.pop(_AFTER_COMMIT, []):
                callback()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view for reading; never waits for a writer.

        Raises:
            Unreachable: the database is away.
        """
        with (
            _translated(self.url.render_as_string()),
            Session(self._reading, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def ping(self) -> None:
        """Check that the database answers.

        Raises:
            Unreachable: it does not.
        """
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    def dispose(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()


def after_commit(session: Session, callback: Callable[[], None]) -> None:
    """Call `callback` once the transaction of `session` is durable; never when it is rolled back."""
    session.info.setdefault(_AFTER_COMMIT, []).append(callback)


def lock(session: Session, name: str) -> None:
    """Let one transaction at a time past this point for `name`, until it ends.

    A SQLite transaction holds the only write lock already.
    """
    if session.get_bind().dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:8], "big", signed=True)
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def prepare_sqlite(connection: sqlite3.Connection) -> None:
    """Set what makes a SQLite connection safe, and check that it took.

    Raises:
        Unreachable: the file system does not support it.
    """
    connection.isolation_level = None
    wanted = {"busy_timeout": _BUSY_TIMEOUT_MS, "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    for pragma, value in wanted.items():
        _patiently(connection, f"PRAGMA {pragma}={value}")
    for pragma, value in wanted.items():
        found = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
        if found != value:
            raise Unreachable(f"SQLite can't be used safely here: {pragma} is {found!r} and must be {value!r}")


def _patiently(connection: sqlite3.Connection, statement: str) -> None:
    """Run a statement for which SQLite does not wait: the switch of a new file to WAL fails at once when it is busy."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)


def _make_safe(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        prepare_sqlite(connection)

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN IMMEDIATE"))


def _make_private_file(path: str | None) -> None:
    if not path or path == ":memory:":
        raise Unreachable("an in-memory SQLite database would lose acknowledged alerts: give a file")
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise Unreachable(f"can't open the database file {path!r}: {error.strerror}") from error


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, InternalError) as error:
        reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error).__name__
        raise Unreachable(f"the database {url} did not take the transaction: {reason}") from error
    except PoolTimeout as error:
        raise Unreachable(f"no connection to the database {url} became free: {error}") from error
