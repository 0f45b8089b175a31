"""What every answer has, whatever the route: headers, methods, limits, and a body for each error."""

from __future__ import annotations

import anyio
import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from starlette.types import Message

import graph.errors
from app import errors
from app.auth import PUBLIC
from app.edge import MAX_BODY_BYTES
from app.main import create_app
from graph.errors import PlumblineError
from tests.app.api.conftest import BASE_URL, World, world

__all__ = ["world"]

broken = APIRouter()


@broken.get("/broken", dependencies=[PUBLIC])
def fail() -> None:
    raise ZeroDivisionError("secret detail")


@pytest.mark.parametrize("path", ["/healthz", "/api/me", "/nothing", "/broken", "/openapi.json"])
def test_every_answer_has_the_security_headers(world: World, path: str) -> None:
    """Successes, errors and crashes alike."""
    response = TestClient(create_app(world.services, web=broken), base_url=BASE_URL).get(path)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"


def test_a_crash_tells_nothing_of_its_inside(world: World) -> None:
    """The log has the reason; the answer has a code."""
    response = TestClient(create_app(world.services, web=broken), base_url=BASE_URL).get("/broken")
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal"
    assert "secret detail" not in response.text


def test_a_sender_that_hangs_up_stores_nothing_and_is_no_crash(world: World) -> None:
    """Half a delivery is no delivery."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/webhooks/opsgenie", "query_string": b"", "http_version": "1.1"}
    headers = [(b"x-plumbline-token", b"og"), (b"host", b"testserver")]
    anyio.run(create_app(world.services), {**scope, "headers": headers}, receive, send)
    assert sent == []
    assert world.services.inbox.pending_count() == 0


def test_head_is_a_get_without_a_body(world: World) -> None:
    """As RFC 9110 wants it."""
    response = world.client("viewer").head("/api/incidents")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == str(len(world.client("viewer").get("/api/incidents").content))


def test_a_wrong_method_is_told_which_are_right(world: World) -> None:
    """`Allow` lists all methods of the path, also when several routes serve it."""
    response = world.client("viewer").put("/api/changes")
    assert response.status_code == 405
    assert {m.strip() for m in response.headers["Allow"].split(",")} == {"GET", "POST"}
    assert response.json()["error"]["code"] == "method_not_allowed"


def test_a_large_body_is_a_413(world: World) -> None:
    """No route reads without a limit."""
    id = world.proposal(world.incident())
    response = world.client("approver").post(f"/api/proposals/{id}/approve", content=b"x" * (MAX_BODY_BYTES + 1))
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "too_large"


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff", b'{"digest": ' + b"9" * 5000 + b"}", b"[" * 50_000, b'{"\\ud800": 1}', b'{"digest": NaN}', b'"x"'],
)
def test_a_body_that_cannot_be_read_is_a_422(world: World, body: bytes) -> None:
    """Whatever is wrong with it, the answer has the common form."""
    id = world.proposal(world.incident())
    response = world.client("approver").post(
        f"/api/proposals/{id}/approve", content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "invalid"


def test_the_description_is_served_without_a_page_from_elsewhere(world: World) -> None:
    """The usual documentation page would load scripts from another host."""
    client = world.client()
    assert client.get("/openapi.json").json()["openapi"].startswith("3.1")
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404


def test_ready_means_that_the_database_answers(world: World) -> None:
    """Alive and ready are two questions."""
    assert world.client().get("/healthz").json() == world.client().get("/readyz").json() == {"status": "ok"}


def test_every_domain_error_has_a_status() -> None:
    """The table is complete: a new branch of the error tree needs a line."""
    leaves = [c for c in vars(graph.errors).values() if isinstance(c, type) and issubclass(c, PlumblineError)]
    for cls in leaves:
        if not cls.__subclasses__() or cls in errors.STATUS:
            assert any(base in errors.STATUS for base in cls.__mro__), cls
    assert all(status in errors._DESCRIPTIONS for status, _ in errors.STATUS.values())
