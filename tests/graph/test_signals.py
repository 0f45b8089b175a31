"""What metrics of the usual instrumentation measure."""

from __future__ import annotations

import pytest

from graph.signals import Form, meaning, signal_of
from graph.telemetry import Signal


@pytest.mark.parametrize(
    ("name", "labels", "signal", "form"),
    [
        ("http_requests_total", ["code"], Signal.TRAFFIC, Form.COUNTER),
        ("http_request_duration_seconds_bucket", ["le"], Signal.LATENCY, Form.HISTOGRAM),
        ("http_server_request_duration_seconds_count", [], Signal.TRAFFIC, Form.COUNTER),
        ("istio_requests_total", ["response_code"], Signal.TRAFFIC, Form.COUNTER),
        ("grpc_server_handled_total", ["grpc_code"], Signal.TRAFFIC, Form.COUNTER),
        ("grpc_server_handling_seconds_bucket", ["le"], None, None),
        ("container_cpu_usage_seconds_total", ["pod"], Signal.CPU, Form.COUNTER),
        ("container_memory_working_set_bytes", ["pod"], Signal.MEMORY, Form.GAUGE),
        ("container_cpu_cfs_throttled_periods_total", ["pod"], Signal.SATURATION, Form.COUNTER),
        ("kube_pod_container_status_restarts_total", ["pod"], Signal.RESTARTS, Form.COUNTER),
        ("kafka_consumergroup_lag", ["group"], Signal.LAG, Form.GAUGE),
        ("hikaricp_connections_pending", [], Signal.SATURATION, Form.GAUGE),
        ("jvm_memory_used_bytes", ["area"], Signal.MEMORY, Form.GAUGE),
        ("app_errors_total", [], Signal.ERRORS, Form.COUNTER),
        ("probe_success", [], Signal.AVAILABILITY, Form.GAUGE),
        ("up", ["job"], Signal.AVAILABILITY, Form.GAUGE),
        ("http.server.request.duration", [], Signal.LATENCY, Form.GAUGE),
        ("p99_latency_ms", [], Signal.LATENCY, Form.GAUGE),
        ("CPUUtilization", [], Signal.CPU, Form.GAUGE),
        ("DatabaseConnections", [], Signal.SATURATION, Form.GAUGE),
        ("kube_pod_info", [], None, None),
        ("scrape_duration_seconds", [], None, None),
        ("go_info", [], None, None),
        ("http_request_duration_seconds_sum", [], None, None),
    ],
)
def test_a_metric_means_what_its_name_says(
    name: str, labels: list[str], signal: Signal | None, form: Form | None
) -> None:
    """What describes the instrumentation, or says nothing alone, means nothing."""
    found = meaning(name, labels)
    assert (found.signal if found else None, found.form if found else None) == (signal, form)


def test_a_metric_that_says_nothing_is_other() -> None:
    """It is measured all the same, and not judged by a signal."""
    assert signal_of("widgets") is Signal.OTHER
