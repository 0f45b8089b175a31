"""The `plumbline` command. Commands import what they need when they run, so that `--help` answers at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from evals.suites import SETS
from graph.errors import PlumblineError

app = typer.Typer(
    name="plumbline",
    help="An SRE assistant that reasons over what was declared, what was applied and what is running.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
demo = typer.Typer(help="The demo estate and its incidents.", no_args_is_help=True)
audit = typer.Typer(help="The audit log.", no_args_is_help=True)
user = typer.Typer(help="People and their access tokens (on the machine of the service).", no_args_is_help=True)
evaluate = typer.Typer(help="Measure the product on sets of incidents with known answers.", no_args_is_help=True)
app.add_typer(demo, name="demo")
app.add_typer(evaluate, name="eval")
app.add_typer(audit, name="audit")
app.add_typer(user, name="user")

KnownAt = Annotated[
    str | None,
    typer.Option("--known-at", "--believed-at", help="Use only what had been learned by this time; all when absent."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Server = Annotated[
    str | None, typer.Option("--server", help="Address of the service. Default: the one on this machine.")
]
Token = Annotated[str | None, typer.Option("--token", help="Access token. Default: from credentials.json.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Directory of a service on this machine.")]
Environment = Annotated[
    str | None, typer.Option("--env", help="Name of the environment; needed when there are several.")
]
Scenario = Annotated[str, typer.Argument(help="Name of the incident; see `plumbline demo list`.")]


def main() -> None:
    """Run the command; every expected error is one line and exit code 2."""
    try:
        app()
    except PlumblineError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
def up(
    *,
    with_demo: Annotated[bool, typer.Option("--demo", help="Serve the demo estate.")] = False,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Directory of database and keys.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = None,
    executor: Annotated[bool, typer.Option("--executor/--no-executor", help="Start the executor process, too.")] = True,
    trigger: Annotated[str | None, typer.Option("--trigger", help="Demo incident to trigger at once.")] = None,
) -> None:
    """Start the service, and the executor beside it as a process of its own."""
    from app.up import serve

    serve(demo=with_demo, data_dir=data_dir, host=host, port=port, with_executor=executor, trigger=trigger)


@app.command()
def executor(
    *,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", help="End when standard input ends, as after the parent's death.")
    ] = False,
) -> None:
    """Run the executor: the one process with write access. Reads PLUMBLINE_EXECUTOR_CONFIG."""
    from app.executor import serve
    from app.settings import load_executor_settings, load_settings
    from app.wiring import build_executor

    settings = load_settings()
    built = build_executor(settings, load_executor_settings())
    serve(built, lock=settings.data_dir / "executor.lock", until_eof=until_eof)


@demo.command("list")
def demo_list(*, as_json: AsJson = False) -> None:
    """List the incidents that can be triggered."""
    from app.demo.scenarios import SCENARIOS
    from app.terminal import print_scenarios

    rows = [{"name": s.name, "title": s.title, "story": s.story} for s in SCENARIOS.values()]
    _show(rows, as_json, print_scenarios)


@demo.command("trigger")
def demo_trigger(name: Scenario, *, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Make an incident happen in the demo estate of a running service, and send its alert."""
    from app.demo.trigger import trigger
    from app.terminal import print_triggered

    _show(trigger(name, data_dir=data_dir), as_json, print_triggered)


@demo.command("run")
def demo_run(name: Scenario, *, as_json: AsJson = False) -> None:
    """Walk the whole path of one incident in the terminal. Exit code 0 when it ends as it should."""
    from app.demo.walk import walk

    sys.exit(0 if walk(name, as_json=as_json) else 1)


@app.command()
def drift(
    *,
    intended: Annotated[
        Path | None, typer.Option("--intended", help="Declared state: manifests, kustomization, Terraform.")
    ] = None,
    applied: Annotated[Path | None, typer.Option("--applied", help="What the deployer last wrote.")] = None,
    actual: Annotated[Path | None, typer.Option("--actual", help="What runs: object dumps, Terraform state.")] = None,
    ignore: Annotated[
        Path | None, typer.Option("--ignore", help="YAML list of rules that set findings aside, when comparing files.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="Time of a comparison by the service; now when absent.")
    ] = None,
    known_at: KnownAt = None,
    environment: Environment = None,
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Compare what was declared with what runs. Exit code: 0 no drift, 1 drift, 2 and above an error.

    Without a difference, files that could not be read are an error: they may hide any.
    """
    from app.terminal import print_drift
    from app.times import resolved

    if intended or actual or applied:
        report = _drift_of_paths(intended, applied, actual, ignore)
    else:
        client = _connect(server, token, data_dir)
        times = {"as_of": resolved(at), "known_at": resolved(known_at)}
        report = client.get(f"/api/graph/{_environment(client, environment)}/drift", **times)
    _show(report, as_json, print_drift)
    sys.exit(_drift_code(report))


@app.command()
def events(
    resource: Annotated[str | None, typer.Argument(help="One resource; all when absent.")] = None,
    *,
    since: Annotated[str, typer.Option("--since", help="Time as for `changes`, or a span such as `2h`.")] = "24h",
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is found from now on.")] = False,
    limit: Annotated[int, typer.Option("--limit", help="Most events at once, up to 200.")] = 100,
    environment: Environment = None,
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show drift as it was found: opened, changed, attributed, closed."""
    from app.drift_events_client import follow_events, read_events
    from app.times import resolved

    client = _connect(server, token, data_dir)
    path = f"/api/graph/{_environment(client, environment)}/drift-events"
    asked = {"since": resolved(since), "resource": resource, "limit": limit}
    if follow:
        follow_events(client, path, asked, as_json=as_json)
    else:
        read_events(client, path, asked, as_json=as_json)


@app.command()
def why(
    resource: Annotated[
        str, typer.Argument(help="Resource, e.g. shop/Deployment/checkout, with #/field for one field.")
    ],
    *,
    environment: Environment = None,
    at: Annotated[str | None, typer.Option("--at", help="Time: RFC 3339, `2h ago`, `yesterday 14:00` (UTC).")] = None,
    known_at: KnownAt = None,
    permission: Annotated[str, typer.Option("--permission", help="Why it lost this one, e.g. kms:Decrypt.")] = "",
    on: Annotated[str, typer.Option("--on", help="Key, alias or ARN of the permission.")] = "",
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell why a resource is as it is: what changed, when, by whom, through which channel."""
    from app.terminal import print_why
    from app.times import resolved

    client = _connect(server, token, data_dir)
    answer = client.get(
        f"/api/graph/{_environment(client, environment)}/why",
        resource=resource,
        at=resolved(at),
        known_at=resolved(known_at),
        permission=permission or None,
        on=on or None,
    )
    _show(answer, as_json, print_why)


@app.command()
def state(
    resource: Annotated[str | None, typer.Argument(help="One resource; all when absent.")] = None,
    *,
    facet: Annotated[str, typer.Option("--facet", help="intended, applied or actual.")] = "actual",
    at: Annotated[str | None, typer.Option("--at", help="Time: RFC 3339, `2h ago`, `yesterday 14:00` (UTC).")] = None,
    known_at: KnownAt = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Only in this namespace.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only of this kind.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="Most entries, up to 200.")] = 100,
    environment: Environment = None,
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what should be running (--facet intended) or what is running, now or at any time."""
    from app.answers import print_state
    from app.times import resolved

    client = _connect(server, token, data_dir)
    path = f"/api/graph/{_environment(client, environment)}/state"
    asked = {"resource": resource, "namespace": namespace, "kind": kind, "limit": limit}
    times = {"at": resolved(at), "known_at": resolved(known_at)}
    _show(client.get(path, facet=facet, **times, **asked), as_json, print_state)


@app.command()
def changes(
    resource: Annotated[str | None, typer.Argument(help="One resource; all when absent.")] = None,
    *,
    since: Annotated[str, typer.Option("--since", help="Time as for --until, or a span such as `2h`.")] = "24h",
    until: Annotated[
        str | None, typer.Option("--until", help="Time: RFC 3339, `2h ago`, `yesterday 14:00` (UTC); now when absent.")
    ] = None,
    known_at: KnownAt = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Only in this namespace.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only of this kind.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="Most entries, up to 200.")] = 100,
    environment: Environment = None,
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what changed between two times: field, before, after, who, through which channel, where it stands."""
    from app.answers import print_changes
    from app.times import resolved

    client = _connect(server, token, data_dir)
    path = f"/api/graph/{_environment(client, environment)}/changes"
    asked = {"resource": resource, "namespace": namespace, "kind": kind, "limit": limit}
    times = {"since": resolved(since), "until": resolved(until), "known_at": resolved(known_at)}
    _show(client.get(path, **times, **asked), as_json, print_changes)


@app.command()
def history(
    resource: Annotated[str, typer.Argument(help="Resource, or RESOURCE#/pointer of one field; also a deleted one.")],
    *,
    at: Annotated[str | None, typer.Option("--at", help="Time to look back from; now when absent.")] = None,
    known_at: KnownAt = None,
    limit: Annotated[int, typer.Option("--limit", help="Most changes, up to 200.")] = 100,
    environment: Environment = None,
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show since when until when a resource or a field was as it was, and what changed it."""
    from app.answers import print_history
    from app.times import resolved

    client = _connect(server, token, data_dir)
    path = f"/api/graph/{_environment(client, environment)}/history"
    times = {"at": resolved(at), "known_at": resolved(known_at)}
    _show(client.get(path, resource=resource, limit=limit, **times), as_json, print_history)


@app.command()
def coverage(
    *,
    at: Annotated[str | None, typer.Option("--at", help="Time: RFC 3339, `2h ago`, `yesterday 14:00` (UTC).")] = None,
    limit: Annotated[int, typer.Option("--limit", help="Most blind spots, up to 200.")] = 50,
    environment: Environment = None,
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show which share of resources and fields has a detector, and name what could change unseen."""
    from app.answers import print_coverage
    from app.times import resolved

    client = _connect(server, token, data_dir)
    path = f"/api/graph/{_environment(client, environment)}/coverage"
    _show(client.get(path, as_of=resolved(at), limit=limit), as_json, print_coverage)


@app.command()
def blast(
    resource: Annotated[str, typer.Argument(help="Resource, e.g. shop/Service/payments.")],
    *,
    at: Annotated[str | None, typer.Option("--at", help="Time: RFC 3339, `2h ago`, `yesterday 14:00` (UTC).")] = None,
    known_at: KnownAt = None,
    environment: Environment = None,
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what would suffer if a resource failed."""
    from app.terminal import print_blast
    from app.times import resolved

    client = _connect(server, token, data_dir)
    answer = client.get(
        f"/api/graph/{_environment(client, environment)}/blast",
        resource=resource,
        as_of=resolved(at),
        known_at=resolved(known_at),
    )
    _show(answer, as_json, print_blast)


@app.command()
def incidents(
    incident: Annotated[str | None, typer.Argument(help="Id of one incident; all when absent.")] = None,
    *,
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List incidents, or show one with its diagnosis and blast radius."""
    from app.terminal import print_incident, print_incidents

    client = _connect(server, token, data_dir)
    if incident:
        _show(client.get(f"/api/incidents/{incident}"), as_json, print_incident)
    else:
        _show(client.get("/api/incidents"), as_json, print_incidents)


@app.command()
def outcome(
    incident: Annotated[str, typer.Argument(help="Id of the incident.")],
    *,
    cause: Annotated[int | None, typer.Option("--cause", help="Number of the right cause, 1 is the first.")] = None,
    was: Annotated[str, typer.Option("--was", help="Resource where it began, when the diagnosis names it not.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="With --was: the kind of fault, e.g. config_changed.")] = "",
    none: Annotated[bool, typer.Option("--none", help="It was none of the causes named.")] = False,
    note: Annotated[str, typer.Option("--note", help="What others should know.")] = "",
    role: Annotated[str, typer.Option("--as", help="Whose token of credentials.json.")] = "responder",
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say what an incident was: confirm a cause, or correct the diagnosis. Later incidents that are alike weigh it."""
    from app.terminal import print_memory

    if sum((cause is not None, bool(was), none)) != 1:
        _fail("say one of --cause NUMBER, --was RESOURCE --kind KIND, or --none")
    client = _connect(server, token, data_dir, role=role)
    told = {"cause": None if cause is None else cause - 1, "resource": was, "kind": kind, "note": note}
    _show(client.post(f"/api/incidents/{incident}/outcome", told), as_json, print_memory)


@app.command()
def memories(
    memory: Annotated[str | None, typer.Argument(help="Id of one memory; all when absent.")] = None,
    *,
    limit: Annotated[int, typer.Option("--limit", help="Most entries, up to 200.")] = 50,
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what people said of diagnoses, and which diagnoses recalled it."""
    from app.terminal import print_memories, print_memory

    client = _connect(server, token, data_dir)
    if memory:
        _show(client.get(f"/api/memories/{memory}"), as_json, print_memory)
    else:
        _show(client.get("/api/memories", limit=limit), as_json, print_memories)


@app.command()
def forget(
    memory: Annotated[str, typer.Argument(help="Id of the memory.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why it is wrong.")],
    role: Annotated[str, typer.Option("--as", help="Whose token of credentials.json.")] = "responder",
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Take a wrong memory out of use. It stays on record."""
    from app.terminal import print_memory

    client = _connect(server, token, data_dir, role=role)
    _show(client.post(f"/api/memories/{memory}/remove", {"reason": reason}), as_json, print_memory)


@app.command()
def proposals(
    proposal: Annotated[str | None, typer.Argument(help="Id of one proposal; all when absent.")] = None,
    *,
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List proposed fixes, or show one exactly as it would be executed."""
    from app.terminal import print_proposal, print_proposals

    client = _connect(server, token, data_dir)
    if proposal:
        _show(client.get(f"/api/proposals/{proposal}"), as_json, print_proposal)
    else:
        _show(client.get("/api/proposals"), as_json, print_proposals)


@app.command()
def approve(
    proposal: Annotated[str, typer.Argument(help="Id of the proposal.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts that showed it before.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; goes into the audit log.")] = "",
    role: Annotated[str, typer.Option("--as", help="Whose token of credentials.json to use.")] = "approver",
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show a proposed fix and approve exactly what was shown."""
    from app.terminal import print_approved, print_proposal

    client = _connect(server, token, data_dir, role=role)
    shown = client.get(f"/api/proposals/{proposal}")
    if not as_json:
        print_proposal(shown)
    if not yes and sys.stdin.isatty() and not typer.confirm("Approve exactly this?"):
        _fail("nothing was approved", code=3)
    answer = client.post(f"/api/proposals/{proposal}/approve", {"digest": shown["digest"], "reason": reason})
    _show(answer, as_json, print_approved)


@app.command()
def reject(
    proposal: Annotated[str, typer.Argument(help="Id of the proposal.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; the assistant needs new evidence to propose it again.")],
    role: Annotated[str, typer.Option("--as", help="Whose token of credentials.json to use.")] = "approver",
    server: Server = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Reject a proposed fix."""
    from app.terminal import print_rejected

    client = _connect(server, token, data_dir, role=role)
    _show(client.post(f"/api/proposals/{proposal}/reject", {"reason": reason}), as_json, print_rejected)


@audit.command("verify")
def audit_verify(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check the audit log for edits, deletions and insertions, on the service's machine. Exit code 1: found one."""
    from app.terminal import print_audit_report
    from app.wiring import verify_audit

    report = verify_audit(data_dir)
    _show(report, as_json, print_audit_report)
    sys.exit(0 if report["ok"] else 1)


@audit.command("list")
def audit_list(
    *, server: Server = None, token: Token = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Show the audit log."""
    from app.terminal import print_audit

    _show(_connect(server, token, data_dir).get("/api/audit"), as_json, print_audit)


@user.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="Name of the person.")],
    *,
    role: Annotated[str, typer.Option("--role", help="viewer, responder, approver or admin.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add a person and print an access token, once."""
    from app.terminal import print_user
    from app.wiring import add_user

    _show(add_user(name, role, data_dir), as_json, print_user)


def _drift_of_paths(intended: Path | None, applied: Path | None, actual: Path | None, ignore: Path | None) -> Any:
    from datetime import UTC, datetime

    from app.ignore_rules import read_rules, sifted_json
    from app.stateless import compare_paths

    if intended is None or actual is None:
        _fail("comparing files needs both --intended and --actual")
    rules = read_rules(ignore) if ignore else ()
    report = compare_paths(intended=intended, applied=applied, actual=actual)
    return sifted_json(report, rules, datetime.now(UTC).date())


def _drift_code(report: Any) -> int:
    """1 for drift, 0 for none; what could not be read forbids to say "none", as it may hide any."""
    if report["findings"]:
        return 1
    # An expression of Terraform that only a plan can tell is not broken; its file was read.
    unread = (e for e in report["not_comparable"] if not e["uid"].startswith("tf://"))
    is_broken = any(not entry["uid"] or entry["line"] for entry in unread)
    return 2 if is_broken else 0


def _connect(server: str | None, token: str | None, data_dir: Path | None, *, role: str = "viewer") -> Any:
    from app.client import connect

    return connect(server=server, token=token, data_dir=data_dir, role=role)


def _environment(client: Any, name: str | None) -> str:
    """Take the one environment there is, or ask which."""
    if name:
        return name
    names = [e["name"] for e in client.get("/api/graph/environments")["environments"]]
    if len(names) != 1:
        _fail(f"name an environment with --env; there are: {', '.join(names) or 'none'}")
    return str(names[0])


def _eval_command(name: str, question: str) -> None:
    @evaluate.command(name, help=f"Run the set {name}: {question}. Exit code 1 when a case failed.")
    def run(
        *,
        data: Annotated[Path, typer.Option("--data", help="Folder that holds cases/ID/; answers are not read.")],
        out: Annotated[Path, typer.Option("--out", help="File of predictions to write.")] = Path("predictions.jsonl"),
        model: Annotated[bool, typer.Option("--model", help="Let the configured model take part.")] = False,
    ) -> None:
        from app.settings import load_settings
        from app.wiring import build_model
        from evals.command import run_set, summary

        built = build_model(load_settings().model) if model else None
        finished = run_set(name, data=data, out=out, model=built)
        typer.echo(summary(name, finished, out))
        sys.exit(1 if any(f.error for f in finished) else 0)


@evaluate.command("all")
def eval_all(
    *,
    data: Annotated[Path, typer.Option("--data", help="Folder that holds a folder for each set.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for predictions and report.")] = Path("evaluation"),
    model: Annotated[bool, typer.Option("--model", help="Let the configured model take part.")] = False,
) -> None:
    """Run every set that is present, and write the report. Exit code 1 when a case failed."""
    from app.settings import load_settings
    from app.wiring import build_model
    from evals.command import run_all

    lines, is_good = run_all(data, out, model=build_model(load_settings().model) if model else None)
    typer.echo("\n".join(lines))
    sys.exit(0 if is_good else 1)


@evaluate.command("report")
def eval_report(
    *,
    data: Annotated[Path, typer.Option("--data", help="Folder that holds a folder for each set, with its answers.")],
    predictions: Annotated[Path, typer.Option("--predictions", help="Folder of SET.jsonl files.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the report.")] = Path("evaluation"),
) -> None:
    """Score predictions that were made before, and write report.md and report.html."""
    from evals.command import report

    written, absent = report(data, predictions, out)
    for path in written:
        typer.echo(f"written: {path}")
    for name, reason in absent.items():
        typer.echo(f"{name}: {reason}")


@evaluate.command("scale")
def eval_scale(
    part: Annotated[str, typer.Argument(help="start, ingest, resident, why, or all of them.")] = "all",
    *,
    objects: Annotated[int, typer.Option("--objects", min=1, help="Live objects of the estate.")] = 2_000,
    events: Annotated[int, typer.Option("--events", min=1, help="Recorded changes in the log, for `why`.")] = 20_000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Repetitions of each question.")] = 50,
    database: Annotated[
        str | None, typer.Option("--database", help="URL of an empty database; a new SQLite file when absent.")
    ] = None,
    fill: Annotated[bool, typer.Option("--fill", help="Only fill the database with the estate.")] = False,
) -> None:
    """Measure how large an estate can be, and how fast questions are answered; prints JSON."""
    import tempfile

    from app.wiring import open_graphs
    from evals.scale.command import PARTS, fill_store, measure

    if fill:
        fill_store(open_graphs(database), objects)
        return
    for name in PARTS if part == "all" else (part,):
        with tempfile.TemporaryDirectory(prefix="plumbline-scale-") as folder:
            url = database or f"sqlite:///{folder}/plumbline.db"
            again = ["-m", "app.cli", "eval", "scale", "--fill", "--objects", str(objects), "--database", url]
            figures = measure(
                name,
                open_graphs(url),
                objects=objects,
                events=events,
                rounds=rounds,
                again=again,
                data_dir=Path(folder),
            )
        typer.echo(json.dumps({"part": name, "database": url.partition(":")[0], **figures}))


@evaluate.command("cases")
def eval_cases(
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder to write cases/ID/ and truth.jsonl into.")] = Path("demo"),
) -> None:
    """Write the demo's incidents as a set of cases, with the answers apart, for `plumbline eval demo`."""
    from app.demo.incidents import worlds
    from evals.world import World
    from evals.world_file import write_case

    out.mkdir(parents=True, exist_ok=True)
    answers = []
    for one in worlds():
        expected = one.scenario.expected
        telemetry, gaps = one.gathered
        world = World(
            graph=one.graph,
            alerts=one.alerts,
            telemetry=telemetry,
            gaps=gaps,
            open_incidents=one.before,
            deployers=one.deployers,
            is_declared=True,
        )
        write_case(world, out, one.scenario.name)
        truth = {"verdict": expected.verdict.value, "cause": expected.cause_resource, "kind": expected.cause_kind}
        answers.append({"case": one.scenario.name, **truth})
        typer.echo(f"written: {out / 'cases' / one.scenario.name}")
    (out / "truth.jsonl").write_text("".join(json.dumps(a) + "\n" for a in answers), encoding="utf-8")


@evaluate.command("ablation")
def eval_ablation(*, as_json: AsJson = False) -> None:
    """Measure what declared state, change history and relations are worth, on the demo's incidents."""
    from app.demo.incidents import worlds
    from evals.ablation import Incident, ablate, table

    def incident(world: Any) -> Incident:
        expected = world.scenario.expected
        return Incident(
            name=world.scenario.name,
            graph=world.graph,
            alerts=world.alerts,
            deployers=world.deployers,
            open_incidents=world.before,
            verdict=expected.verdict,
            cause=expected.cause_resource,
        )

    outcomes = ablate([incident(world) for world in worlds()])
    rows = [
        {"state_model": o.variant, "right": o.right.value, "true_cause_first": o.named.value}
        | {"wrong_accusations": o.accused.value, "n": o.right.n, "median_s": o.median_s, "not_right": list(o.wrong)}
        for o in outcomes
    ]
    _show(rows, as_json, lambda _: typer.echo(table(outcomes)))


for _name, _question in SETS.items():
    _eval_command(_name, _question)


def _show(value: Any, as_json: bool, for_people: Callable[[Any], None]) -> None:
    if as_json:
        print(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        for_people(value)


def _fail(message: str, *, code: int = 2) -> NoReturn:
    print(f"plumbline: {message}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
