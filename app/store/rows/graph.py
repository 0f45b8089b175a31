"""Tables of the environment graph's history.

Two times stand in each row: `valid_from` and `valid_to` say when it was so; `recorded_at` and `closed_at` say when
Plumbline learned its beginning and its end. A row is closed once and otherwise kept.
"""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, Text, text
from sqlmodel import Field, SQLModel

from app.store.column_types import Line
from app.store.rows.columns import json_text, line, optional_utc, revision, utc
from graph.document import Json

_CURRENT = text("valid_to IS NULL")


class EnvironmentRow(SQLModel, table=True):
    """One environment and the number of writes to it."""

    __tablename__ = "environments"

    name: str = line(primary_key=True)
    revision: int = 0


class BlobRow(SQLModel, table=True):
    """A document by the hash of its content."""

    __tablename__ = "graph_blobs"

    environment: str = line(primary_key=True)
    hash: str = Field(primary_key=True)
    body: str = Field(sa_type=Text)


class VersionRow(SQLModel, table=True):
    """One facet of one resource, as one source gave it over an interval of time."""

    __tablename__ = "graph_versions"
    __table_args__ = (
        ForeignKeyConstraint(["environment", "blob"], ["graph_blobs.environment", "graph_blobs.hash"]),
        Index(
            "graph_versions_current",
            "environment",
            "facet",
            "source",
            "uid",
            unique=True,
            sqlite_where=_CURRENT,
            postgresql_where=_CURRENT,
        ),
        Index("graph_versions_history", "environment", "uid", "facet", "source", "valid_from"),
        Index("graph_versions_blob", "environment", "blob"),
        Index("graph_versions_revision", "environment", "revision"),
        Index("graph_versions_begun", "environment", "valid_from"),
        Index("graph_versions_ended", "environment", "valid_to"),
        Index("graph_versions_learned", "environment", "recorded_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    environment: str = line()
    uid: str = line()
    facet: str = line()
    source: str = line()
    resource: Json = json_text()
    origin: Json = json_text()
    blob: str
    significant: str
    """Hash of the part whose change makes a new version."""
    valid_from: datetime = utc()
    valid_to: datetime | None = optional_utc()
    last_seen: datetime = utc()
    recorded_at: datetime = utc()
    closed_at: datetime | None = optional_utc()
    revision: int = revision()


class BodyRow(SQLModel, table=True):
    """What a version held until only insignificant parts of it changed."""

    __tablename__ = "graph_bodies"
    __table_args__ = (
        ForeignKeyConstraint(["environment", "blob"], ["graph_blobs.environment", "graph_blobs.hash"]),
        Index("graph_bodies_time", "environment", "until"),
        Index("graph_bodies_learned", "environment", "superseded_at"),
        Index("graph_bodies_blob", "environment", "blob"),
    )

    version: int = Field(primary_key=True, foreign_key="graph_versions.id")
    until: datetime = utc(primary_key=True)
    """When another body was first seen."""
    since: datetime = utc()
    environment: str = line()
    uid: str = line()
    superseded_at: datetime = utc()
    """When Plumbline learned of the other body."""
    blob: str
    origin: Json = json_text()


class FactRow(SQLModel, table=True):
    """A relation, an unreadable place or an outage of a source, over an interval of time."""

    __tablename__ = "graph_facts"
    __table_args__ = (
        Index(
            "graph_facts_current",
            "environment",
            "kind",
            "facet",
            "source",
            "subject",
            "hash",
            unique=True,
            sqlite_where=_CURRENT,
            postgresql_where=_CURRENT,
        ),
        Index("graph_facts_history", "environment", "kind", "valid_from"),
        Index("graph_facts_ended", "environment", "valid_to"),
        Index("graph_facts_revision", "environment", "revision"),
        Index("graph_facts_subject", "environment", "kind", "subject"),
    )

    id: int | None = Field(default=None, primary_key=True)
    environment: str = line()
    kind: str = line()
    facet: str = line()
    source: str = line()
    subject: str = line()
    """uid the fact belongs to; empty when it belongs to the source as a whole."""
    hash: str
    body: Json = json_text()
    valid_from: datetime = utc()
    valid_to: datetime | None = optional_utc()
    recorded_at: datetime = utc()
    closed_at: datetime | None = optional_utc()
    revision: int = revision()


class SourceRow(SQLModel, table=True):
    """How well one source was read lately."""

    __tablename__ = "graph_sources"

    environment: str = line(primary_key=True)
    name: str = line(primary_key=True)
    facet: str = line(primary_key=True)
    """Empty for a source of changes or symptoms."""
    first_read_at: datetime | None = optional_utc()
    read_at: datetime | None = optional_utc()
    """Newest complete reading."""
    heard_at: datetime | None = optional_utc()
    """Until when the source, after that reading, said by itself what changed; the rest was as it had been read."""
    error: str = line("")
    told_until: datetime | None = optional_utc()
    """Time of the newest record of a stream of changes."""


class ReadingRow(SQLModel, table=True):
    """A time at which a source told all that it has, so that what it did not tell did not exist then."""

    __tablename__ = "graph_readings"

    environment: str = line(primary_key=True)
    source: str = line(primary_key=True)
    facet: str = line(primary_key=True)
    at: datetime = utc(primary_key=True)


class ChangeRow(SQLModel, table=True):
    """One change."""

    __tablename__ = "graph_changes"
    __table_args__ = (
        Index("graph_changes_time", "environment", "latest"),
        Index("graph_changes_resource", "environment", "uid", "latest"),
        Index("graph_changes_kind", "environment", "kind", "latest"),
    )

    environment: str = line(primary_key=True)
    id: str = line(primary_key=True)
    uid: str = line()
    kind: str = Field(default="", sa_type=Line, sa_column_kwargs={"server_default": ""})
    latest: datetime = utc()
    recorded_at: datetime = utc()
    revision: int = revision()
    body: Json = json_text()


class SymptomRow(SQLModel, table=True):
    """One line that a running system said of itself."""

    __tablename__ = "graph_symptoms"
    __table_args__ = (Index("graph_symptoms_time", "environment", "at"),)

    environment: str = line(primary_key=True)
    hash: str = Field(primary_key=True)
    at: datetime = utc()
    recorded_at: datetime = utc()
    body: Json = json_text()
