"""Tables of what alerts are held for, and of when they fired."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from app.store.rows.columns import json_text, line, utc
from graph.document import Json


class TriageRow(SQLModel, table=True):
    """What an alert is held for in its present state; no row while nobody decided. Earlier decisions are audited."""

    __tablename__ = "triage"

    alert: int = Field(foreign_key="alerts.id", primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = utc()
    verdict: str = line()
    decision: Json = json_text()


class FiringRow(SQLModel, table=True):
    """That an alert fired, each time once."""

    __tablename__ = "firings"
    __table_args__ = (Index("firings_once", "sender", "name", "started_at", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    sender: str = line()
    name: str = line()
    """What stays the same from one time to the next."""
    started_at: datetime = utc()
