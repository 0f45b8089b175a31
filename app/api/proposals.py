"""Proposed fixes: exactly what would be done, and a person's yes or no to it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from app.api.bodies import BlastRadius, Body, Limit, RequestBody, identifier, plain
from app.auth import SECURITY, require
from app.errors import documented
from app.services import services_of
from app.store import proposal_records as records
from app.store.proposal_records import ProposalStatus
from app.store.users import Role, User
from graph.action import Plan, action_json, check_json
from graph.errors import Invalid
from graph.plan_text import render
from graph.resource import display_uid

router = APIRouter(
    prefix="/api/proposals", tags=["proposals"], dependencies=SECURITY, responses=documented(401, 403, 422, 503)
)

Id = Annotated[str, identifier("FIX", "proposal")]
Approver = Annotated[User, require(Role.APPROVER)]


class Approval(Body):
    """One person's yes."""

    approver: str
    digest: str
    """What the person saw."""
    at: datetime


class Note(Body):
    """What an execution was about to do, or saw."""

    seq: int
    at: datetime
    step: str
    detail: Any


class Execution(Body):
    """The one run of an approved proposal."""

    id: str
    executor: str
    status: ProposalStatus
    started_at: datetime
    finished_at: datetime | None
    detail: Any
    notes: list[Note]

    @classmethod
    def of(cls, run: records.Execution) -> Execution:
        """Build the body of an execution."""
        data = plain(run)
        return cls(**{name: data[name] for name in cls.model_fields})


class ProposalSummary(Body):
    """A proposal in a list."""

    id: str
    incident: str
    environment: str
    status: ProposalStatus
    title: str
    target: str
    """uid"""
    target_name: str
    action: str
    risk: str
    hold: str
    """Why this must not be done yet, and what lifts that; empty when nothing speaks against it."""
    outcome: str
    """How it ended, or why it has this status; may be empty."""
    digest: str
    """What an approval is bound to; send it back to approve."""
    requester: str
    required_approvals: int
    approvals: list[Approval]
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, proposal: records.Proposal) -> ProposalSummary:
        """Build the body of a proposal in a list."""
        return cls(**_summary(proposal))


class Proposal(ProposalSummary):
    """A proposal with everything that a person approves together with it."""

    text: str
    """The exact change with its conditions, as text made by code; invisible characters are spelled out."""
    reason: str
    plan: dict[str, Any]
    """The typed action, as it would be executed."""
    preconditions: list[dict[str, Any]]
    """Checked on the live state before the action."""
    verification: list[dict[str, Any]]
    """How success is checked."""
    verify_within_s: float
    rollback: list[dict[str, Any]]
    """What undoes it, in order."""
    warnings: list[str]
    policy_version: str
    policy_reasons: list[str]
    evidence: list[str]
    observed_at: datetime
    blast_radius: BlastRadius
    """Of the fix itself."""
    execution: Execution | None

    @classmethod
    def of(cls, proposal: records.Proposal) -> Proposal:
        """Build the body of a proposal."""
        plan = proposal.plan
        return cls(
            **_summary(proposal),
            text=plain(render(plan)),
            reason=plain(plan.reason),
            plan=plain(action_json(plan.action)),
            preconditions=[plain(check_json(c)) for c in plan.preconditions],
            verification=[plain(check_json(c)) for c in plan.verification],
            verify_within_s=plan.verify_within_s,
            rollback=[plain(action_json(a)) for a in plan.rollback],
            warnings=plain(plan.warnings),
            policy_version=proposal.policy_version,
            policy_reasons=plain(proposal.reasons),
            evidence=plain(proposal.evidence),
            observed_at=plan.observed_at,
            blast_radius=BlastRadius.of(proposal.blast),
            execution=Execution.of(proposal.execution) if proposal.execution else None,
        )


class Proposals(Body):
    """Proposals, newest first."""

    proposals: list[ProposalSummary]


class ApproveRequest(RequestBody):
    """A person's yes."""

    digest: str | None = Field(default=None, max_length=128)
    """The digest that was shown. With it, a proposal that is not the one that was shown is refused."""
    reason: str = Field(default="", max_length=1000)
    """Goes into the audit log."""


class RejectRequest(RequestBody):
    """A person's no."""

    reason: str = Field(min_length=1, max_length=1000)
    """Goes into the audit log."""


@router.get("", dependencies=[require(Role.VIEWER)], responses=documented(404))
def list_proposals(
    request: Request,
    status: Annotated[ProposalStatus | None, Query(description="Only those in this state.")] = None,
    incident: Annotated[str | None, Query(max_length=64, description="Only those of this incident.")] = None,
    before: Annotated[str | None, Query(max_length=64, description="Continue after this id.")] = None,
    limit: Limit = 50,
) -> Proposals:
    """List proposed fixes."""
    found = services_of(request).proposals.list(status, incident, limit=limit, before=before)
    return Proposals(proposals=[ProposalSummary.of(p) for p in found])


@router.get("/{id}", dependencies=[require(Role.VIEWER)], responses=documented(404))
def get_proposal(request: Request, id: Id) -> Proposal:
    """Show one proposed fix exactly as it would be executed."""
    return Proposal.of(services_of(request).proposals.get(id))


@router.post("/{id}/approve", responses=documented(404, 409, 413))
def approve(request: Request, id: Id, user: Approver, body: ApproveRequest | None = None) -> Proposal:
    """Say yes. With the last yes that is needed, the executor does it, once, if the live state is still the same."""
    body = body or ApproveRequest()
    services = services_of(request)
    proposal = services.proposals.approve(
        id, approver=user.name, approver_roles=(user.role.value,), digest=body.digest, now=services.clock()
    )
    if body.reason:
        services.audit.record(actor=user.name, action="proposal.comment", subject=id, detail={"note": body.reason})
    return Proposal.of(proposal)


@router.post("/{id}/reject", responses=documented(404, 409, 413))
def reject(request: Request, id: Id, body: RejectRequest, user: Approver) -> Proposal:
    """Say no. The assistant proposes it again only on new evidence."""
    services = services_of(request)
    if not body.reason.strip():
        raise Invalid("a rejection needs a reason")
    return Proposal.of(services.proposals.reject(id, who=user.name, reason=body.reason, now=services.clock()))


def _summary(proposal: records.Proposal) -> dict[str, Any]:
    plan: Plan = proposal.plan
    target = plain(plan.action.target)
    return {
        "id": proposal.id,
        "incident": proposal.incident_id,
        "environment": proposal.environment,
        "status": proposal.status,
        "title": plain(plan.title),
        "target": target,
        "target_name": display_uid(target),
        "action": plan.action.kind.value,
        "risk": plan.risk.value,
        "hold": plain(plan.hold),
        "outcome": plain(proposal.note),
        "digest": proposal.digest,
        "requester": plain(proposal.requester),
        "required_approvals": proposal.required_approvals,
        "approvals": [Approval(approver=a.approver, digest=a.digest, at=a.at) for a in proposal.approvals],
        "created_at": proposal.created_at,
        "expires_at": proposal.expires_at,
    }
