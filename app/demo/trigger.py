"""Makes an incident of the demo happen for real, and sends its alert as the monitoring system would."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from pathlib import Path

from app.client import Client, connect, credentials
from app.demo.scenarios import SCENARIOS, Scenario
from app.senders import SENDERS
from graph.document import Object
from graph.errors import NotFound, Unexpected
from tools.adapters.delivery import Ignored

_PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.1
_PROPOSAL_S = 3.0
"""A proposal follows its diagnosis by a moment; there may be none."""


def trigger(name: str, *, data_dir: Path | None = None) -> Object:
    """Change the demo estate of a running service, and deliver the alert through its signed webhook.

    Returns:
        `{name, title, sender, alert_key, delivery}`

    Raises:
        NotFound: there is no such incident, or no demo is running here.
    """
    scenario = _scenario(name)
    known = credentials(data_dir)
    client = connect(data_dir=data_dir, role="viewer")
    estate = Path(known["estate"])
    scenario.prelude(estate, datetime.now(UTC))
    for sender, payload in scenario.prior_alerts(datetime.now(UTC)):
        _deliver(client, sender, payload, known["webhook_secrets"])
        _await_diagnosis(client, sender, _key(sender, payload))
    scenario.inject(estate, datetime.now(UTC))
    sender, payload = scenario.alert(datetime.now(UTC))
    answer = _deliver(client, sender, payload, known["webhook_secrets"])
    return {
        "name": name,
        "title": scenario.title,
        "sender": sender,
        "alert_key": _key(sender, payload),
        "delivery": answer["delivery"],
    }


def trigger_and_wait(name: str, *, data_dir: Path | None = None) -> Object:
    """Trigger an incident and wait for its diagnosis, and a moment for what is proposed.

    Returns:
        The incident, as the API shows it.

    Raises:
        Unexpected: no diagnosis came within a minute.
    """
    answer = trigger(name, data_dir=data_dir)
    client = connect(data_dir=data_dir, role="viewer")
    incident = _await_diagnosis(client, answer["sender"], answer["alert_key"])
    deadline = time.monotonic() + _PROPOSAL_S
    while incident["diagnosis"]["verdict"] == "cause_found" and not incident["proposals"]:
        if time.monotonic() > deadline:
            break
        time.sleep(_LOOK_EVERY_S)
        incident = client.get(f"/api/incidents/{incident['id']}")
    return incident


def signed_headers(sender: str, body: bytes, secret: str) -> dict[str, str]:
    """Headers with which a sender proves itself."""
    if sender == "pagerduty":
        return {"X-PagerDuty-Signature": "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    return {"Authorization": f"Bearer {secret}"}


def _scenario(name: str) -> Scenario:
    if name not in SCENARIOS:
        raise NotFound(f"there is no demo incident {name!r}; there are: {', '.join(SCENARIOS)}")
    return SCENARIOS[name]


def _deliver(client: Client, sender: str, payload: Object, secrets: Object) -> Object:
    body = json.dumps(payload).encode()
    answer: Object = client.post_raw(f"/webhooks/{sender}", body, signed_headers(sender, body, secrets[sender]))
    return answer


def _key(sender: str, payload: Object) -> str:
    alerts = SENDERS[sender].parse(json.dumps(payload).encode(), received_at=datetime.now(UTC))
    if isinstance(alerts, Ignored) or not alerts:
        raise Unexpected(f"the demo's own alert is none: {alerts}")
    return alerts[0].key


def _await_diagnosis(client: Client, sender: str, key: str) -> Object:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for row in client.get("/api/incidents")["incidents"]:
            if row["diagnosis"]:
                incident: Object = client.get(f"/api/incidents/{row['id']}")
                if any(a["sender"] == sender and a["key"] == key for a in incident["alerts"]):
                    return incident
        time.sleep(_LOOK_EVERY_S)
    raise Unexpected(f"no diagnosis within {_PATIENCE_S:.0f} s; the service's log tells why")
