"""What the terminal shows of the questions to the graph. Takes the JSON of the API."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.markup import escape

from app.printing import channel, safe
from app.times import shown, shown_interval
from tools.untrusted import visible

_out = Console(highlight=False, emoji=False, soft_wrap=True)


def print_state(answer: dict[str, Any]) -> None:
    """Print what one facet holds, one resource a line; a single one with its document."""
    _out.print(f"[bold]{answer['facet']}[/] state of {answer['environment']} at {shown(answer['as_of'])}")
    for held in answer["resources"]:
        _out.print(f"[bold]{safe(held['name'])}[/]  since {shown(held['valid_from'])}  [dim]{_where(held)}[/]")
    if len(answer["resources"]) == 1:
        _out.print(escape(visible(json.dumps(answer["resources"][0]["body"], indent=2, ensure_ascii=False))))
    _end(answer, len(answer["resources"]), "resources")


def print_changes(answer: dict[str, Any]) -> None:
    """Print what changed, newest first."""
    _out.print(f"Changes in {answer['environment']} from {shown(answer['since'])} to {shown(answer['until'])}")
    _print_all(answer)


def print_history(answer: dict[str, Any]) -> None:
    """Print the periods of each facet, then what changed it."""
    _out.print(f"[bold]{safe(answer['resource_name'])}[/] {safe(answer['path'])} up to {shown(answer['as_of'])}")
    for period in answer["periods"]:
        value = _text(period["value"]) if answer["path"] else ("exists" if period["exists"] else "does not exist")
        until = shown(period["end"]) if period["end"] else "now"
        _out.print(f"  {period['facet']:9} {shown(period['start'])} to {until}: {value}  [dim]{_where(period)}[/]")
    _print_all(answer)


def print_coverage(answer: dict[str, Any]) -> None:
    """Print the shares, a line for each kind, and what is blind."""
    _out.print(f"Detectors in {answer['environment']} at {shown(answer['as_of'])}")
    for what in ("resources", "fields"):
        tally = answer[what]
        share = "none known" if tally["share"] is None else f"[bold]{tally['share']:.1%}[/] have a detector"
        _out.print(f"  {tally['total']} {what}: {share}  ({_by_detector(tally)})")
    for kind in answer["kinds"]:
        number = kind["resources"]["total"]
        _out.print(f"  {safe(kind['kind']):32} {number:6}  fields: {_by_detector(kind['fields'])}")
    for spot in answer["blind"]:
        _out.print(f"[yellow]Blind:[/] {safe(spot['resource'])} {safe(spot['path'])}: {safe(spot['reason'])}")
    if len(answer["blind"]) < answer["total_blind"]:
        _out.print(f"{len(answer['blind'])} of {answer['total_blind']} blind spots are shown: raise --limit (to 200)")


def _by_detector(tally: dict[str, Any]) -> str:
    return f"{tally['live']} live, {tally['poll']} by polling, {tally['blind']} blind"


def _print_all(answer: dict[str, Any]) -> None:
    for change in answer["changes"]:
        who = (change["actor"] or {}).get("name") or "unknown"
        name = safe(change["resource_name"]) or "(tied to no resource)"
        _out.print(f"[bold]{name}[/] {change['facet']} {change['what']} {safe(change['path'])}")
        when = shown_interval(change["earliest"], change["latest"])
        _out.print(f"    {when}  by {safe(who)}  [cyan]{channel(change['channel'])}[/]")
        if change["path"]:
            for side in ("before", "after"):
                value = "(nothing)" if side in change["absent"] else _text(change[side])
                _out.print(f"    {side:6} {value}")
        told = (_where(change), "" if change["origin"] else safe(change["reference"]), safe(change["summary"]))
        _out.print(f"    [dim]{' '.join(filter(None, told))}[/]")
    _end(answer, len(answer["changes"]), "changes")


def _end(answer: dict[str, Any], shown: int, what: str) -> None:
    _out.print(f"{answer['total']} {what}" + ("" if answer["total"] else f": {_NONE[what]}"))
    if shown < answer["total"]:
        _out.print(f"{shown} are shown: narrow with a resource, --namespace or --kind, or raise --limit (to 200)")
    for gap in answer["gaps"]:
        _out.print(f"[yellow]Not known:[/] {safe(gap['what'])}: {safe(gap['why'])}")


_NONE = {
    "resources": "nothing of this name, namespace and kind; leave one of them out to see more",
    "changes": "nothing of this name, namespace and kind changed in this time; look further back with --since",
}
"""What to do about an empty answer."""


def _where(entry: dict[str, Any]) -> str:
    origin = entry.get("origin")
    if not origin:
        return safe(entry["source"])
    place = f"{origin['file']}:{origin['line']}" if origin["line"] else origin["file"]
    return safe(" ".join(filter(None, (entry["source"], place, (origin["commit"] or "")[:12]))))


def _text(value: Any) -> str:
    return safe(json.dumps(value, ensure_ascii=False))
