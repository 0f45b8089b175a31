"""Change events: what pipelines, flag systems and people post, and what is known of changes."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from app.api.bodies import At, Body, Change, Limit, plain, utc
from app.auth import BY_SENDER, PUBLIC, SECURITY, require
from app.errors import documented
from app.services import Services, record_changes, services_of
from app.store.users import Role
from graph import lookup
from graph.change import Change as DomainChange
from graph.environment import EnvironmentGraph
from graph.errors import Conflict, Invalid, NotFound
from graph.runs import placed
from tools.adapters.changes_http import parse_change_event
from tools.adapters.delivery import read_object

router = APIRouter(tags=["changes"])

_IDENTITIES = ("k8s://", "tf://", "arn:")

_EVENT = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"type": "string", "pattern": r"^1\."},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1},
        "type": {"type": "string", "minLength": 1},
        "subject": {"type": ["string", "null"], "description": "The resource, when the data name none."},
        "time": {"type": "string", "format": "date-time"},
        "data": {
            "description": "For the type `dev.plumbline.change.v1` an object: kind, actor, targets, version, times."
        },
    },
}
_BATCH = {"type": "array", "items": _EVENT, "maxItems": 1000}
_POSTED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": (
            "CloudEvents 1.0 in structured or batch mode, or in binary mode (attributes in `ce-` headers, any JSON "
            "body). CDEvents are mapped; events of an unknown type are kept as `other`."
        ),
        "content": {
            "application/cloudevents+json": {"schema": _EVENT},
            "application/cloudevents-batch+json": {"schema": _BATCH},
            "application/json": {"schema": _EVENT},
        },
    }
}
_ENQUEUED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["routing_key", "payload"],
                    "properties": {
                        "routing_key": {"type": "string", "description": "One of the configured change keys."},
                        "payload": {
                            "type": "object",
                            "required": ["summary"],
                            "properties": {
                                "summary": {"type": "string", "minLength": 1},
                                "source": {"type": "string"},
                                "timestamp": {"type": "string", "format": "date-time"},
                                "custom_details": {"type": "object"},
                            },
                        },
                        "links": {"type": "array", "items": {"type": "object"}},
                    },
                }
            }
        },
    }
}

EnvironmentName = Annotated[
    str | None, Query(max_length=64, description="Name of the environment; the first one when absent.")
]


class Changes(Body):
    """Changes, newest first."""

    environment: str
    changes: list[Change]


class Posted(Body):
    """What became of posted events. Everything in them is stored."""

    status: str = "accepted"
    environment: str
    changes: list[str]
    """Ids of the changes that the events tell of; empty when they tell of none."""
    new: int
    """How many of them were not known before."""


class Enqueued(Body):
    """As the PagerDuty Events API answers."""

    status: str = "success"
    message: str = "Change event processed"


@router.get(
    "/api/changes",
    dependencies=[*SECURITY, require(Role.VIEWER)],
    responses=documented(401, 403, 404, 409, 422, 503),
)
def list_changes(
    request: Request,
    environment: EnvironmentName = None,
    resource: Annotated[str | None, Query(min_length=1, max_length=1024, description="Only changes of this.")] = None,
    as_of: At = None,
    limit: Limit = 100,
) -> Changes:
    """List what changed."""
    services = services_of(request)
    graph = services.environments.graph(environment_of(services, environment), as_of=utc(as_of))
    found = graph.changes(lookup.find(graph, resource).uid if resource else None)
    return Changes(environment=graph.name, changes=[Change.of(c) for c in reversed(found[-limit:])])


@router.post(
    "/api/changes",
    status_code=202,
    dependencies=[*SECURITY, require(Role.RESPONDER)],
    responses=documented(401, 403, 404, 413, 422, 503),
    openapi_extra=_POSTED,
)
async def post_changes(request: Request, environment: EnvironmentName = None) -> Posted:
    """Tell of changes."""
    body = await request.body()
    return await run_in_threadpool(_record, services_of(request), dict(request.headers), body, environment)


@router.options("/api/changes", include_in_schema=False, dependencies=[PUBLIC])
async def shake_hands(request: Request) -> Response:
    """Answer the handshake of CloudEvents webhooks: anybody may ask, only who has a credential may post."""
    headers = {"Allow": "GET, POST"}
    if origin := request.headers.get("WebHook-Request-Origin"):
        headers |= {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"}
    return Response(status_code=204, headers=headers)


@router.post(
    "/v2/change/enqueue",
    status_code=202,
    dependencies=[BY_SENDER],
    responses=documented(401, 404, 413, 422, 503),
    openapi_extra=_ENQUEUED,
)
async def enqueue_change(request: Request) -> Enqueued:
    """Tell of a change in the form of PagerDuty's Events API v2, which many tools send already."""
    services = services_of(request)
    known = [key for key in services.secrets.change_keys if key]
    if not known:
        raise NotFound("this endpoint is off because PLUMBLINE_WEBHOOKS__CHANGE_KEYS is not set")
    body = await request.body()
    event = read_object(body)
    given = event.get("routing_key")
    if not isinstance(given, str) or not _is_one_of(given, known):
        raise HTTPException(401, "the routing key is missing or unknown; nothing was stored")
    if not isinstance(event.get("payload"), dict):
        raise Invalid("payload is missing or no object")
    await run_in_threadpool(_record, services, {"content-type": "application/json"}, body, None)
    return Enqueued()


def _record(services: Services, headers: Mapping[str, str], body: bytes, environment: str | None) -> Posted:
    name = environment_of(services, environment)
    told = parse_change_event(headers, body, received_at=services.clock())
    placed_here = placed(told, environment=name, called=services.environments.also_called(name))
    changes = _tied(services, name, placed_here)
    new = record_changes(services, name, changes)
    return Posted(environment=name, changes=[plain(c.id) for c in changes], new=new)


def _tied(services: Services, environment: str, changes: Sequence[DomainChange]) -> list[DomainChange]:
    """Tie changes that name their resource by a short name; a name that nothing has yet is kept as it is."""
    if all(not c.uid or c.uid.startswith(_IDENTITIES) for c in changes):
        return list(changes)
    graph = services.environments.graph(environment)
    return [replace(c, uid=_uid(graph, c.uid)) if c.uid else c for c in changes]


def _uid(graph: EnvironmentGraph, name: str) -> str:
    try:
        return lookup.find(graph, name).uid
    except (NotFound, Conflict):
        return name


def environment_of(services: Services, name: str | None) -> str:
    """Return the name of a governed environment; the first one when none is named.

    Raises:
        NotFound: there is no such environment.
    """
    names = services.environments.names()
    if name is None:
        if not names:
            raise NotFound("no environment is configured")
        return names[0]
    if name not in names:
        raise NotFound(f"no environment {name!r}; there are: {', '.join(names) or 'none'}")
    return name


def _is_one_of(given: str, known: Sequence[str]) -> bool:
    token = given.encode("utf-8", "replace")
    return any(hmac.compare_digest(token, key.encode()) for key in known)
