"""Reads JSON over HTTP, bounded in time and size, with every way to fail in our own words."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from graph.document import Json
from graph.errors import OutsideError, Refused, Unexpected, Unreachable

MAX_BYTES = 32 * 2**20
"""An answer beyond this is cut off and refused: nobody reads a million readings."""

FAILURES: tuple[tuple[type[httpx.HTTPError], type[OutsideError], str], ...] = (
    (httpx.TimeoutException, Unreachable, "no answer in time"),
    (httpx.UnsupportedProtocol, Unexpected, "its address is no http address"),
    (httpx.ConnectError, Unreachable, "can't connect"),
    (httpx.NetworkError, Unreachable, "the connection broke"),
    (httpx.ProtocolError, Unexpected, "it does not speak HTTP"),
    (httpx.ProxyError, Unreachable, "the proxy gave no answer"),
    (httpx.DecodingError, Unexpected, "its answer is packed wrongly"),
    (httpx.TooManyRedirects, Unexpected, "it redirects without end"),
)
"""What httpx raises, in our words; the first that fits."""


class HttpJson:
    """One server that answers in JSON."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 8.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Describe the server; nothing is asked yet.

        Args:
            name: for messages.
            url: address that paths are joined to.
            token: sent as a bearer token; empty: none.
            headers: further headers, e.g. `X-Scope-OrgID` of a tenant.
            timeout_s: seconds for one whole answer.
            transport: for tests.
        """
        self.name = name
        self._timeout_s = timeout_s
        sent = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        self._client = httpx.Client(base_url=url.rstrip("/"), headers=sent, timeout=timeout_s, transport=transport)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Json:
        """Ask with GET.

        Raises:
            Unreachable: no answer in time, or none at all.
            Refused: it wants other credentials or permissions.
            Unexpected: it answered what is no JSON, or is too long, or that the question is wrong.
        """
        return self._ask(self._client.build_request("GET", path, params=params), path)

    def post(self, path: str, form: Mapping[str, Any]) -> Json:
        """Ask with a form in the body, for questions too long for an address; raises as `get`."""
        return self._ask(self._client.build_request("POST", path, data=dict(form)), path)

    def _ask(self, request: httpx.Request, path: str) -> Json:
        deadline = time.monotonic() + self._timeout_s
        try:
            response = self._client.send(request, stream=True)
            try:
                body = self._body(response, path, deadline)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise self._failed(error, path) from error
        self._check(response.status_code, body, path)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Unexpected(f"{self.name}: the answer to {path} is no JSON: is this the right address?") from error

    def _body(self, response: httpx.Response, path: str, deadline: float) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > MAX_BYTES:
                raise Unexpected(f"{self.name}: the answer to {path} is longer than {MAX_BYTES >> 20} MiB")
            if time.monotonic() > deadline:
                raise Unreachable(f"{self.name}: {path}: no complete answer within {self._timeout_s:g} s")
            parts.append(part)
        return b"".join(parts)

    def _check(self, status: int, body: bytes, path: str) -> None:
        if status in (401, 403):
            raise Refused(f"{self.name}: {path}: it answered {status}: check the token and what it may read")
        if status == 404:
            raise Unexpected(f"{self.name}: {path}: it answered 404: is this the right address?")
        if status >= 500 or status == 429:
            raise Unreachable(f"{self.name}: {path}: it answered {status}: {_said(body)}")
        if status >= 300:
            raise Unexpected(f"{self.name}: {path}: it answered {status}: {_said(body)}")

    def _failed(self, error: httpx.HTTPError, path: str) -> OutsideError:
        for kind, ours, text in FAILURES:
            if isinstance(error, kind):
                return ours(f"{self.name}: {path}: {text}: check its address and that it can be reached")
        return Unreachable(f"{self.name}: {path}: {type(error).__name__}")


def _said(body: bytes) -> str:
    return body[:200].decode(errors="replace").strip() or "nothing else"
