"""What rendering a tree gives, whatever renders it, and renderings kept from one reading to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from graph.version import Document, Unreadable

Found: TypeAlias = Document | Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What was rendered from a tree of files."""

    found: tuple[Found, ...]
    covered: frozenset[str]
    """Files that must not be read again as plain manifests."""


class Renderings:
    """Renderings by a digest of all that they were made from. What one reading does not ask for is forgotten by the
    next but one."""

    def __init__(self) -> None:
        self._last: dict[bytes, tuple[Found, ...]] = {}
        self._now: dict[bytes, tuple[Found, ...]] = {}

    def start(self) -> None:
        """Begin a new reading."""
        self._last, self._now = self._now, {}

    def of(self, key: bytes, render: Callable[[], Iterable[Found]]) -> tuple[Found, ...]:
        """Return the rendering for a digest, made only when the last reading had none."""
        known = self._last.get(key)
        self._now[key] = tuple(render()) if known is None else known
        return self._now[key]
