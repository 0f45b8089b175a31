"""Text from outside, made fit for a terminal."""

from __future__ import annotations

from rich.markup import escape

from tools.untrusted import bounded, visible

_MOST_CHARACTERS = 600


def safe(text: object, *, most: int = _MOST_CHARACTERS) -> str:
    """Return a text with its control characters made visible, its markup taken as text, and what is too much cut."""
    return escape(bounded(visible(str(text)), most))


def channel(name: str) -> str:
    """Return through which channel a change came, in words."""
    return "channel unknown" if name == "unknown" else name.replace("_", " ")
