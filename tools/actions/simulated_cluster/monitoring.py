"""What a monitoring system keeps of the simulated shop: readings and traces, in the formats that such systems export.

Metrics as VictoriaMetrics exports them, traces as OTLP requests; see `tools.adapters.telemetry_files`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from graph.document import Object
from tools.actions.simulated_cluster.traffic import Reading

METRICS = "monitoring/metrics.jsonl"
TRACES = "monitoring/traces.jsonl"
"""Files below the estate."""
_DEEPEST = 6
_FAILS = 0.02
"""Error rate from which the traced request is one that fails."""


def exported(reading: Reading, values: Mapping[str, float], at: datetime) -> Iterator[Object]:
    """Yield one reading of each metric of a workload."""
    key = reading.key
    labels = {"namespace": key.namespace, key.kind.lower(): key.name}
    for name, value in values.items():
        metric = {"__name__": name, **labels}
        yield {"metric": metric, "values": [value], "timestamps": [int(at.timestamp() * 1000)]}


def traced(readings: Mapping[str, Reading], at: datetime) -> Iterator[Object]:
    """Yield a trace of one request to each workload that nobody calls; it fails where a call in it fails."""
    called = {call.callee for reading in readings.values() for call in reading.calls}
    for name in sorted(readings):
        if name not in called and readings[name].calls:
            trace = _id(f"{name} {at.isoformat()}", 32)
            spans = list(_request(readings, name, "GET /", trace, "", at, _DEEPEST))
            yield {"resourceSpans": spans}


def _request(
    readings: Mapping[str, Reading], name: str, request: str, trace: str, parent: str, at: datetime, depth: int
) -> Iterator[dict[str, Any]]:
    reading = readings[name]
    span = _id(f"{trace} {parent} {name} {request}", 16)
    below: list[dict[str, Any]] = []
    failed = reading.error_rate >= 1.0
    for call in reading.calls if depth else ():
        callee = readings.get(call.callee)
        if call.failure is not None:
            failed = failed or call.share >= _FAILS
        elif callee is not None:
            below += _request(readings, call.callee, call.request, trace, span, at, depth - 1)
            failed = failed or (callee.error_rate >= _FAILS and call.share >= _FAILS)
    own = reading.error_rate >= _FAILS
    yield _span(reading, request, trace, span, parent, at, is_failed=failed or (own and not below))
    yield from below


def _span(
    reading: Reading, name: str, trace: str, span: str, parent: str, at: datetime, *, is_failed: bool
) -> dict[str, Any]:
    start = int(at.timestamp() * 1e9)
    body = {
        "traceId": trace,
        "spanId": span,
        "parentSpanId": parent,
        "name": name,
        "kind": 2,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + int(reading.latency_p99_s * 1e9)),
        "status": {"code": 2 if is_failed else 0},
        "attributes": [],
    }
    told = {"service.name": reading.key.name, "k8s.namespace.name": reading.key.namespace}
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in told.items()]
    return {"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [body]}]}


def _id(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
