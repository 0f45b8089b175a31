"""PagerDuty V3 webhooks: whom we believe, and what a delivery means."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import Invalid
from graph.incident import Alert, AlertStatus
from tools.adapters import pagerduty
from tools.adapters.delivery import Ignored

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
SECRETS = ("old-key", "new-key")


def sign(body: bytes, secret: str = "new-key") -> str:
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def event(**changes: Any) -> bytes:
    data = {
        "id": "PINC1",
        "type": "incident",
        "status": "triggered",
        "title": "Checkout is slow",
        "html_url": "https://example.com/incidents/PINC1",
        "service": {"id": "PSVC1", "summary": "checkout"},
        "priority": {"summary": "P1"},
        "urgency": "high",
        "custom_fields": [{"name": "environment", "value": "production"}],
    } | changes.pop("data", {})
    whole = {"id": "01EV", "event_type": "incident.triggered", "occurred_at": "2026-05-04T09:58:00.250Z", "data": data}
    return json.dumps({"event": whole | changes}).encode()


@pytest.mark.parametrize(
    ("header", "believed"),
    [
        pytest.param(sign(b"{}"), True, id="new-key"),
        pytest.param(sign(b"{}", "old-key"), True, id="old-key"),
        pytest.param(f"v1={'0' * 64}, {sign(b'{}')}", True, id="one-of-several"),
        pytest.param(sign(b"{ }"), False, id="other-bytes"),
        pytest.param(sign(b"{}", "unknown"), False, id="unknown-key"),
        pytest.param(sign(b"{}", ""), False, id="empty-key"),
        pytest.param(sign(b"{}").replace("v1=", "v2="), False, id="other-version"),
        pytest.param(sign(b"{}").upper(), False, id="upper-case"),
        pytest.param("v1=", False, id="no-digest"),
        pytest.param("v1=\xff\u20ac", False, id="not-ascii"),
        pytest.param("", False, id="empty"),
        pytest.param(None, False, id="missing"),
    ],
)
def test_believes_only_signatures_over_the_raw_bytes(header: str | None, believed: bool) -> None:
    """One valid signature by any active key is enough; nothing else is."""
    headers = {} if header is None else {"X-PagerDuty-Signature": header}
    assert pagerduty.verify(headers, b"{}", (*SECRETS, "")) is believed


def test_no_secret_believes_nobody() -> None:
    """Without keys there is no valid signature, not even one made with an empty key."""
    assert not pagerduty.verify({"x-pagerduty-signature": sign(b"{}", "")}, b"{}", ())


@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_of_the_body_is_noticed(position: int, bit: int) -> None:
    """A signature is for exactly one body."""
    body = bytearray(event())
    header = {"x-pagerduty-signature": sign(bytes(body))}
    body[position % len(body)] ^= 1 << bit
    assert not pagerduty.verify(header, bytes(body), SECRETS)


def test_a_trigger_becomes_a_firing_alert() -> None:
    """Title, service, severity, environment and times are taken from the incident."""
    alerts = pagerduty.parse(event(), received_at=NOW)
    assert isinstance(alerts, list)
    (alert,) = alerts
    assert (alert.key, alert.status, alert.title) == ("PINC1", AlertStatus.FIRING, "Checkout is slow")
    assert (alert.service, alert.severity, alert.environment) == ("checkout", "P1", "production")
    assert alert.started_at == datetime(2026, 5, 4, 9, 58, 0, 250000, tzinfo=UTC)
    assert alert.labels["service_id"] == "PSVC1"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({"data": {"status": "acknowledged"}}, AlertStatus.ACKNOWLEDGED, id="acknowledged"),
        pytest.param({"data": {"status": "resolved"}}, AlertStatus.RESOLVED, id="resolved"),
        pytest.param(
            {"event_type": "incident.resolved", "data": {"status": None}}, AlertStatus.RESOLVED, id="by-event"
        ),
        pytest.param({"event_type": "incident.brand_new"}, AlertStatus.FIRING, id="unknown-event"),
    ],
)
def test_status_comes_from_the_incident_then_from_the_event(changes: dict[str, Any], status: AlertStatus) -> None:
    """An event type that does not exist yet is no reason to lose the incident's state."""
    alerts = pagerduty.parse(event(**changes), received_at=NOW)
    assert isinstance(alerts, list)
    assert alerts[0].status is status
    assert (alerts[0].ended_at is not None) == (status is AlertStatus.RESOLVED)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"event_type": "pagey.ping", "data": {"type": "ping"}}, id="ping"),
        pytest.param({"event_type": "service.updated", "data": {"type": "service"}}, id="service"),
        pytest.param({"event_type": "incident.annotated", "data": {"type": "incident_note"}}, id="note"),
    ],
)
def test_events_without_incident_state_are_ignored_with_a_reason(changes: dict[str, Any]) -> None:
    """They are authentic and well-formed, so they are no fault either."""
    ignored = pagerduty.parse(event(**changes), received_at=NOW)
    assert isinstance(ignored, Ignored)
    assert ignored.reason


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b'{"messages": [{"event": "incident.trigger"}]}', "V2", id="v2"),
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"\xff\xfe", "UTF-8", id="not-utf8"),
        pytest.param(b"[]", "object", id="array"),
        pytest.param(b'{"event": 1}', "`event`", id="event-is-number"),
        pytest.param(b'{"event": {}}', "event_type", id="no-type"),
        pytest.param(b'{"event": {"event_type": "incident.triggered"}}', "event.data", id="no-data"),
        pytest.param(event(data={"id": {}}), "event.data.id", id="id-is-object"),
        pytest.param(b'{"event": NaN}', "number", id="nan"),
        pytest.param(b'{"event": ' + b"9" * 5000 + b"}", "number", id="endless-number"),
        pytest.param(b'{"event": ' + b"[" * 200_000, "nested|not JSON", id="endless-nesting"),
    ],
)
def test_says_what_is_wrong_with_a_body(body: bytes, words: str) -> None:
    """The reason is what a person sees in the quarantine."""
    with pytest.raises(Invalid, match=words):
        pagerduty.parse(body, received_at=NOW)


def test_text_that_no_database_takes_is_replaced() -> None:
    """JSON can escape NUL and lone surrogates; storing them would fail later."""
    alerts = pagerduty.parse(event(data={"title": "a\x00b\ud800c"}), received_at=NOW)
    assert isinstance(alerts, list)
    assert alerts[0].title == "a\ufffdb\ufffdc"


def test_the_delivery_key_is_the_signed_event_id() -> None:
    """The same event is one delivery, whatever its unsigned headers say; without an id the bytes decide."""
    assert pagerduty.delivery_key(event()) == "01EV"
    assert pagerduty.delivery_key(event(id=None)).startswith("sha256:")
    assert pagerduty.delivery_key(event(id="x" * 500)).startswith("sha256:")
    assert pagerduty.delivery_key(b"\xff") == pagerduty.delivery_key(b"\xff") != pagerduty.delivery_key(b"\xfe")


@pytest.mark.shared
def test_published_signature_vector(shared: Path) -> None:
    """The published example of a signature is valid and its wrong twin is not."""
    folder = shared / "payloads" / "pagerduty"
    vector = json.loads((folder / "signature_vector.json").read_text())
    body = (folder / vector["body_file"]).read_bytes()
    secrets = ["other", vector["secret_is_public_test_value"]]
    assert pagerduty.verify({vector["header"]: vector["valid"]}, body, secrets)
    assert not pagerduty.verify({vector["header"]: vector["invalid"]}, body, secrets)


@pytest.mark.shared
def test_reads_all_published_webhooks(shared: Path) -> None:
    """Every published sample is an alert or is ignored with a reason; the `data` samples too, in an envelope."""
    folder = shared / "payloads" / "pagerduty"
    whole = [
        p.read_bytes() for p in sorted(folder.glob("v3_incident.*.json")) + sorted(folder.glob("v3_service*.json"))
    ]
    parts = [json.loads(p.read_text()) for p in sorted(folder.glob("v3_data_*.json"))]
    whole += [json.dumps({"event": {"event_type": "incident.x", "data": part}}).encode() for part in parts]
    read = [pagerduty.parse(body, received_at=NOW) for body in whole]
    alerts = [a for r in read if isinstance(r, list) for a in r]
    assert len(read) == 11
    assert len(alerts) == 4
    assert all(isinstance(a, Alert) and a.title and a.service for a in alerts)


@pytest.mark.parametrize(
    ("agent", "by_hand"),
    [
        pytest.param({"type": "inbound_integration_reference"}, False, id="what sent it"),
        pytest.param({"type": "user_reference"}, True, id="a person"),
        pytest.param(None, True, id="nobody knows"),
    ],
)
def test_tells_who_ended_an_incident(agent: Any, by_hand: bool) -> None:
    """Only what sent it knows that it is over."""
    body = event(event_type="incident.resolved", agent=agent, data={"status": "resolved", "incident_key": "srv01/disk"})
    [alert] = pagerduty.parse(body, received_at=NOW)  # type: ignore[misc]
    assert (alert.is_ended_by_hand, alert.recurs_as) == (by_hand, "srv01/disk")
    [open_one] = pagerduty.parse(event(agent=agent), received_at=NOW)  # type: ignore[misc]
    assert not open_one.is_ended_by_hand
