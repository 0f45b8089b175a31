"""People say what it was; it is recalled, traced, and taken out of use."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.api.conftest import CHECKOUT, CONFIG, World


def test_confirming_the_leading_cause_makes_a_memory(world: World) -> None:
    """With who said it, what was named and what it resembles."""
    id = world.incident()
    told = world.client("responder").post(f"/api/incidents/{id}/outcome", json={"cause": 0, "note": "typo"}).json()
    assert (told["id"], told["outcome"], told["by"], told["note"]) == ("MEM-1", "confirmed", "responder-user", "typo")
    assert told["cause"] == {
        "resource": CONFIG,
        "resource_name": "shop/ConfigMap/checkout-config",
        "kind": "config_changed",
    }
    assert told["not_causes"] == []
    assert world.client("viewer").get("/api/memories").json()["memories"] == [told]
    assert world.client("viewer").get("/api/memories/MEM-1").json() == told


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        pytest.param({"resource": "shop/Deployment/checkout", "kind": "bad_image"}, CHECKOUT, id="something else"),
        pytest.param({}, None, id="none of these"),
    ],
)
def test_a_correction_keeps_what_it_was_not(world: World, body: dict[str, Any], cause: str | None) -> None:
    """The cause that the diagnosis named is remembered as wrong."""
    id = world.incident()
    told = world.client("responder").post(f"/api/incidents/{id}/outcome", json=body).json()
    assert told["outcome"] == "corrected"
    assert (told["cause"] and told["cause"]["resource"]) == cause
    assert [c["resource"] for c in told["not_causes"]] == [CONFIG]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"cause": 7}, id="no such cause"),
        pytest.param({"cause": 0, "kind": "bad_image"}, id="both ways"),
        pytest.param({"resource": "shop/Deployment/checkout"}, id="no kind"),
    ],
)
def test_an_outcome_that_says_nothing_clear_is_refused(world: World, body: dict[str, Any]) -> None:
    """Nothing is remembered of it."""
    id = world.incident()
    assert world.client("responder").post(f"/api/incidents/{id}/outcome", json=body).status_code == 409
    assert world.client("viewer").get("/api/memories").json()["memories"] == []


@pytest.mark.parametrize("who", ["viewer", "agent"])
def test_only_people_who_respond_teach(world: World, who: str) -> None:
    """Neither a spectator nor an agent, whatever its role, can plant or remove a memory."""
    id = world.incident()
    assert world.client(who).post(f"/api/incidents/{id}/outcome", json={"cause": 0}).status_code == 403
    world.client("responder").post(f"/api/incidents/{id}/outcome", json={"cause": 0})
    assert world.client(who).post("/api/memories/MEM-1/remove", json={"reason": "no"}).status_code == 403


def test_a_wrong_memory_is_removed_with_a_reason_and_stays_on_record(world: World) -> None:
    """A second removal is a conflict."""
    id = world.incident()
    client = world.client("responder")
    client.post(f"/api/incidents/{id}/outcome", json={"cause": 0})
    removed = client.post("/api/memories/MEM-1/remove", json={"reason": "it was DNS"}).json()
    assert (removed["removed_by"], removed["removed_because"]) == ("responder-user", "it was DNS")
    assert client.post("/api/memories/MEM-1/remove", json={"reason": "again"}).status_code == 409
    assert client.post("/api/memories/MEM-2/remove", json={"reason": "none"}).status_code == 404
    texts = [e["text"] for e in client.get(f"/api/incidents/{id}/timeline").json()["events"]]
    assert "MEM-1 is used no more: it was DNS" in texts
