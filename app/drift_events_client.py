"""Drift events in the terminal: those that were found, and those that are found from now on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console

from app.client import Client
from app.printing import channel, safe
from app.times import shown, shown_interval
from graph.errors import Unreachable

_out = Console(highlight=False, soft_wrap=True)

_LOOK_EVERY_S = 1.0
_COLOURS = {"opened": "red", "changed": "yellow", "attributed": "cyan", "closed": "green"}


def read_events(client: Client, path: str, asked: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the newest events, oldest first, and what may be missing from them."""
    answer = client.get(path, newest_first=True, **asked)
    answer["events"].reverse()
    if as_json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for event in answer["events"]:
        _print(event)
    if not answer["events"]:
        _out.print("No drift was found in this time. Look further back with --since.")
    for gap in answer["gaps"]:
        _out.print(f"[yellow]Gap:[/] {safe(gap['what'])}: {safe(gap['why'])}")


def follow_events(client: Client, path: str, asked: Mapping[str, Any], *, as_json: bool) -> None:
    """Print events as they come, until Ctrl-C."""
    for event in _events(client, path, asked):
        if as_json:
            print(json.dumps(event, ensure_ascii=False), flush=True)
        else:
            _print(event)


def _events(client: Client, path: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each event once; a service that is away is waited for."""
    after = 0
    while True:
        try:
            answer = client.get(path, after=after, **asked)
        except Unreachable:
            answer = {"events": [], "next": after}
        yield from answer["events"]
        after = answer["next"]
        if not answer["events"]:
            time.sleep(_LOOK_EVERY_S)


def _print(event: Mapping[str, Any]) -> None:
    who = (event["actor"] or {}).get("name") or "unknown"
    kind = event["kind"]
    _out.print(
        f"{shown(event['detected_at'])}  [{_COLOURS[kind]}]{kind:10}[/] {event['verdict'].replace('_', ' ')}  "
        f"[bold]{safe(event['resource_name'])}[/] {safe(event['path'])}"
    )
    _out.print(f"    {_shown(event, 'before')} -> {_shown(event, 'actual')}  declared {_shown(event, 'intended')}")
    when = shown_interval(event["earliest"], event["latest"])
    _out.print(f"    {channel(event['channel'])} by {safe(who)}, {when}")


def _shown(event: Mapping[str, Any], name: str) -> str:
    """One line of a value."""
    if name in event["absent"]:
        return "(none)"
    text = json.dumps(event[name], ensure_ascii=False)
    return safe(text if len(text) <= 100 else text[:97] + "...")
