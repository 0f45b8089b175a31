"""Posted change events, and files of them."""

from __future__ import annotations

import base64
import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.change import ActorType
from graph.document import ABSENT, Object
from graph.errors import Invalid
from tools.adapters.changes_http import parse_change_event
from tools.adapters.deployments import Deployments

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
DATA: Object = {
    "kind": "deploy",
    "status": "succeeded",
    "started_at": "2026-11-22T11:50:00Z",
    "finished_at": "2026-11-22T11:55:00Z",
    "targets": [{"ref": "k8s://demo/apps/Deployment/shop/cart"}, {"ref": "arn:aws:iam::1:role/x"}],
    "actor": {"id": "deployer", "type": "automation"},
    "version": {"before": "1.0", "after": "1.1", "commit": "abc"},
    "correlation": {"deployment": "run-7"},
}
EVENT: Object = {
    "specversion": "1.0",
    "id": "1",
    "source": "/ci",
    "type": "dev.plumbline.change.v1",
    "time": "2026-11-22T11:56:00Z",
    "data": DATA,
}
HEADERS = {"Ce-Specversion": "1.0", "ce-id": "1", "CE-Source": "/ci", "ce-type": "dev.plumbline.change.v1"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/cloudevents+json; charset=utf-8"}, EVENT),
        ({"content-type": "application/cloudevents-batch+json"}, [EVENT]),
        ({"content-type": "application/json", **HEADERS}, DATA),
        ({"content-type": "application/json"}, EVENT),
        (
            {},
            {k: v for k, v in EVENT.items() if k != "data"}
            | {"data_base64": base64.b64encode(json.dumps(DATA).encode()).decode()},
        ),
    ],
    ids=["structured", "batch", "binary", "plain json", "base64"],
)
def test_reads_every_mode_of_cloud_events(headers: dict[str, str], body: object) -> None:
    """The same event in each mode gives the same changes, one for each target."""
    first, second = parse_change_event(headers, json.dumps(body).encode(), received_at=NOW)
    assert (first.uid, second.uid) == ("k8s://demo/apps/Deployment/shop/cart", "arn:aws:iam::1:role/x")
    assert first.id != second.id
    assert (first.kind, first.before, first.after, first.reference, first.run) == (
        "deploy",
        "1.0",
        "1.1",
        "abc",
        "run-7",
    )
    assert first.earliest == dt.datetime(2026, 11, 22, 11, 50, tzinfo=dt.UTC)
    assert first.latest == dt.datetime(2026, 11, 22, 11, 55, tzinfo=dt.UTC)
    assert first.actor is not None
    assert (first.actor.name, first.actor.type) == ("deployer", ActorType.AUTOMATION)


def test_the_same_delivery_twice_has_the_same_id() -> None:
    """Ids depend on source and event id, so that a repeat is known as one."""
    body = json.dumps(EVENT).encode()
    assert parse_change_event({}, body) == parse_change_event({}, body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not utf-8"),
        (b"5", "no JSON object"),
        (b"{}", "neither a CloudEvent"),
        (json.dumps(EVENT | {"specversion": "0.3"}).encode(), "only CloudEvents 1.x"),
        (json.dumps(EVENT | {"id": ""}).encode(), "id is missing"),
        (json.dumps(EVENT | {"data": 5}).encode(), "is no object"),
        (json.dumps(EVENT | {"data": DATA | {"targets": [{}]}}).encode(), "text `ref`"),
        (json.dumps(EVENT | {"data": {"kind": "deploy"}, "time": "soon"}).encode(), "names no time"),
        (json.dumps([EVENT] * 1001).encode(), "at most 1000"),
        (b'{"payload": {"summary": 5}}', "payload.summary"),
    ],
    ids=["cut", "bytes", "number", "empty", "old", "no id", "no data", "no ref", "no time", "too many", "pagerduty"],
)
def test_says_why_an_event_is_refused(body: bytes, words: str) -> None:
    """What can't be understood is refused with the reason."""
    with pytest.raises(Invalid, match=words):
        parse_change_event({"content-type": "application/json"}, body)


def test_keeps_the_routing_key_out() -> None:
    """The key of a PagerDuty event is a secret and is not kept; a resource that its details name is."""
    event = {
        "routing_key": "topsecretkey",
        "payload": {"summary": "Deployed", "custom_details": {"to": "k8s://demo/a"}},
    }
    (change,) = parse_change_event({}, json.dumps(event).encode(), received_at=NOW)
    assert (change.uid, change.summary, change.latest, change.before) == ("k8s://demo/a", "Deployed", NOW, ABSENT)
    assert "topsecretkey" not in repr(change)


@given(
    st.dictionaries(
        st.sampled_from([*EVENT, "context", "subject", "payload"]),
        st.none() | st.text(max_size=5) | st.lists(st.text(max_size=3)) | st.just(DATA),
    )
)
def test_survives_events_of_any_shape(event: Object) -> None:
    """Any JSON is understood or refused; nothing else is raised."""
    try:
        parse_change_event({}, json.dumps(EVENT | event).encode(), received_at=NOW)
        parse_change_event({}, json.dumps(event).encode(), received_at=NOW)
    except Invalid:
        pass


def test_reads_a_file_of_deployments(tmp_path: Path) -> None:
    """Events of a file come oldest first, once each; lines that can't be used are gaps."""
    path = tmp_path / "deployments.jsonl"
    older = EVENT | {"id": "0", "data": DATA | {"finished_at": "2026-11-22T11:51:00Z"}}
    path.write_text("\n".join([json.dumps(EVENT), json.dumps(older), json.dumps(EVENT), '{"id": 5}', '{"spec']))
    source = Deployments("deployments", path)
    batch = source.changes(None)
    assert [c.latest.minute for c in batch.changes] == [51, 51, 55, 55]
    assert [g.what for g in batch.gaps] == ["line 4 of deployments.jsonl", "line 5 of deployments.jsonl"]
    assert len(source.changes(dt.datetime(2026, 11, 22, 11, 52, tzinfo=dt.UTC)).changes) == 2


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("cdevents/service_deployed.json", ["deploy"]),
        ("cdevents/service_upgraded.json", ["deploy"]),
        ("cdevents/service_rolledback.json", ["rollback"]),
        ("cdevents/environment_modified.json", ["infra"]),
        ("cdevents/change_merged.json", ["commit"]),
        ("cdevents/artifact_published.json", ["other"]),
        ("cdevents/incident_detected.json", []),
        ("cdevents/incident_resolved.json", []),
        ("cloudevents/json_format_example_1.json", ["other"]),
        ("cloudevents/json_format_example_2.json", ["other"]),
        ("cloudevents/json_format_example_3.json", ["other"]),
        ("pagerduty/events_v2_change.build-change-event.request.json", ["other"]),
        ("pagerduty/events_v2_change.git-change-event.request.json", ["other"]),
    ],
)
def test_reads_published_samples(shared: Path, name: str, kinds: list[str]) -> None:
    """Samples of each specification are understood."""
    changes = parse_change_event({}, (shared / "payloads" / name).read_bytes(), received_at=NOW)
    assert [c.kind for c in changes] == kinds
