"""Client of Plumbline's own HTTP API, for the command line."""

from __future__ import annotations

import json
import weakref
from pathlib import Path
from typing import Any

import httpx

from app.settings import load_client_settings
from graph.document import Json, Object
from graph.errors import Conflict, Invalid, NotAllowed, NotFound, PlumblineError, Unexpected, Unreachable

_USUAL_PLACES = (Path("data"), Path(".demo"))

_ERRORS: dict[int, type[PlumblineError]] = {
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    422: Invalid,
}


class Client:
    """Talks to one service with one access token."""

    def __init__(self, *, server: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        self.server = server.rstrip("/")
        self._http = httpx.Client(
            base_url=self.server,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=30,
            transport=transport,
        )
        # Its sockets close with it: commands and tests make clients and drop them.
        weakref.finalize(self, self._http.close)

    def get(self, path: str, **query: Any) -> Json:
        """GET and return the JSON body; parameters that are None are left out."""
        return self._send("GET", path, params={k: v for k, v in query.items() if v is not None})

    def post(self, path: str, body: Object) -> Json:
        """POST a JSON body and return the JSON answer."""
        return self._send("POST", path, json=body)

    def post_raw(self, path: str, content: bytes, headers: dict[str, str]) -> Json:
        """POST exact bytes, as an alert sender does."""
        return self._send("POST", path, content=content, headers={"Content-Type": "application/json", **headers})

    def _send(self, method: str, path: str, **how: Any) -> Json:
        try:
            response = self._http.request(method, path, **how)
        except httpx.TransportError as error:
            raise Unreachable(
                f"no Plumbline answers at {self.server} ({_reason(error)}). "
                "Start one with `plumbline up` (or `plumbline up --demo`), or name yours with --server."
            ) from error
        if response.is_success:
            return _json(response)
        if response.status_code == 401:
            raise NotAllowed(
                f"{self.server} does not accept this access token: give yours with --token, or name the directory "
                "of the service's credentials.json with --data-dir"
            )
        raise _ERRORS.get(response.status_code, Unexpected)(_message(response))


def connect(*, server: str | None = None, token: str | None = None, data_dir: Path | None = None, role: str) -> Client:
    """Build a client from options, variables, or the `credentials.json` of a service on this machine.

    Args:
        server: address; wins over all others.
        token: access token; wins over all others.
        data_dir: directory of a service on this machine.
        role: whose token to take from `credentials.json`, e.g. `viewer`.

    Raises:
        NotFound: there is neither an address nor a `credentials.json`, or that has no token of this role.
    """
    settings = load_client_settings(server=server, token=token, data_dir=data_dir)
    known = _credentials(settings.data_dir)
    address = settings.server or known.get("base_url", "")
    if not address:
        raise NotFound(
            "no running Plumbline is known here: start one with `plumbline up --demo`, or name it with --server and "
            "--token (or --data-dir)."
        )
    tokens = known.get("tokens", {})
    if not settings.token and tokens and role not in tokens:
        raise NotFound(f"credentials.json holds no token of {role!r}; it holds those of {', '.join(tokens)}")
    secret = settings.token.get_secret_value() if settings.token else tokens.get(role, "")
    return Client(server=address, token=secret)


def credentials(data_dir: Path | None = None) -> Object:
    """Return the content of the nearest `credentials.json`.

    Raises:
        NotFound: there is none.
    """
    found = _credentials(load_client_settings(data_dir=data_dir).data_dir)
    if not found:
        raise NotFound(
            "no credentials.json found: is `plumbline up --demo` running? Name its directory with --data-dir."
        )
    return found


def _credentials(data_dir: Path | None) -> Object:
    for place in [data_dir] if data_dir else _USUAL_PLACES:
        path = place / "credentials.json"
        if path.is_file():
            try:
                found = json.loads(path.read_text())
            except ValueError as error:
                raise Invalid("not JSON; start the service again to have it written anew", where=str(path)) from error
            if isinstance(found, dict):
                return found
    return {}


def _reason(error: httpx.TransportError) -> str:
    return str(error).partition("] ")[2] or str(error) or type(error).__name__


def _json(response: httpx.Response) -> Json:
    try:
        return response.json()
    except ValueError as error:
        raise Unexpected(f"{response.request.url} answered something that is no JSON; is that a Plumbline?") from error


def _message(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        body = {}
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict) and error.get("message"):
        return str(error["message"])
    return f"{response.request.url} answered {response.status_code}"
