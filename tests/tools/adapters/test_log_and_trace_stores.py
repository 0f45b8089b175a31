"""Loki, Jaeger and Tempo over their wire formats, and files that hold the same."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph.errors import Unexpected, Unreachable
from graph.telemetry import Signal
from tests.tools.adapters.monitoring import CART, CHECKOUT, NOW, TARGETS, WINDOW, server
from tools.adapters.jaeger import Jaeger
from tools.adapters.loki import MOST_LINES, Loki
from tools.adapters.severity import severity_of
from tools.adapters.telemetry_files import LogFiles, MetricFiles, TraceFiles
from tools.adapters.tempo import Tempo

AT = NOW - timedelta(minutes=5)
NANOSECONDS = int(AT.timestamp() * 1e9)


def loki(labels: list[str], streams: list[dict[str, Any]], asked: list[str] | None = None) -> Loki:
    def answer(request: httpx.Request) -> Any:
        if request.url.path == "/loki/api/v1/labels":
            return {"status": "success", "data": labels}
        if asked is not None:
            asked.append(request.url.params["query"])
        return {"status": "success", "data": {"resultType": "streams", "result": streams}}

    return Loki("logs", server(answer))


def test_loki_is_asked_by_a_label_that_it_has() -> None:
    """Pods before names; the namespace as well where it has such a label."""
    asked: list[str] = []
    stream = {
        "stream": {"pod": "checkout-7d9f-abcde", "namespace": "shop"},
        "values": [[str(NANOSECONDS), "level=error no"]],
    }
    (line,) = loki(["namespace", "pod"], [stream], asked).lines(TARGETS, WINDOW).items
    assert asked == ["{pod=~`(?:checkout|checkout-svc|cart)-.+`,namespace=~`shop`}"]
    assert (line.resource, line.at, line.severity) == (CHECKOUT, pytest.approx(AT.timestamp()), "error")
    loki(["service_name"], [], asked).lines(TARGETS, WINDOW)
    assert asked[-1] == "{service_name=~`(?:.+/)?(?:checkout|checkout-svc|cart)`}"


def test_loki_gives_structured_metadata_and_level() -> None:
    """The trace of a line, and its level as Loki detects it."""
    values = [[str(NANOSECONDS), "no route", {"trace_id": "abc", "detected_level": "warn"}]]
    (line,) = (
        loki(["service_name"], [{"stream": {"service_name": "cart"}, "values": values}]).lines(TARGETS, WINDOW).items
    )
    assert (line.resource, line.trace, line.severity) == (CART, "abc", "warn")


def test_loki_without_a_telling_label_or_with_too_many_lines_is_a_gap() -> None:
    """Neither is silence of the systems."""
    assert "none of its labels" in loki(["filename"], []).lines(TARGETS, WINDOW).gaps[0].why
    many = [{"stream": {"app": "cart"}, "values": [[str(NANOSECONDS), "x"]] * MOST_LINES}]
    assert "left out" in loki(["app"], many).lines(TARGETS, WINDOW).gaps[0].why


def test_jaeger_traces_are_read_with_their_parents_and_errors() -> None:
    """Failing traces are asked for first; services that nobody knows keep their place in the chain."""
    spans = [
        {
            "traceID": "t",
            "spanID": "a",
            "processID": "p1",
            "operationName": "POST /pay",
            "startTime": 1_000_000,
            "duration": 5000,
            "references": [],
            "tags": [{"key": "error", "value": True}],
        },
        {
            "traceID": "t",
            "spanID": "b",
            "processID": "p2",
            "operationName": "GET",
            "startTime": 1_001_000,
            "duration": 3000,
            "references": [{"refType": "CHILD_OF", "traceID": "t", "spanID": "a"}],
            "tags": [],
        },
    ]
    trace = {
        "traceID": "t",
        "spans": spans,
        "processes": {"p1": {"serviceName": "checkout"}, "p2": {"serviceName": "x"}},
    }
    asked: list[str] = []

    def answer(request: httpx.Request) -> Any:
        if request.url.path == "/api/services":
            return {"data": ["ads", "checkout"]}
        asked.append(request.url.params["service"] + request.url.params.get("tags", ""))
        return {"data": [trace]}

    first, second = Jaeger("traces", server(answer)).spans(TARGETS, WINDOW).items
    assert asked == ['checkout{"error":"true"}', "checkout"]
    assert (first.resource, first.is_error, first.start, first.duration_s) == (CHECKOUT, True, 1.0, 0.005)
    assert (second.resource, second.parent, second.is_error) == ("svc://unknown/x", "a", False)


def otlp(service: str, span: str, parent: str = "", *, code: int = 0) -> dict[str, Any]:
    body = {"traceId": "t", "spanId": span, "parentSpanId": parent, "name": "GET", "status": {"code": code}}
    body |= {"startTimeUnixNano": str(NANOSECONDS), "endTimeUnixNano": str(NANOSECONDS + 10**6)}
    attributes = [{"key": "service.name", "value": {"stringValue": service}}]
    return {"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [body]}]}


def test_tempo_finds_failing_traces_first_and_reads_them_as_otlp() -> None:
    """By TraceQL and by id; both spellings of the list of resources."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> Any:
        if request.url.path == "/api/search":
            asked.append(request.url.params["q"])
            return {"traces": [{"traceID": "t"}]}
        return {"batches": [otlp("checkout", "a", code=2), otlp("cart", "b", "a", code=2)]}

    found = Tempo("traces", server(answer)).spans(TARGETS, WINDOW).items
    assert "status = error" in asked[0]
    assert 'resource.service.name="checkout"' in asked[0]
    assert [(s.resource, s.parent, s.is_error) for s in found] == [(CHECKOUT, "", True), (CART, "a", True)]


@pytest.mark.parametrize("kind", [Loki, Jaeger, Tempo])
def test_an_answer_of_another_server_is_told_as_such(kind: Any) -> None:
    """JSON that is no answer of this API."""
    store = kind("store", server(lambda _: ["hello"]))
    with pytest.raises(Unexpected, match="is this the address"):
        store.lines(TARGETS, WINDOW) if kind is Loki else store.spans(TARGETS, WINDOW)


def test_files_of_metrics_hold_levels_in_either_form(tmp_path: Path) -> None:
    """VictoriaMetrics writes milliseconds, Prometheus seconds and texts; what lies outside the window is left out."""
    early = NOW - timedelta(days=1)
    one = {"metric": {"__name__": "p95_latency_seconds", "service": "cart"}, "values": [1.0, 2.0]}
    one["timestamps"] = [early.timestamp() * 1000, AT.timestamp() * 1000]
    two = {"metric": {"__name__": "error_rate", "pod": "checkout-7d9f-abcde"}, "values": [[AT.timestamp(), "0.5"]]}
    (tmp_path / "metrics.jsonl").write_text(f"{json.dumps(one)}\n{json.dumps(two)}\nno json\n")
    found = MetricFiles("metrics", tmp_path).series(TARGETS, WINDOW)
    assert [(s.resource, s.signal, list(s.values)) for s in found.items] == [
        (CART, Signal.LATENCY, [2.0]),
        (CHECKOUT, Signal.ERRORS, [0.5]),
    ]
    assert len(found.gaps) == 1


def test_files_of_log_lines_and_traces_are_read(tmp_path: Path) -> None:
    """Labels beside the line or below it; OTLP requests one a line."""
    line = {"timestamp": AT.isoformat(), "message": "boom", "level": "ERROR", "kubernetes": {"pod_name": "cart-5f-x"}}
    (tmp_path / "logs.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / "traces.jsonl").write_text(json.dumps({"resourceSpans": [otlp("cart", "a", code=2)]}) + "\n")
    (found,) = LogFiles("logs", tmp_path / "logs.jsonl").lines(TARGETS, WINDOW).items
    assert (found.resource, found.severity, found.text) == (CART, "error", "boom")
    (span,) = TraceFiles("traces", tmp_path / "traces.jsonl").spans(TARGETS, WINDOW).items
    assert (span.resource, span.is_error) == (CART, True)
    with pytest.raises(Unreachable, match="nothing at"):
        LogFiles("logs", tmp_path / "absent").lines(TARGETS, WINDOW)


@pytest.mark.parametrize(
    ("fields", "text", "severity"),
    [
        ({"severity_text": "WARN"}, "", "warn"),
        ({}, '{"level":"error","msg":"x"}', "error"),
        ({}, "2026-03-01 12:00:00 ERROR no", "error"),
        ({}, "E0301 12:00:00 1 a.go:1] no", "error"),
        ({}, "[info] fine", ""),
        ({}, "an error is described here", ""),
    ],
)
def test_how_grave_a_line_is_stands_in_a_field_or_in_its_place_in_the_text(
    fields: dict[str, object], text: str, severity: str
) -> None:
    """A word in a sentence is no level."""
    assert severity_of(fields, text) == severity
