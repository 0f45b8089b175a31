"""Webhooks of Opsgenie and JSM Operations: whom we believe, and what a delivery means."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from graph.errors import Invalid
from graph.incident import AlertStatus
from tools.adapters import opsgenie
from tools.adapters.delivery import Ignored

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)


def action(name: str = "Create", **alert: Any) -> bytes:
    data = {"alertId": "a-1", "message": "Disk full", "createdAt": 1777888800000, "updatedAt": 1777888860000000123}
    return json.dumps({"action": name, "alert": data | alert, "integrationName": "Hook"}).encode()


@pytest.mark.parametrize(
    ("headers", "believed"),
    [
        pytest.param({"X-Plumbline-Token": "s3cret"}, True, id="own-header"),
        pytest.param({"Authorization": "Bearer s3cret"}, True, id="bearer"),
        pytest.param({"authorization": "GenieKey old"}, True, id="geniekey"),
        pytest.param({"Authorization": "Bearer wrong"}, False, id="wrong"),
        pytest.param({"Authorization": "Bearer "}, False, id="empty-token"),
        pytest.param({"Authorization": "s3cret"}, False, id="no-scheme"),
        pytest.param({"X-Plumbline-Token": ""}, False, id="empty-header"),
        pytest.param({"X-Plumbline-Token": "\u20ac"}, False, id="not-latin1"),
        pytest.param({}, False, id="missing"),
    ],
)
def test_believes_only_who_knows_a_secret(headers: dict[str, str], believed: bool) -> None:
    """The secret stands in a header; several are valid while one is rotated."""
    assert opsgenie.verify(headers, ["old", "s3cret", ""]) is believed


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("Create", AlertStatus.FIRING),
        ("UnAcknowledge", AlertStatus.FIRING),
        ("Acknowledge", AlertStatus.ACKNOWLEDGED),
        ("Close", AlertStatus.RESOLVED),
        ("Delete", AlertStatus.RESOLVED),
    ],
)
def test_actions_that_tell_the_state(name: str, status: AlertStatus) -> None:
    """Create, acknowledge and close map to our three states."""
    alerts = opsgenie.parse(action(name), received_at=NOW)
    assert isinstance(alerts, list)
    assert alerts[0].status is status
    assert alerts[0].started_at == datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
    assert alerts[0].ended_at == (
        datetime(2026, 5, 4, 10, 1, 0, 0, tzinfo=UTC) if status is AlertStatus.RESOLVED else None
    )


@pytest.mark.parametrize("name", ["AddNote", "Escalate", "Snooze", "anything at all"])
def test_other_actions_are_ignored_with_a_reason(name: str) -> None:
    """Custom actions have any name, and none of these says whether the alert still stands."""
    assert isinstance(opsgenie.parse(action(name), received_at=NOW), Ignored)


@pytest.mark.parametrize(("priority", "severity"), [(3, "P3"), ("P1", "P1"), (True, "true"), (None, "")])
def test_priority_may_be_a_number(priority: object, severity: str) -> None:
    """Both spellings are in use."""
    alerts = opsgenie.parse(action(priority=priority), received_at=NOW)
    assert isinstance(alerts, list)
    assert alerts[0].severity == severity


def test_tags_and_details_become_labels() -> None:
    """A tag that holds a pair is one label, as every detail is; details win."""
    body = action(tags=["namespace:shop", "deployment=old", "vip", 7], details={"deployment": "checkout", "n": 2})
    alerts = opsgenie.parse(body, received_at=NOW)
    assert isinstance(alerts, list)
    labels = alerts[0].labels
    assert (labels["namespace"], labels["deployment"], labels["n"]) == ("shop", "checkout", "2")
    assert "vip" in labels["tags"]


def test_missing_fields_are_no_fault() -> None:
    """An alert that holds its id only is still an alert."""
    alerts = opsgenie.parse(b'{"action": "Create", "alert": {"alertId": "x", "tags": null}}', received_at=NOW)
    assert isinstance(alerts, list)
    assert alerts[0].started_at == NOW


@pytest.mark.parametrize(
    "body",
    [b"nonsense", b"{}", b'{"action": 4, "alert": {}}', b'{"action": "Create"}', b'{"action": "Create", "alert": {}}'],
)
def test_says_what_is_wrong_with_a_body(body: bytes) -> None:
    """A body that is no alert action goes to the quarantine with its reason."""
    with pytest.raises(Invalid):
        opsgenie.parse(body, received_at=NOW)


def test_the_delivery_key_tells_actions_apart() -> None:
    """The same bytes are one delivery; another action or another time is another."""
    keys = {
        opsgenie.delivery_key(b) for b in (action(), action(), action("Close"), action(updatedAt=5), b"\xff", b"[]")
    }
    assert len(keys) == 5


@pytest.mark.shared
def test_reads_all_published_samples(shared: Path) -> None:
    """Create, acknowledge and close are alerts; note, escalation and custom action are ignored."""
    read = {
        p.stem: opsgenie.parse(p.read_bytes(), received_at=NOW)
        for p in sorted((shared / "payloads" / "opsgenie").glob("*.json"))
    }
    assert {name for name, r in read.items() if isinstance(r, list)} == {"create", "acknowledge", "close"}
    assert len(read) == 6


@pytest.mark.parametrize(
    ("source", "by_hand"),
    [
        pytest.param({"type": "API", "name": ""}, False, id="over the API"),
        pytest.param({"type": "web"}, True, id="in the browser"),
        pytest.param(None, True, id="nobody knows"),
    ],
)
def test_tells_who_closed_an_alert(source: Any, by_hand: bool) -> None:
    """Only what sent it knows that it is over."""
    body = json.loads(action("Close", alias="srv01/disk")) | {"source": source}
    [alert] = opsgenie.parse(json.dumps(body).encode(), received_at=NOW)  # type: ignore[misc]
    assert (alert.is_ended_by_hand, alert.recurs_as) == (by_hand, "srv01/disk")
