"""What people see in the terminal. Takes the JSON of the API; what came from outside is made visible."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from tools.untrusted import bounded, visible

_out = Console(highlight=False)

_BAND_STYLE = {"certain": "bold red", "likely": "yellow", "possible": "dim"}
_VERDICTS = {
    "cause_found": "[bold green]Cause found[/]",
    "inconclusive": "[bold yellow]Inconclusive[/]",
    "healthy": "[bold green]Healthy[/]",
}


def print_scenarios(rows: list[dict[str, Any]]) -> None:
    """Print the demo incidents."""
    table = Table("name", "what happens", box=None, padding=(0, 2), header_style="bold")
    for row in rows:
        table.add_row(row["name"], f"{row['title']}\n[dim]{escape(row['story'])}[/]")
    _out.print(table)


def print_triggered(answer: dict[str, Any]) -> None:
    """Print where a triggered incident can be watched."""
    _out.print(f"Triggered [bold]{answer['name']}[/]: {_safe(answer['title'])}")
    _out.print(f"Its alert was accepted as delivery {answer['delivery']}. Look: plumbline incidents")


def print_drift(report: dict[str, Any]) -> None:
    """Print drift, one finding a paragraph, with what was declared beside what runs."""
    for finding in report["findings"]:
        where = f"{_safe(finding['resource'])} [cyan]{_safe(finding['path'])}[/]"
        _out.print(f"[bold red]{finding['verdict']}[/]  {where}" + _severity(finding))
        for facet in ("intended", "applied", "actual"):
            if facet != "applied" or finding["applied"] != finding["intended"]:
                _out.print(f"    {facet:9} {_value(finding, facet)}")
        if finding["note"]:
            _out.print(f"    [dim]{_safe(finding['note'])}[/]")
    for entry in report["not_comparable"]:
        line = f":{entry['line']}" if entry.get("line") else ""
        _out.print(f"[bold yellow]not comparable[/]  {_safe(entry['resource'])}{line}: {_safe(entry['reason'])}")
    count = len(report["findings"])
    tail = f", {len(report['not_comparable'])} not comparable" if report["not_comparable"] else ""
    _out.print(f"{report['resources']} resources, {count} finding{'' if count == 1 else 's'}{tail}")


def print_why(answer: dict[str, Any]) -> None:
    """Print why a resource is as it is."""
    _out.print(f"[bold]{_safe(answer['resource_name'])}[/]  {_safe(answer['summary'])}")
    for change in answer["changes"]:
        _print_change(change)
    dependents = answer.get("dependents") or []
    if dependents:
        _out.print("Depending on it: " + ", ".join(_safe(d["name"]) for d in dependents))
    for gap in answer.get("gaps") or []:
        _out.print(f"[yellow]Not known:[/] {_safe(gap['what'])}: {_safe(gap['why'])}")


def print_blast(answer: dict[str, Any]) -> None:
    """Print a blast radius as a table, the surest first."""
    affected = answer["affected"]
    if not affected:
        _out.print("Nothing that is known depends on it.")
    table = Table("band", "resource", "how", "reason", box=None, padding=(0, 2), header_style="bold")
    for row in affected:
        name = _safe(row.get("resource_name") or row["resource"])
        table.add_row(Text(row["band"], _BAND_STYLE[row["band"]]), name, row["mode"], _safe(row.get("reason", "")))
    if affected:
        _out.print(table)
    for line in answer["unseen"]:
        _out.print(f"[yellow]Not seen:[/] {_safe(line)}")


def print_incidents(answer: dict[str, Any]) -> None:
    """Print incidents, newest first."""
    if not answer["incidents"]:
        _out.print("No incidents. In the demo, make one: plumbline demo trigger kms-permission-removed")
        return
    table = Table("id", "status", "what", "verdict", box=None, padding=(0, 2), header_style="bold")
    for row in answer["incidents"]:
        verdict = (row.get("diagnosis") or {}).get("verdict", "")
        table.add_row(row["id"], row["status"], _safe(row["title"]), _VERDICTS.get(verdict, ""))
    _out.print(table)


def print_incident(incident: dict[str, Any]) -> None:
    """Print one incident: diagnosis, causes with evidence, blast radius, proposals."""
    _out.print(f"[bold]{incident['id']}[/]  {_safe(incident['title'])}  [dim]{incident['status']}[/]")
    diagnosis = incident.get("diagnosis")
    if not diagnosis:
        _out.print("No diagnosis yet; look again in a second.")
        return
    _out.print(f"{_VERDICTS[diagnosis['verdict']]} after {diagnosis['took_s']:.1f} s. {_safe(diagnosis['summary'])}")
    for cause in diagnosis["causes"][:3]:
        _print_cause(cause)
    for missing in diagnosis.get("missing") or []:
        _out.print(f"[yellow]Missing:[/] {_safe(missing)}")
    for gap in diagnosis["gaps"]:
        _out.print(f"[yellow]Not read:[/] {_safe(gap['what'])}: {_safe(gap['why'])}")
    _out.print("\n[bold]Blast radius[/]")
    print_blast(incident["blast_radius"] or {"affected": [], "unseen": []})
    if incident["proposals"]:
        _out.print("\n[bold]Proposed[/]")
    for proposal in incident["proposals"]:
        _out.print(f"{proposal['id']}  {proposal['status']}  {_safe(proposal['title'])}")
        if proposal.get("hold"):
            _out.print(f"    [bold yellow]On hold:[/] {_safe(proposal['hold'])}")


def print_proposals(answer: dict[str, Any]) -> None:
    """Print proposals, newest first."""
    if not answer["proposals"]:
        _out.print("Nothing is proposed.")
        return
    table = Table("id", "status", "incident", "what", "risk", box=None, padding=(0, 2), header_style="bold")
    for row in answer["proposals"]:
        table.add_row(row["id"], row["status"], row["incident"], _safe(row["title"]), row["risk"])
    _out.print(table)


def print_proposal(proposal: dict[str, Any]) -> None:
    """Print a proposal exactly as it would be executed."""
    _out.print(f"[bold]{proposal['id']}[/]  {_safe(proposal['title'])}  [dim]{proposal['status']}[/]")
    _out.print(Syntax(proposal["text"], "diff", theme="ansi_dark", background_color="default", word_wrap=True))
    _out.print("[bold]The fix itself touches[/]")
    print_blast(proposal["blast_radius"])
    _out.print(f"[dim]digest {proposal['digest']}[/]")


def print_approved(proposal: dict[str, Any]) -> None:
    """Print what became of an approval."""
    _out.print(
        f"[bold green]Approved[/] {proposal['id']}. The executor takes it up; "
        f"look: plumbline proposals {proposal['id']}"
    )


def print_rejected(proposal: dict[str, Any]) -> None:
    """Print what became of a rejection."""
    _out.print(f"Rejected {proposal['id']}.")


def print_audit(answer: dict[str, Any]) -> None:
    """Print audit entries, oldest first."""
    table = Table("#", "at", "who", "did", "to", box=None, padding=(0, 2), header_style="bold")
    for row in answer["entries"]:
        table.add_row(str(row["seq"]), row["at"][:19], _safe(row["actor"]), row["action"], _safe(row["subject"]))
    _out.print(table)


def print_audit_report(report: dict[str, Any]) -> None:
    """Print whether the audit log is whole."""
    if report["ok"]:
        _out.print(f"[bold green]The audit log is whole[/]: {report['entries']} entries, every link verified.")
    else:
        _out.print(
            f"[bold red]The audit log was tampered with[/] at entry {report['first_bad']}: {_safe(report['problem'])}"
        )


def print_user(answer: dict[str, Any]) -> None:
    """Print a new person's access token; it is not shown again."""
    _out.print(f"Added {_safe(answer['name'])} as {answer['role']}. Access token, shown this once:\n{answer['token']}")


def print_line(text: str) -> None:
    """Print one line of our own."""
    _out.print(text)


def _print_cause(cause: dict[str, Any]) -> None:
    _out.print(f"\n[bold]{cause['confidence']:.0%}[/]  {_safe(cause['summary'])}")
    if cause.get("change"):
        _print_change(cause["change"])
    for statement in cause.get("statements") or []:
        _out.print(f"    + {_safe(statement['text'])} [dim]{' '.join(statement['evidence'])}[/]")
    for statement in cause.get("against_statements") or []:
        _out.print(f"    - {_safe(statement['text'])} [dim]{' '.join(statement['evidence'])}[/]")


def _print_change(change: dict[str, Any]) -> None:
    actor = (change.get("actor") or {}).get("name") or "unknown"
    _out.print(
        f"    {_interval(change)}  by {_safe(actor)}  [cyan]{change['channel']}[/]  {_safe(change.get('path') or '')}"
    )


def _interval(change: dict[str, Any]) -> str:
    earliest, latest = change.get("earliest"), change["latest"]
    if not earliest:
        return f"before {latest[:19]}"
    return f"at {latest[:19]}" if earliest == latest else f"between {earliest[:19]} and {latest[:19]}"


def _severity(finding: dict[str, Any]) -> str:
    return "  [dim](cosmetic)[/]" if finding["severity"] == "cosmetic" else ""


def _value(finding: dict[str, Any], facet: str) -> str:
    return "[dim](nothing)[/]" if facet in finding["absent"] else _safe(repr(finding[facet]))


def _safe(text: object) -> str:
    return escape(bounded(visible(str(text)), 600))
