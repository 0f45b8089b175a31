"""What speaks of the trouble: the alerts, forms of log lines that come more often, metrics that left their range."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from graph.evidence import ObservationKind, SymptomEvent
from graph.incident import Alert
from graph.telemetry import LogLine, Mood, Series, Span, Telemetry

_TAIL = 6.0
"""Robust standard deviations beyond which a metric left its range."""
_LATE_S = 300.0
"""Seconds before the alert from which readings tell of the trouble."""
_LEAST_READINGS = 6
_FROM_ALERT, _FROM_LOGS, _FROM_METRICS = 2.0, 1.0, 0.7
"""How much each is of the trouble: a metric may be out of range for a reason of its own."""
_FROM_NEW_LINES, _FROM_SPANS = 0.4, 0.5
"""Lines that were not there before tell of something new, if not of trouble; spans tell the same once more."""
_NEW = 0.1
"""Share of lines of a form that may have been there before for it to be new."""
_MANY = 20
"""Lines of a form from which on being new says more than that a service was started."""
_MOST_SPANS = 40
_QUIET = frozenset({"trace", "debug", "info"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A form of log line, a metric or an alert that speaks of the trouble."""

    service: str
    """uid of who complains"""
    text: str
    """Untrusted."""
    names: str = ""
    """What it carries beside its words: routes, statements, frames of a stack. Untrusted."""
    weight: float = 1.0
    """How much of the trouble it is."""
    event: SymptomEvent | None = None
    """What is cited for it; None for an alert, which is cited as such."""
    key: str = ""
    """Tells complaints of one question apart; `Reason.about` names it."""


def complaints(alerts: Sequence[Alert], telemetry: Telemetry, *, subject: str, at: float) -> tuple[Complaint, ...]:
    """Collect what speaks of the trouble.

    Args:
        alerts: of one incident.
        telemetry: what was measured around it.
        subject: uid of what the alerts are about; empty when they name nothing that is known.
        at: seconds since 1970-01-01 UTC; start of the earliest alert.
    """
    found = [
        *(_of_alert(alert, subject) for alert in alerts),
        *(_of_line(line) for line in telemetry.logs if _is_complaint(line)),
        *(_of_line(line, weight=_FROM_NEW_LINES) for line in telemetry.logs if _is_new(line)),
        *_of_spans(telemetry.spans, at=at),
        *_of_slow(telemetry.spans, at=at),
        *(_of_series(series) for series in telemetry.series if broke_out(series, at=at)),
    ]
    return tuple(_keyed(found))


def broke_out(series: Series, *, at: float) -> bool:
    """Whether a metric left the range of its first half by `at` (seconds since 1970-01-01 UTC)."""
    measured = np.isfinite(series.values)
    times, values = series.times[measured], series.values[measured]
    if values.size < _LEAST_READINGS:
        return False
    usual, spread = usual_range(series)
    late = values[times >= at - _LATE_S]
    return late.size > 0 and float(np.max(np.abs(late - usual))) > _TAIL * spread


def usual_range(series: Series, *, until: float | None = None) -> tuple[float, float]:
    """Return median and robust standard deviation of the first half of a series (up to `until`, where given)."""
    measured = np.isfinite(series.values)
    values = series.values[measured]
    if until is not None:
        values = values[series.times[measured] <= until]
    past = values[: values.size // 2]
    usual = float(np.median(past))
    spread = 1.4826 * float(np.median(np.abs(past - usual))) or 0.05 * abs(usual) or 0.01
    return usual, spread


def _keyed(found: Iterable[Complaint]) -> Iterator[Complaint]:
    for number, one in enumerate(found):
        yield replace(one, key=f"complaint {number}")


def _of_alert(alert: Alert, subject: str) -> Complaint:
    words = [alert.metric, alert.title, alert.description, alert.labels.get("alertname", "")]
    return Complaint(service=subject, text=" ".join(filter(None, words)), weight=_FROM_ALERT)


def _is_complaint(line: LogLine) -> bool:
    """Whether lines of this form come more often than before, and nobody judged that they are ordinary."""
    if line.mood in (Mood.NEUTRAL, Mood.GOOD) or (line.mood is None and line.severity in _QUIET):
        return False
    return line.count > (line.baseline or 0.0)


def _is_new(line: LogLine) -> bool:
    """Whether lines of an ordinary form were never seen before, and are now seen often."""
    is_ordinary = line.mood is Mood.NEUTRAL or (line.mood is None and line.severity in _QUIET)
    is_fresh = line.baseline is not None and line.baseline <= _NEW * line.count
    return is_ordinary and is_fresh and line.count >= _MANY


def _of_spans(spans: Sequence[Span], *, at: float) -> Iterator[Complaint]:
    """What failed spans around the alert say, each form once."""
    said: dict[tuple[str, str], Span] = {}
    for span in spans:
        if span.is_error and span.start >= at - _SPANS_S:
            words = " ".join((span.name, *(v for k, v in sorted(span.attributes.items()) if k not in _REMARKS)))
            said.setdefault((span.resource, words), span)
    for (resource, words), span in list(said.items())[:_MOST_SPANS]:
        event = SymptomEvent(kind=ObservationKind.EVENT, resource=resource, at=_utc(span.start), text=words)
        yield Complaint(service=resource, text=words, weight=_FROM_SPANS, event=event)


def _of_slow(spans: Sequence[Span], *, at: float) -> Iterator[Complaint]:
    """What takes most of the time of requests that are slower than before, each once."""
    within: dict[tuple[str, str], list[Span]] = defaultdict(list)
    before: dict[tuple[str, str], list[float]] = defaultdict(list)
    for span in spans:
        within[span.trace, span.parent].append(span)
        if span.start < at - _SPANS_S / 2 and not span.is_error:
            before[span.resource, span.name].append(span.duration_s)
    longest: dict[str, float] = defaultdict(float)
    for span in spans:
        longest[span.trace] = max(longest[span.trace], span.duration_s)
    said: set[tuple[str, str]] = set()
    for span in spans:
        own = span.duration_s - sum(s.duration_s for s in within[span.trace, span.id])
        usual = float(np.median(before[span.resource, span.name] or [_SLOW_S / _SLOWER]))
        is_late = span.start >= at - _SPANS_S / 2
        if not is_late or own < _MOST_OF_IT * longest[span.trace] or span.duration_s < _SLOWER * usual:
            continue
        names = " ".join((span.name, *(v for k, v in sorted(span.attributes.items()) if k not in _REMARKS)))
        if (span.resource, names) in said or len(said) >= _MOST_SLOW:
            continue
        said.add((span.resource, names))
        text = f"slow: {span.name}"
        event = SymptomEvent(kind=ObservationKind.EVENT, resource=span.resource, at=_utc(span.start), text=text)
        yield Complaint(service=span.resource, text=text, names=names, weight=_FROM_SLOW, event=event)


_FROM_SLOW = 0.3
_SLOW_S, _SLOWER, _MOST_OF_IT, _MOST_SLOW = 1.0, 2.0, 0.4, 5
"""Seconds from which a span is slow of which no earlier one is known; times of its usual; share of the whole trace"""
_SPANS_S = 1800.0
_REMARKS = frozenset({"note", "comment"})
_PLACE = re.compile(r"<[^<>\s]{0,12}>")


def _of_line(line: LogLine, *, weight: float = _FROM_LOGS) -> Complaint:
    event = SymptomEvent(
        kind=ObservationKind.LOG, resource=line.resource, at=_utc(line.at), text=line.text, count=line.count
    )
    # Of what stands in the places of a form, a line of it tells.
    text = f"{line.text} {line.example}" if _PLACE.search(line.text) else line.text
    names = " ".join((line.example, *(v for k, v in sorted(line.attributes.items()) if k not in _REMARKS)))
    return Complaint(service=line.resource, text=text, names=names.strip(), weight=weight, event=event)


def _of_series(series: Series) -> Complaint:
    last = float(series.values[np.isfinite(series.values)][-1])
    event = SymptomEvent(
        kind=ObservationKind.METRIC,
        resource=series.resource,
        at=_utc(float(series.times[-1])),
        text="",
        reason=series.metric,
        value=last,
        unit=series.unit,
    )
    return Complaint(service=series.resource, text=series.metric, weight=_FROM_METRICS, event=event)


def _utc(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
