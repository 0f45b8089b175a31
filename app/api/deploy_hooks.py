"""Webhooks of deploy tools: GitHub, GitLab, Argo CD. Authenticate the raw bytes, record the runs, answer.

What is authentic gets 202 whatever it says: GitLab turns a hook off that answers 4xx, and GitHub never asks again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from app.api.bodies import Body, plain
from app.api.changes import EnvironmentName, environment_of
from app.auth import BY_SENDER
from app.errors import documented
from app.services import Services, record_changes, services_of
from graph.change import Change
from graph.document import Object
from graph.errors import Invalid, NotFound
from tools.adapters.argocd_events import read_argocd
from tools.adapters.delivery import Ignored, matches, presented_tokens, read_object
from tools.adapters.github_events import is_signed, read_github
from tools.adapters.gitlab_events import is_authentic, read_gitlab

_log = structlog.get_logger(__name__)

MAX_BYTES = 25 * 1024 * 1024
"""GitHub caps payloads at this size."""


class Told(Body):
    """What became of a delivery."""

    status: str
    """`accepted`, `ignored` (it tells of no change) or `unreadable`."""
    changes: list[str]
    """Ids of the changes that it tells of."""
    reason: str
    """Why it was ignored, or can't be read."""
    other_environments: list[str]
    """Names by which no environment is called: see `also_called`. Runs for them are kept, and count for nothing."""

    @classmethod
    def nothing(cls, status: str, reason: str) -> Told:
        """Answer a delivery that tells of no change."""
        return cls(status=status, changes=[], reason=plain(reason), other_environments=[])


_BODY = {
    "requestBody": {
        "description": "As the sender defines it.",
        "content": {"application/json": {"schema": {}}},
    }
}
_STATUS: dict[str, Any] = {
    "status_code": 202,
    "responses": documented(401, 404, 413, 422, 503),
    "openapi_extra": _BODY,
}

router = APIRouter(prefix="/webhooks", tags=["webhooks"], dependencies=[BY_SENDER])

Read = Callable[[Services, Object], "list[Change] | Ignored"]


@router.post("/github", **_STATUS)
async def receive_github(request: Request, environment: EnvironmentName = None) -> Told:
    """Take a GitHub webhook: deployments, deployment statuses, workflow runs, merges, pushes."""
    services = services_of(request)
    secrets, body = _secrets(services.secrets.github, "github"), await _body(request)
    _check(is_signed(request.headers, body, secrets))
    event = request.headers.get("x-github-event", "")
    return await run_in_threadpool(
        _take,
        services,
        body,
        environment,
        lambda s, told: read_github(told, event=event, received_at=s.clock()),
    )


@router.post("/gitlab", **_STATUS)
async def receive_gitlab(request: Request, environment: EnvironmentName = None) -> Told:
    """Take a GitLab webhook: deployments, pipelines, feature flags, merges, pushes."""
    services = services_of(request)
    secrets, body = _secrets(services.secrets.gitlab, "gitlab"), await _body(request)
    _check(is_authentic(request.headers, body, secrets))
    return await run_in_threadpool(
        _take, services, body, environment, lambda s, told: read_gitlab(told, received_at=s.clock())
    )


@router.post("/argocd", **_STATUS)
async def receive_argocd(request: Request, environment: EnvironmentName = None) -> Told:
    """Take a notification of Argo CD, or an Application."""
    services = services_of(request)
    secrets, body = _secrets(services.secrets.argocd, "argocd"), await _body(request)
    _check(matches(presented_tokens(request.headers), secrets))
    return await run_in_threadpool(
        _take, services, body, environment, lambda s, told: read_argocd(told, received_at=s.clock())
    )


def _secrets(configured: Sequence[str], sender: str) -> list[str]:
    secrets = [secret for secret in configured if secret]
    if not secrets:
        raise NotFound(
            f"the {sender} endpoint is off because no secret is configured for it: "
            f"set PLUMBLINE_WEBHOOKS__{sender.upper()}_SECRETS and start again"
        )
    return secrets


def _check(is_sender: bool) -> None:
    if not is_sender:
        raise HTTPException(401, "the secret or signature is missing or wrong; nothing was stored")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise HTTPException(413, f"the body has more than {MAX_BYTES} bytes")
    return bytes(body)


def _take(services: Services, body: bytes, environment: str | None, read: Read) -> Told:
    default = environment_of(services, environment)
    try:
        found = read(services, read_object(body))
    except Invalid as error:
        _log.warning("deploy_event_unreadable", reason=str(error))
        return Told.nothing("unreadable", str(error))
    if isinstance(found, Ignored):
        return Told.nothing("ignored", found.reason)
    by_environment: dict[str, list[Change]] = defaultdict(list)
    others: dict[str, None] = {}
    for change in found:
        name = _known_as(services, change.environment) if change.environment else default
        if name is None:
            others[change.environment] = None
            by_environment[default].append(change)
        else:
            by_environment[name].append(replace(change, environment=name if change.environment else ""))
    for name, changes in by_environment.items():
        record_changes(services, name, changes)
    if others:
        _log.warning("deploy_event_of_other_environment", environments=list(others))
    return Told(
        status="accepted",
        changes=[plain(c.id) for c in found],
        reason="",
        other_environments=[plain(name) for name in others],
    )


def _known_as(services: Services, name: str) -> str | None:
    """Return the governed environment that a deploy tool calls by a name, or None."""
    known = services.environments
    return next((own for own in known.names() if name == own or name in known.also_called(own)), None)
