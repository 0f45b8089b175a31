"""Deliveries that were stored but can't be read."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request

from app.api.bodies import Body, Limit, plain
from app.auth import SECURITY, require
from app.errors import documented
from app.services import services_of
from app.store.inbox import Delivery
from app.store.users import Role
from tools.untrusted import bounded, redact

router = APIRouter(
    prefix="/api/quarantine",
    tags=["webhooks"],
    dependencies=[*SECURITY, require(Role.VIEWER)],
    responses=documented(401, 403, 422, 503),
)

_SHOWN_CHARACTERS = 4000


class Quarantined(Body):
    """One delivery that a person must look at."""

    delivery: int
    sender: str
    received_at: datetime
    reason: str
    """What is wrong with it."""
    size_bytes: int
    headers: dict[str, str]
    beginning: str
    """The first characters of the body, without what looks like a credential; data, not advice."""

    @classmethod
    def of(cls, delivery: Delivery) -> Quarantined:
        """Build the body of a delivery."""
        return cls(
            delivery=delivery.id,
            sender=delivery.sender,
            received_at=delivery.received_at,
            reason=plain(delivery.reason),
            size_bytes=len(delivery.body),
            headers=plain(delivery.headers),
            beginning=bounded(redact(delivery.body.decode("utf-8", "replace")), _SHOWN_CHARACTERS),
        )


class Quarantine(Body):
    """What was set aside, newest first."""

    deliveries: list[Quarantined]


@router.get("")
def list_quarantined(request: Request, limit: Limit = 100) -> Quarantine:
    """List deliveries that can't be read."""
    return Quarantine(deliveries=[Quarantined.of(d) for d in services_of(request).inbox.quarantined(limit)])
