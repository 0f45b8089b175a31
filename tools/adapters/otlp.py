"""Spans in OTLP's JSON form, as the OpenTelemetry Collector's file exporter, Tempo and others give them.

Source: https://opentelemetry.io/docs/specs/otlp/ and the proto files of opentelemetry-proto. Older writers say
`batches` for `resourceSpans` and `instrumentationLibrarySpans` for `scopeSpans`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graph.document import Json
from graph.targets import Targets
from graph.telemetry import Span

_FAILED = frozenset({2, "2", "STATUS_CODE_ERROR", "ERROR"})
_MOST_ATTRIBUTES = 40


def read_spans(body: Json, targets: Targets) -> Iterator[Span]:
    """Yield the spans of a request or of a whole trace.

    Spans of services that nobody asked about are kept, under a name of their own: a chain of calls must not be cut.
    What is no span is left out.
    """
    if not isinstance(body, dict):
        return
    body = body.get("trace") if isinstance(body.get("trace"), dict) else body
    for batch in _list(body.get("resourceSpans") or body.get("batches")):
        resource = attributes(_object(batch.get("resource")).get("attributes"))
        uid = targets.owner(resource) or unknown_service(resource.get("service.name", ""))
        for scope in _list(batch.get("scopeSpans") or batch.get("instrumentationLibrarySpans")):
            for span in _list(scope.get("spans")):
                if (read := _span(span, uid)) is not None:
                    yield read


def unknown_service(name: str) -> str:
    """Stands for a service that the graph does not know under this name."""
    return f"svc://unknown/{name or 'unnamed'}"


def attributes(found: Json) -> dict[str, str]:
    """Return OTLP's list of keys and typed values as texts; arrays and maps as they are written."""
    out: dict[str, str] = {}
    for item in _list(found)[:_MOST_ATTRIBUTES]:
        value = _object(item.get("value"))
        text = next((value[key] for key in value if key.endswith("Value")), None)
        if isinstance(item.get("key"), str) and text is not None:
            out[item["key"]] = str(text)[:500]
    return out


def _span(span: Mapping[str, Json], uid: str) -> Span | None:
    try:
        start, end = int(span["startTimeUnixNano"]) / 1e9, int(span["endTimeUnixNano"]) / 1e9
        return Span(
            trace=str(span["traceId"]),
            id=str(span["spanId"]),
            parent=str(span.get("parentSpanId") or ""),
            resource=uid,
            name=str(span.get("name") or "")[:300],
            start=start,
            duration_s=max(0.0, end - start),
            is_error=_object(span.get("status")).get("code") in _FAILED,
            attributes=attributes(span.get("attributes")),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _list(value: Json) -> list[dict[str, Json]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
