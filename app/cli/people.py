"""People and their access tokens, on the machine of the service."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.asking import AsJson, DataDir
from app.cli.output import show
from app.cli.topics import ByTopic

commands = typer.Typer(
    help="People and their access tokens (on the machine of the service).", no_args_is_help=True, cls=ByTopic
)


@commands.callback()
def _() -> None:
    """Keep `add` a command of its own while it is the only one."""


@commands.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the person.")],
    *,
    role: Annotated[str, typer.Option("--role", help="viewer, responder, approver or admin.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add a person and print an access token, once."""
    from app.terminal import print_user
    from app.wiring import add_user

    show(add_user(name, role, data_dir), as_json, print_user)
