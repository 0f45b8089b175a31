"""Tables of the audit log."""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from app.store.rows.columns import line, utc


class AuditEntryRow(SQLModel, table=True):
    """One entry of the chain."""

    __tablename__ = "audit_entries"

    seq: int = Field(sa_type=BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False})
    """From 1 without holes."""
    at: datetime = utc()
    actor: str = line()
    action: str = line()
    subject: str = line(index=True)
    detail: str = Field(sa_type=Text)
    """Canonical JSON, exactly as it was hashed."""
    prev: str
    hash: str


class AuditHeadRow(SQLModel, table=True):
    """The end of the chain: one row."""

    __tablename__ = "audit_head"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(sa_type=BigInteger)
    hash: str
    seal: str
    """HMAC over `seq` and `hash`, so that the end can't be moved back without the key."""
    key_id: str
    """Tells which key the chain was made with; gives nothing of the key away."""
