"""Tables of proposals, approvals and executions."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from app.store.rows.columns import json_text, line, optional_utc, utc
from graph.document import Json

_LIVE = text("status IN ('pending', 'held', 'approved', 'running')")
_RUNNING = text("status = 'running'")


class ProposalRow(SQLModel, table=True):
    """One proposal. All but `status`, `note`, `changed_at` and `start_by` is written once."""

    __tablename__ = "proposals"
    __table_args__ = (
        Index(
            "proposals_one_for_a_cause", "incident_id", "cause", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE
        ),
        Index(
            "proposals_one_run_for_a_target",
            "environment",
            "target",
            unique=True,
            sqlite_where=_RUNNING,
            postgresql_where=_RUNNING,
        ),
    )

    number: int | None = Field(default=None, primary_key=True)
    incident_id: str = line(index=True)
    environment: str = line()
    target: str = line()
    kind: str = line()
    cause: str = line()
    status: str = line(index=True)
    note: str = line("")
    requester: str = line()
    policy_version: str = line()
    required_approvals: int
    reasons: Json = json_text()
    evidence: Json = json_text()
    plan: Json = json_text()
    blast: Json = json_text()
    digest: str
    created_at: datetime = utc()
    expires_at: datetime = utc()
    changed_at: datetime = utc()
    start_by: datetime | None = optional_utc()
    """An approved proposal that was not started until then is void."""


class ApprovalRow(SQLModel, table=True):
    """One person's answer to one proposal."""

    __tablename__ = "approvals"

    proposal: int = Field(foreign_key="proposals.number", primary_key=True)
    approver: str = line(primary_key=True)
    roles: Json = json_text()
    digest: str
    """What the person saw."""
    at: datetime = utc()
    seal: str
    """HMAC over all of the above: only this program can make one."""


class ExecutionRow(SQLModel, table=True):
    """One run of one approved proposal; there is never a second."""

    __tablename__ = "executions"

    number: int | None = Field(default=None, primary_key=True)
    proposal: int = Field(foreign_key="proposals.number", unique=True)
    executor: str = line()
    fence: int
    status: str = line(index=True)
    started_at: datetime = utc()
    finished_at: datetime | None = optional_utc()
    detail: Json = json_text()


class NoteRow(SQLModel, table=True):
    """What an execution was about to do, or saw."""

    __tablename__ = "execution_notes"

    execution: int = Field(foreign_key="executions.number", primary_key=True)
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = utc()
    step: str = line()
    detail: Json = json_text()
