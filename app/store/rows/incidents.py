"""Tables of incidents, their alerts and their diagnoses."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from app.store.column_types import Line
from app.store.rows.columns import json_text, line, optional_utc, utc
from graph.document import Json


class IncidentRow(SQLModel, table=True):
    """One incident."""

    __tablename__ = "incidents"
    __table_args__ = (Index("incidents_joined", "environment", "correlation", "status"),)

    number: int | None = Field(default=None, primary_key=True)
    environment: str = line()
    correlation: str = line()
    status: str = line(index=True)
    title: str = line()
    severity: str = line("")
    opened_at: datetime = utc()
    resolved_at: datetime | None = optional_utc()
    updated_at: datetime = utc()
    triage: str = Field(
        default="undecided", sa_type=Line, nullable=False, sa_column_kwargs={"server_default": "undecided"}
    )
    """What it is held for: as its gravest alert."""


class AlertRow(SQLModel, table=True):
    """The latest state of one alert."""

    __tablename__ = "alerts"
    __table_args__ = (Index("alerts_once", "sender", "key", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    sender: str = line()
    key: str = line()
    incident: int = Field(foreign_key="incidents.number", index=True)
    status: str = line()
    at: datetime = utc()
    """When the sender says this state began."""
    body: Json = json_text()


class DiagnosisRow(SQLModel, table=True):
    """One of the diagnoses of an incident; none is overwritten."""

    __tablename__ = "diagnoses"

    incident: int = Field(foreign_key="incidents.number", primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = utc()
    took_s: float
    model: Json = json_text()
    verdict: str
    diagnosis: Json = json_text()
    blast: Json = json_text()
