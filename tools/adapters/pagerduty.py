"""PagerDuty V3 webhooks: authenticity and meaning of a delivery. Storing it is not known here.

Format: https://developer.pagerduty.com/docs/webhooks-overview and .../verifying-webhook-signatures.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from graph.document import Json, Object
from graph.errors import Invalid
from graph.incident import Alert, AlertStatus
from tools.adapters.delivery import (
    MAX_DESCRIPTION,
    MAX_TITLE,
    Ignored,
    alert_id,
    body_key,
    child,
    first,
    instant,
    labels,
    read_object,
    text,
)
from tools.adapters.measure import stated

SENDER = "pagerduty"

_STATUS = {
    "triggered": AlertStatus.FIRING,
    "acknowledged": AlertStatus.ACKNOWLEDGED,
    "resolved": AlertStatus.RESOLVED,
}
_STATUS_OF_EVENT = {
    "incident.acknowledged": AlertStatus.ACKNOWLEDGED,
    "incident.resolved": AlertStatus.RESOLVED,
}


class Signatures:
    """Checks the signatures of one delivery while its body arrives, without keeping the body."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Begin; `secrets` are all signing secrets that are valid now. Empty ones never match."""
        self._digests = [hmac.new(secret.encode(), digestmod=hashlib.sha256) for secret in secrets if secret]

    def update(self, chunk: bytes) -> None:
        """Take the next raw bytes of the body."""
        for each in self._digests:
            each.update(chunk)

    def is_valid(self, headers: Mapping[str, str]) -> bool:
        """Whether the header holds a signature over all bytes so far by one of the secrets."""
        lower = {name.lower(): value for name, value in headers.items()}
        given = [
            part.strip().removeprefix("v1=").encode("latin-1", "replace")
            for part in lower.get("x-pagerduty-signature", "").split(",")
            if part.strip().startswith("v1=")
        ]
        expected = [each.hexdigest().encode() for each in self._digests]
        return any(hmac.compare_digest(one, other) for one in given for other in expected)


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> bool:
    """Whether the raw body is signed by one of the secrets."""
    signatures = Signatures(secrets)
    signatures.update(body)
    return signatures.is_valid(headers)


def delivery_key(body: bytes) -> str:
    """Return what makes two deliveries the same event: the signed event id, else the hash of the body.

    Ids in headers are not signed, so a replay could change them.
    """
    try:
        event_id = child(read_object(body), "event").get("id")
    except Invalid:
        return body_key(body)
    usable = isinstance(event_id, str) and 0 < len(event_id) <= 128 and event_id.isascii() and event_id.isprintable()
    return str(event_id) if usable else body_key(body)


def parse(body: bytes, *, received_at: datetime) -> list[Alert] | Ignored:
    """Read the alert that a delivery is about.

    Args:
        body: raw, authenticated.
        received_at: UTC; start of an alert that names no time of its own.

    Raises:
        Invalid: this is no V3 webhook.
    """
    payload = read_object(body)
    if "event" not in payload and isinstance(payload.get("messages"), list):
        raise Invalid(
            "this is a V2 webhook (`messages`), which PagerDuty no longer supports: "
            "make a V3 webhook subscription for this address and remove the V2 extension"
        )
    event = payload.get("event")
    if not isinstance(event, dict):
        raise Invalid("there is no object `event`: this is no V3 webhook")
    kind = event.get("event_type")
    if not isinstance(kind, str) or not kind:
        raise Invalid("`event.event_type` is missing or no text")
    if kind == "pagey.ping":
        return Ignored(reason="test event sent from PagerDuty's own page")
    data = event.get("data")
    if not isinstance(data, dict):
        raise Invalid("`event.data` is missing or no object")
    if data.get("type") != "incident":
        return Ignored(reason=f"an event of type {text(kind, 64)!r} changes no incident's state")
    return [_alert(kind, event, data, received_at)]


def _alert(kind: str, event: Object, data: Object, received_at: datetime) -> Alert:
    key = text(data.get("id"), 128)
    if not key:
        raise Invalid("`event.data.id` is missing or no text")
    status = _STATUS.get(text(data.get("status"))) or _STATUS_OF_EVENT.get(kind, AlertStatus.FIRING)
    occurred = instant(event.get("occurred_at"))
    named = _labels(data)
    return Alert(
        id=alert_id(SENDER, key),
        sender=SENDER,
        key=key,
        status=status,
        title=text(data.get("title"), MAX_TITLE) or f"PagerDuty incident {key}",
        description=text(child(data, "body").get("details"), MAX_DESCRIPTION),
        severity=_summary(data, "priority") or text(data.get("urgency")),
        service=_summary(data, "service"),
        environment=first(named, ("environment", "env")),
        labels=named,
        url=text(data.get("html_url")),
        started_at=instant(data.get("created_at")) or occurred or received_at,
        ended_at=(occurred or received_at) if status is AlertStatus.RESOLVED else None,
        recurs_as=text(data.get("incident_key")),
        # A person, a timeout or nobody knows who: only what sent the alert knows that it is over.
        is_ended_by_hand=status is AlertStatus.RESOLVED
        and "integration" not in text(child(event, "agent").get("type")),
        **stated(child(data, "body").get("details"), *_details(data), named)._asdict(),
    )


def _details(data: Object) -> list[Json]:
    return [child(alert, "body").get("details") for alert in _objects(data.get("alerts"))]


def _labels(data: Object) -> dict[str, str]:
    """Labels from what the incident says of itself; a plain webhook carries references, and few details."""
    fields = data.get("custom_fields")
    return labels(
        {
            "incident_key": data.get("incident_key"),
            "incident_number": data.get("number"),
            "urgency": data.get("urgency"),
            "priority": _summary(data, "priority"),
            "service_id": child(data, "service").get("id"),
            "team": ", ".join(_summaries(data.get("teams"))),
        },
        {f["name"]: f.get("value") for f in _objects(fields) if isinstance(f.get("name"), str)},
        child(data, "body").get("details"),
        *_details(data),
    )


def _summary(data: Object, name: str) -> str:
    return text(child(data, name).get("summary"))


def _summaries(references: Json) -> list[str]:
    return [summary for reference in _objects(references) if (summary := text(reference.get("summary")))]


def _objects(values: Json) -> list[Object]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
