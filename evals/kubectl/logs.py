"""Error summaries of logs: lines with how often they were seen, and when where the line says so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

_STAMP = re.compile(r"^\s*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:?\d\d)")


class Line(NamedTuple):
    text: str
    times: int
    at: datetime | None
    """UTC; None when the line has no time with a zone."""


def lines(answer: Any) -> Iterator[Line]:
    """Yield the lines of an error summary: an object, its JSON text, or lists of lines by container."""
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except ValueError:
            yield from (_line(line) for line in answer.splitlines() if line.strip())
            return
    if isinstance(answer, Mapping) and isinstance(answer.get("patterns"), list):
        for pattern in answer["patterns"]:
            text = str(pattern.get("sample") or pattern.get("pattern") or "")
            yield _line(text, int(pattern.get("count") or 1))
    elif isinstance(answer, Mapping):
        for value in answer.values():
            yield from lines(value)
    elif isinstance(answer, list):
        yield from (_line(str(line)) for line in answer)


def _line(text: str, count: int = 1) -> Line:
    return Line(text, count, stamp(text))


def stamp(text: str) -> datetime | None:
    """The time that a line begins with, as container runtimes write it; UTC, None when it has none.

    >>> stamp("2026-03-17T03:29:33.226+08:00 WARN x")
    datetime.datetime(2026, 3, 16, 19, 29, 33, tzinfo=datetime.timezone.utc)
    """
    found = _STAMP.match(text)
    if found is None:
        return None
    zone = "+00:00" if found[3] == "Z" else found[3]
    return datetime.fromisoformat(found[1] + zone).astimezone(UTC)
