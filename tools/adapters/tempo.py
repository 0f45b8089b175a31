"""Grafana Tempo as a store of traces. Wire format: https://grafana.com/docs/tempo/latest/api_docs/"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from graph.document import Json
from graph.errors import Unexpected
from graph.targets import Targets
from graph.telemetry import Span
from tools.adapters.http_json import HttpJson
from tools.adapters.otlp import read_spans
from tools.ports import Measured, Window

_MOST_TRACES = 30
_NAMES = 12


class Tempo:
    """A `TraceStore` over the HTTP API; traces are found by TraceQL, failing ones first."""

    def __init__(self, name: str, http: HttpJson) -> None:
        self.name = name
        self._http = http

    def spans(self, targets: Targets, window: Window) -> Measured[Span]:
        names = list(dict.fromkeys(n for t in targets for n in t.names))[:_NAMES]
        if not names:
            return Measured(items=())
        either = " || ".join(f"resource.service.name={_quoted(n)}" for n in names)
        ids: dict[str, None] = {}
        for question in (f"{{ status = error && ({either}) }}", f"{{ {either} }}"):
            ids |= dict.fromkeys(self._found(question, window))
        chosen = list(ids)[:_MOST_TRACES]
        return Measured(items=tuple(span for one in chosen for span in self._trace(one, targets)))

    def _found(self, question: str, window: Window) -> Iterator[str]:
        form = {
            "q": question,
            "start": _seconds(window.since),
            "end": _seconds(window.until) + 1,
            "limit": _MOST_TRACES,
        }
        answer = self._http.get("/api/search", form)
        if not isinstance(answer, dict):
            raise Unexpected(f"{self.name}: /api/search gave no list of traces: is this the address of a Tempo?")
        for trace in answer.get("traces") or ():
            yield str(trace["traceID"])

    def _trace(self, trace: str, targets: Targets) -> Iterator[Span]:
        answer: Json = self._http.get(f"/api/traces/{trace}")
        yield from read_spans(answer, targets)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
