"""What a metric measures, from its name, labels, type and unit: the conventions that instrumentation follows.

Prometheus naming (https://prometheus.io/docs/practices/naming/), OpenMetrics suffixes, OpenTelemetry semantic
conventions, and the metrics of cAdvisor, kube-state-metrics, Istio, Envoy and the usual exporters, which keep to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from graph.telemetry import Signal


class Form(StrEnum):
    """How readings of a metric must be combined before they say anything."""

    GAUGE = "gauge"
    """A level: as it is"""
    COUNTER = "counter"
    """Grows for ever: its rate"""
    HISTOGRAM = "histogram"
    """Cumulative buckets with a label `le`: a quantile of their rates"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a metric measures."""

    signal: Signal
    form: Form
    unit: str = ""
    """`s`, `bytes`, `percent`, `ratio` or empty"""


STATUS_LABELS = (
    "code",
    "status",
    "status_code",
    "http_status_code",
    "http_response_status_code",
    "response_code",
    "grpc_code",
    "grpc_status",
    "rpc_grpc_status_code",
)
"""Labels that tell how a request ended."""
FAILED = (
    "5..|error|ERROR|failed|failure"
    "|Unknown|Internal|Unavailable|DeadlineExceeded|ResourceExhausted|DataLoss|2|4|8|13|14|15"
)
"""Values of these labels that mean that the server failed, as an anchored regular expression: HTTP 5xx, OpenTelemetry's
ERROR, and the gRPC codes by name and number that are not the caller's doing."""

_SUFFIX_OF_PARTS = re.compile(r"_(sum|count|bucket|total|created|info)$")
_DURATION = re.compile(r"duration|latency|response_time|request_time|elapsed|p(50|9\d|999)(_|$)|(^|_)rtt(_|$)")
_ERRORS = re.compile(
    r"error|fail|exception|5xx|timeout|reject|dropped|aborted|panics|denied|throttled_requests|retries"
)
_AVAILABILITY = re.compile(r"availability|success_(rate|ratio|percent)|uptime_ratio|(^|_)probe_success$|^up$")
_TRAFFIC = re.compile(
    r"(^|_)(requests?|calls|queries|transactions|messages|invocations|rpcs?|hits|commands_processed|operations)(_|$)"
    r"|(^|_)(rps|qps|tps|throughput)(_|$)|server_handled|server_started|http_server|_served"
)
_MEMORY = re.compile(r"memory|heap|(^|_)rss(_|$)|working_set|resident")
_CPU = re.compile(r"(^|_)cpu(_|$)")
_RESTARTS = re.compile(r"restart")
_LAG = re.compile(
    r"(^|_)lag(_|$)|oldest_message|age_of_oldest|replication_delay|behind_master|consumer_backlog|ready_messages"
)
_SATURATION = re.compile(
    r"throttl|queue|pool|connections|threads|inflight|in_flight|in_progress|pending|backlog|utili[sz]ation|saturation"
    r"|(^|_)usage(_|$)|(^|_)load\d*(_|$)|file_descriptors|(^|_)fds(_|$)|disk_(used|free)|filesystem_(avail|free|size)"
    r"|volume_stats|goroutines|gc_(pause|duration)|evict|workers|slots"
)
_UNITS = (
    (re.compile(r"(^|_)(milliseconds|millis|ms)(_|$)"), "ms"),
    (re.compile(r"(^|_)(seconds|secs)(_|$)"), "s"),
    (re.compile(r"(^|_)(bytes)(_|$)"), "bytes"),
    (re.compile(r"(^|_)(percent|percentage|pct)(_|$)"), "percent"),
    (re.compile(r"(^|_)(ratio)(_|$)"), "ratio"),
)
_OPENTELEMETRY_UNITS = {"s": "s", "ms": "ms", "By": "bytes", "%": "percent", "1": "ratio"}
_WORDS_JOINED = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SKIPPED = re.compile(
    r"_created$|_info$|(^|_)build_info|scrape_|^go_(info|memstats_(?!heap_inuse|alloc_bytes$))|^process_start_time"
    r"|^(promhttp|prometheus|alertmanager)_|_labels$|_annotations$|^ALERTS"
)
"""Metrics that describe the instrumentation or carry only labels."""


def meaning(name: str, labels: Iterable[str] = (), *, type: str = "", unit: str = "") -> Meaning | None:
    """Say what a metric measures.

    Args:
        name: as the monitoring has it; dots count as underscores.
        labels: names of its labels.
        type: `counter`, `gauge`, `histogram` or `summary`, where the monitoring tells it; else read from the name.
        unit: UCUM unit, where the monitoring tells it; else read from the name.

    Returns:
        None for what measures nothing of a service: bookkeeping of the instrumentation, sums and counts that belong to
        a histogram.

    >>> meaning("http_requests_total").signal, meaning("http_request_duration_seconds_bucket", ["le"]).form
    (<Signal.TRAFFIC: 'traffic'>, <Form.HISTOGRAM: 'histogram'>)
    """
    plain = re.sub(r"[^a-z0-9]+", "_", _WORDS_JOINED.sub("_", name).lower()).strip("_")
    if _SKIPPED.search(plain) or _SKIPPED.search(name):
        return None
    form = _form(plain, set(labels), type)
    base = _SUFFIX_OF_PARTS.sub("", plain)
    if form is Form.HISTOGRAM:
        return Meaning(signal=Signal.LATENCY, form=form, unit=_unit(plain, unit)) if _DURATION.search(base) else None
    signal = _signal(base, plain, form)
    return None if signal is None else Meaning(signal=signal, form=form, unit=_unit(plain, unit))


def signal_of(name: str, labels: Iterable[str] = ()) -> Signal:
    """Return the signal of a metric whose readings are levels already; OTHER for one that says nothing by its name."""
    found = meaning(name, labels)
    return found.signal if found else Signal.OTHER


def _form(name: str, labels: set[str], type: str) -> Form:
    if "le" in labels or (name.endswith("_bucket") and type != "gauge"):
        return Form.HISTOGRAM
    if type == "counter" or (not type and re.search(r"_(total|count|sum)$", name)):
        return Form.COUNTER
    return Form.GAUGE


def _signal(base: str, name: str, form: Form) -> Signal | None:
    """The first that fits; what is felt before what is used up."""
    if _AVAILABILITY.search(base):
        return Signal.AVAILABILITY
    if _DURATION.search(base):
        # A count belonging to a duration counts requests; its sum alone says nothing.
        if form is Form.COUNTER:
            return Signal.TRAFFIC if name.endswith("_count") else None
        return Signal.LATENCY
    for pattern, signal in (
        (_RESTARTS, Signal.RESTARTS),
        (_LAG, Signal.LAG),
        (re.compile("throttl"), Signal.SATURATION),
        (_ERRORS, Signal.ERRORS),
        (_CPU, Signal.CPU),
        (_MEMORY, Signal.MEMORY),
        (_SATURATION, Signal.SATURATION),
        (_TRAFFIC, Signal.TRAFFIC),
    ):
        if pattern.search(base):
            return signal
    return None


def _unit(name: str, unit: str) -> str:
    if unit in _OPENTELEMETRY_UNITS:
        return _OPENTELEMETRY_UNITS[unit]
    return next((found for pattern, found in _UNITS if pattern.search(name)), "")
