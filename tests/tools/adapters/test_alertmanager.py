"""Alertmanager webhooks: whom we believe, and what a delivery means."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from graph.errors import Invalid
from graph.incident import AlertStatus
from tools.adapters import alertmanager
from tools.adapters.delivery import Ignored

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)


def group(*alerts: Any, **changes: Any) -> bytes:
    return json.dumps({"version": "4", "status": "firing", "alerts": list(alerts)} | changes).encode()


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "believed"),
    [
        pytest.param("Bearer s3cret", True, id="bearer"),
        pytest.param("bearer s3cret", True, id="scheme-in-lower-case"),
        pytest.param(basic("alertmanager:s3cret"), True, id="basic"),
        pytest.param(basic("s3cret"), False, id="basic-without-colon"),
        pytest.param(basic("s3cret:"), False, id="secret-as-user"),
        pytest.param("Basic ***", False, id="basic-no-base64"),
        pytest.param("Bearer s3cre", False, id="prefix"),
        pytest.param("", False, id="missing"),
    ],
)
def test_believes_only_who_knows_a_secret(header: str, believed: bool) -> None:
    """Alertmanager sends a bearer token or a basic-auth password."""
    assert alertmanager.verify({"Authorization": header}, ["s3cret"]) is believed


def test_reads_each_alert_of_a_group() -> None:
    """Common labels are defaults; each alert keeps its own status and times."""
    body = group(
        {
            "fingerprint": "f1",
            "labels": {"alertname": "Errors", "service": "checkout"},
            "annotations": {"summary": "5xx", "description": "too many", "runbook_url": "https://example.com/r"},
            "startsAt": "2026-05-04T09:00:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
        },
        {"fingerprint": "f2", "status": "resolved", "labels": {"alertname": "B"}, "endsAt": "2026-05-04T09:30:00Z"},
        commonLabels={"namespace": "shop", "severity": "critical"},
    )
    alerts = alertmanager.parse(body, received_at=NOW)
    assert isinstance(alerts, list)
    one, two = alerts
    assert (one.key, one.title, one.description, one.service) == ("f1", "5xx", "too many", "checkout")
    assert (one.severity, one.labels["namespace"]) == ("critical", "shop")
    assert one.labels["annotation_runbook_url"] == "https://example.com/r"
    assert one.started_at == datetime(2026, 5, 4, 9, 0, 0, 123456, tzinfo=UTC)
    assert one.ended_at is None
    assert (two.status, two.title) == (AlertStatus.RESOLVED, "B")
    assert two.ended_at == datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


def test_a_repeated_fingerprint_is_one_alert() -> None:
    """The later start wins, wherever it stands in the body."""
    first = {"fingerprint": "f", "labels": {"a": "1"}, "startsAt": "2026-05-04T09:00:00Z"}
    later = {"fingerprint": "f", "labels": {"a": "2"}, "startsAt": "2026-05-04T09:10:00Z"}
    for order in ((first, later), (later, first)):
        alerts = alertmanager.parse(group(*order), received_at=NOW)
        assert isinstance(alerts, list)
        assert [a.labels["a"] for a in alerts] == ["2"]


def test_without_a_fingerprint_the_labels_identify() -> None:
    """Equal labels are the same alert, as in Alertmanager itself."""
    alerts = alertmanager.parse(group({"labels": {"x": "1"}}, {"labels": {"x": "1"}}), received_at=NOW)
    assert isinstance(alerts, list)
    assert len(alerts) == 1


def test_one_odd_member_does_not_lose_the_others() -> None:
    """What can be read is read."""
    alerts = alertmanager.parse(group(7, {}, {"fingerprint": "f", "labels": [], "startsAt": {}}), received_at=NOW)
    assert isinstance(alerts, list)
    assert [a.key for a in alerts] == ["f"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b'{"text": "my own template"}', "custom `payload` template", id="custom-payload"),
        pytest.param(b'{"alerts": "two"}', "`alerts`", id="alerts-is-text"),
        pytest.param(group(1, 2), "labels or a fingerprint", id="no-member-readable"),
        pytest.param(b"alerts:", "not JSON", id="yaml"),
    ],
)
def test_says_what_is_wrong_with_a_body(body: bytes, words: str) -> None:
    """The reason names what to change at the sender."""
    with pytest.raises(Invalid, match=words):
        alertmanager.parse(body, received_at=NOW)


def test_an_empty_group_is_ignored() -> None:
    """It is well-formed and says nothing."""
    assert isinstance(alertmanager.parse(group(), received_at=NOW), Ignored)


@pytest.mark.parametrize(("cut", "found"), [(3, 1), (0, 0), (-1, 0), ("3", 0), (True, 0), (10**400, 0), (None, 0)])
def test_alerts_that_the_sender_cut_off_are_a_gap(cut: object, found: int) -> None:
    """A cut group is never taken for the whole."""
    assert len(alertmanager.gaps(group(truncatedAlerts=cut, externalURL="http://am:9093"))) == found


@pytest.mark.shared
def test_reads_all_published_samples(shared: Path) -> None:
    """Minimal bodies, several alerts and a repeated fingerprint are read."""
    read = {
        p.stem: alertmanager.parse(p.read_bytes(), received_at=NOW)
        for p in sorted((shared / "payloads" / "alertmanager").glob("*.json"))
    }
    counts = {name: len(r) for name, r in read.items() if isinstance(r, list)}
    assert counts == {
        "kubernaut_cpu_throttling": 1,
        "kubernaut_high_memory": 1,
        "kubernaut_resolved": 1,
        "opensre_high_error_rate": 1,
        "runlore_example": 5,
        "zulip_two_alerts": 2,
    }
