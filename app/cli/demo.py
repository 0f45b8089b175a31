"""The demo estate and its incidents."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app.cli.asking import AsJson, DataDir
from app.cli.output import show
from app.cli.topics import ByTopic

commands = typer.Typer(help="The demo estate and its incidents.", cls=ByTopic, no_args_is_help=True)

Scenario = Annotated[str, typer.Argument(metavar="NAME", help="Name of the incident; see `plumbline demo list`.")]


@commands.command("list")
def names(*, as_json: AsJson = False) -> None:
    """List the incidents that can be triggered."""
    from app.demo.scenarios import SCENARIOS
    from app.terminal import print_scenarios

    rows = [{"name": s.name, "title": s.title, "story": s.story} for s in SCENARIOS.values()]
    show(rows, as_json, print_scenarios)


@commands.command("trigger")
def trigger(name: Scenario, *, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Make an incident happen in the demo estate of a running service, and send its alert."""
    from app.demo.trigger import trigger
    from app.terminal import print_triggered

    show(trigger(name, data_dir=data_dir), as_json, print_triggered)


@commands.command("run")
def run(name: Scenario, *, as_json: AsJson = False) -> None:
    """Walk the whole path of one incident in the terminal. Exit code 0 when it ends as it should."""
    from app.demo.walk import walk

    sys.exit(0 if walk(name, as_json=as_json) else 1)
