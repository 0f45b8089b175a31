"""Webhooks: authenticated by their raw bytes, durable before the answer, and never refused for what they hold."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.api.webhooks import MAX_KEPT_BYTES, MAX_READ_BYTES
from app.services import SenderSecrets
from tests.app.api.conftest import World, build

AUTH = {
    "opsgenie": {"X-Plumbline-Token": "og"},
    "alertmanager": {"Authorization": "Bearer am"},
}
GOOD = {
    "pagerduty": {
        "event": {
            "id": "E1",
            "event_type": "incident.triggered",
            "data": {"id": "P1", "type": "incident", "status": "triggered", "title": "t"},
        }
    },
    "opsgenie": {"action": "Create", "alert": {"alertId": "a", "message": "m"}},
    "alertmanager": {"alerts": [{"labels": {"alertname": "x"}, "fingerprint": "f"}]},
}
SENDERS = list(GOOD)


def headers_for(sender: str, body: bytes, *, secret: str = "pd-new") -> dict[str, str]:
    if sender != "pagerduty":
        return AUTH[sender]
    return {"X-PagerDuty-Signature": "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def post(client: TestClient, sender: str, body: bytes, **headers: str) -> Any:
    return client.post(f"/webhooks/{sender}", content=body, headers=headers_for(sender, body) | headers)


@pytest.mark.parametrize("sender", SENDERS)
def test_stores_an_authentic_delivery_before_it_answers(world: World, sender: str) -> None:
    """After the 202 the delivery is in the database, with the job that reads it, and the workers know."""
    body = json.dumps(GOOD[sender]).encode()
    response = post(world.client(), sender, body)
    assert response.status_code == 202
    assert response.json()["status"] == "accepted"
    delivery = world.services.inbox.get(response.json()["delivery"])
    assert (delivery.sender, delivery.body, delivery.status) == (sender, body, "received")
    assert world.woken


@pytest.mark.parametrize("sender", SENDERS)
def test_the_same_delivery_twice_is_one(world: World, sender: str) -> None:
    """A repeat is acknowledged and changes nothing, whatever its unsigned headers say."""
    body = json.dumps(GOOD[sender]).encode()
    client = world.client()
    first = post(client, sender, body, **{"X-Webhook-Id": "one"})
    second = post(client, sender, body, **{"X-Webhook-Id": "two", "User-Agent": "other"})
    assert second.status_code == 202
    assert second.json() == {**first.json(), "status": "duplicate"}
    assert world.services.inbox.pending_count() == 1


def test_a_pagerduty_event_is_known_by_its_signed_id(world: World) -> None:
    """The same event in other bytes, rightly signed, is the same event."""
    client = world.client()
    post(client, "pagerduty", json.dumps(GOOD["pagerduty"]).encode())
    again = post(client, "pagerduty", json.dumps(GOOD["pagerduty"], indent=1).encode())
    assert again.json()["status"] == "duplicate"


@pytest.mark.parametrize("secret", ["pd-old", "pd-new"])
def test_both_keys_are_valid_while_one_is_rotated(world: World, secret: str) -> None:
    """The old key works until it is taken out."""
    body = json.dumps(GOOD["pagerduty"]).encode()
    response = world.client().post(
        "/webhooks/pagerduty", content=body, headers=headers_for("pagerduty", body, secret=secret)
    )
    assert response.status_code == 202


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param(
            {"X-PagerDuty-Signature": "v1=00", "X-Plumbline-Token": "x", "Authorization": "Bearer x"}, id="wrong"
        ),
    ],
)
def test_refuses_who_is_not_authentic(world: World, sender: str, headers: dict[str, str]) -> None:
    """Nothing of an unsigned or wrongly signed delivery is stored."""
    response = world.client().post(f"/webhooks/{sender}", json=GOOD[sender], headers=headers)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "not_authenticated"
    assert world.services.inbox.pending_count() == 0


def test_a_signature_over_serialised_json_is_not_enough(world: World) -> None:
    """The raw bytes are what counts: other white space is another body."""
    body = json.dumps(GOOD["pagerduty"]).encode()
    response = world.client().post("/webhooks/pagerduty", content=body + b" ", headers=headers_for("pagerduty", body))
    assert response.status_code == 401


@pytest.mark.parametrize("sender", SENDERS)
def test_without_a_secret_the_endpoint_is_off(tmp_path: Path, sender: str) -> None:
    """Not configured means closed, not open; the answer says what to set."""
    world = build(tmp_path, secrets=SenderSecrets(pagerduty=("",)))
    response = post(world.client(), sender, json.dumps(GOOD[sender]).encode())
    assert response.status_code == 404
    assert f"PLUMBLINE_WEBHOOKS__{sender.upper()}_SECRETS" in response.json()["error"]["message"]
    world.services.database.dispose()


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff\x00", b'{"messages": []}', b'{"a": ' + b"9" * 9999 + b"}", b"[" * 99_999]
)
def test_quarantines_what_it_cannot_read(world: World, sender: str, body: bytes) -> None:
    """A sender that is authentic gets a 202 for anything; a person finds it in the quarantine."""
    response = post(world.client(), sender, body)
    assert response.status_code == 202
    assert response.json()["status"] == "quarantined"
    listed = world.client("viewer").get("/api/quarantine").json()["deliveries"]
    assert [d["delivery"] for d in listed] == [response.json()["delivery"]]
    assert listed[0]["reason"] == response.json()["reason"] != ""


def test_a_pagerduty_v2_body_is_quarantined_with_a_hint(world: World) -> None:
    """The reason tells how to move to V3."""
    response = post(world.client(), "pagerduty", b'{"messages": [{"event": "incident.trigger"}]}')
    assert "V3 webhook subscription" in response.json()["reason"]


def test_a_ping_is_accepted(world: World) -> None:
    """The test button of the sender works."""
    body = b'{"event": {"id": "p", "event_type": "pagey.ping", "data": {"type": "ping"}}}'
    assert post(world.client(), "pagerduty", body).json()["status"] == "accepted"


def test_tells_of_alerts_that_the_sender_cut_off(world: World) -> None:
    """A group that is not whole is accepted, and says so."""
    body = json.dumps({**GOOD["alertmanager"], "truncatedAlerts": 7}).encode()
    assert "7 more alerts" in post(world.client(), "alertmanager", body).json()["warnings"][0]


@pytest.mark.parametrize("sender", SENDERS)
def test_an_authentic_body_that_is_too_large_is_quarantined(world: World, sender: str) -> None:
    """Its beginning is kept; refusing it would make the sender drop it."""
    body = b'{"alerts": "' + b"x" * MAX_KEPT_BYTES + b'"}'
    response = post(world.client(), sender, body)
    assert response.status_code == 202
    assert response.json()["status"] == "quarantined"
    assert len(world.services.inbox.get(response.json()["delivery"]).body) == MAX_KEPT_BYTES


def test_a_large_unsigned_body_is_refused(world: World) -> None:
    """Nobody fills the disk without a key, and reading stops at a limit."""
    client = world.client()
    assert client.post("/webhooks/pagerduty", content=b"x" * (MAX_KEPT_BYTES + 1)).status_code == 413
    assert client.post("/webhooks/pagerduty", content=b"x" * (MAX_READ_BYTES + 1)).status_code == 413
    assert client.post("/webhooks/opsgenie", content=b"x" * (MAX_KEPT_BYTES + 1)).status_code == 401


@pytest.mark.parametrize("sender", SENDERS)
def test_an_inbox_that_cannot_be_written_is_a_503(
    world: World, sender: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sender tries again after a 503; nothing is promised that was not stored."""
    monkeypatch.setattr("app.store.database._BUSY_TIMEOUT_MS", 50)
    world.services.database.dispose()
    body = json.dumps(GOOD[sender]).encode()
    blocker = sqlite3.connect(tmp_path / "plumbline.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    response = post(world.client(), sender, body)
    blocker.rollback()
    blocker.close()
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert post(world.client(), sender, body).json()["status"] == "accepted"


def test_keeps_no_credential_of_a_sender(world: World) -> None:
    """What authenticates is not stored beside the body."""
    delivery = post(world.client(), "opsgenie", b"{}").json()["delivery"]
    kept = world.services.inbox.get(delivery).headers
    assert not {"x-plumbline-token", "authorization"} & set(kept)
