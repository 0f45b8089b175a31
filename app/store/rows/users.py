"""Tables of people, agents and their credentials. Credentials are stored as hashes only."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.store.rows.columns import line, optional_utc, utc


class UserRow(SQLModel, table=True):
    """Somebody who may be let in."""

    __tablename__ = "users"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_column_kwargs={"unique": True})
    role: str
    kind: str
    disabled: bool = False
    created_at: datetime = utc()


class TokenRow(SQLModel, table=True):
    """A bearer token."""

    __tablename__ = "tokens"

    hash: str = line(primary_key=True)
    user_id: int = Field(foreign_key="users.id")
    created_at: datetime = utc()
    revoked_at: datetime | None = optional_utc()


class CodeRow(SQLModel, table=True):
    """A code that lets its user in once."""

    __tablename__ = "login_codes"

    hash: str = line(primary_key=True)
    user_id: int = Field(foreign_key="users.id")
    expires_at: datetime = utc()
    used_at: datetime | None = optional_utc()


class SessionRow(SQLModel, table=True):
    """A browser session."""

    __tablename__ = "sessions"

    hash: str = line(primary_key=True)
    user_id: int = Field(foreign_key="users.id")
    started_at: datetime = utc()
    last_seen: datetime = utc()
    ended_at: datetime | None = optional_utc()
