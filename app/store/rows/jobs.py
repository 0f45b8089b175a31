"""Table of background jobs."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from app.store.rows.columns import json_text, line, optional_utc, utc
from graph.document import Json

_LIVE = text("status IN ('queued', 'running')")


class JobRow(SQLModel, table=True):
    """One piece of work that outlives the process that wanted it."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_live", "kind", "key", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("jobs_due", "status", "run_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: str = line()
    key: str = line()
    payload: Json = json_text()
    status: str = line()
    again: bool = False
    """Asked for once more while it ran."""
    run_at: datetime = utc()
    attempt: int = 0
    fence: int = 0
    worker: str = line("")
    lease_until: datetime | None = optional_utc()
    error: str = line("")
    created_at: datetime = utc()
    finished_at: datetime | None = optional_utc()
