"""Tables of drift events, and of who collects."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from app.store.rows.columns import json_text, line, utc
from graph.document import Json


class DriftEventRow(SQLModel, table=True):
    """One event; rows are appended and otherwise kept."""

    __tablename__ = "drift_events"
    __table_args__ = (
        Index("drift_events_number", "environment", "id"),
        Index("drift_events_resource", "environment", "uid", "id"),
        Index("drift_events_time", "environment", "detected_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    environment: str = line()
    uid: str = line()
    kind: str = line()
    detected_at: datetime = utc()
    recorded_at: datetime = utc()
    body: Json = json_text()


class OpenDriftRow(SQLModel, table=True):
    """Which drifts are open, and the last event of each: a digest of the events, so that nobody has to read all."""

    __tablename__ = "open_drifts"
    __table_args__ = (Index("open_drifts_resource", "environment", "uid"),)

    environment: str = line(primary_key=True)
    place: str = Field(primary_key=True)
    """Digest of uid and path, which may be too long for an index."""
    uid: str = line()
    event: int


class LeaseRow(SQLModel, table=True):
    """Who alone may do something, and until when."""

    __tablename__ = "leases"

    name: str = line(primary_key=True)
    holder: str = line()
    until: datetime = utc()
