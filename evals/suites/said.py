"""What systems said of themselves, as two sets write it: forms of log lines, single lines, and spans."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.suites.files import number, read_lines
from evals.suites.tables import seconds
from graph.telemetry import LogLine, Mood, Span

SPAN = ("trace_id", "span_id", "service", "name", "start", "duration_ms")
"""Fields that every span has."""
_MOODS = {"negative": Mood.BAD, "neutral": Mood.NEUTRAL, "positive": Mood.GOOD}
_BAD = frozenset({"warn", "warning", "error", "fatal", "critical"})
_NUMBER = re.compile(r"\d[\da-fx]*")
_WORD = re.compile(r"[A-Za-z]{3,}")
_ALIKE = 0.6
"""Share of words that a line of a form has in common with it."""


def read_form(pattern: Mapping[str, Any], uid: Callable[[str], str]) -> LogLine:
    """Read a form of line; what it says to be new, and not by how much, was not there before."""
    count = int(pattern.get("count") or 0)
    more = number(str(pattern.get("delta_vs_baseline") or 0).replace("+", ""))
    return LogLine(
        resource=uid(pattern["service"]),
        at=seconds(pattern["first_seen"]) if pattern.get("first_seen") else None,
        severity="",
        text=str(pattern.get("signature") or ""),
        count=count,
        baseline=max(0.0, count - (count if more is None else more)),
        mood=_MOODS.get(str(pattern.get("sentiment"))),
    )


def read_lines_beside(path: Path, forms: Sequence[LogLine], uid: Callable[[str], str]) -> Iterator[LogLine]:
    """Yield the lines of a file that warn or tell of an error and are of none of the forms; like ones as one."""
    rows = [r for r in read_lines(path) if r.get("service") and r.get("msg")]
    times = [seconds(r["timestamp"]) for r in rows if r.get("timestamp")]
    middle = (min(times) + max(times)) / 2 if times else 0.0
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if str(row.get("severity_text")).lower() in _BAD:
            found[row["service"], _NUMBER.sub("0", str(row["msg"]))].append(row)
    for (name, text), mine in found.items():
        if any(f.resource == uid(name) and _is_of(text, f.text) for f in forms):
            continue
        said = [seconds(r["timestamp"]) for r in mine if r.get("timestamp")]
        yield LogLine(
            resource=uid(name),
            at=min(said, default=None),
            severity=str(mine[0]["severity_text"]).lower(),
            text=str(mine[-1]["msg"]),
            count=len(mine),
            baseline=float(sum(at < middle for at in said)),
        )


def read_spans(rows: Iterable[Mapping[str, Any]], uid: Callable[[str], str]) -> Iterator[Span]:
    """Yield spans; the trace `same` is that of the span before."""
    trace = ""
    for row in rows:
        trace = trace if row["trace_id"] == "same" else str(row["trace_id"])
        said = {**(row.get("attributes") or {}), "error": row.get("error")}
        yield Span(
            trace=trace,
            id=str(row["span_id"]),
            parent=str(row.get("parent_id") or ""),
            resource=uid(row["service"]),
            name=str(row["name"]),
            start=seconds(row["start"]),
            duration_s=float(row["duration_ms"]) / 1000,
            is_error=row.get("status") == "ERROR",
            attributes={str(k): str(v) for k, v in said.items() if v is not None},
        )


def _is_of(text: str, form: str) -> bool:
    """Whether a line is of a form: most words of the shorter of the two are in both."""
    mine, its = (set(_WORD.findall(t.lower())) for t in (text, form))
    return len(mine & its) >= _ALIKE * min(len(mine), len(its))
