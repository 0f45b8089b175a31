"""Grafana Loki as a store of log lines. Wire format: https://grafana.com/docs/loki/latest/reference/loki-http-api/"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from graph.document import Json
from graph.errors import Unexpected
from graph.evidence import Gap
from graph.targets import NAME_LABELS, NAMESPACE_LABELS, POD_LABELS, Targets, plain_labels
from graph.telemetry import LogLine
from tools.adapters.http_json import HttpJson
from tools.adapters.severity import severity_of
from tools.ports import Measured, Window

MOST_LINES = 5000
"""The most that Loki gives in one answer unless it is told otherwise."""
_SELECTING = tuple(label for label in (*POD_LABELS, *NAME_LABELS) if label not in ("instance", "server", "node"))


class Loki:
    """A `LogStore` over the HTTP API."""

    def __init__(self, name: str, http: HttpJson) -> None:
        self.name = name
        self._http = http

    def lines(self, targets: Targets, window: Window) -> Measured[LogLine]:
        span = {"start": _nanoseconds(window.since), "end": _nanoseconds(window.until)}
        labels = _data(self._http.get("/loki/api/v1/labels", span), self.name)
        selector = _selector(targets, labels if isinstance(labels, list) else [])
        if selector is None:
            why = f"none of its labels ({', '.join(map(str, labels or [])) or 'it has none'}) names what is asked about"
            return Measured(items=(), gaps=(Gap(what=f"logs in {self.name}", why=why[:300]),) if len(targets) else ())
        form = {**span, "query": selector, "limit": MOST_LINES, "direction": "backward"}
        data = _data(self._http.get("/loki/api/v1/query_range", form), self.name)
        items = tuple(_read(data, targets))
        if len(items) < MOST_LINES:
            return Measured(items=items)
        why = f"more than {MOST_LINES} lines came in the window; the oldest were left out"
        return Measured(items=items, gaps=(Gap(what=f"older logs in {self.name}", why=why),))


def _selector(targets: Targets, labels: list[Json]) -> str | None:
    """A selector of streams by the first label that the store has and that can name the targets."""
    names = {plain: str(label) for label in labels for plain in plain_labels({str(label): ""})}
    chosen = next((label for label in _SELECTING if label in names), None)
    if chosen is None or not len(targets):
        return None
    either = "|".join(re.escape(n).replace("\\-", "-") for n in dict.fromkeys(n for t in targets for n in t.names))
    value = f"(?:{either})-.+" if chosen in POD_LABELS else f"(?:.+/)?(?:{either})"
    parts = [f"{names[chosen]}=~`{value}`"]
    spaces = sorted({t.namespace for t in targets})
    place = next((names[label] for label in NAMESPACE_LABELS if label in names), None)
    if place and all(spaces):
        parts.append(f"{place}=~`{'|'.join(map(re.escape, spaces))}`")
    return "{" + ",".join(parts) + "}"


def _read(data: Json, targets: Targets) -> Iterator[LogLine]:
    for stream in data.get("result") or () if isinstance(data, dict) else ():
        labels: Mapping[str, str] = stream.get("stream") or {}
        uid = targets.owner(labels)
        for at, text, *more in stream.get("values") or () if uid else ():
            fields = {**labels, **_metadata(more)}
            yield LogLine(
                resource=uid or "",
                at=int(at) / 1e9,
                severity=severity_of(fields, text),
                text=text,
                trace=str(fields.get("trace_id") or fields.get("traceID") or ""),
            )


def _metadata(more: list[Json]) -> Mapping[str, str]:
    """Structured metadata, which stands third in a value where the store keeps any."""
    found = more[0] if more and isinstance(more[0], dict) else {}
    inner = found.get("structuredMetadata")
    return inner if isinstance(inner, dict) else found


def _data(answer: Json, name: str) -> Json:
    if not isinstance(answer, dict) or answer.get("status") != "success":
        raise Unexpected(f"{name}: it answered no success: is this the address of a Loki?")
    return answer.get("data")


def _nanoseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1e9))
