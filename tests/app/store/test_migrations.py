"""A database of the first release is upgraded with what is in it, and answers as it did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlmodel import SQLModel

from app.store.database import Database
from app.store.graph import GraphStore
from app.store.migrate import upgrade
from graph.codec import encode
from graph.relation import Relation, RelationType
from graph.resource import Facet
from tests.app.store.samples import T0, Time, change, document, minutes, resource, snapshot

UID = resource().uid
_RELEASED = "0001"


@pytest.fixture(params=[pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.postgres)])
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with the tables of the first release and nothing in them."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.db'}"
    else:
        server = make_url(request.getfixturevalue("postgres_server")).set(drivername="postgresql+psycopg")
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text("DROP DATABASE IF EXISTS released"))
            connection.execute(text("CREATE DATABASE released"))
        admin.dispose()
        url = server.set(database="released").render_as_string(hide_password=False)
    database = Database(url)
    upgrade(database.url, _RELEASED)
    yield database
    database.dispose()


def _insert(database: Database, table: str, **values: Any) -> None:
    plain = {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in values.items()}
    if database.is_sqlite:
        plain = {k: v.isoformat(timespec="microseconds") if hasattr(v, "isoformat") else v for k, v in plain.items()}
    columns, marks = ", ".join(plain), ", ".join(f":{k}" for k in plain)
    with database.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({marks})"), plain)


def _fill(database: Database) -> None:
    """What the first release had stored: a ConfigMap that changed once, a relation, an outage, two changes."""
    _insert(database, "environments", name="demo", revision=7)
    for timeout, begun, ended in (("5s", T0, minutes(20)), ("1s", minutes(20), None)):
        one = document(timeout=timeout)
        body = json.dumps(one.body, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(body.encode()).hexdigest()
        _insert(database, "graph_blobs", environment="demo", hash=digest, body=body)
        _insert(
            database,
            "graph_versions",
            environment="demo",
            uid=UID,
            facet="actual",
            source="cluster:demo",
            resource=encode(one.resource),
            origin=encode(one.origin),
            blob=digest,
            significant=digest,
            valid_from=begun,
            valid_to=ended,
            last_seen=minutes(10) if ended else minutes(30),
            recorded_at=begun,
            closed_at=ended,
        )
    relation = Relation(source=UID, target="b", type=RelationType.READS)
    facts = (("relation", "actual", "cluster:demo", UID, encode(relation)), ("outage", "", "cloudtrail", "", "no file"))
    for number, (kind, facet, source, subject, fact) in enumerate(facts):
        _insert(
            database,
            "graph_facts",
            environment="demo",
            kind=kind,
            facet=facet,
            source=source,
            subject=subject,
            hash=f"h{number}",
            body=json.dumps(fact),
            valid_from=T0,
            recorded_at=T0,
        )
    for name, facet in (("cluster:demo", "actual"), ("cloudtrail", "")):
        read_at = minutes(30) if facet else None
        _insert(
            database,
            "graph_sources",
            environment="demo",
            name=name,
            facet=facet,
            first_read_at=T0 if facet else None,
            read_at=read_at,
            error="",
        )
    for number, kind in enumerate(("config", "deploy")):
        body = {**encode(change(f"c{number}", latest=minutes(number))), "kind": kind}
        _insert(
            database,
            "graph_changes",
            environment="demo",
            id=f"c{number}",
            uid=UID,
            latest=minutes(number),
            recorded_at=minutes(number),
            body=body,
        )


def test_what_the_first_release_stored_is_told_after_the_upgrade(released: Database, time: Time) -> None:
    """State, history, relations, gaps and changes; and the tables are exactly those of the code."""
    _fill(released)
    released.migrate()
    with released.engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
    time.forward(minutes=30)
    store = GraphStore(released, clock=time)
    graph = store.load("demo")
    assert graph.body(UID, Facet.ACTUAL) == document(timeout="1s").body
    assert [v.body for v in graph.history(UID, Facet.ACTUAL)] == [document(timeout=t).body for t in ("5s", "1s")]
    assert store.load("demo", as_of=minutes(5)).body(UID, Facet.ACTUAL) == document(timeout="5s").body
    assert [r.target for r in graph.outgoing(UID)] == ["b"]
    assert [(s.name, s.error) for s in graph.sources] == [("cloudtrail", "no file"), ("cluster:demo", "")]
    assert [c.kind for c in graph.changes(UID)] == ["config", "deploy"]
    assert [c.id for c in graph.runs(T0, minutes(5))] == ["c1"]


def test_an_upgraded_database_is_written_on(released: Database, time: Time) -> None:
    """What comes after the upgrade closes what was open before it."""
    _fill(released)
    released.migrate()
    released.migrate()
    time.forward(minutes=40)
    store = GraphStore(released, clock=time)
    store.load("demo")
    assert store.record("demo", snapshot(document(timeout="9s"), at=minutes(40)), []).changed == (UID,)
    graph = store.load("demo")
    assert graph.body(UID, Facet.ACTUAL) == document(timeout="9s").body
    assert graph.relations == ()
    ends = [v.valid_to for v in graph.history(UID, Facet.ACTUAL)]
    assert ends == [minutes(20), minutes(40), None]
    assert store.load("demo", as_of=time() - timedelta(minutes=15)).relations != ()
