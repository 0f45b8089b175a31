"""One watch of a Kubernetes API server: opens it, cuts it into events, and says why it ended. Keeps no state.

Protocol: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, NamedTuple

import httpx

from graph.document import Object
from graph.errors import OutsideError, Unreachable
from tools.adapters.documents import Broken, read_json
from tools.adapters.kubeconfig import ClusterAccess
from tools.adapters.kubernetes_connection import Answers, Gone, sni_of

_MAX_LINE_BYTES: Final = 16 * 2**20
"""etcd takes objects of 1.5 MiB; as JSON with its field managers one may be some times as large."""
_CONNECT_S: Final = 10.0
_KEEPALIVE: Final = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
]
"""A peer that vanished without a word is found out within half a minute."""


class WatchEvent(NamedTuple):
    """One change of one object, or news of the version that was reached."""

    type: str
    """`ADDED`, `MODIFIED`, `DELETED` or `BOOKMARK`"""
    object: Object
    resource_version: str


class Malformed(NamedTuple):
    """A line that is no event; what it said is lost."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRequest:
    """What to watch, and from where on."""

    path: str
    resource_version: str
    timeout_s: int
    """After this the server ends the watch by itself."""
    quiet_s: float
    """A watch on which nothing at all was heard for this long counts as broken."""
    accept: str


class WatchConnections:
    """Opens watches of one server as one user; each is a connection of its own."""

    def __init__(self, access: ClusterAccess, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Open nothing yet; `transport` replaces the network, in tests."""
        self._access = access
        self._answers = Answers(access)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._client = httpx.AsyncClient(
            base_url=access.server,
            headers={**access.headers, "User-Agent": "plumbline"},
            transport=transport
            or httpx.AsyncHTTPTransport(verify=access.tls, limits=limits, socket_options=_KEEPALIVE),
            verify=access.tls,
            limits=limits,
            proxy=access.proxy,
            trust_env=access.proxy is None,
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def events(self, wanted: WatchRequest) -> AsyncGenerator[WatchEvent | Malformed | None]:
        """Yield None once the watch is open, then what it says until the server ends it. Half a line at the end is
        dropped: whoever goes on from the last version gets it again.

        Raises:
            Gone: the version to go on from is too old; list again.
            Denied, NotFound, Refused: see `Connection.get`.
            Unreachable: no connection, or it broke.
        """
        timeout = httpx.Timeout(_CONNECT_S, read=wanted.quiet_s)
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": wanted.resource_version,
            "timeoutSeconds": str(wanted.timeout_s),
        }
        request = self._client.build_request(
            "GET",
            wanted.path,
            params=params,
            headers={"Accept": wanted.accept},
            timeout=timeout,
            extensions=sni_of(self._access),
        )
        try:
            response = await self._client.send(request, stream=True)
            try:
                self._answers.check(response, f"{wanted.path}?watch")
                yield None
                async with aclosing(_lines(response)) as lines:
                    async for line in lines:
                        if (event := self._event(line, wanted.path)) is not None:
                            yield event
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise self._answers.failure(error, f"{wanted.path}?watch") from error

    def _event(self, line: bytes | None, path: str) -> WatchEvent | Malformed | None:
        """Read one line; None stands for one that was too long."""
        if line is None:
            return Malformed(f"a line longer than {_MAX_LINE_BYTES >> 20} MiB")
        if not line.strip():
            return None
        event = read_event(line)
        if isinstance(event, WatchEvent) and event.type == "ERROR":
            raise self._error(event.object, path)
        return event

    def _error(self, status: Object, path: str) -> OutsideError:
        message = str(status.get("message") or status.get("reason") or "no reason given")[:500]
        if status.get("code") == 410 or status.get("reason") in ("Expired", "Gone"):
            return Gone(f"the watch of {path} can't go on: {message}")
        return Unreachable(f"{self._answers.where} ended the watch of {path}: {message}")


def read_event(line: bytes) -> WatchEvent | Malformed:
    """Read one line of a watch.

    >>> read_event(b'{"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"7"}}}').resource_version
    '7'
    """
    try:
        read = read_json(line.decode())
    except UnicodeDecodeError:
        return Malformed("no text")
    if isinstance(read, Broken):
        return Malformed(read.reason)
    value = read.value if isinstance(read.value, dict) else {}
    type, body = value.get("type"), value.get("object")
    if type not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR") or not isinstance(body, dict):
        return Malformed("JSON, but no watch event")
    metadata = body.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    if type != "ERROR" and (not isinstance(version, str) or not version):
        return Malformed(f"an event of type {type} without a resourceVersion")
    return WatchEvent(type, body, version or "")


async def _lines(response: httpx.Response) -> AsyncGenerator[bytes | None]:
    """Yield whole lines; None for each that is too long to keep. What follows the last line break is dropped."""
    parts: list[bytes] = []
    size = 0
    async for piece in response.aiter_bytes():
        *ends, rest = piece.split(b"\n")
        for end in ends:
            size += len(end)
            yield b"".join((*parts, end)) if size <= _MAX_LINE_BYTES else None
            parts.clear()
            size = 0
        size += len(rest)
        if size <= _MAX_LINE_BYTES:
            parts.append(rest)
        else:
            parts.clear()
