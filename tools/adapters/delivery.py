"""What the parsers of alert senders share: reading a JSON body that anybody may have written, and saying "no alert".

Senders differ from their documentation, so single fields are read leniently: a missing or odd value is empty, never an
error. Text is bounded and freed of characters that a database refuses; it stays untrusted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from graph.document import Json, Object, digest
from graph.errors import Invalid

MAX_TITLE = 1024
MAX_DESCRIPTION = 16_384
MAX_LABEL = 1024
MAX_LABELS = 128

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL, which PostgreSQL refuses in text, and lone surrogates, which have no UTF-8 form. JSON can escape both."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
"""Senders write year 1 or the epoch for "not yet"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A delivery that is well-formed but says nothing about an alert's state."""

    reason: str
    """One sentence made by Plumbline."""


def read_object(body: bytes) -> Object:
    """Read a JSON object.

    Raises:
        Invalid: the bytes are no UTF-8, no JSON, or another JSON value than an object.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise Invalid(f"the body is not UTF-8: byte {error.start} can't be decoded") from error
    except json.JSONDecodeError as error:
        raise Invalid(f"the body is not JSON: {error.msg}", where="body", line=error.lineno) from error
    except RecursionError as error:
        raise Invalid("the body is nested too deeply") from error
    except ValueError as error:
        raise Invalid("the body holds a number that JSON does not allow or that is too long") from error
    if not isinstance(value, dict):
        raise Invalid("the body is not a JSON object")
    return value


def text(value: Json, limit: int = MAX_LABEL) -> str:
    """Return a scalar as text of at most `limit` characters; anything else is empty.

    >>> text(3), text(True), text(None), text({"a": 1})
    ('3', 'true', '', '')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 4096:
        return ""
    if isinstance(value, int | float):
        return str(value)[:limit]
    return _UNSTORABLE.sub("\ufffd", value[:limit]) if isinstance(value, str) else ""


def instant(value: Json) -> datetime | None:
    """Return a point in time, UTC, or None when the value names none.

    Text is ISO 8601 (without an offset: UTC; digits past the microsecond are dropped). A number counts seconds,
    milliseconds, microseconds or nanoseconds since 1970, told apart by its size.

    >>> instant(1420452224764002246)
    datetime.datetime(2015, 1, 5, 10, 3, 44, 764002, tzinfo=datetime.timezone.utc)
    >>> instant("0001-01-01T00:00:00Z") is None
    True
    """
    try:
        found = _read_instant(value)
    except (ValueError, OverflowError):
        return None
    return found if found is not None and found >= _EARLIEST else None


def labels(*sources: Json) -> dict[str, str]:
    """Merge flat objects into labels, later ones winning; values that are no scalars are left out."""
    merged: dict[str, str] = {}
    for source in sources:
        if not isinstance(source, Mapping):
            continue
        for name, value in source.items():
            plain = text(value)
            if plain and len(merged) < MAX_LABELS:
                merged[text(name, 256)] = plain
    return merged


def first(values: Mapping[str, str], names: Iterable[str]) -> str:
    """Return the first value that is not empty under one of the names, else an empty string."""
    return next((values[name] for name in names if values.get(name)), "")


def child(value: Json, name: str) -> Object:
    """Return the object under `name`, or an empty one."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, dict) else {}


def alert_id(sender: str, key: str) -> str:
    """Id of an alert, derived from what the sender groups by, so that a repeat has the same one."""
    return f"alert-{digest([sender, key])[:16]}"


def body_key(body: bytes) -> str:
    """Delivery key of a body that names none itself."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def presented_tokens(headers: Mapping[str, str]) -> list[str]:
    """Return the secrets that a request presents in its headers: `X-Plumbline-Token` and `Authorization`.

    `Authorization` may be `Bearer`, `GenieKey` or `Basic` (RFC 7617; its password counts).
    """
    lower = {name.lower(): value for name, value in headers.items()}
    found = [lower["x-plumbline-token"]] if lower.get("x-plumbline-token") else []
    scheme, _, credentials = lower.get("authorization", "").strip().partition(" ")
    credentials = credentials.strip()
    if scheme.lower() in {"bearer", "geniekey"} and credentials:
        found.append(credentials)
    elif scheme.lower() == "basic":
        found.extend(_password(credentials))
    return found


def matches(presented: Iterable[str], secrets: Sequence[str]) -> bool:
    """Whether one of the presented tokens is one of the secrets, in time that does not depend on their content."""
    given = [_bytes(token) for token in presented]
    known = [secret.encode() for secret in secrets if secret]
    return any(hmac.compare_digest(token, secret) for token in given for secret in known)


def _bytes(header: str) -> bytes:
    """Undo the Latin-1 reading that HTTP servers give to header bytes."""
    try:
        return header.encode("latin-1")
    except UnicodeEncodeError:
        return header.encode("utf-8", "surrogatepass")


def _password(credentials: str) -> list[str]:
    try:
        decoded = base64.b64decode(credentials, validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return []
    _, colon, password = decoded.partition(":")
    return [password] if colon and password else []


def _read_instant(value: Json) -> datetime | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        if value.bit_length() > 64:
            return None
        microseconds = value * 1_000_000
        for limit in (10**11, 10**14, 10**17):
            if abs(value) < limit:
                break
            microseconds //= 1000
        return _EPOCH + timedelta(microseconds=microseconds)
    if not isinstance(value, str) or len(value) > 64:
        return None
    if value.isascii() and value.isdigit():
        return _read_instant(int(value))
    found = datetime.fromisoformat(value.strip())
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _refuse(constant: str) -> None:
    raise ValueError(constant)
