"""What a diagnosis turned out to be: told by people, used for later incidents, and removable when it was wrong."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BeforeValidator, Field

import graph.memory as domain
from app.api.bodies import Body, Limit, Offset, RequestBody, identifier, plain
from app.auth import SECURITY, require
from app.errors import documented
from app.services import Services, services_of
from app.store.incidents import SavedDiagnosis
from app.store.memories import StoredMemory
from app.store.users import PrincipalKind, Role, User
from graph import lookup
from graph.errors import Conflict, NotAllowed
from graph.memory import Culprit, OutcomeKind
from graph.resource import display_uid

router = APIRouter(
    prefix="/api", tags=["memories"], dependencies=SECURITY, responses=documented(401, 403, 404, 422, 503)
)

Responder = Annotated[User, require(Role.RESPONDER)]
IncidentId = Annotated[str, identifier("INC", "incident")]
MemoryId = Annotated[str, identifier("MEM", "memory")]


def _number(value: object) -> object:
    """Refuse true and false, which would else be taken for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("write a number")
    return value


Position = Annotated[int, Field(ge=0, le=100), BeforeValidator(_number)]


class OutcomeRequest(RequestBody):
    """What it was. `cause` names one of the diagnosis, `resource` and `kind` something else; neither: none of these."""

    cause: Position | None = None
    """Position of the right cause in the newest diagnosis, from 0."""
    resource: str = Field(default="", max_length=1024)
    """uid or name of the resource where it began."""
    kind: str = Field(default="", max_length=64, pattern=r"^[a-z_]*$")
    """What was wrong with it, as in `Cause.kind`."""
    note: str = Field(default="", max_length=1000)


class RemoveRequest(RequestBody):
    """Why a memory is not to be used."""

    reason: str = Field(max_length=1000, pattern=r"\S")


class WhatItWas(Body):
    """A resource and what was wrong with it."""

    resource: str
    resource_name: str
    kind: str

    @classmethod
    def of(cls, culprit: Culprit) -> WhatItWas:
        """Build the body of a culprit."""
        uid = plain(culprit.resource)
        return cls(resource=uid, resource_name=display_uid(uid), kind=plain(culprit.kind))


class Use(Body):
    """A diagnosis that recalled a memory."""

    incident: str
    diagnosis: int


class Memory(Body):
    """One outcome that a person told."""

    id: str
    environment: str
    incident: str
    outcome: OutcomeKind
    at: datetime
    by: str
    cause: WhatItWas | None
    """Null: it was none of what the diagnosis named, and nobody said what it was."""
    not_causes: list[WhatItWas]
    note: str
    removed_at: datetime | None
    removed_by: str
    removed_because: str
    uses: list[Use]
    """Every diagnosis that recalled it."""

    @classmethod
    def of(cls, stored: StoredMemory) -> Memory:
        """Build the body of a memory."""
        memory = stored.memory
        return cls(
            **_told(memory),
            environment=stored.environment,
            removed_at=stored.removed_at,
            removed_by=plain(stored.removed_by),
            removed_because=plain(stored.removed_because),
            uses=[Use(incident=incident, diagnosis=number) for incident, number in stored.uses],
        )


class Memories(Body):
    """Memories, newest first."""

    memories: list[Memory]


class Recall(Body):
    """An earlier incident that resembles this one."""

    memory: str
    """id"""
    incident: str
    outcome: OutcomeKind
    at: datetime
    by: str
    cause: WhatItWas | None
    note: str
    likeness: float
    """0 to 1"""
    reasons: list[str]
    """What is alike."""

    @classmethod
    def of(cls, recalled: domain.Recall) -> Recall:
        """Build the body of a recalled memory."""
        told = _told(recalled.memory)
        kept = {name: told[name] for name in ("incident", "outcome", "at", "by", "cause", "note")}
        return cls(memory=told["id"], **kept, likeness=recalled.likeness, reasons=plain(list(recalled.reasons)))


@router.post("/incidents/{id}/outcome", responses=documented(409))
def tell_outcome(request: Request, id: IncidentId, body: OutcomeRequest, user: Responder) -> Memory:
    """Say what it was: confirm a cause of the newest diagnosis, name another, or say that it was none of them."""
    services = services_of(request)
    if user.kind is not PrincipalKind.HUMAN:
        raise NotAllowed("only a person can tell an outcome")
    incident = services.incidents.get(id)
    saved = services.incidents.latest_diagnosis(id)
    if saved is None or saved.diagnosis.portrait is None:
        raise Conflict(f"{id} has no diagnosis that an outcome could be told of; ask for another look first")
    cause = _cause(services, incident.environment, saved, body)
    leading = [Culprit(resource=c.resource, kind=c.kind) for c in saved.diagnosis.causes[:1]]
    is_right = leading == [cause]
    told = services.memories.tell(
        incident.environment,
        domain.Memory(
            id="",
            incident=id,
            outcome=OutcomeKind.CONFIRMED if is_right else OutcomeKind.CORRECTED,
            at=services.clock(),
            by=user.name,
            portrait=saved.diagnosis.portrait,
            cause=cause,
            not_causes=() if is_right else tuple(leading),
            note=body.note,
        ),
    )
    return Memory.of(services.memories.get(told.id))


@router.get("/memories", dependencies=[require(Role.VIEWER)])
def list_memories(
    request: Request,
    environment: Annotated[str | None, Query(max_length=64, description="Only of this environment.")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Memories:
    """List what people said of diagnoses, removed entries included."""
    found = services_of(request).memories.list(environment, limit=limit, offset=offset)
    return Memories(memories=[Memory.of(m) for m in found])


@router.get("/memories/{id}", dependencies=[require(Role.VIEWER)])
def get_memory(request: Request, id: MemoryId) -> Memory:
    """Show one memory with every diagnosis that recalled it."""
    return Memory.of(services_of(request).memories.get(id))


@router.post("/memories/{id}/remove", responses=documented(409))
def remove_memory(request: Request, id: MemoryId, body: RemoveRequest, user: Responder) -> Memory:
    """Take a memory out of use. It stays on record, with who removed it and why."""
    if user.kind is not PrincipalKind.HUMAN:
        raise NotAllowed("only a person can remove a memory")
    return Memory.of(services_of(request).memories.remove(id, by=user.name, because=body.reason))


def _cause(services: Services, environment: str, saved: SavedDiagnosis, body: OutcomeRequest) -> Culprit | None:
    causes = saved.diagnosis.causes
    if body.cause is not None:
        if body.resource or body.kind:
            raise Conflict("name a cause of the diagnosis by its number, or a resource and a kind, not both")
        if body.cause >= len(causes):
            named = f"{len(causes)} cause{'' if len(causes) == 1 else 's'}"
            raise Conflict(
                f"there is no cause number {body.cause + 1} (index {body.cause}): the newest diagnosis of "
                f"{saved.incident_id} names {named}; take one of those, or name the resource and the kind of fault"
            )
        return Culprit(resource=causes[body.cause].resource, kind=causes[body.cause].kind)
    if bool(body.resource) != bool(body.kind):
        raise Conflict(
            "tell both the resource where it began and the kind of fault (`--was` with `--kind`), or neither"
        )
    if not body.resource:
        return None
    graph = services.environments.graph(environment)
    return Culprit(resource=lookup.find(graph, body.resource).uid, kind=body.kind)


def _told(memory: domain.Memory) -> dict[str, Any]:
    return {
        "id": memory.id,
        "incident": memory.incident,
        "outcome": memory.outcome,
        "at": memory.at,
        "by": plain(memory.by),
        "cause": WhatItWas.of(memory.cause) if memory.cause else None,
        "not_causes": [WhatItWas.of(c) for c in memory.not_causes],
        "note": plain(memory.note),
    }
