"""Tables of what people said of diagnoses, and of what that was used for."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.store.rows.columns import json_text, line, optional_utc, utc
from graph.document import Json


class MemoryRow(SQLModel, table=True):
    """One outcome. It is never deleted: removed, it is kept with who removed it and why, and used no more."""

    __tablename__ = "memories"

    number: int | None = Field(default=None, primary_key=True)
    environment: str = line(index=True)
    incident: str = line(index=True)
    outcome: str
    at: datetime = utc()
    by: str = line()
    body: Json = json_text()
    removed_at: datetime | None = optional_utc()
    removed_by: str = line("")
    removed_because: str = line("")


class MemoryUseRow(SQLModel, table=True):
    """One diagnosis that recalled a memory."""

    __tablename__ = "memory_uses"

    memory: int = Field(foreign_key="memories.number", primary_key=True)
    incident: int = Field(foreign_key="incidents.number", primary_key=True)
    diagnosis: int = Field(primary_key=True)
