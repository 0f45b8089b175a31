"""A source that is down, late or partial is told of in every answer; what was believed is told as it was believed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from graph.resource import Facet
from graph.version import Document, Snapshot, Unreadable
from tests.app.api.conftest import CHECKOUT, CONFIG, World
from tests.graph.builders import manifest, resource_of

_ANSWERS = {
    "state": {"facet": "actual"},
    "changes": {},
    "history": {"resource": CONFIG},
    "why": {"resource": CONFIG},
    "drift": {},
    "blast": {"resource": CONFIG},
}


def _down(world: World) -> str:
    world.services.graph_store.source_failed("demo", "actual:demo", Facet.ACTUAL, "no answer", world.clock.now)
    return "no answer"


def _late(world: World) -> str:
    world.clock.pass_(hours=2)
    return "was last read at 2026-11-20 11:55"


def _never(world: World) -> str:
    world.services.graph_store.source_failed("demo", "cloudtrail:demo", None, "no such file", world.clock.now)
    return "no such file"


def _partial(world: World) -> str:
    torn = Unreadable(where="dump.json", reason="cut short")
    body = manifest("ConfigMap", "checkout-config", data={"PAYMENTS_URL": "http://wrong"})
    world.services.graph_store.record(
        "demo",
        Snapshot(
            facet=Facet.ACTUAL,
            source="actual:demo",
            taken_at=world.clock.now,
            documents=(Document(resource=resource_of(body), body=body),),
            unreadable=(torn,),
            complete=False,
        ),
        [],
    )
    return "left something out"


@pytest.mark.parametrize("answer", _ANSWERS)
@pytest.mark.parametrize("fault", [_down, _late, _never, _partial])
def test_an_answer_says_which_source_it_lacks(world: World, answer: str, fault: Callable[[World], str]) -> None:
    """Whatever is asked, the gap stands in the answer, and without a fault there is none."""
    with world.client("viewer") as client:

        def told() -> str:
            response = client.get(f"/api/graph/demo/{answer}", params=_ANSWERS[answer])
            assert response.status_code == 200, response.text
            found = response.json()
            return "\n".join(found["unseen"]) if answer == "blast" else "\n".join(g["why"] for g in found["gaps"])

        assert "last read" not in told()
        reason = fault(world)
        assert reason in told()


def _ask(world: World, answer: str, **query: Any) -> Any:
    with world.client("viewer") as client:
        response = client.get(f"/api/graph/demo/{answer}", params=query)
        assert response.status_code == 200, response.text
        return response.json()


def test_what_was_believed_is_told_as_it_was(world: World) -> None:
    """Evidence that came late changes what is known of a time, and not what was believed at that time."""
    then = world.clock.now
    world.clock.pass_(minutes=10)
    body = manifest("ConfigMap", "checkout-config", data={"PAYMENTS_URL": "http://payments"})
    late = Snapshot(
        facet=Facet.ACTUAL,
        source="actual:demo",
        taken_at=then - timedelta(minutes=2),
        documents=(Document(resource=resource_of(body), body=body),),
        complete=False,
    )
    world.services.graph_store.record("demo", late, [])
    at, known = then.isoformat(), then.isoformat()
    assert len(_ask(world, "drift", as_of=at, known_at=known)["findings"]) == 1
    assert _ask(world, "drift", as_of=at)["findings"] == []
    assert len(_ask(world, "why", resource=CONFIG, at=at, known_at=known)["findings"]) == 1
    assert _ask(world, "why", resource=CONFIG, at=at)["findings"] == []
    values = [
        _ask(world, "state", resource=CONFIG, at=at, **more)["resources"][0]["body"]["data"]["PAYMENTS_URL"]
        for more in ({"known_at": known}, {})
    ]
    assert values == ["http://wrong", "http://payments"]


@pytest.mark.parametrize("answer", _ANSWERS)
def test_nothing_is_known_before_the_first_reading(world: World, answer: str) -> None:
    """An answer as known before anything was read is empty, or says that it knows of no such resource."""
    long_ago = (world.clock.now - timedelta(days=1)).isoformat()
    with world.client("viewer") as client:
        query = {**_ANSWERS[answer], "known_at": long_ago}
        response = client.get(f"/api/graph/demo/{answer}", params=query)
        assert response.status_code == (404 if "resource" in query else 200)
        if response.status_code == 200:
            assert CHECKOUT not in response.text
