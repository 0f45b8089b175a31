"""Whether the service lives and works, and who the caller is."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from app.api.bodies import Body
from app.auth import PUBLIC, SECURITY, require
from app.errors import documented
from app.services import services_of
from app.store.users import Role, User
from graph.errors import Unreachable

router = APIRouter(tags=["service"])


class Alive(Body):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Me(Body):
    """Who the credential belongs to."""

    name: str
    role: Role
    kind: str
    """`human` or `agent`."""
    may: list[Role]
    """All roles that this one includes."""


@router.get("/healthz", dependencies=[PUBLIC])
async def healthz() -> Alive:
    """Tell that the process lives. Says nothing of what it depends on."""
    return Alive()


@router.get("/readyz", dependencies=[PUBLIC], responses=documented(503))
async def readyz(request: Request) -> Alive:
    """Tell that the service can work: the database answers, and every source was read or found failing once.

    Webhooks are accepted before that, too.
    """
    services = services_of(request)
    await run_in_threadpool(services.database.ping)
    if waiting := services.starting():
        raise Unreachable(waiting)
    return Alive()


@router.get("/api/me", dependencies=SECURITY, responses=documented(401, 403, 503))
async def me(user: Annotated[User, require(Role.VIEWER)]) -> Me:
    """Tell who the caller is."""
    may = [role for role in Role if user.role.includes(role)]
    return Me(name=user.name, role=user.role, kind=user.kind.value, may=may)
