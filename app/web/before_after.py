"""Before and after of a change, as lines of a diff."""

from __future__ import annotations

import difflib
import json
from typing import NamedTuple

from graph.change import Change
from graph.document import ABSENT, Absent, Json
from graph.drift import Finding

_MOST_LINES = 60


class Line(NamedTuple):
    """One line of a diff."""

    kind: str
    """`add`, `remove` or `context`"""
    mark: str
    text: str


def before_after(change: Change, drift: Finding | None) -> list[Line]:
    """Return the lines that a change made differ, with a little around them; empty when neither value is known.

    Where drift was found at the same place, its values are shown: they tell what became of this entry of a list, while
    a record of a write can only tell what stands at the same position since.
    """
    if drift is not None and drift.path == change.path and drift.intended is not ABSENT:
        return difference(drift.intended, drift.actual)
    return difference(change.before, change.after)


def difference(before: Json | Absent, after: Json | Absent) -> list[Line]:
    """Return the lines in which two values differ, with a little around them."""
    lines = difflib.unified_diff(_text(before), _text(after), lineterm="", n=2)
    shown = [_line(text) for text in lines if not text.startswith(("---", "+++", "@@"))]
    if len(shown) > _MOST_LINES:
        rest = len(shown) - _MOST_LINES
        return [*shown[:_MOST_LINES], Line("context", "", f"[cut: {rest} more lines]")]
    return shown


def _line(text: str) -> Line:
    kind = {"+": "add", "-": "remove"}.get(text[:1], "context")
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
