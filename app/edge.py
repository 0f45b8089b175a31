"""The edge of every request: size limit, security headers, HEAD, and the last catch of unexpected errors."""

from __future__ import annotations

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import answer

_log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1024 * 1024
"""Of any request but a webhook, which has a limit of its own: an authentic delivery is never refused for its size."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""Set where the route sets no other value itself.

The referrer policy is not `no-referrer`: browsers then send `Origin: null` with the forms of our own pages, which
`check_csrf` could not tell from a foreign one.
"""


class Edge:
    """Wraps the application; the one place of the service that catches everything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            # Nobody is left to answer. A webhook is stored before its answer or not at all, so its sender tries again.
            _log.info("client_went_away", method=scope["method"], path=scope["path"])
        except Exception:  # the request edge: whatever went wrong, the sender gets an answer and the log the reason
            _log.exception("request_failed", method=scope["method"], path=scope["path"])
            if exchange.is_started:
                raise
            failure = answer(500, "internal", "something went wrong inside Plumbline; its log has the details")
            await failure(exchange.scope, exchange.receive, exchange.send)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._is_head = scope["method"] == "HEAD"
        # A HEAD answer is the GET answer without its body (RFC 9110, section 9.3.2), so the routes see a GET.
        self.scope = {**scope, "method": "GET"} if self._is_head else scope
        self._is_limited = not scope["path"].startswith("/webhooks/")
        self._receive = receive
        self._send = send
        self._size_bytes = 0
        self.is_started = False

    async def receive(self) -> Message:
        message = await self._receive()
        if self._is_limited and message["type"] == "http.request":
            self._size_bytes += len(message.get("body", b""))
            if self._size_bytes > MAX_BODY_BYTES:
                raise HTTPException(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_started = True
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        elif self._is_head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)
