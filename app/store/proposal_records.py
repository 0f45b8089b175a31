"""What a proposal, an approval and an execution are, which states follow which, and what an approval is bound to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.store.rows.proposals import ApprovalRow, ExecutionRow, NoteRow, ProposalRow
from graph.action import Plan
from graph.blast_radius import BlastRadius
from graph.codec import decode
from graph.document import Json

START_WITHIN = timedelta(minutes=10)
"""An approval that the executor did not take up by then is void: the person decided on a world that has moved on."""

CLOCK_SKEW = timedelta(seconds=60)
"""By how much the clocks of two hosts may differ. A clock that ran back by more voids what it would revive."""


class ProposalStatus(StrEnum):
    PENDING = "pending"
    HELD = "held"
    """Must not be done yet; can't be approved."""
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"
    """Approved, but nothing was done: the world or the record was not the one that was approved."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The executor died in between; it is not known whether the effect happened."""


FINAL = frozenset({ProposalStatus.SUCCEEDED, ProposalStatus.ROLLED_BACK, ProposalStatus.REFUSED, ProposalStatus.FAILED})
OPEN = frozenset({ProposalStatus.PENDING, ProposalStatus.HELD, ProposalStatus.APPROVED})

_CLOSED_UNDONE = frozenset(
    {ProposalStatus.REJECTED, ProposalStatus.EXPIRED, ProposalStatus.SUPERSEDED, ProposalStatus.REFUSED}
)
NEXT: dict[ProposalStatus, frozenset[ProposalStatus]] = {
    ProposalStatus.PENDING: _CLOSED_UNDONE | {ProposalStatus.APPROVED},
    ProposalStatus.HELD: _CLOSED_UNDONE,
    ProposalStatus.APPROVED: _CLOSED_UNDONE | {ProposalStatus.RUNNING},
    ProposalStatus.RUNNING: FINAL | {ProposalStatus.UNKNOWN},
    ProposalStatus.UNKNOWN: FINAL,
}
"""Every change of state there is; a state that is missing here is final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's yes."""

    approver: str
    roles: tuple[str, ...]
    digest: str
    """What the person saw; see `Proposal.digest`."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What an execution was about to do, or saw."""

    seq: int
    at: datetime
    step: str
    detail: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """The one run of an approved proposal."""

    id: str
    """e.g. `RUN-3`"""
    proposal_id: str
    incident_id: str
    environment: str
    plan: Plan
    digest: str
    """The digest that was approved."""
    requester: str
    executor: str
    fence: int
    """An executor with an older one has lost this execution."""
    status: ProposalStatus
    started_at: datetime
    finished_at: datetime | None = None
    detail: Json = None
    """How it ended."""
    notes: tuple[Note, ...] = ()
    """Oldest first; empty for an execution that was just claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A plan that waits for people, or went past them."""

    id: str
    """e.g. `FIX-4`"""
    incident_id: str
    environment: str
    plan: Plan
    blast: BlastRadius
    """Of the plan itself."""
    status: ProposalStatus
    note: str
    """Why it has this status, where there is more to say."""
    requester: str
    policy_version: str
    required_approvals: int
    """Distinct people."""
    reasons: tuple[str, ...]
    """What the policy said about it."""
    evidence: tuple[str, ...]
    """Ids of the observations that it rests on."""
    digest: str
    """SHA-256 over all that an approval is bound to: the plan, its blast radius, incident, requester, number of
    approvals, evidence, policy version and times. Pages show it and post it back; `plan.digest` is a part of it."""
    created_at: datetime
    expires_at: datetime
    changed_at: datetime
    start_by: datetime | None
    """Set by the last approval."""
    approvals: tuple[Approval, ...]
    execution: Execution | None


def proposal_id(number: int | None) -> str:
    """Return the id of a proposal as people write it."""
    return f"FIX-{number}"


def execution_id(number: int | None) -> str:
    """Return the id of an execution as people write it."""
    return f"RUN-{number}"


def content_digest(row: ProposalRow) -> str:
    """Return the SHA-256 over everything of a stored proposal that an approval is bound to.

    The columns that SQL searches by are part of it, so that they can't say something else than the plan does. A plan
    that can't be read any more has an empty digest, which matches none.
    """
    try:
        plan_digest = decode(Plan, row.plan).digest
    except (TypeError, ValueError, KeyError):
        return ""
    content = {
        "number": row.number,
        "incident": row.incident_id,
        "environment": row.environment,
        "target": row.target,
        "kind": row.kind,
        "cause": row.cause,
        "requester": row.requester,
        "policy_version": row.policy_version,
        "required_approvals": row.required_approvals,
        "reasons": row.reasons,
        "evidence": row.evidence,
        "plan": row.plan,
        "plan_digest": plan_digest,
        "blast": row.blast,
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def approval_content(row: ApprovalRow) -> Json:
    """Return what the seal of an approval covers."""
    return [row.proposal, row.approver, row.roles, row.digest, row.at.isoformat()]


def has_expired(row: ProposalRow, now: datetime) -> bool:
    """Whether nobody may approve or start it any more. Time that runs back never makes an old approval young."""
    if row.status == ProposalStatus.APPROVED:
        return row.start_by is None or not row.changed_at - CLOCK_SKEW <= now < row.start_by
    return row.status in OPEN and not row.created_at - CLOCK_SKEW <= now < row.expires_at


def proposal_of(
    row: ProposalRow, approvals: Sequence[ApprovalRow], run: ExecutionRow | None, notes: Sequence[NoteRow] = ()
) -> Proposal:
    """Turn rows into a proposal."""
    return Proposal(
        id=proposal_id(row.number),
        incident_id=row.incident_id,
        environment=row.environment,
        plan=decode(Plan, row.plan),
        blast=decode(BlastRadius, row.blast),
        status=ProposalStatus(row.status),
        note=row.note,
        requester=row.requester,
        policy_version=row.policy_version,
        required_approvals=row.required_approvals,
        reasons=tuple(row.reasons),
        evidence=tuple(row.evidence),
        digest=row.digest,
        created_at=row.created_at,
        expires_at=row.expires_at,
        changed_at=row.changed_at,
        start_by=row.start_by,
        approvals=tuple(
            Approval(approver=a.approver, roles=tuple(a.roles), digest=a.digest, at=a.at) for a in approvals
        ),
        execution=None if run is None else execution_of(run, row, notes),
    )


def execution_of(run: ExecutionRow, row: ProposalRow, notes: Sequence[NoteRow] = ()) -> Execution:
    """Turn rows into an execution."""
    return Execution(
        id=execution_id(run.number),
        proposal_id=proposal_id(row.number),
        incident_id=row.incident_id,
        environment=row.environment,
        plan=decode(Plan, row.plan),
        digest=row.digest,
        requester=row.requester,
        executor=run.executor,
        fence=run.fence,
        status=ProposalStatus(run.status),
        started_at=run.started_at,
        finished_at=run.finished_at,
        detail=run.detail,
        notes=tuple(Note(seq=n.seq, at=n.at, step=n.step, detail=n.detail) for n in notes),
    )
