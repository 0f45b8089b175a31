"""Incidents, what they were said to have been, and what is remembered of that."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.asking import Limit, Role, Service, id_of, of_service
from app.cli.output import fail

commands = typer.Typer()


@commands.command()
@of_service
def incidents(
    asked: Service,
    incident: Annotated[str | None, typer.Argument(metavar="INCIDENT", help="Id of one; all when absent.")] = None,
    *,
    triage: Annotated[
        str | None, typer.Option("--triage", help="Only those held for real, undecided, known or noise.")
    ] = None,
) -> None:
    """List incidents, or show one with its diagnosis and blast radius."""
    from app.terminal import print_incident, print_incidents

    if incident:
        asked.show(asked.client().get(f"/api/incidents/{id_of('INC', incident)}"), print_incident)
    else:
        found = asked.client().get("/api/incidents", triage=triage)
        asked.show(found, lambda answer: print_incidents(answer, triage=triage or ""))


@commands.command()
@of_service
def outcome(
    asked: Service,
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id.")],
    *,
    cause: Annotated[int | None, typer.Option("--cause", help="Number of the right cause, 1 is the first.")] = None,
    was: Annotated[str, typer.Option("--was", help="Resource where it began, when the diagnosis names it not.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="With --was: the kind of fault, e.g. config_changed.")] = "",
    none: Annotated[bool, typer.Option("--none", help="It was none of the causes named.")] = False,
    note: Annotated[str, typer.Option("--note", help="What others should know.")] = "",
    role: Role = "responder",
) -> None:
    """Say what an incident was: confirm a cause, or correct the diagnosis. Later incidents that are alike weigh it."""
    from app.terminal import print_memory

    if sum((cause is not None, bool(was), none)) != 1:
        fail("say what it was, with one of --cause NUMBER, --was RESOURCE --kind KIND, or --none")
    told = {"cause": None if cause is None else cause - 1, "resource": was, "kind": kind, "note": note}
    asked.show(asked.client(role).post(f"/api/incidents/{id_of('INC', incident)}/outcome", told), print_memory)


@commands.command()
@of_service
def memories(
    asked: Service,
    memory: Annotated[str | None, typer.Argument(metavar="MEMORY", help="Id of one; all when absent.")] = None,
    *,
    limit: Limit = 50,
) -> None:
    """Show what people said of diagnoses, and which diagnoses recalled it."""
    from app.terminal import print_memories, print_memory

    if memory:
        asked.show(asked.client().get(f"/api/memories/{id_of('MEM', memory)}"), print_memory)
    else:
        asked.show(asked.client().get("/api/memories", limit=limit), print_memories)


@commands.command()
@of_service
def forget(
    asked: Service,
    memory: Annotated[str, typer.Argument(metavar="MEMORY", help="Its id.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why it is wrong.")],
    role: Role = "responder",
) -> None:
    """Take a wrong memory out of use. It stays on record."""
    from app.terminal import print_memory

    if not reason.strip():
        fail("say with --reason why it is wrong")
    asked.show(
        asked.client(role).post(f"/api/memories/{id_of('MEM', memory)}/remove", {"reason": reason}), print_memory
    )
