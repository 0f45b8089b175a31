"""Webhooks of alert senders: authenticate the raw bytes, store them durably, then answer. Reading them comes later.

The status codes are what each sender's retries need. A sender that is who it says gets 202 whatever it sent, since
another 4xx would make it drop the delivery; 503 makes it try again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from app.auth import BY_SENDER
from app.errors import documented
from app.senders import SENDERS, Sender
from app.services import Services, services_of
from graph.errors import Invalid, NotFound
from tools.adapters import alertmanager, opsgenie, pagerduty
from tools.failpoints import failpoint

_log = structlog.get_logger(__name__)

MAX_KEPT_BYTES = 1024 * 1024
"""What is kept of one body. The largest that PagerDuty sends has 256 KB."""
MAX_READ_BYTES = 32 * 1024 * 1024
"""Reading stops here. Alertmanager sets no limit to a group unless told to."""

_KEPT_HEADERS = ("content-type", "user-agent", "x-webhook-id", "x-webhook-subscription")
"""What a person may want to know of a delivery in quarantine. Nothing that authenticates."""


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """This delivery was stored before."""
    QUARANTINED = "quarantined"
    """Stored, but it can't be read; `reason` says why, and a person must look."""


class Accepted(BaseModel):
    """What became of a delivery. It is stored in each case."""

    model_config = ConfigDict(extra="forbid")

    status: Outcome
    delivery: int = Field(description="Number of the stored delivery.")
    reason: str = Field(default="", description="Why it is in quarantine.")
    warnings: list[str] = Field(default=[], description="What the delivery itself says is missing from it.")


class _Body(NamedTuple):
    kept: bytes
    size: int
    is_authentic: bool

    @property
    def is_cut(self) -> bool:
        return self.size > len(self.kept)


def _described(header: str, text: str) -> Any:
    return Depends(APIKeyHeader(name=header, scheme_name=header, description=text, auto_error=False))


_BODY = {
    "requestBody": {
        "description": "As the sender defines it. A body that can't be read is stored and set aside.",
        "content": {"application/json": {"schema": {}}},
    }
}
_ERRORS = documented(401, 404, 413, 503)
_STATUS: dict[str, Any] = {"status_code": 202, "response_model": Accepted, "responses": _ERRORS, "openapi_extra": _BODY}

router = APIRouter(prefix="/webhooks", tags=["webhooks"], dependencies=[BY_SENDER])


@router.post(
    "/pagerduty",
    dependencies=[_described("X-PagerDuty-Signature", "HMAC-SHA256 over the raw body: `v1=HEX[,v1=HEX]`.")],
    **_STATUS,
)
async def receive_pagerduty(request: Request) -> Accepted:
    """Take a PagerDuty V3 webhook."""
    secrets = _secrets(services_of(request).secrets.pagerduty, pagerduty.SENDER)
    signatures = pagerduty.Signatures(secrets)
    kept, size = await _read(request, signatures.update)
    return await _accept(request, SENDERS[pagerduty.SENDER], _Body(kept, size, signatures.is_valid(request.headers)))


@router.post(
    "/opsgenie",
    dependencies=[_described("X-Plumbline-Token", "The secret; or `Authorization: Bearer` or `GenieKey`.")],
    **_STATUS,
)
async def receive_opsgenie(request: Request) -> Accepted:
    """Take a webhook of Opsgenie or of Jira Service Management Operations."""
    secrets = _secrets(services_of(request).secrets.opsgenie, opsgenie.SENDER)
    _check(opsgenie.verify(request.headers, secrets))
    return await _accept(request, SENDERS[opsgenie.SENDER], _Body(*await _read(request), True))


@router.post(
    "/alertmanager",
    dependencies=[_described("Authorization", "`Bearer` with the secret, or `Basic` with it as the password.")],
    **_STATUS,
)
async def receive_alertmanager(request: Request) -> Accepted:
    """Take a webhook of Prometheus Alertmanager, with all alerts of its group."""
    secrets = _secrets(services_of(request).secrets.alertmanager, alertmanager.SENDER)
    _check(alertmanager.verify(request.headers, secrets))
    return await _accept(request, SENDERS[alertmanager.SENDER], _Body(*await _read(request), True))


def _secrets(configured: Sequence[str], sender: str) -> list[str]:
    secrets = [secret for secret in configured if secret]
    if not secrets:
        raise NotFound(
            f"the {sender} endpoint is off because no secret is configured for it: "
            f"set PLUMBLINE_WEBHOOKS__{sender.upper()}_SECRETS and start again"
        )
    return secrets


def _check(is_authentic: bool) -> None:
    if not is_authentic:
        raise HTTPException(401, "the secret or signature is missing or wrong; nothing was stored")


async def _read(request: Request, see: Callable[[bytes], None] | None = None) -> tuple[bytes, int]:
    """Read the body, keeping its beginning; `see` gets all of it. Returns what is kept, and the size in bytes."""
    kept = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_READ_BYTES:
            break
        kept += chunk[: MAX_KEPT_BYTES - len(kept)]
        if see:
            see(chunk)
    return bytes(kept), size


async def _accept(request: Request, sender: Sender, body: _Body) -> Accepted:
    if not body.is_authentic and body.is_cut:
        raise HTTPException(413, f"the body has more than {MAX_KEPT_BYTES} bytes and is not signed")
    _check(body.is_authentic)
    services = services_of(request)
    headers = {name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers}
    accepted = await run_in_threadpool(_store, services, sender, body, headers)
    if accepted.status is Outcome.ACCEPTED:
        services.wake()
    return accepted


def _store(services: Services, sender: Sender, body: _Body, headers: dict[str, str]) -> Accepted:
    """Store first, read second: whatever the reading finds, the delivery is safe and the sender may forget it."""
    received_at = services.clock()
    key = f"cut:{body.size}:{hashlib.sha256(body.kept).hexdigest()}" if body.is_cut else sender.delivery_key(body.kept)
    receipt = services.inbox.receive(
        sender=sender.name, key=key, body=body.kept, headers=headers, received_at=received_at
    )
    failpoint("delivery.stored")
    if not receipt.is_new:
        return Accepted(status=Outcome.DUPLICATE, delivery=receipt.delivery_id)
    try:
        if body.is_cut:
            raise Invalid(f"the body has at least {body.size} bytes; its first {MAX_KEPT_BYTES} are kept")
        sender.parse(body.kept, received_at=received_at)
        warnings = [f"{gap.what}: {gap.why}" for gap in sender.gaps(body.kept)]
    except Invalid as error:
        services.inbox.quarantine(receipt.delivery_id, str(error))
        _log.warning("delivery_quarantined", sender=sender.name, delivery=receipt.delivery_id, reason=str(error))
        return Accepted(status=Outcome.QUARANTINED, delivery=receipt.delivery_id, reason=str(error))
    if warnings:
        _log.warning("delivery_incomplete", sender=sender.name, delivery=receipt.delivery_id, warnings=warnings)
    return Accepted(status=Outcome.ACCEPTED, delivery=receipt.delivery_id, warnings=warnings)
