"""The options that commands share, and what the answer of a running service is fetched and shown with.

A command that asks a service is a function of a `Service` or an `Environment` and of its own parameters;
`of_service` and `of_environment` add the options that say where it is.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.cli.output import fail, show

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Directory of a service on this machine.")]
Role = Annotated[
    str,
    typer.Option("--as", help="Whose token of credentials.json: viewer, responder, approver, approver_2 or admin."),
]
ManyResources = Annotated[str | None, typer.Argument(metavar="RESOURCE", help="One resource; all when absent.")]
Moment = Annotated[
    str | None,
    typer.Option(
        "--at", help="Time: RFC 3339, or in words and UTC, as `2h ago` or `yesterday 14:00`; now when absent."
    ),
]
Since = Annotated[str, typer.Option("--since", help="Time: RFC 3339, or in words and UTC, as `2h` or `today 09:00`.")]
KnownAt = Annotated[
    str | None,
    typer.Option("--known-at", "--believed-at", help="Use only what had been learned by this time; all when absent."),
]
Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="Only in this namespace.")]
Kind = Annotated[str | None, typer.Option("--kind", help="Only of this kind.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=200, help="Most entries, up to 200.")]


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service, as the options of a command tell where it is. Each field is an option."""

    server: Annotated[
        str | None, typer.Option("--server", help="Address of the service. Default: the one on this machine.")
    ] = None
    token: Annotated[str | None, typer.Option("--token", help="Access token. Default: from credentials.json.")] = None
    data_dir: DataDir = None
    as_json: AsJson = False

    def client(self, role: str = "viewer") -> Any:
        """Return a client, with the token of this role when no other is given."""
        from app.client import connect

        return connect(server=self.server, token=self.token, data_dir=self.data_dir, role=role)

    def show(self, answer: Any, for_people: Callable[[Any], None]) -> None:
        """Print an answer."""
        show(answer, self.as_json, for_people)


@dataclass(frozen=True, kw_only=True)
class Environment(Service):
    """One environment of a service."""

    environment: Annotated[
        str | None, typer.Option("--env", help="Name of the environment; needed when there are several.")
    ] = None

    def get(self, question: str, **query: Any) -> Any:
        """Ask the graph of the environment; what is None is left out."""
        client = self.client()
        return client.get(self.path(client, question), **query)

    def path(self, client: Any, question: str) -> str:
        """Return the path of a question about the environment; the only one there is needs no name."""
        name = self.environment
        if name is None:
            names = [e["name"] for e in client.get("/api/graph/environments")["environments"]]
            if not names:
                fail(f"{client.server} governs no environment: add one to its configuration, see docs/operations.md")
            if len(names) > 1:
                fail(f"name an environment with --env; there are: {', '.join(names)}")
            (name,) = names
        return f"/api/graph/{quote(name, safe='')}/{question}"


def id_of(prefix: str, text: str) -> str:
    """Return an id as the service writes it and as it stands in a path: `7` and `inc-7` mean `INC-7`."""
    upper = text.strip().upper()
    return quote(f"{prefix}-{upper}" if upper.isdigit() else upper, safe="")


Command = Callable[..., None]


def of_service(command: Command) -> Command:
    """Make a command of a function of a `Service`: add its fields as options."""
    return _with_options_of(Service, command)


def of_environment(command: Command) -> Command:
    """Make a command of a function of an `Environment`: add its fields as options."""
    return _with_options_of(Environment, command)


def _with_options_of(asked: type[Service], command: Command) -> Command:
    options = inspect.signature(asked, eval_str=True).parameters
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        place = {name: given.pop(name) for name in options}
        command(asked(**place), **given)

    parameters = [*own, *options.values()]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run
