"""Keys that the server makes for itself. They live in a private file beside the database, never in it."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from graph.errors import Refused

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Secret keys, 256 bits each."""

    audit: bytes = field(repr=False)
    """Seals the audit log and approvals."""
    salt: bytes = field(repr=False)
    """Salt for the hashes that stand in for secret values."""
    cookie: bytes = field(repr=False)
    """Signs what the browser brings back."""


def load_or_create(path: Path) -> Keys:
    """Read the keys, or make them when the file does not exist yet.

    Several processes may start at the same time: all get the same keys.

    Raises:
        Refused: the file can't be used, or others may read it.
    """
    try:
        if not path.exists():
            _create(path)
        if path.stat().st_mode & 0o077:
            raise Refused(f"other users may read the keys in {str(path)!r}: run `chmod 600 {path}`")
        data = json.loads(path.read_text())
        return Keys(**{name: bytes.fromhex(data[name]) for name in ("audit", "salt", "cookie")})
    except OSError as error:
        raise Refused(f"can't read or make the key file {str(path)!r}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"the key file {str(path)!r} is damaged: restore it from a backup") from error


def _create(path: Path) -> None:
    """Write a complete file beside it, then give it its name only if nobody else did."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    text = json.dumps({name: secrets.token_hex(_KEY_BYTES) for name in ("audit", "salt", "cookie")})
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
