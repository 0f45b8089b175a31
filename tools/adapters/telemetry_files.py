"""Metrics, log lines and traces that lie in files: exports of a monitoring system, or what a demo writes.

- Metrics: JSON lines as VictoriaMetrics exports them (`{"metric": {"__name__": ..., LABEL: ...}, "values": [...],
  "timestamps": [milliseconds]}`), or as Prometheus answers (`"values": [[seconds, "text"], ...]`); values are levels.
- Log lines: JSON lines with `timestamp`, `message` (or `body`, `msg`), and labels beside them or below `labels`,
  `resource` or `kubernetes`.
- Traces: JSON lines of OTLP requests, as the OpenTelemetry Collector's file exporter writes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from graph.document import Json, Object
from graph.errors import Unreachable
from graph.evidence import Gap
from graph.signals import meaning
from graph.targets import POD_LABELS, Targets, plain_labels
from graph.telemetry import LogLine, Series, Signal, Span
from tools.adapters.json_lines import Line, read_lines
from tools.adapters.otlp import read_spans
from tools.adapters.severity import severity_of
from tools.ports import Measured, Window

_TIMES = ("timestamp", "time", "ts", "@timestamp")
_TEXTS = ("message", "body", "msg", "log", "text")
_NESTED = ("labels", "resource", "kubernetes", "attributes")
_MILLISECONDS = 1e11
"""A number of seconds beyond this is one of milliseconds, and beyond its square of nanoseconds."""
_MOST_ITEMS = 200_000


class MetricFiles:
    """A `MetricStore` over a file, or over all files of a folder."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path

    def series(self, targets: Targets, window: Window) -> Measured[Series]:
        found: dict[tuple[str, ...], tuple[Series, list[tuple[float, float]]]] = {}
        gaps: list[Gap] = []
        for line in _lines(self._path, self.name):
            if isinstance(line, Gap):
                gaps.append(line)
                continue
            series = _series(line.value, targets)
            if series is None:
                continue
            readings = [r for r in _readings(line.value) if _is_in(r[0], window)]
            side = "outgoing" if series.is_outgoing else ""
            key = (series.resource, series.metric, series.peer, series.instance, series.statistic, side)
            found.setdefault(key, (series, []))[1].extend(readings)
        items = tuple(_filled(series, sorted(readings)) for series, readings in found.values() if readings)
        return Measured(items=items, gaps=tuple(gaps))


class LogFiles:
    """A `LogStore` over a file, or over all files of a folder."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path

    def lines(self, targets: Targets, window: Window) -> Measured[LogLine]:
        items: list[LogLine] = []
        gaps: list[Gap] = []
        for line in _lines(self._path, self.name):
            if isinstance(line, Gap):
                gaps.append(line)
                continue
            read = _log_line(line.value, targets)
            if read is not None and read.at is not None and _is_in(read.at, window) and len(items) < _MOST_ITEMS:
                items.append(read)
        return Measured(items=tuple(items), gaps=tuple(gaps))


class TraceFiles:
    """A `TraceStore` over a file, or over all files of a folder."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path

    def spans(self, targets: Targets, window: Window) -> Measured[Span]:
        """Return whole traces of which a span touches a target and begins in the window."""
        traces: dict[str, list[Span]] = defaultdict(list)
        gaps: list[Gap] = []
        for line in _lines(self._path, self.name):
            if isinstance(line, Gap):
                gaps.append(line)
                continue
            for span in read_spans(line.value, targets):
                traces[span.trace].append(span)
        asked = {t.uid for t in targets}
        kept = [t for t in traces.values() if any(s.resource in asked and _is_in(s.start, window) for s in t)]
        kept.sort(key=lambda t: not any(s.is_error for s in t))
        return Measured(items=tuple(s for trace in kept for s in trace)[:_MOST_ITEMS], gaps=tuple(gaps))


def _lines(path: Path, name: str) -> Iterator[Line | Gap]:
    if not path.exists():
        raise Unreachable(f"{name}: there is nothing at {str(path)!r}: check the path")
    yield from read_lines(path)


def _series(value: Object, targets: Targets) -> Series | None:
    labels = {str(k): str(v) for k, v in (value.get("metric") or {}).items()}
    name = labels.get("__name__", "")
    outgoing = targets.outgoing(labels, name)
    uid = outgoing.callee if outgoing else targets.owner(labels)
    if uid is None or not name:
        return None
    # What stands in a file is what a query gave: levels, whatever the name says of counting.
    what = meaning(name, labels, type="gauge")
    plain = plain_labels(labels)
    return Series(
        resource=uid,
        metric=name,
        signal=what.signal if what else Signal.OTHER,
        times=np.array([]),
        values=np.array([]),
        unit=what.unit if what else "",
        statistic=plain.get("quantile", ""),
        peer=outgoing.caller if outgoing else targets.peer(labels) or "",
        instance=next((plain[k] for k in POD_LABELS if k in plain), ""),
        is_outgoing=outgoing is not None,
    )


def _filled(series: Series, readings: list[tuple[float, float]]) -> Series:
    return Series(
        resource=series.resource,
        metric=series.metric,
        signal=series.signal,
        times=np.array([at for at, _ in readings]),
        values=np.array([value for _, value in readings]),
        unit=series.unit,
        statistic=series.statistic,
        peer=series.peer,
        instance=series.instance,
        is_outgoing=series.is_outgoing,
    )


def _readings(value: Object) -> Iterator[tuple[float, float]]:
    times, values = value.get("timestamps"), value.get("values") or ()
    pairs = zip(times, values, strict=False) if isinstance(times, list) else (v for v in values if len(v) == 2)
    for at, reading in pairs:
        seconds = _seconds(at)
        if seconds is not None and reading is not None:
            yield seconds, float(reading)


def _log_line(value: Object, targets: Targets) -> LogLine | None:
    nested = [value[k] for k in _NESTED if isinstance(value.get(k), Mapping)]
    fields = {k: v for part in (*nested, value) for k, v in part.items()}
    labels = {k: v for k, v in fields.items() if isinstance(v, str)}
    uid = targets.owner(labels)
    text = next((fields[k] for k in _TEXTS if isinstance(fields.get(k), str)), "")
    if uid is None or not text:
        return None
    at = next((seconds for k in _TIMES if (seconds := _seconds(fields.get(k))) is not None), None)
    trace = str(labels.get("trace_id") or labels.get("traceId") or "")
    return LogLine(resource=uid, at=at, severity=severity_of(fields, text), text=text, trace=trace)


def _seconds(value: Json) -> float | None:
    """Seconds since 1970-01-01 UTC, of a number of seconds, milliseconds or nanoseconds, or of a text of time."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return value / 1e9 if value > _MILLISECONDS * 1e5 else value / 1e3 if value > _MILLISECONDS else float(value)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return _seconds(float(value)) if str(value).replace(".", "", 1).isdigit() else None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _is_in(at: float, window: Window) -> bool:
    return window.since.timestamp() <= at <= window.until.timestamp()
