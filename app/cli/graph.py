"""Questions to the environment graph: what should be, what is, what changed, what depends on what."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.asking import Environment, Kind, KnownAt, Limit, ManyResources, Moment, Namespace, Since, of_environment
from app.cli.output import fail, working

commands = typer.Typer()


@commands.command()
@of_environment
def drift(
    asked: Environment,
    *,
    intended: Annotated[
        Path | None, typer.Option("--intended", help="Declared state: manifests, kustomization, Terraform.")
    ] = None,
    applied: Annotated[Path | None, typer.Option("--applied", help="What the deployer last wrote.")] = None,
    actual: Annotated[Path | None, typer.Option("--actual", help="What runs: object dumps, Terraform state.")] = None,
    ignore: Annotated[
        Path | None, typer.Option("--ignore", help="YAML list of rules that set findings aside, when comparing files.")
    ] = None,
    at: Moment = None,
    known_at: KnownAt = None,
) -> None:
    """Compare what was declared with what runs. Exit code: 0 no drift, 1 drift, 2 and above an error.

    Without a difference, files and sources that could not be read are an error: they may hide any.
    """
    from app.terminal import print_drift
    from app.times import resolved

    if intended or actual or applied:
        report = _drift_of_paths(intended, applied, actual, ignore)
    else:
        report = asked.get("drift", as_of=resolved(at), known_at=resolved(known_at))
    asked.show(report, print_drift)
    sys.exit(_drift_code(report))


@commands.command()
@of_environment
def events(
    asked: Environment,
    resource: ManyResources = None,
    *,
    since: Since = "24h",
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is found from now on.")] = False,
    limit: Limit = 100,
) -> None:
    """Show drift as it was found: opened, changed, attributed, closed."""
    from app.drift_events_client import follow_events, read_events
    from app.times import resolved

    client = asked.client()
    path = asked.path(client, "drift-events")
    query = {"since": resolved(since), "resource": resource, "limit": limit}
    (follow_events if follow else read_events)(client, path, query, as_json=asked.as_json)


@commands.command()
@of_environment
def why(
    asked: Environment,
    resource: Annotated[
        str,
        typer.Argument(metavar="RESOURCE", help="e.g. shop/Deployment/checkout, with #/field for one field."),
    ],
    *,
    at: Moment = None,
    known_at: KnownAt = None,
    permission: Annotated[str, typer.Option("--permission", help="Why it lost this one, e.g. kms:Decrypt.")] = "",
    on: Annotated[str, typer.Option("--on", help="Key, alias or ARN of the permission.")] = "",
) -> None:
    """Tell why a resource is as it is: what changed, when, by whom, through which channel."""
    from app.terminal import print_why
    from app.times import resolved

    about = {"resource": resource, "permission": permission or None, "on": on or None}
    asked.show(asked.get("why", at=resolved(at), known_at=resolved(known_at), **about), print_why)


@commands.command()
@of_environment
def state(
    asked: Environment,
    resource: ManyResources = None,
    *,
    facet: Annotated[str, typer.Option("--facet", help="intended, applied or actual.")] = "actual",
    at: Moment = None,
    known_at: KnownAt = None,
    namespace: Namespace = None,
    kind: Kind = None,
    limit: Limit = 100,
) -> None:
    """Show what should be running (--facet intended) or what is running, now or at any time."""
    from app.answers import print_state
    from app.times import resolved

    about = {"facet": facet, "resource": resource, "namespace": namespace, "kind": kind, "limit": limit}
    asked.show(asked.get("state", at=resolved(at), known_at=resolved(known_at), **about), print_state)


@commands.command()
@of_environment
def changes(
    asked: Environment,
    resource: ManyResources = None,
    *,
    since: Since = "24h",
    until: Annotated[str | None, typer.Option("--until", help="Time as for --since; now when absent.")] = None,
    known_at: KnownAt = None,
    namespace: Namespace = None,
    kind: Kind = None,
    limit: Limit = 100,
) -> None:
    """Show what changed between two times: field, before, after, who, through which channel, where it stands."""
    from app.answers import print_changes
    from app.times import resolved

    about = {"resource": resource, "namespace": namespace, "kind": kind, "limit": limit}
    times = {"since": resolved(since), "until": resolved(until), "known_at": resolved(known_at)}
    asked.show(asked.get("changes", **times, **about), print_changes)


@commands.command()
@of_environment
def history(
    asked: Environment,
    resource: Annotated[
        str, typer.Argument(metavar="RESOURCE", help="With #/field for one field; also a deleted one.")
    ],
    *,
    at: Moment = None,
    known_at: KnownAt = None,
    limit: Limit = 100,
) -> None:
    """Show since when until when a resource or a field was as it was, and what changed it."""
    from app.answers import print_history
    from app.times import resolved

    about = {"resource": resource, "limit": limit}
    asked.show(asked.get("history", at=resolved(at), known_at=resolved(known_at), **about), print_history)


@commands.command()
@of_environment
def coverage(asked: Environment, *, at: Moment = None, limit: Limit = 50) -> None:
    """Show which share of resources and fields has a detector, and name what could change unseen."""
    from app.answers import print_coverage
    from app.times import resolved

    asked.show(asked.get("coverage", as_of=resolved(at), limit=limit), print_coverage)


@commands.command()
@of_environment
def blast(
    asked: Environment,
    resource: Annotated[str, typer.Argument(metavar="RESOURCE", help="e.g. shop/Service/payments.")],
    *,
    at: Moment = None,
    known_at: KnownAt = None,
) -> None:
    """Show what would suffer if a resource failed."""
    from app.terminal import print_blast
    from app.times import resolved

    asked.show(asked.get("blast", resource=resource, as_of=resolved(at), known_at=resolved(known_at)), print_blast)


def _drift_of_paths(intended: Path | None, applied: Path | None, actual: Path | None, ignore: Path | None) -> Any:
    from datetime import UTC, datetime

    from app.ignore_rules import read_rules, sifted_json
    from app.stateless import compare_paths

    if intended is None or actual is None:
        fail("comparing files needs both --intended and --actual")
    rules = read_rules(ignore) if ignore else ()
    with working("Reading and comparing"):
        report = compare_paths(intended=intended, applied=applied, actual=actual)
    return sifted_json(report, rules, datetime.now(UTC).date())


def _drift_code(report: Any) -> int:
    """1 for drift, 0 for none; a file or a source that could not be read forbids to say "none", as it may hide any."""
    if report["findings"]:
        return 1
    # An expression of Terraform that only a plan can tell is not broken; its file was read.
    unread = (e for e in report["not_comparable"] if not e["uid"].startswith("tf://"))
    is_broken = any(not entry["uid"] or entry["line"] for entry in unread)
    return 2 if is_broken or not report.get("is_complete", True) else 0
