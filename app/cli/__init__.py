"""The `plumbline` command. Commands import what they need when they run, so that `--help` answers at once."""

from __future__ import annotations

import sys

import typer

from app.cli import audit, demo, evals, graph, incidents, people, proposals, serve
from app.cli.output import fail
from app.cli.topics import ByTopic
from graph.errors import PlumblineError

app = typer.Typer(
    name="plumbline",
    help="An SRE assistant that reasons over what was declared, what was applied and what is running.",
    cls=ByTopic,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"max_content_width": 120},
    # Frames and colours cost a third of what `--help` takes.
    rich_markup_mode=None,
)
for _module in (serve, graph, incidents, proposals):
    app.add_typer(_module.commands)
app.add_typer(demo.commands, name="demo")
app.add_typer(evals.commands, name="eval")
app.add_typer(audit.commands, name="audit")
app.add_typer(people.commands, name="user")


def main() -> None:
    """Run the command; every expected error is one line and exit code 2."""
    try:
        app()
    except PlumblineError as error:
        fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
