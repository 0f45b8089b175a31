"""Metrics over the HTTP API of Prometheus: what is asked, what is read, and how it fails; and a real server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs

import httpx
import numpy as np
import pytest

from graph.errors import OutsideError, Refused, Unexpected, Unreachable
from graph.telemetry import Series, Signal
from tests.tools.adapters.monitoring import CART, CHECKOUT, NOW, TARGETS, WINDOW, server
from tools.adapters.http_json import FAILURES, HttpJson
from tools.adapters.prometheus import Prometheus


def _form(request: httpx.Request) -> dict[str, list[str]]:
    return parse_qs(request.content.decode())


class FakePrometheus:
    """Knows some series, and answers every question with one reading; remembers the questions."""

    def __init__(self, *series: dict[str, str]) -> None:
        self.series = series
        self.questions: list[str] = []

    def __call__(self, request: httpx.Request) -> Any:
        if request.url.path == "/api/v1/series":
            return {"status": "success", "data": list(self.series)}
        question = _form(request)["query"][0]
        self.questions.append(question)
        name = next(s["__name__"] for s in self.series if s["__name__"] in question)
        result = [
            {"metric": {k: v for k, v in s.items() if k != "__name__"}, "values": [[NOW.timestamp(), "1.5"]]}
            for s in self.series
            if s["__name__"] == name
        ]
        return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def read(fake: FakePrometheus) -> list[Series]:
    return list(Prometheus("metrics", server(fake)).series(TARGETS, WINDOW).items)


def test_a_counter_is_asked_for_as_a_rate_and_its_failures_apart() -> None:
    """Requests are traffic; those that end in an error are errors, nought when there are none."""
    fake = FakePrometheus(
        {"__name__": "http_requests_total", "pod": "checkout-7d9f-abcde", "namespace": "shop", "code": "500"}
    )
    found = read(fake)
    assert {(s.resource, s.signal) for s in found} == {(CHECKOUT, Signal.TRAFFIC), (CHECKOUT, Signal.ERRORS)}
    assert all("rate(http_requests_total{pod=~" in q for q in fake.questions)
    assert any('code=~"5..|' in q and "* 0" in q for q in fake.questions)


def test_a_histogram_is_asked_for_as_a_quantile() -> None:
    """Buckets say nothing alone."""
    labels = {"service": "cart", "namespace": "shop", "le": "0.5"}
    fake = FakePrometheus({"__name__": "http_request_duration_seconds_bucket", **labels})
    (found,) = read(fake)
    assert fake.questions[0].startswith("histogram_quantile(0.95, sum by (namespace, service, le) (rate(")
    assert (found.resource, found.signal, found.unit, found.statistic) == (CART, Signal.LATENCY, "s", "p95")


_POD = {"pod": "checkout-7d9f-abcde", "namespace": "shop"}
_MESH = {
    "__name__": "istio_requests_total",
    "source_workload": "checkout",
    "destination_workload": "cart",
    "destination_service_namespace": "shop",
    "response_code": "503",
}


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        pytest.param({**_MESH, **_POD, "reporter": "source"}, (CART, CHECKOUT, _POD["pod"], True), id="mesh, caller"),
        pytest.param(
            {**_MESH, "pod": "cart-5f6d-zzzzz", "namespace": "shop", "reporter": "destination"},
            (CART, CHECKOUT, "cart-5f6d-zzzzz", False),
            id="mesh, callee",
        ),
        pytest.param(
            {"__name__": "http_client_request_duration_seconds_count", "server_address": "cart", **_POD},
            (CART, CHECKOUT, _POD["pod"], True),
            id="HTTP client",
        ),
        pytest.param(
            {"__name__": "rpc_client_duration_milliseconds_count", "server_address": "cart.shop.svc", **_POD},
            (CART, CHECKOUT, _POD["pod"], True),
            id="RPC client",
        ),
        pytest.param(
            {"__name__": "http_client_request_duration_seconds_count", "server_address": "cart.example.com", **_POD},
            (CHECKOUT, "", _POD["pod"], False),
            id="a client of somebody outside",
        ),
        pytest.param(
            {"__name__": "http_server_request_duration_seconds_count", "server_address": "cart", **_POD},
            (CHECKOUT, "", _POD["pod"], False),
            id="HTTP server",
        ),
        pytest.param(
            {"__name__": "traces_spanmetrics_calls_total", "span_kind": "SPAN_KIND_CLIENT", "peer_service": "cart"}
            | {"service_name": "checkout"},
            (CART, CHECKOUT, "", True),
            id="spans of kind client",
        ),
    ],
)
def test_calls_that_the_caller_measured_are_outgoing(labels: dict[str, str], told: tuple[str, str, str, bool]) -> None:
    """They are of whom was called, and name the instance that called; the two sides of a mesh are asked for apart."""
    fake = FakePrometheus(labels)
    found = read(fake)
    assert {(s.resource, s.peer, s.instance, s.is_outgoing) for s in found} == {told}
    for side in ("reporter", "span_kind"):
        assert (side in fake.questions[0].partition("(rate")[0]) is (side in labels)


def test_a_metric_of_calls_tells_who_calls() -> None:
    """Service meshes and service graphs name both ends."""
    labels = {"destination_workload": "cart", "source_workload": "checkout", "destination_service_namespace": "shop"}
    found = read(FakePrometheus({"__name__": "istio_requests_total", **labels}))
    assert [(s.resource, s.peer) for s in found] == [(CART, CHECKOUT)]


def test_what_belongs_to_nobody_asked_about_is_not_asked_for() -> None:
    """Another namespace, another service, and metrics that measure nothing of a service."""
    fake = FakePrometheus(
        {"__name__": "http_requests_total", "service": "cart", "namespace": "other"},
        {"__name__": "http_requests_total", "service": "ads", "namespace": "shop"},
        {"__name__": "kube_pod_info", "pod": "checkout-7d9f-abcde", "namespace": "shop"},
    )
    assert read(fake) == []
    assert fake.questions == []


def test_a_question_that_fails_is_a_gap_and_the_others_are_answered() -> None:
    """One metric that is too dear must not hide the rest."""
    fake = FakePrometheus(
        {"__name__": "memory_bytes", "pod": "cart-1", "namespace": "shop"},
        {"__name__": "queue_length", "pod": "cart-1", "namespace": "shop"},
    )

    def answer(request: httpx.Request) -> Any:
        if "queue_length" in request.content.decode() and "query_range" in request.url.path:
            return httpx.Response(503, text="too many samples")
        return fake(request)

    found = Prometheus("metrics", server(answer)).series(TARGETS, WINDOW)
    assert [s.metric for s in found.items] == ["memory_bytes"]
    assert [g.what for g in found.gaps] == ["queue_length in metrics"]
    assert "503" in found.gaps[0].why


@pytest.mark.parametrize(
    ("response", "error"),
    [
        pytest.param(httpx.Response(401), Refused, id="credentials"),
        pytest.param(httpx.Response(502), Unreachable, id="a proxy without a server"),
        pytest.param(httpx.Response(200, text="<html>"), Unexpected, id="no JSON"),
        pytest.param(httpx.Response(200, json={"status": "error", "error": "bad"}), Unexpected, id="no success"),
        pytest.param(httpx.Response(404), Unexpected, id="another address"),
    ],
)
def test_each_way_to_fail_is_an_error_of_its_own(response: httpx.Response, error: type[OutsideError]) -> None:
    """So that people learn whether to wait, to change credentials, or the address."""
    with pytest.raises(error, match=r"metrics|store"):
        Prometheus("metrics", server(lambda _: response)).series(TARGETS, WINDOW)


def test_every_failure_of_the_library_has_words_of_ours() -> None:
    """A new exception of httpx can't slip through as something else."""
    ours = tuple(kind for kind, _, _ in FAILURES)
    leaves = [e for e in vars(httpx).values() if isinstance(e, type) and issubclass(e, httpx.HTTPError)]
    known = (*ours, httpx.HTTPStatusError)
    assert [
        e
        for e in leaves
        if e not in (httpx.HTTPError, httpx.RequestError, httpx.TransportError) and not issubclass(e, known)
    ] == []


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary, tool = shutil.which("prometheus"), shutil.which("promtool")
    if not binary or not tool:
        pytest.skip("no prometheus on this machine: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "config.yml").write_text("global: {scrape_interval: 1h}\n")
    (folder / "readings.txt").write_text(_exposition())
    subprocess.run(
        [tool, "tsdb", "create-blocks-from", "openmetrics", str(folder / "readings.txt"), str(folder / "data")],
        check=True,
        capture_output=True,
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [f"--config.file={folder / 'config.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    arguments += [f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y"]
    process = subprocess.Popen([binary, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _ready(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(timeout=20)


def _ready(url: str) -> str:
    for _ in range(150):
        try:
            if httpx.get(f"{url}/-/ready").status_code == 200:
                return url
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    pytest.fail("prometheus did not start")


def _exposition() -> str:
    """Half an hour of a pod whose requests begin to fail and to be slow ten minutes before the end."""
    labels = 'namespace="shop",pod="checkout-7d9f-abcde"'
    ok, failed, memory, quick, slow = [], [], [], [], []
    for minute in range(41):
        at = NOW.timestamp() - 60 * (40 - minute)
        bad = max(0, minute - 30) * 60
        ok.append(f'http_requests_total{{{labels},code="200"}} {minute * 600} {at}')
        failed.append(f'http_requests_total{{{labels},code="503"}} {bad} {at}')
        memory.append(f"container_memory_working_set_bytes{{{labels}}} {1e8 + bad * 1e5} {at}")
        quick.append(f'http_request_duration_seconds_bucket{{{labels},le="0.1"}} {min(minute, 30) * 600} {at}')
        slow.append(f'http_request_duration_seconds_bucket{{{labels},le="+Inf"}} {minute * 600} {at}')
    head = ["# TYPE http_requests counter", *ok, *failed]
    head += ["# TYPE container_memory_working_set_bytes gauge", *memory]
    return "\n".join([*head, "# TYPE http_request_duration_seconds_bucket gauge", *quick, *slow, "# EOF", ""])


def test_a_real_server_tells_rates_failures_quantiles_and_levels(prometheus: str) -> None:
    """Every expression is one that Prometheus takes, and the readings are those that were written."""
    with closing(HttpJson("metrics", prometheus)) as http:
        found = Prometheus("metrics", http).series(TARGETS, WINDOW)
    assert found.gaps == ()
    by = {(s.signal, s.statistic): s for s in found.items}
    assert {s.resource for s in found.items} == {CHECKOUT}
    traffic, errors = by[Signal.TRAFFIC, ""], by[Signal.ERRORS, "failed"]
    assert traffic.values[-1] == pytest.approx(11.0, rel=0.05)
    assert np.max(errors.values[: errors.values.size // 2]) == 0.0
    assert errors.values[-1] == pytest.approx(1.0, rel=0.05)
    assert by[Signal.MEMORY, ""].values[-1] == pytest.approx(1e8 + 600 * 1e5)
    assert by[Signal.LATENCY, "p95"].values[-1] == pytest.approx(0.1)
