"""Webhooks of Opsgenie and of Jira Service Management Operations: one body, no signature.

Format: https://support.atlassian.com/opsgenie/docs/opsgenie-edge-connector-alert-action-data/. Nothing in a delivery is
signed, so the sender proves itself by a secret header, and the body is a hint.
"""

from __future__ import annotations

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
    matches,
    presented_tokens,
    read_object,
    text,
)
from tools.adapters.measure import stated

SENDER = "opsgenie"

_STATUS = {
    "create": AlertStatus.FIRING,
    "unacknowledge": AlertStatus.FIRING,
    "acknowledge": AlertStatus.ACKNOWLEDGED,
    "close": AlertStatus.RESOLVED,
    "delete": AlertStatus.RESOLVED,
}
"""Actions that tell the state. Any other, a custom action too, leaves it open whether the alert still is."""


def verify(headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """Whether the headers carry one of the secrets: `X-Plumbline-Token`, or `Authorization: Bearer` or `GenieKey`."""
    return matches(presented_tokens(headers), secrets)


def delivery_key(body: bytes) -> str:
    """Return the key of a delivery: alert, action, time of update and the hash of the body.

    There is no delivery id; the hash keeps two actions apart that carry no time.
    """
    try:
        payload = read_object(body)
    except Invalid:
        return body_key(body)
    alert = payload.get("alert")
    alert = alert if isinstance(alert, dict) else {}
    named = (alert.get("alertId"), payload.get("action"), alert.get("updatedAt"))
    return ":".join((*(_word(value) for value in named), body_key(body)))


def parse(body: bytes, *, received_at: datetime) -> list[Alert] | Ignored:
    """Read the alert that a delivery is about.

    Args:
        body: raw, authenticated.
        received_at: UTC; start of an alert that names no time of its own.

    Raises:
        Invalid: this is no alert action.
    """
    payload = read_object(body)
    action = payload.get("action")
    if not isinstance(action, str) or not action:
        raise Invalid("`action` is missing or no text")
    data = payload.get("alert")
    if not isinstance(data, dict):
        raise Invalid("there is no object `alert`")
    key = text(data.get("alertId"), 128) or text(data.get("alias"), 128)
    if not key:
        raise Invalid("`alert` has neither `alertId` nor `alias`")
    status = _STATUS.get(action.lower())
    if status is None:
        return Ignored(reason=f"the action {text(action, 64)!r} does not tell the state of alert {key!r}")
    return [_alert(status, key, payload, data, received_at)]


def _alert(status: AlertStatus, key: str, payload: Object, data: Object, received_at: datetime) -> Alert:
    named = _labels(payload, data)
    updated = instant(data.get("updatedAt")) or received_at
    return Alert(
        id=alert_id(SENDER, key),
        sender=SENDER,
        key=key,
        status=status,
        title=text(data.get("message"), MAX_TITLE) or f"Opsgenie alert {key}",
        description=text(data.get("description"), MAX_DESCRIPTION),
        severity=_priority(data.get("priority")),
        service=first(named, ("service", "app")) or text(data.get("entity")),
        environment=first(named, ("environment", "env")),
        labels=named,
        started_at=instant(data.get("createdAt")) or updated,
        ended_at=updated if status is AlertStatus.RESOLVED else None,
        recurs_as=text(data.get("alias")),
        is_ended_by_hand=status is AlertStatus.RESOLVED and not _is_closed_by_its_source(payload),
        **stated(data.get("details"), named)._asdict(),
    )


def _is_closed_by_its_source(payload: Object) -> bool:
    """People close alerts in the browser or the app; what sent an alert closes it over the API or its integration."""
    return text(child(payload, "source").get("type")).lower() in ("api", "integration")


def _labels(payload: Object, data: Object) -> dict[str, str]:
    """Labels from tags of the form `name:value` or `name=value`, the details, and the plain fields."""
    tags = [text(tag) for tag in data["tags"]] if isinstance(data.get("tags"), list) else []
    pairs = {}
    for tag in tags:
        separator = next((s for s in "=:" if s in tag.strip("=:")), "")
        if separator:
            name, _, value = tag.partition(separator)
            pairs[name.strip()] = value.strip()
    return labels(
        {"tags": ", ".join(tag for tag in tags if tag), "integration": payload.get("integrationName")},
        {name: data.get(name) for name in ("alias", "entity", "source", "tinyId")},
        pairs,
        data.get("details"),
    )


def _priority(value: Json) -> str:
    """Priorities are `P1` to `P5`; some senders give the bare number."""
    return f"P{value}" if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 5 else text(value)


def _word(value: Json) -> str:
    return "".join(c for c in text(value, 64) if c.isascii() and c.isprintable() and c != ":")
