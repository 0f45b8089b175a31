"""What systems said of themselves, as two sets write it: forms of log lines, single lines, and spans."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
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


def with_examples(path: Path, forms: Sequence[LogLine], uid: Callable[[str], str]) -> Iterator[LogLine]:
    """Yield the forms, each with the last line of a file that is of it, and with what such lines carry as fields."""
    shown: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for (name, text), mine in _alike(path).items():
        for number_of, form in enumerate(forms):
            if form.resource == uid(name) and _is_of(text, form.text):
                shown[number_of] += mine
    for number_of, form in enumerate(forms):
        mine = shown[number_of]
        yield replace(form, example=str(mine[-1]["msg"]), attributes=_fields(mine)) if mine else form


def read_lines_beside(
    path: Path, forms: Sequence[LogLine], uid: Callable[[str], str], *, quiet: bool = False
) -> Iterator[LogLine]:
    """Yield the lines of a file that warn or tell of an error and are of none of the forms; like ones as one.

    Args:
        path: of the file.
        forms: those that were read already.
        uid: what a name is known by.
        quiet: yield those too that neither warn nor fail, and were never said in the first half of the time.
    """
    found = _alike(path)
    times = [seconds(r["timestamp"]) for mine in found.values() for r in mine if r.get("timestamp")]
    middle = (min(times) + max(times)) / 2 if times else 0.0
    for (name, text), mine in found.items():
        said = [seconds(r["timestamp"]) for r in mine if r.get("timestamp")]
        before = sum(at < middle for at in said)
        is_bad = str(mine[0].get("severity_text")).lower() in _BAD
        if not (is_bad or (quiet and before == 0)):
            continue
        if any(f.resource == uid(name) and _is_of(text, f.text) for f in forms):
            continue
        yield LogLine(
            resource=uid(name),
            at=min(said, default=None),
            severity=str(mine[0].get("severity_text") or "").lower(),
            text=str(mine[-1]["msg"]),
            count=len(mine),
            baseline=float(before),
            attributes=_fields(mine),
        )


def _alike(path: Path) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Map service and text without its numbers to the lines that say so; in the order of the file."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in read_lines(path):
        if row.get("service") and row.get("msg"):
            found[row["service"], _NUMBER.sub("0", str(row["msg"]))].append(row)
    return found


def _fields(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Texts that lines carry as fields, each key with the last values that differ."""
    values: dict[str, dict[str, None]] = defaultdict(dict)
    for row in rows:
        for key, value in row.items():
            if isinstance(value, str) and key not in _OWN:
                values[key][value] = None
    return {key: " ".join(list(mine)[-_MOST_VALUES:]) for key, mine in values.items()}


_OWN = frozenset({"timestamp", "service", "severity_text", "msg", "trace_id", "span_id"})
_MOST_VALUES = 3


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
