"""Change events that are posted: all modes, tied to resources, stored before the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.services import SenderSecrets
from tests.app.api.conftest import CONFIG, World, build


def event(id: str = "e-1", ref: str = CONFIG) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id,
        "source": "/ci",
        "type": "dev.plumbline.change.v1",
        "time": "2026-11-20T11:00:00Z",
        "data": {"kind": "config", "targets": [{"ref": ref}], "actor": {"id": "ana", "type": "human"}},
    }


@pytest.mark.parametrize(
    ("media", "body", "count"),
    [
        pytest.param("application/cloudevents+json", event(), 1, id="structured"),
        pytest.param("application/cloudevents-batch+json", [event("a"), event("b")], 2, id="batch"),
        pytest.param("application/json", event(), 1, id="plain-json"),
    ],
)
def test_posted_changes_are_in_the_history(world: World, media: str, body: Any, count: int) -> None:
    """What was accepted is listed for its resource."""
    answer = world.client("responder").post("/api/changes", content=json.dumps(body), headers={"Content-Type": media})
    assert answer.status_code == 202
    assert (len(answer.json()["changes"]), answer.json()["new"]) == (count, count)
    listed = world.client("viewer").get("/api/changes", params={"resource": CONFIG}).json()["changes"]
    assert {c["id"] for c in listed} == set(answer.json()["changes"])
    assert listed[0]["actor"]["name"] == "ana"


def test_binary_mode(world: World) -> None:
    """Attributes stand in headers, the data in the body."""
    attributes = {f"ce-{k}": v for k, v in event().items() if k != "data"}
    answer = world.client("responder").post("/api/changes", json=event()["data"], headers=attributes)
    assert answer.json()["new"] == 1


def test_the_same_event_twice_is_one(world: World) -> None:
    """Source and id of the event are its identity."""
    client = world.client("responder")
    assert [client.post("/api/changes", json=event()).json()["new"] for _ in range(2)] == [1, 0]


def test_a_short_name_is_tied_to_its_resource(world: World) -> None:
    """Pipelines rarely know uids; a name that nothing has is kept as it is."""
    client = world.client("responder")
    client.post("/api/changes", json=event("a", "shop/ConfigMap/checkout-config"))
    client.post("/api/changes", json=event("b", "nobody knows"))
    listed = client.get("/api/changes").json()["changes"]
    assert {c["resource"] for c in listed} == {CONFIG, "nobody knows"}


def test_who_may_post(world: World) -> None:
    """A viewer only reads; an unknown environment is a 404; nonsense is a 422."""
    assert world.client("viewer").post("/api/changes", json=event()).status_code == 403
    client = world.client("responder")
    assert client.post("/api/changes?environment=other", json=event()).status_code == 404
    assert client.post("/api/changes", content=b"\xff").status_code == 422
    assert client.post("/api/changes", content=b"x" * (1024 * 1024 + 1)).status_code == 413


def test_the_handshake_of_cloudevents(world: World) -> None:
    """Senders may ask whether they may send."""
    answer = world.client().options("/api/changes", headers={"WebHook-Request-Origin": "ci.example"})
    assert answer.status_code == 204
    assert answer.headers["WebHook-Allowed-Origin"] == "ci.example"


def enqueue(world: World, **changes: Any) -> Any:
    body = {
        "routing_key": "routing-key",
        "payload": {"summary": "Deployed 1.2", "timestamp": "2026-11-20T11:00:00Z", "custom_details": {"on": CONFIG}},
    }
    return world.client().post("/v2/change/enqueue", json=body | changes)


def test_a_pagerduty_change_event(world: World) -> None:
    """Tools that send to PagerDuty need only another address; the key in the body lets them in."""
    answer = enqueue(world)
    assert (answer.status_code, answer.json()["status"]) == (202, "success")
    listed = world.client("viewer").get("/api/changes").json()["changes"]
    assert (listed[0]["summary"], listed[0]["resource"]) == ("Deployed 1.2", CONFIG)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({"routing_key": "wrong"}, 401, id="wrong-key"),
        pytest.param({"routing_key": None}, 401, id="no-key"),
        pytest.param({"payload": {}}, 422, id="no-summary"),
        pytest.param({"payload": []}, 422, id="payload-is-list"),
    ],
)
def test_pagerduty_change_events_that_are_refused(world: World, changes: dict[str, Any], status: int) -> None:
    """A wrong key is a 401; a body that says nothing is a 422."""
    assert enqueue(world, **changes).status_code == status


def test_without_a_key_the_endpoint_is_off(tmp_path: Path) -> None:
    """Not configured means closed."""
    world = build(tmp_path, secrets=SenderSecrets())
    assert enqueue(world).status_code == 404
    world.services.database.dispose()


@pytest.mark.shared
def test_takes_the_published_samples(world: World, shared: Path) -> None:
    """CloudEvents and CDEvents of their specifications are accepted, each as a change or as none."""
    client = world.client("responder")
    for path in sorted((shared / "payloads").glob("c[dl]*events/*.json")):
        if "data_base64" in path.read_text():
            continue
        answer = client.post("/api/changes", content=path.read_bytes(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 202, path.name
