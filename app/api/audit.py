"""The audit log: reading it, and checking that nobody changed it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.api.bodies import Body, Limit, plain
from app.auth import SECURITY, require
from app.errors import documented
from app.services import services_of
from app.store.audit import AuditEntry
from app.store.users import Role

router = APIRouter(
    prefix="/api/audit",
    tags=["audit"],
    dependencies=[*SECURITY, require(Role.VIEWER)],
    responses=documented(401, 403, 422, 503),
)


class Entry(Body):
    """One thing that happened."""

    seq: int
    """From 1, without holes."""
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Any
    hash: str
    """Seals this entry and the one before it."""

    @classmethod
    def of(cls, entry: AuditEntry) -> Entry:
        """Build the body of an entry."""
        return cls(**plain(entry))


class Entries(Body):
    """Part of the log, oldest first."""

    entries: list[Entry]


class Report(Body):
    """Whether the log is what was written."""

    ok: bool
    entries: int
    first_bad: int | None
    """Number of the first entry that is wrong or missing."""
    problem: str


@router.get("")
def list_entries(
    request: Request,
    after: Annotated[int, Query(ge=0, le=2**53, description="Only entries after this number.")] = 0,
    limit: Limit = 100,
    subject: Annotated[str | None, Query(max_length=256, description="Only entries about this, e.g. `INC-7`.")] = None,
) -> Entries:
    """Read the log from a number on."""
    found = services_of(request).audit.entries(after_seq=after, limit=limit, subject=subject)
    return Entries(entries=[Entry.of(entry) for entry in found])


@router.get("/verify")
def verify(request: Request) -> Report:
    """Check every link of the chain, its end, and the exported copy of its end."""
    return Report(**plain(services_of(request).audit.verify()))
