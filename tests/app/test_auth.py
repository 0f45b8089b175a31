"""Who is let in, who is not, and what protects a browser's session."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient

from app import auth
from app.auth import PUBLIC, require
from app.main import create_app
from app.services import services_of
from app.store.users import Role, User
from tests.app.api.conftest import BASE_URL, World, world

__all__ = ["world"]

web = APIRouter()


@web.get("/login/{name}", dependencies=[PUBLIC])
def login(request: Request, response: Response, name: str) -> str:
    auth.start_session(request, response, services_of(request).users.get(name))
    return "ok"


@web.get("/page")
def page(request: Request, user: Annotated[User, require(Role.VIEWER)]) -> dict[str, str]:
    return {"user": user.name, "csrf": auth.csrf_token(request)}


@web.post("/act")
def act(user: Annotated[User, require(Role.RESPONDER)]) -> str:
    return user.name


@web.get("/logout", dependencies=[PUBLIC])
def logout(request: Request, response: Response) -> str:
    auth.end_session(request, response)
    return "bye"


def browser(world: World, name: str = "responder-user") -> TestClient:
    client = TestClient(create_app(world.services, web=web), base_url=BASE_URL)
    client.get(f"/login/{name}")
    return client


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic eDp5", "Token x", "Bearer \u00ff", "Bearer a b"],
)
def test_wrong_credentials_are_a_401(world: World, header: str) -> None:
    """Also beside a valid session: a credential that is shown must be right."""
    client = browser(world)
    response = client.get("/api/me", headers={"Authorization": header.encode("latin-1")})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_every_route_but_the_public_ones_needs_a_credential(world: World) -> None:
    """Enumerates all operations: no credential, no answer."""
    app = create_app(world.services)
    client = TestClient(app, base_url=BASE_URL)
    open_to_all = {"/healthz", "/readyz", "/openapi.json"}
    seen = 0
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.original_route, APIRoute) or context.path in open_to_all:
            continue
        for method in (context.methods or set()) - {"OPTIONS"}:
            seen += 1
            path = (context.path or "").replace("{", "").replace("}", "")
            response = client.request(method, path, json={"routing_key": "no", "payload": {}})
            assert response.status_code == 401, (method, path)
    assert seen > 20


def test_a_route_that_declares_nobody_stops_the_start(world: World) -> None:
    """Forgetting who may use a route is found before the first request."""
    router = APIRouter()

    @router.get("/forgotten")
    def forgotten() -> None: ...

    with pytest.raises(RuntimeError, match="GET /forgotten"):
        create_app(world.services, web=router)


def test_a_revoked_token_and_a_lost_role_count_at_once(world: World) -> None:
    """The role of this moment decides, not the one at login."""
    client = world.client("responder")
    users = world.services.users
    user = users.get("responder-user")
    users.set_role(user.name, Role.VIEWER, actor="test")
    assert client.post("/api/changes", json={}).status_code == 403
    users.revoke_tokens(user, actor="test")
    assert client.get("/api/me").status_code == 401


def test_a_session_reads_and_acts_with_its_csrf_token(world: World) -> None:
    """Origin and token of one of our own pages let a change through."""
    client = browser(world)
    shown = client.get("/page").json()
    assert shown["user"] == "responder-user"
    origin = {"Origin": BASE_URL}
    assert client.post("/act", headers=origin | {auth.CSRF_HEADER: shown["csrf"]}).status_code == 200
    assert client.post("/act", headers=origin, data={auth.CSRF_FIELD: shown["csrf"]}).status_code == 200


@pytest.mark.parametrize("path", ["/act", "/api/incidents/INC-1/investigate"])
@pytest.mark.parametrize(
    ("origin", "token"),
    [
        pytest.param(None, "right", id="no-origin"),
        pytest.param("https://evil.example", "right", id="foreign-origin"),
        pytest.param("null", "right", id="null-origin"),
        pytest.param(BASE_URL + ".evil.example", "right", id="longer-origin"),
        pytest.param(BASE_URL, None, id="no-token"),
        pytest.param(BASE_URL, "0" * 64, id="wrong-token"),
        pytest.param(BASE_URL, "of another session", id="token-of-another-session"),
    ],
)
def test_a_forged_browser_request_is_refused(world: World, path: str, origin: str | None, token: str | None) -> None:
    """The cookie alone changes nothing."""
    world.incident()
    client = browser(world)
    if token == "right":
        token = client.get("/page").json()["csrf"]
    elif token == "of another session":
        token = browser(world).get("/page").json()["csrf"]
    headers = {k: v for k, v in (("Origin", origin), (auth.CSRF_HEADER, token)) if v is not None}
    assert client.post(path, headers=headers).status_code == 403
    assert world.looks == []


def test_a_bearer_token_needs_no_csrf_token(world: World) -> None:
    """No browser sends it by itself."""
    id = world.incident()
    assert world.client("responder").post(f"/api/incidents/{id}/investigate").status_code == 202


def test_a_session_ends_on_logout_and_after_idling(world: World) -> None:
    """The cookie is worthless on the next request."""
    client = browser(world)
    cookie = client.cookies[auth.COOKIE]
    client.get("/logout")
    client.cookies.set(auth.COOKIE, cookie)
    assert client.get("/page").status_code == 401
    other = browser(world)
    world.clock.pass_(minutes=31)
    assert other.get("/page").status_code == 401


def test_login_replaces_the_session_that_the_browser_had(world: World) -> None:
    """A session id that somebody planted is not the one that gets the rights."""
    client = browser(world)
    planted = client.cookies[auth.COOKIE]
    client.get("/login/viewer-user")
    assert client.cookies[auth.COOKIE] != planted
    client.cookies.clear()
    client.cookies.set(auth.COOKIE, planted)
    assert client.get("/page").status_code == 401


def test_the_cookie_is_kept_from_scripts_and_other_sites(world: World) -> None:
    """HttpOnly, SameSite, and Secure where the service is reached over TLS."""
    plain = TestClient(create_app(world.services, web=web), base_url=BASE_URL).get("/login/viewer-user")
    assert "httponly" in plain.headers["set-cookie"].lower()
    assert "samesite=lax" in plain.headers["set-cookie"].lower()
    assert "secure" not in plain.headers["set-cookie"].lower()
    tls = TestClient(create_app(world.services, web=web), base_url="https://testserver").get("/login/viewer-user")
    assert "secure" in tls.headers["set-cookie"].lower()
