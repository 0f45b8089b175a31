"""The audit log."""

from __future__ import annotations

import sys

import typer

from app.cli.asking import AsJson, DataDir, Service, of_service
from app.cli.output import show, working
from app.cli.topics import ByTopic

commands = typer.Typer(help="The audit log.", cls=ByTopic, no_args_is_help=True)


@commands.command("verify")
def verify(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check the audit log for edits, deletions and insertions, on the service's machine. Exit code 1: found one."""
    from app.terminal import print_audit_report
    from app.wiring import verify_audit

    with working("Checking every link"):
        report = verify_audit(data_dir)
    show(report, as_json, print_audit_report)
    sys.exit(0 if report["ok"] else 1)


@commands.command("list")
@of_service
def entries(asked: Service) -> None:
    """Show the audit log."""
    from app.terminal import print_audit

    asked.show(asked.client().get("/api/audit"), print_audit)
