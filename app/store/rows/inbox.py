"""Table of the webhook inbox."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from app.store.rows.columns import json_text, line, utc
from graph.document import Json


class DeliveryRow(SQLModel, table=True):
    """One webhook delivery as it came."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("deliveries_once", "sender", "key", unique=True), Index("deliveries_status", "status"))

    id: int | None = Field(default=None, primary_key=True)
    sender: str = line()
    key: str = line()
    body: bytes
    headers: Json = json_text()
    received_at: datetime = utc()
    status: str = line()
    reason: str = line("")
