"""Alert bodies as the monitoring systems of the shop send them: PagerDuty V3, Opsgenie, Alertmanager v4."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from graph.document import Object

_PAGERDUTY = "https://kettle.pagerduty.example"
_PROMETHEUS = "https://prometheus.kettle.example"


def pagerduty(*, title: str, service: str, urgency: str, created: datetime, now: datetime) -> tuple[str, Object]:
    """Return a V3 `incident.triggered` webhook. It carries little: a title, a service, links."""
    key = _token(f"{title}{created.isoformat()}", 14)
    return "pagerduty", {
        "event": {
            "id": _token(f"event {key} {now.isoformat()}", 26),
            "event_type": "incident.triggered",
            "resource_type": "incident",
            "occurred_at": _iso(now),
            "agent": None,
            "client": None,
            "data": {
                "id": key,
                "type": "incident",
                "self": f"https://api.pagerduty.example/incidents/{key}",
                "html_url": f"{_PAGERDUTY}/incidents/{key}",
                "number": int(created.timestamp()) % 100000,
                "status": "triggered",
                "incident_key": hashlib.sha256(key.encode()).hexdigest()[:32],
                "created_at": _iso(created),
                "title": title,
                "service": _reference("service", service),
                "assignees": [_reference("user", "Aiko Tanabe")],
                "escalation_policy": _reference("escalation_policy", "Shop on call"),
                "teams": [_reference("team", "Kettle shop")],
                "priority": None,
                "urgency": urgency,
                "conference_bridge": None,
                "resolve_reason": None,
            },
        }
    }


def opsgenie(*, message: str, entity: str, tags: list[str], priority: str, created: datetime) -> tuple[str, Object]:
    """Return the body of a `Create` action. Times: createdAt in milliseconds, updatedAt in nanoseconds."""
    key = hashlib.sha256(f"{message}{created.isoformat()}".encode()).hexdigest()
    millis = int(created.timestamp() * 1000)
    return "opsgenie", {
        "action": "Create",
        "alert": {
            "alertId": f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:32]}-{millis}",
            "tinyId": str(millis % 10000),
            "alias": hashlib.sha256(message.encode()).hexdigest()[:24],
            "message": message,
            "entity": entity,
            "source": "synthetics.kettle.example",
            "tags": tags,
            "teams": [],
            "recipients": [],
            "createdAt": millis,
            "updatedAt": millis * 1_000_000,
            "insertedAt": millis * 1_000_000,
            "username": "System",
            "userId": "",
            "priority": priority,
        },
        "source": {"name": "synthetics", "type": "API"},
        "integrationId": "5a4d1f0e-2f4b-4f0e-9c43-0f7a7e7e7b1d",
        "integrationName": "Plumbline",
        "integrationType": "Webhook",
    }


def alertmanager(
    *, name: str, labels: Mapping[str, str], summary: str, description: str, expression: str, started: datetime
) -> tuple[str, Object]:
    """Return a version 4 webhook with one firing alert."""
    every = {"alertname": name, **labels}
    text = ", ".join(f'{key}="{value}"' for key, value in sorted(every.items()))
    alert = {
        "status": "firing",
        "labels": every,
        "annotations": {"summary": summary, "description": description},
        "startsAt": _iso(started),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": f"{_PROMETHEUS}/graph?g0.expr={expression}&g0.tab=1",
        "fingerprint": hashlib.sha256(f"{text}{_iso(started)}".encode()).hexdigest()[:16],
    }
    return "alertmanager", {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "plumbline",
        "groupLabels": {"alertname": name},
        "commonLabels": every,
        "commonAnnotations": alert["annotations"],
        "externalURL": "https://alertmanager.kettle.example",
        "alerts": [alert],
    }


def _reference(kind: str, summary: str) -> Object:
    key = _token(f"{kind} {summary}", 7)
    return {
        "id": key,
        "type": f"{kind}_reference",
        "summary": summary,
        "self": f"https://api.pagerduty.example/{kind}s/{key}",
        "html_url": f"{_PAGERDUTY}/{kind}s/{key}",
    }


def _token(text: str, size: int) -> str:
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    number = int(hashlib.sha256(text.encode()).hexdigest(), 16)
    return "P" + "".join(alphabet[number >> 5 * i & 31] for i in range(size - 1))


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
