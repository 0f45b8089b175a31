"""Errors as HTTP answers: one table from domain error to status, one body for all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from graph.errors import (
    BudgetExceeded,
    Cancelled,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    PlumblineError,
    Refused,
    Unexpected,
    Unreachable,
)

STATUS: dict[type[PlumblineError], tuple[int, str]] = {
    NotFound: (404, "not_found"),
    Conflict: (409, "conflict"),
    NotAllowed: (403, "not_allowed"),
    Invalid: (422, "invalid"),
    Unreachable: (503, "unavailable"),
    Refused: (502, "refused_outside"),
    Unexpected: (502, "unexpected_outside"),
    BudgetExceeded: (503, "budget_exceeded"),
    Cancelled: (409, "cancelled"),
}
"""Status and code of each error; a subclass without a line of its own takes that of its nearest base."""

_FOR_PROGRAMS = ("/api/", "/webhooks/", "/v2/")

_CODES = {400: "invalid", 401: "not_authenticated", 403: "not_allowed", 404: "not_found", 405: "method_not_allowed"}
_CODES |= {413: "too_large", 415: "unsupported_media_type", 422: "invalid", 503: "unavailable"}

_DESCRIPTIONS = {
    401: "No credential, or one that is not valid.",
    403: "The role does not allow this, or a browser request lacks its CSRF token.",
    404: "There is no such thing.",
    405: "This path has no such method; `Allow` lists those it has.",
    409: "The thing is not in a state that allows this.",
    413: "The body is too large.",
    422: "The request can't be read.",
    502: "An outside system answered with a refusal or with something that can't be understood.",
    503: "The database or an outside system gives no answer; try again.",
}


class Problem(BaseModel):
    """What went wrong."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="Short and stable, for programs.", examples=["not_found"])
    message: str = Field(description="One or two sentences for people: what failed, on what, what to do next.")


class Error(BaseModel):
    """Body of every answer that is not a success."""

    model_config = ConfigDict(extra="forbid")

    error: Problem


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of these error statuses."""
    return {status: {"model": Error, "description": _DESCRIPTIONS[status]} for status in statuses}


def status_of(error: PlumblineError) -> tuple[int, str]:
    """Return HTTP status and code of a domain error; a plain 500 when the table has no line for it."""
    for cls in type(error).__mro__:
        if cls in STATUS:
            return STATUS[cls]
    return 500, "internal"


def answer(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Build the answer for an error. The message may quote outside text, so it is made encodable."""
    body = json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False)
    return Response(body.encode("utf-8", "replace"), status, headers, "application/json")


ProblemPage = Callable[[Request, int, str], Response]
"""Builds the page for an error: takes the request, the status and the message."""


def install(app: FastAPI, problem_page: ProblemPage | None = None) -> None:
    """Answer all errors that a route raises on purpose: programs with the common body, browsers with a page."""
    app.state.problem_page = problem_page
    app.add_exception_handler(PlumblineError, _domain_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PlumblineError)
    status, code = status_of(error)
    headers = {"Retry-After": "5"} if status == 503 else {}
    return await _page(request, status, str(error)) or answer(status, code, str(error), headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    # FastAPI answers 400 to a body that is no JSON text; every other unreadable body is a 422, so this one is too.
    status = 422 if error.status_code == 400 else error.status_code
    message = str(error.detail)
    if status == 405:
        headers["Allow"] = ", ".join(_methods(request))
    if status == 404 and message == "Not Found":
        message = f"nothing is served at {request.url.path!r}"
    return await _page(request, status, message) or answer(status, _CODES.get(status, "error"), message, headers)


def _methods(request: Request) -> list[str]:
    """Return all methods of a path. The framework names those of the first route that serves it only."""
    found: set[str] = set()
    for context in iter_route_contexts(request.app.routes):
        pattern = getattr(context, "path_regex", None)
        if pattern is not None and pattern.match(request.url.path):
            found |= context.methods or set()
    return sorted(found - {"OPTIONS", "HEAD"})


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [f"{_place(e['loc'])}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()[:10]]
    return await _page(request, 422, "; ".join(faults)) or answer(422, "invalid", "; ".join(faults))


def _place(location: tuple[str | int, ...]) -> str:
    """Name a parameter as the caller wrote it, without where the framework found it."""
    named = location[1:] if len(location) > 1 and location[0] in ("query", "path", "header") else location
    return ".".join(str(part) for part in named)


async def _page(request: Request, status: int, message: str) -> Response | None:
    """Return a page when a browser asks for one, which programs and the API never get."""
    build: ProblemPage | None = request.app.state.problem_page
    is_page = "text/html" in request.headers.get("Accept", "") and not request.url.path.startswith(_FOR_PROGRAMS)
    return await run_in_threadpool(build, request, status, message) if build and is_page else None
