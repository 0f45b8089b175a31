"""What people see in the terminal. Takes the JSON of the API; what came from outside is made visible."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from app.printing import channel, safe
from app.times import shown, shown_interval

_PIPED_WIDTH = 120
"""Columns for a pipe or a file, which have no width of their own."""

_out = Console(
    highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH, emoji=False
)

_BAND_STYLE = {"certain": "bold red", "likely": "yellow", "possible": "dim"}
_VERDICTS = {
    "cause_found": "[bold green]Cause found[/]",
    "inconclusive": "[bold yellow]Inconclusive[/]",
    "healthy": "[bold green]Healthy[/]",
}
_HELD_FOR = {"noise": "probably noise", "known": "known already"}
"""Marks of incidents; others get none."""


def print_scenarios(rows: list[dict[str, Any]]) -> None:
    """Print the demo incidents."""
    for row in rows:
        _out.print(f"[bold]{row['name']}[/]  {safe(row['title'])}")
        _indented("", f"[dim]{safe(row['story'])}[/]")


def print_triggered(answer: dict[str, Any]) -> None:
    """Print where a triggered incident can be watched."""
    _out.print(f"Triggered [bold]{answer['name']}[/]: {safe(answer['title'])}")
    _out.print(f"Its alert was accepted as delivery {answer['delivery']}. Look: plumbline incidents")


_MOST_FINDINGS = 300
"""More than anybody reads in a terminal."""


def print_drift(report: dict[str, Any]) -> None:
    """Print drift, one finding a paragraph, with what was declared beside what runs."""
    for finding in report["findings"][:_MOST_FINDINGS]:
        _out.print(f"[bold red]{finding['verdict']}[/]  [bold]{safe(finding['resource'])}[/]" + _severity(finding))
        _indented("", f"[cyan]{safe(finding['path'] or '(whole resource)')}[/]")
        _print_sides(finding)
    if (more := len(report["findings"]) - _MOST_FINDINGS) > 0:
        _out.print(f"... and {more} more findings; --json has all of them")
    for entry in report["not_comparable"]:
        line = f" (line {entry['line']})" if entry.get("line") else ""
        _out.print(f"[bold yellow]not comparable[/]  [bold]{safe(entry['resource'])}[/]{line}")
        _indented("", safe(entry["reason"]))
    for sentence in report.get("expired_rules", ()):
        _out.print(f"[yellow]Expired:[/] {safe(sentence)}")
    for gap in report.get("gaps", ()):
        _out.print(f"[yellow]Not known:[/] {safe(gap['what'])}: {safe(gap['why'])}")
    count = len(report["findings"])
    tail = f", {len(report['not_comparable'])} not comparable" if report["not_comparable"] else ""
    ignored = f", {len(report['ignored'])} ignored by rules" if report.get("ignored") else ""
    _out.print(f"{report['resources']} resources, {count} finding{'' if count == 1 else 's'}{tail}{ignored}")
    if not report.get("is_complete", True):
        _out.print("[bold yellow]There may be more drift:[/] not all that runs or was declared is known, see above.")


def _print_sides(finding: dict[str, Any]) -> None:
    for facet in ("intended", "applied", "actual"):
        if facet != "applied" or finding["applied"] != finding["intended"]:
            _indented(f"{facet:9}", _value(finding, facet))
    if finding["note"]:
        _indented("", f"[dim]{safe(finding['note'])}[/]")


_WHOLE_CALL = 50_000
"""Characters; more than a policy document may have. A call that is cut can't be made."""


def print_why(answer: dict[str, Any]) -> None:
    """Print why a resource is as it is."""
    _out.print(f"[bold]{safe(answer['resource_name'])}[/]")
    _out.print(safe(answer["summary"]))
    for finding in answer["findings"][:_MOST_FINDINGS]:
        _indented("", f"[cyan]{safe(finding['path'] or '(whole resource)')}[/]  {finding['verdict'].replace('_', ' ')}")
        _print_sides(finding)
    for change in answer["changes"]:
        _print_change(change)
    for taken in (answer.get("permission") or {}).get("taken_by", []):
        for call in taken["revert"]["calls"]:
            parameters = json.dumps(call["parameters"])
            _out.print(
                f"To undo it: {safe(call['service'])} {safe(call['operation'])} {safe(parameters, most=_WHOLE_CALL)}"
            )
    dependents = answer.get("dependents") or []
    if dependents:
        _out.print("Depending on it: " + ", ".join(safe(d["name"]) for d in dependents))
    for gap in answer.get("gaps") or []:
        _out.print(f"[yellow]Not known:[/] {safe(gap['what'])}: {safe(gap['why'])}")


def print_blast(answer: dict[str, Any]) -> None:
    """Print a blast radius, the surest first, each with how it is reached."""
    affected = answer["affected"]
    if not affected:
        _out.print("Nothing that is known depends on it.")
    table = _table("band", "effect", "resource, and how it is reached")
    for row in affected:
        name = safe(row.get("resource_name") or row["resource"])
        text = f"{name}\n[dim]{safe(row['reason'])}[/]" if row.get("reason") else name
        table.add_row(Text(row["band"], _BAND_STYLE[row["band"]]), row["mode"].replace("_", " "), text)
    if affected:
        _out.print(table)
    for line in answer["unseen"]:
        _out.print(f"[yellow]Not seen:[/] {safe(line)}")


def print_incidents(answer: dict[str, Any], *, triage: str = "") -> None:
    """Print incidents, newest first; of those held for `triage`, where only these were asked for."""
    if not answer["incidents"]:
        _out.print(
            f"No incident is held for {triage}; all of them: plumbline incidents"
            if triage
            else "No incidents. In the demo, make one: plumbline demo trigger kms-permission-removed"
        )
        return
    table = _table("id", "status", "since", "what fired, and why")
    for row in answer["incidents"]:
        diagnosis = row.get("diagnosis") or {}
        looking = "over before it was looked at" if row["status"] == "resolved" else "looking"
        told = _VERDICTS.get(diagnosis.get("verdict", ""), f"[dim]{looking}[/]")
        if diagnosis.get("summary"):
            told += f": [dim]{safe(diagnosis['summary'])}[/]"
        mark = f"\n[yellow]{_HELD_FOR[row['triage']]}[/]" if row["triage"] in _HELD_FOR else ""
        fired = f"[bold]{safe(row['title'])}[/]{mark}"
        table.add_row(row["id"], row["status"], shown(row["opened_at"]), f"{fired}\n{told}")
    _out.print(table)


def print_incident(incident: dict[str, Any]) -> None:
    """Print one incident: diagnosis, causes with evidence, blast radius, proposals."""
    _out.print(f"[bold]{incident['id']}[/]  {safe(incident['title'])}  [dim]{incident['status']}[/]")
    diagnosis = incident.get("diagnosis")
    if not diagnosis:
        for decision in incident["decisions"]:
            _print_decision(decision)
        _out.print(f"No diagnosis yet; look again in a second: plumbline incidents {incident['id']}")
        return
    _out.print(f"{_VERDICTS[diagnosis['verdict']]} after {diagnosis['took_s']:.1f} s. {safe(diagnosis['summary'])}")
    for cause in diagnosis["causes"][:3]:
        _print_cause(cause)
    for account in diagnosis.get("accounts") or []:
        if account["steps"]:
            way = ", ".join(f"{s['source_name']} > {s['target_name']}" for s in account["steps"])
            _out.print(f"[cyan]Spread:[/] {safe(way)}")
    for suspect in (diagnosis.get("suspects") or [])[:3]:
        change = suspect["change"]
        name = change["reference"][:_REFERENCE] or change["resource_name"]
        _out.print(f"[cyan]Change weighed:[/] {suspect['confidence']:.0%} {safe(name)} {safe(change['summary'])}")
    for recall in diagnosis.get("recalled") or []:
        _out.print(f"[cyan]Seen before:[/] {_recalled(recall)}")
    for missing in diagnosis.get("missing") or []:
        _out.print(f"[yellow]Missing:[/] {safe(missing)}")
    for gap in diagnosis["gaps"]:
        _out.print(f"[yellow]Not read:[/] {safe(gap['what'])}: {safe(gap['why'])}")
    for decision in incident["decisions"]:
        _print_decision(decision)
    _out.print("\n[bold]Blast radius[/]")
    if diagnosis["verdict"] == "healthy":
        _out.print("Nothing fails, so nothing is reached.")
    else:
        print_blast(incident["blast_radius"] or {"affected": [], "unseen": []})
    if incident["proposals"]:
        _out.print("\n[bold]Proposed[/]")
    for proposal in incident["proposals"]:
        _out.print(f"{proposal['id']}  {proposal['status']}  {safe(proposal['title'])}")
        if proposal.get("hold"):
            _out.print(f"    [bold yellow]On hold:[/] {safe(proposal['hold'])}")
        elif proposal["status"] == "pending":
            _out.print(f"    Read it and decide: plumbline approve {proposal['id']}")


def _print_decision(decision: dict[str, Any]) -> None:
    held_for = _HELD_FOR.get(decision["verdict"], decision["verdict"])
    _out.print(f"[cyan]Alert held for:[/] {held_for}. {safe(decision['explanation'])}")
    # That there is a cause is said already, with its evidence.
    for reason in decision["reasons"] if decision["verdict"] != "real" else ():
        _out.print(f"    {safe(reason['text'])} [dim]{' '.join(reason['evidence'])}[/]")
    if decision["unknown"] and decision["verdict"] != "real":
        _out.print(f"    [yellow]Unknown:[/] {safe(', '.join(decision['unknown']))}")


def _recalled(recall: dict[str, Any]) -> str:
    cause = recall["cause"]
    said = f"it was {cause['kind'].replace('_', ' ')} of {cause['resource_name']}" if cause else "it was something else"
    alike = f"{recall['likeness']:.0%} alike, {', '.join(recall['reasons'])}"
    return safe(f"{recall['by']} said of {recall['incident']} that {said} ({alike}; {recall['memory']})")


def print_memories(answer: dict[str, Any]) -> None:
    """Print what people said of diagnoses, newest first."""
    if not answer["memories"]:
        _out.print("Nothing was told yet. Confirm or correct a diagnosis: plumbline outcome INC-1 --cause 1")
    for memory in answer["memories"]:
        print_memory(memory)


def print_memory(memory: dict[str, Any]) -> None:
    """Print one memory and what it was used for."""
    cause = memory["cause"]
    said = f"{cause['kind'].replace('_', ' ')} of {cause['resource_name']}" if cause else "none of what was named"
    head = f"[bold]{memory['id']}[/]  {memory['incident']}  {memory['outcome']} by {safe(memory['by'])}"
    _out.print(f"{head}, {shown(memory['at'])}: {safe(said)}")
    if memory["note"]:
        _indented("", safe(memory["note"]))
    if memory["uses"]:
        _indented("", f"recalled by {', '.join(sorted({u['incident'] for u in memory['uses']}))}")
    if memory["removed_at"]:
        _indented("", f"[yellow]removed[/] by {safe(memory['removed_by'])}: {safe(memory['removed_because'])}")


def print_proposals(answer: dict[str, Any]) -> None:
    """Print proposals, newest first."""
    if not answer["proposals"]:
        _out.print("Nothing is proposed. Proposals come with a diagnosis: plumbline incidents")
        return
    table = _table("id", "status", "incident", "risk", "what would be done")
    for row in answer["proposals"]:
        text = safe(row["title"])
        if row["hold"]:
            text += f"\n[yellow]On hold:[/] {safe(row['hold'])}"
        table.add_row(row["id"], row["status"], row["incident"], row["risk"], text)
    _out.print(table)


def print_proposal(proposal: dict[str, Any]) -> None:
    """Print a proposal exactly as it would be executed, and what became of it."""
    _out.print(f"[bold]{proposal['id']}[/]  {proposal['status']}  [dim]for {proposal['incident']}[/]")
    _out.print(Syntax(proposal["text"], "diff", theme="ansi_dark", background_color="default", word_wrap=True))
    _out.print("[bold]The fix itself touches[/]")
    print_blast(proposal["blast_radius"])
    if proposal.get("outcome"):
        _out.print(f"[bold]{proposal['status']}:[/] {safe(proposal['outcome'])}")
    _out.print(f"[dim]An approval is bound to {proposal['digest']}[/]", soft_wrap=True)


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
    table = _table("#", "at", "did", "to", "who")
    for row in answer["entries"]:
        table.add_row(str(row["seq"]), shown(row["at"]), row["action"], safe(row["subject"]), safe(row["actor"]))
    _out.print(table)


def print_audit_report(report: dict[str, Any]) -> None:
    """Print whether the audit log is whole."""
    if report["ok"]:
        _out.print(f"[bold green]The audit log is whole[/]: {report['entries']} entries, every link verified.")
    else:
        _out.print(
            f"[bold red]The audit log was tampered with[/] at entry {report['first_bad']}: {safe(report['problem'])}"
        )


def print_user(answer: dict[str, Any]) -> None:
    """Print a new person's access token; it is not shown again."""
    _out.print(f"Added {safe(answer['name'])} as {answer['role']}. Access token, shown this once:\n{answer['token']}")


def print_line(text: str) -> None:
    """Print one line of our own."""
    _out.print(text)


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show that something goes on: a moving mark in a terminal, one line elsewhere."""
    if _out.is_terminal:
        with _out.status(text):
            yield
    else:
        _out.print(text)
        yield


def _print_cause(cause: dict[str, Any]) -> None:
    _out.print(f"\n[bold]{cause['confidence']:.0%}[/]  {safe(cause['summary'])}")
    if cause.get("change"):
        _print_change(cause["change"])
    for sign, statements in (("+", cause.get("statements")), ("-", cause.get("against_statements"))):
        for statement in statements or []:
            _indented(sign, f"{safe(statement['text'])} [dim]{' '.join(statement['evidence'])}[/]")


def _print_change(change: dict[str, Any]) -> None:
    actor = (change.get("actor") or {}).get("name") or "unknown"
    when = shown_interval(change.get("earliest"), change["latest"])
    told = f"{when}  by {safe(actor)}  [cyan]{channel(change['channel'])}[/]"
    if change.get("path"):
        told += f"\n{safe(change['path'])}"
    if change.get("source"):
        told += f"\n[dim]{safe(change['source'])} {safe(change['reference'][:_REFERENCE])} {safe(change['summary'])}[/]"
    _indented("", told)


_REFERENCE = 12
"""Characters of a commit or a request id; enough to find it."""


def _severity(finding: dict[str, Any]) -> str:
    return "  [dim](cosmetic)[/]" if finding["severity"] == "cosmetic" else ""


def _value(finding: dict[str, Any], facet: str) -> str:
    return "[dim](nothing)[/]" if facet in finding["absent"] else safe(json.dumps(finding[facet], ensure_ascii=False))


def _table(*columns: str) -> Table:
    """A table whose last column takes the room that is left; the others keep to one line and are never cut."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True, overflow="fold", min_width=len(column))
    table.add_column(columns[-1], overflow="fold", ratio=1)
    return table


def _indented(mark: str, text: str) -> None:
    """Print text behind a mark; all its lines stand under each other."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=3)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", ratio=1)
    _out.print(_row(grid, mark, text))


def _row(grid: Table, mark: str, text: str) -> Table:
    grid.add_row("", mark, text)
    return grid
