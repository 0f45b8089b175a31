"""Prometheus Alertmanager webhooks, payload version 4: authenticity and meaning of a delivery.

Format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Its authors may replace the payload by
a template of their own; a body without `alerts` is such a one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from graph.document import Object, digest
from graph.errors import Invalid
from graph.evidence import Gap
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
from tools.adapters.measure import compared, joined, stated

SENDER = "alertmanager"


def verify(headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """Whether the headers carry one of the secrets: a bearer token, or the password of basic authentication."""
    return matches(presented_tokens(headers), secrets)


def delivery_key(body: bytes) -> str:
    """Return the key of a delivery: the hash of its bytes.

    Alertmanager has no delivery id, and each peer of a cluster may send the same group; the alerts inside are joined by
    their fingerprints later, so a repeat with other bytes costs a row and changes nothing.
    """
    return body_key(body)


def parse(body: bytes, *, received_at: datetime) -> list[Alert] | Ignored:
    """Read all alerts of a group, each fingerprint once, in the order of the body.

    Args:
        body: raw, authenticated.
        received_at: UTC; start of an alert that names no time of its own.

    Raises:
        Invalid: there is no list of alerts, or none of its members can be read.
    """
    payload = read_object(body)
    group = payload.get("alerts")
    if not isinstance(group, list):
        raise Invalid(
            "there is no list `alerts`: remove the custom `payload` template from this receiver's webhook_config"
        )
    if not group:
        return Ignored(reason="the group holds no alerts")
    found: dict[str, Alert] = {}
    for member in group:
        alert = _alert(payload, member, received_at) if isinstance(member, dict) else None
        if alert and (alert.key not in found or found[alert.key].started_at <= alert.started_at):
            found[alert.key] = alert
    if not found:
        raise Invalid("no member of `alerts` has labels or a fingerprint")
    return list(found.values())


def gaps(body: bytes) -> list[Gap]:
    """Return what the delivery itself says is missing from it: alerts that the sender cut off.

    Raises:
        Invalid: the body is no JSON object.
    """
    payload = read_object(body)
    cut = payload.get("truncatedAlerts")
    if not isinstance(cut, int) or isinstance(cut, bool) or cut <= 0 or cut.bit_length() > 63:
        return []
    at = text(payload.get("externalURL")) or "the Alertmanager"
    return [
        Gap(
            what=f"{cut} more alerts of the same group",
            why=f"the sender cut them off (`max_alerts` of its webhook_config); the whole group is listed at {at}",
        )
    ]


def _alert(payload: Object, member: Object, received_at: datetime) -> Alert | None:
    named = labels(payload.get("commonLabels"), member.get("labels"))
    key = text(member.get("fingerprint"), 128) or (digest(named)[:16] if named else "")
    if not key:
        return None
    notes = labels(payload.get("commonAnnotations"), member.get("annotations"))
    long = {**child(payload, "commonAnnotations"), **child(member, "annotations")}
    is_resolved = (member.get("status") or payload.get("status")) == "resolved"
    measure = joined(compared(text(member.get("generatorURL"), MAX_DESCRIPTION)), stated(notes, named))
    extra = {f"annotation_{k}": v for k, v in notes.items() if k not in ("summary", "description")}
    return Alert(
        id=alert_id(SENDER, key),
        sender=SENDER,
        key=key,
        status=AlertStatus.RESOLVED if is_resolved else AlertStatus.FIRING,
        title=text(long.get("summary"), MAX_TITLE) or named.get("alertname", "") or f"alert {key}",
        description=text(long.get("description"), MAX_DESCRIPTION) or text(long.get("message"), MAX_DESCRIPTION),
        severity=first(named, ("severity", "priority")),
        service=first(named, ("service", "app", "app_kubernetes_io_name")),
        environment=first(named, ("environment", "env")),
        labels=labels(extra, named),
        url=text(member.get("generatorURL")),
        started_at=instant(member.get("startsAt")) or received_at,
        ended_at=(instant(member.get("endsAt")) or received_at) if is_resolved else None,
        **measure._asdict(),
    )
