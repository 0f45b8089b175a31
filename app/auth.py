"""Who is asking, and may they: bearer tokens, browser sessions, roles, and the guard against forged browser requests.

Every route carries one of `require(role)`, `PUBLIC`, or `BY_SENDER` (webhooks, which prove themselves by their own
secrets); `undeclared` finds those that carry none. The role is the one of this moment: nothing is kept in the cookie.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.params import Depends
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from app.services import services_of
from app.store.users import SESSION_LIFE, Role, User
from graph.errors import NotAllowed

COOKIE = "plumbline_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="Access token of a person or a program.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, scheme_name="session", description="Session of the web pages.")


class _Access:
    """Marks a route as having decided who may use it."""


class _Public(_Access):
    def __call__(self) -> None:
        """Let everybody in."""


class _BySender(_Access):
    def __call__(self) -> None:
        """The route itself checks the sender's secret, which may be a signature over the whole body."""


class _Require(_Access):
    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> User:
        user = await run_in_threadpool(current_user, request)
        if user is None:
            raise HTTPException(
                401, "this needs an access token (`Authorization: Bearer`) or a login", {"WWW-Authenticate": "Bearer"}
            )
        if not user.role.includes(self.role):
            raise NotAllowed(f"{user.name!r} is a {user.role.value}; this needs the role {self.role.value!r}")
        if request.method not in _SAFE_METHODS and not _has_authorization(request):
            await check_csrf(request)
        return user


PUBLIC = Depends(_Public())
BY_SENDER = Depends(_BySender())

SECURITY = [Depends(_bearer), Depends(_cookie)]
"""What the description of the API says of credentials; `require` alone decides."""


def require(role: Role) -> Any:
    """Return a dependency that gives the user when their role includes `role`; 401 or 403 otherwise.

    A request that is authenticated by the browser's cookie and changes something must also pass `check_csrf`.
    """
    return Depends(_Require(role))


def current_user(request: Request) -> User | None:
    """Return who is asking, or None. Reads the database: call it in a thread.

    A request with an `Authorization` header stands or falls with it; the cookie counts without one only.
    """
    users = services_of(request).users
    if _has_authorization(request):
        scheme, _, token = request.headers["Authorization"].strip().partition(" ")
        return users.by_token(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
    session = request.cookies.get(COOKIE)
    return users.session_user(session) if session else None


def start_session(request: Request, response: Response, user: User) -> None:
    """Log somebody in: end the session that the browser had, and give it a new one. Call it in a thread."""
    services = services_of(request)
    if former := request.cookies.get(COOKIE):
        services.users.end_session(former)
    response.set_cookie(
        COOKIE,
        services.users.start_session(user),
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=_origin(request).startswith("https:"),
        path="/",
    )


def end_session(request: Request, response: Response) -> None:
    """Log out. Call it in a thread."""
    if session := request.cookies.get(COOKIE):
        services_of(request).users.end_session(session)
    response.delete_cookie(COOKIE, path="/")


def csrf_token(request: Request) -> str:
    """Return what a page of this session must send back with each change, in a form field or a header.

    It is derived from the session id, which no other page can read, and says nothing about it.
    """
    session = request.cookies.get(COOKIE, "")
    return hmac.new(session.encode("utf-8", "replace"), b"plumbline csrf", hashlib.sha256).hexdigest()


async def check_csrf(request: Request) -> None:
    """Check that one of our own pages, of this session, made the request.

    Raises:
        NotAllowed: the origin is missing or foreign, or the token is missing or wrong.
    """
    if request.headers.get("Origin") != _origin(request):
        raise NotAllowed("this request does not come from a page of this service (its Origin is another or missing)")
    given = request.headers.get(CSRF_HEADER, "")
    if not given and request.headers.get("Content-Type", "").startswith(_FORMS):
        field = (await request.form()).get(CSRF_FIELD)
        given = field if isinstance(field, str) else ""
    expected = csrf_token(request)
    if not request.cookies.get(COOKIE) or not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise NotAllowed("the page is out of date or of another session: load it again and repeat")


def undeclared(app: FastAPI) -> Iterator[str]:
    """Yield each operation that does not say who may use it."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and not _declares(context.dependant):
            yield f"{'/'.join(sorted(context.methods or ()))} {context.path}"


def _declares(dependant: Dependant) -> bool:
    return any(isinstance(d.call, _Access) or _declares(d) for d in dependant.dependencies)


def _has_authorization(request: Request) -> bool:
    return "Authorization" in request.headers


def _origin(request: Request) -> str:
    """Return the origin under which people reach the service: the configured one, else that of the request."""
    address = urlsplit(services_of(request).base_url or str(request.base_url))
    return f"{address.scheme}://{address.netloc}"
