"""Asks monitoring around an alert: readings, log lines and traces of the subjects and their neighbours.

Every store is asked at the same time, within one limit of time. What fails becomes a gap with its reason; "no data",
"no answer" and "failed" stay three results.
"""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TimedOut
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog

from graph.diagnosis.engine import subjects_of
from graph.environment import EnvironmentGraph
from graph.errors import OutsideError
from graph.evidence import Gap
from graph.incident import Alert
from graph.targets import Targets, targets_of
from graph.telemetry import NOTHING_MEASURED, LogLine, Series, Span, Telemetry
from tools.log_forms import log_forms
from tools.ports import Measured, Monitoring, Window
from tools.untrusted import bounded, redact

_log = structlog.get_logger(__name__)

METRICS_BEFORE = timedelta(minutes=60)
"""Readings before the alert: enough of them to tell what is usual, at one a minute."""
LOGS_BEFORE = timedelta(minutes=15)
"""Lines before the alert; as much before these is read to compare."""
AFTER = timedelta(minutes=10)
"""After the alert, as far as it has passed."""
LIMIT_S = 20.0
"""Seconds for all stores together; what has not answered by then is a gap."""
_MOST_TEXT = 1000
_MOST_SUBJECTS = 6


class Gathered(NamedTuple):
    """What monitoring said, and what it did not say."""

    telemetry: Telemetry
    gaps: tuple[Gap, ...]


class _Asked(NamedTuple):
    what: str
    store: str
    answer: Future[Measured[Any]]


def gather(
    graph: EnvironmentGraph,
    alerts: Sequence[Alert],
    stores: Monitoring,
    *,
    limit_s: float = LIMIT_S,
    after: timedelta = AFTER,
) -> Gathered:
    """Ask all stores about the subjects of the alerts and their neighbours.

    Args:
        graph: the environment; nothing is asked beyond its time.
        alerts: of one incident.
        stores: whom to ask; without any there is nothing to say and no gap.
        limit_s: seconds for all of them.
        after: until how long after the first alert is asked, as far as it has passed.
    """
    if not len(stores) or not alerts:
        return Gathered(NOTHING_MEASURED, ())
    subjects = [c.uid for c in subjects_of(graph, alerts)[:_MOST_SUBJECTS]]
    targets = targets_of(graph, subjects)
    if not len(targets):
        why = "the alert names nothing that this environment knows, so there is nothing to ask monitoring for"
        return Gathered(NOTHING_MEASURED, (Gap(what="metrics, logs and traces", why=why),))
    start = _start(alerts)
    return _ask(targets, stores, start, max(start, min(graph.as_of, start + after)), limit_s)


def _start(alerts: Sequence[Alert]) -> datetime:
    return min(a.started_at for a in alerts)


def _ask(targets: Targets, stores: Monitoring, start: datetime, until: datetime, limit_s: float) -> Gathered:
    readings = Window(since=start - METRICS_BEFORE, until=until)
    lines = Window(since=start - LOGS_BEFORE, until=until)
    deadline = time.monotonic() + limit_s
    # Threads that hang must not hold up the process: nobody waits for them.
    pool = ThreadPoolExecutor(max_workers=max(1, len(stores) + len(stores.logs)), thread_name_prefix="gather")

    def asked(what: str, store: str, ask: Callable[..., Measured[Any]], window: Window) -> _Asked:
        context = contextvars.copy_context()
        return _Asked(what, store, pool.submit(context.run, ask, targets, window))

    metrics = [asked("metrics", s.name, s.series, readings) for s in stores.metrics]
    logs = [asked("logs", s.name, s.lines, lines) for s in stores.logs]
    past = [asked("logs before", s.name, s.lines, lines.before) for s in stores.logs]
    traces = [asked("traces", s.name, s.spans, lines) for s in stores.traces]
    gaps: list[Gap] = []
    series: list[Series] = [i for a in metrics for i in _answer(a, deadline, gaps)]
    forms = [f for a, b in zip(logs, past, strict=True) for f in _forms(a, b, deadline, gaps)]
    spans: list[Span] = [i for a in traces for i in _answer(a, deadline, gaps)]
    pool.shutdown(wait=False, cancel_futures=True)
    telemetry = Telemetry(series=tuple(series), logs=tuple(forms), spans=tuple(map(_redacted, spans)))
    return Gathered(telemetry, tuple(gaps))


def _forms(now: _Asked, before: _Asked, deadline: float, gaps: list[Gap]) -> Iterator[LogLine]:
    lines = [_plain(line) for line in _answer(now, deadline, gaps)]
    seen: list[Gap] = []
    # That nothing was logged before is no gap; that nobody answered is one.
    past = [_plain(line) for line in _answer(before, deadline, seen, empty=False)]
    gaps += seen
    yield from log_forms(lines, None if seen and not past else past)


def _answer(asked: _Asked, deadline: float, gaps: list[Gap], *, empty: bool = True) -> tuple[Any, ...]:
    """Wait for one answer; every way not to have one becomes a gap of its own sort."""
    what = f"{asked.what} in {asked.store}"
    try:
        measured = asked.answer.result(timeout=max(0.0, deadline - time.monotonic()))
    except TimedOut:
        asked.answer.cancel()
        gaps.append(Gap(what=what, why="no answer in time; look whether it can be reached and how loaded it is"))
        return ()
    except OutsideError as error:
        _log.warning("monitoring_failed", store=asked.store, what=asked.what, error=str(error))
        gaps.append(Gap(what=what, why=f"failed: {error}"[:300]))
        return ()
    except Exception as error:  # a store is a tool call: an answer nobody foresaw must not end the investigation
        _log.exception("monitoring_broke", store=asked.store, what=asked.what)
        gaps.append(Gap(what=what, why=f"failed: its answer could not be read ({type(error).__name__})"))
        return ()
    gaps += measured.gaps
    if not measured.items and not measured.gaps and empty:
        gaps.append(Gap(what=what, why="no data: it answered, and holds nothing of what was asked about"))
    return measured.items


def _plain(line: LogLine) -> LogLine:
    return replace(line, text=redact(bounded(line.text, _MOST_TEXT)))


def _redacted(span: Span) -> Span:
    return replace(span, attributes={k: redact(v) for k, v in span.attributes.items()}, name=redact(span.name))
