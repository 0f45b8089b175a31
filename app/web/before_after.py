"""Before and after of a change, as lines of a diff."""

from __future__ import annotations

import difflib
import json
from typing import NamedTuple

from graph.change import Change
from graph.document import ABSENT, Absent, Json

_MOST_LINES = 60


class Line(NamedTuple):
    """One line of a diff."""

    kind: str
    """`add`, `remove` or `same`"""
    mark: str
    text: str


def before_after(change: Change) -> list[Line]:
    """Return the lines that differ, with a little around them; empty when neither value is known."""
    lines = difflib.unified_diff(_text(change.before), _text(change.after), lineterm="", n=2)
    shown = [_line(text) for text in lines if not text.startswith(("---", "+++", "@@"))]
    if len(shown) > _MOST_LINES:
        rest = len(shown) - _MOST_LINES
        return [*shown[:_MOST_LINES], Line("same", "", f"[cut: {rest} more lines]")]
    return shown


def _line(text: str) -> Line:
    kind = {"+": "add", "-": "remove"}.get(text[:1], "same")
    return Line(kind, "\u2212" if kind == "remove" else text[:1], text[1:])


def _text(value: Json | Absent) -> list[str]:
    """A value over lines; policies and other documents inside a string are opened."""
    if value is ABSENT:
        return []
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value).splitlines() or [""]
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True).splitlines()
