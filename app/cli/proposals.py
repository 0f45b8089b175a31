"""Proposed fixes and the decisions on them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app.cli.asking import Role, Service, id_of, of_service
from app.cli.output import fail

commands = typer.Typer()

Proposal = Annotated[str, typer.Argument(metavar="PROPOSAL", help="Its id.")]


@commands.command()
@of_service
def proposals(
    asked: Service,
    proposal: Annotated[str | None, typer.Argument(metavar="PROPOSAL", help="Id of one; all when absent.")] = None,
) -> None:
    """List proposed fixes, or show one exactly as it would be executed."""
    from app.terminal import print_proposal, print_proposals

    if proposal:
        asked.show(asked.client().get(f"/api/proposals/{id_of('FIX', proposal)}"), print_proposal)
    else:
        asked.show(asked.client().get("/api/proposals"), print_proposals)


@commands.command()
@of_service
def approve(
    asked: Service,
    proposal: Proposal,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts that showed it before.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; goes into the audit log.")] = "",
    role: Role = "approver",
) -> None:
    """Show a proposed fix and approve exactly what was shown."""
    from app.terminal import print_approved, print_proposal

    client = asked.client(role)
    shown = client.get(f"/api/proposals/{id_of('FIX', proposal)}")
    if not asked.as_json:
        print_proposal(shown)
    if not yes:
        if not sys.stdin.isatty():
            fail("nothing was approved: there is no terminal to ask in; read it, then approve it with --yes")
        # Asked beside the output, which may go into a pager.
        if not typer.confirm("Approve exactly this?", err=True):
            fail("nothing was approved", code=3)
    decision = {"digest": shown["digest"], "reason": reason}
    asked.show(client.post(f"/api/proposals/{id_of('FIX', proposal)}/approve", decision), print_approved)


@commands.command()
@of_service
def reject(
    asked: Service,
    proposal: Proposal,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; the assistant needs new evidence to propose it again.")],
    role: Role = "approver",
) -> None:
    """Reject a proposed fix."""
    from app.terminal import print_rejected

    if not reason.strip():
        fail("say with --reason why it is rejected")
    asked.show(
        asked.client(role).post(f"/api/proposals/{id_of('FIX', proposal)}/reject", {"reason": reason}), print_rejected
    )
