"""Drift events over HTTP and in the terminal: read on and on, with what may be missing from them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.drift_events_client import read_events
from graph.document import ABSENT
from graph.drift_event import DriftEventKind
from graph.finding import Verdict
from tests.app.api.conftest import CONFIG, World
from tests.app.store.test_drift_events import event

PATH = "/api/graph/demo/drift-events"


@pytest.fixture
def told(world: World) -> World:
    """Three events have been found."""
    closed = event(DriftEventKind.CLOSED, uid=CONFIG, minute=9)
    world.services.drift_events.append("demo", [event(uid=CONFIG), event(path="/data/b", minute=5), closed])
    return world


def test_events_are_read_on(told: World) -> None:
    """In order, each once, with values that null alone would not tell."""
    client = told.client("viewer")
    first = client.get(PATH, params={"limit": 2}).json()
    rest = client.get(PATH, params={"after": first["next"]}).json()
    found = [*first["events"], *rest["events"]]
    assert [e["kind"] for e in found] == ["opened", "opened", "closed"]
    assert found[0]["resource"] == CONFIG
    assert found[0]["verdict"] == Verdict.OUT_OF_BAND_CHANGE
    assert (found[0]["intended"], found[0]["applied"], found[0]["absent"]) == ("1s", None, ["applied", "before"])
    assert found[0]["actor"]["name"] == "ann"
    assert client.get(PATH, params={"after": rest["next"]}).json()["events"] == []
    assert event().applied is ABSENT


def test_events_are_narrowed(told: World) -> None:
    """By resource, kind and time of detection."""
    client = told.client("viewer")
    asked = {"resource": CONFIG, "kind": "closed", "since": event(minute=8).detected_at.isoformat()}
    assert [e["kind"] for e in client.get(PATH, params=asked).json()["events"]] == ["closed"]
    newest = client.get(PATH, params={"newest_first": True, "limit": 1}).json()
    assert [e["kind"] for e in newest["events"]] == ["closed"]


def test_who_may_read(told: World) -> None:
    """Nobody without a token; an unknown environment and resource are named."""
    assert told.client().get(PATH).status_code == 401
    client = told.client("viewer")
    assert client.get("/api/graph/none/drift-events").status_code == 404
    assert client.get(PATH, params={"resource": "no/such/thing"}).status_code == 404


def test_terminal_tells_a_line_for_each(told: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Oldest first; with `--json` what the service said."""
    client = told.client("viewer")

    class Ask:
        def get(self, path: str, **query: Any) -> Any:
            return client.get(path, params=query).json()

    read_events(Ask(), PATH, {"limit": 2}, as_json=False)  # type: ignore[arg-type]
    printed = capsys.readouterr().out
    assert printed.index("opened") < printed.index("closed")
    assert "by hand by ann" in printed
    read_events(Ask(), PATH, {"limit": 2}, as_json=True)  # type: ignore[arg-type]
    assert [e["kind"] for e in json.loads(capsys.readouterr().out)["events"]] == ["opened", "closed"]
