"""Jaeger's query service as a store of traces. Wire format: https://www.jaegertracing.io/docs/latest/apis/"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from graph.document import Json
from graph.errors import Unexpected
from graph.targets import Targets
from graph.telemetry import Span
from tools.adapters.http_json import HttpJson
from tools.adapters.otlp import unknown_service
from tools.ports import Measured, Window

_MOST_TRACES = 40
"""Of one service, failing and others each."""
_MOST_SERVICES = 6
"""Services asked for: a trace that touches the nearest ones holds those further away as well."""
_FAILED = frozenset({"true", "True", "1", "error", "ERROR"})


class Jaeger:
    """A `TraceStore` over the HTTP API of the query service."""

    def __init__(self, name: str, http: HttpJson) -> None:
        self.name = name
        self._http = http

    def spans(self, targets: Targets, window: Window) -> Measured[Span]:
        known = _data(self._http.get("/api/services"), self.name)
        services = [str(s) for s in known or ()]
        order = {t.uid: n for n, t in enumerate(targets)}
        mine = sorted((order[uid], s) for s in services if (uid := targets.owner({"service.name": s})) is not None)
        found: dict[tuple[str, str], Span] = {}
        for _, service in mine[:_MOST_SERVICES]:
            for tags in ('{"error":"true"}', ""):
                for span in self._of(service, tags, targets, window):
                    found[span.trace, span.id] = span
        return Measured(items=tuple(found.values()))

    def _of(self, service: str, tags: str, targets: Targets, window: Window) -> Iterator[Span]:
        question = {
            "service": service,
            "start": _microseconds(window.since),
            "end": _microseconds(window.until),
            "limit": _MOST_TRACES,
        } | ({"tags": tags} if tags else {})
        for trace in _data(self._http.get("/api/traces", question), self.name) or ():
            yield from _read(trace, targets)


def _read(trace: Mapping[str, Json], targets: Targets) -> Iterator[Span]:
    processes = trace.get("processes") or {}
    owners = {key: _owner(process, targets) for key, process in processes.items()}
    for span in trace.get("spans") or ():
        tags = _tags(span.get("tags"))
        parents = [r for r in span.get("references") or () if r.get("refType") == "CHILD_OF"]
        yield Span(
            trace=str(span["traceID"]),
            id=str(span["spanID"]),
            parent=str(parents[0]["spanID"]) if parents else "",
            resource=owners.get(str(span.get("processID")), unknown_service("")),
            name=str(span.get("operationName") or "")[:300],
            start=int(span["startTime"]) / 1e6,
            duration_s=int(span.get("duration") or 0) / 1e6,
            is_error=tags.get("error") in _FAILED or tags.get("otel.status_code") in _FAILED,
            attributes=tags,
        )


def _owner(process: Mapping[str, Json], targets: Targets) -> str:
    name = str(process.get("serviceName") or "")
    labels = {**_tags(process.get("tags")), "service.name": name}
    return targets.owner(labels) or unknown_service(name)


def _tags(found: Json) -> dict[str, str]:
    return {str(t["key"]): str(t.get("value"))[:500] for t in (found or ())[:40] if isinstance(t, dict) and "key" in t}


def _data(answer: Json, name: str) -> Json:
    if not isinstance(answer, dict) or not isinstance(answer.get("data") or [], list):
        raise Unexpected(f"{name}: it gave no list of data: is this the address of a Jaeger query service?")
    return answer.get("data")


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6)
