"""Which of many alerts deserve a person: those that are real, that nobody works on yet, and of one fault one.

Each alert gets points for and against being real. It is taken for noise only where something speaks against it: what
nobody measured or said proves nothing. Severity decides only which of several alerts of one fault is told, since people
set it beforehand and in both directions wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from graph.environment import EnvironmentGraph
from graph.incident import Alert, OpenIncident
from graph.matching import candidates
from graph.telemetry import NOTHING_MEASURED, Floats, LogLine, Mood, Telemetry

PAGE_FROM = 1.0
"""Points from which an alert is taken for real."""
_QUICK_S = 180.0
"""An alert that clears within this time and stays clear healed by itself."""
_FLAPS = 5
"""Times in an hour from which an alert that clears each time is a habit."""
_LATER = 0.05
"""Part of its level that a reading must move to count as moving."""
_AGAINST = -1.0
"""Points from which one reason alone speaks for noise; what weighs less may hold of a real one as well."""
_NOT_ORDINARY = 4.0
"""Growth of an ordinary line of logs from which it is ordinary no more, unless its alert has cleared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether an alert wakes a person, and why."""

    alert: str
    """id"""
    is_page: bool
    points: float
    reasons: tuple[str, ...]
    same_as: str = ""
    """id of the alert, incident or planned change that covers it."""


def triage(
    graph: EnvironmentGraph,
    alerts: Sequence[Alert],
    *,
    telemetry: Telemetry = NOTHING_MEASURED,
    open_incidents: Sequence[OpenIncident] = (),
) -> tuple[Decision, ...]:
    """Decide which alerts wake a person.

    Args:
        graph: the environment, for what each alert is about.
        alerts: those that came together, in any order.
        telemetry: readings of the metrics that the alerts judge, and the forms of log lines that they name.
        open_incidents: what people work on already, or planned.

    Returns:
        One decision for each alert, in the order of `alerts`.
    """
    pages = [_page(graph, alert, telemetry) for alert in alerts]
    real: dict[str, tuple[float, tuple[str, ...]]] = {}
    decisions: dict[str, Decision] = {}
    for page in pages:
        points, reasons = _judge(page)
        owner = next((k for k in open_incidents if _covers(k, page)), None)
        if owner is not None:
            text = f"{owner.id} is about this already."
            decisions[page.id] = Decision(
                alert=page.id, is_page=False, points=points, reasons=(text,), same_as=owner.id
            )
        elif points < PAGE_FROM:
            decisions[page.id] = Decision(alert=page.id, is_page=False, points=points, reasons=reasons)
        else:
            real[page.id] = points, reasons
    for group in _groups([p for p in pages if p.id in real]):
        told = _nearest(group)
        for page in group:
            points, reasons = real[page.id]
            is_told = page is told
            why = reasons if is_told else (f"{told.id} tells of the same fault.", *reasons)
            decisions[page.id] = Decision(
                alert=page.id, is_page=is_told, points=points, reasons=why, same_as="" if is_told else told.id
            )
    return tuple(decisions[page.id] for page in pages)


_FILLS_UP = re.compile(
    r"lag|queue|backlog|depth|oldest|disk|volume|pvc|storage|space|memory|heap|pool|connections|cpu|pressure|certificate"
    r"|saturation|utili[sz]ation"
)
"""Measures of something that fills up, runs out or falls behind: it does so before anybody feels an error."""


def _nearest(group: Sequence[_Page]) -> _Page:
    """The page of one fault that is nearest to its origin: first where it began, then what tells best of it there.

    What fills up comes before what callers feel of it, then whom the log names, then who felt it first. Gravity comes
    last: what customers feel is graver than its cause, and paging the cause is what gets it mended. Of one and the same
    service the first measure tells: a queue there fills because less is done. One that is over tells of nothing.
    """
    places: dict[str, list[_Page]] = {}
    for page in group:
        places.setdefault(page.subject, []).append(page)

    place = min(places.values(), key=_nearness)
    return min(place, key=lambda p: (_is_over(p), p.fired_at, p.gravity, p.id))


def _nearness(pages: list[_Page]) -> tuple[bool, bool, bool, float, int, str]:
    """Order the pages of one service among those of others by how near they are to the origin of their fault."""
    lasting = [p for p in pages if not _is_over(p)]
    telling = lasting or pages
    is_felt = not any(_FILLS_UP.search(p.alert.metric.lower()) for p in telling)
    first = min(telling, key=lambda p: (p.fired_at, p.gravity, p.id))
    return not lasting, is_felt, not _is_named(first), first.fired_at, min(p.gravity for p in pages), first.id


def _is_named(page: _Page) -> bool:
    name = page.subject.rpartition("/")[2]
    return page.form is not None and bool(name) and name in page.form.text


def _is_over(page: _Page) -> bool:
    """Whether the metric came back to its usual range; where that was not measured, whether the alert cleared."""
    excess = _excess(page, _after(page))
    return bool(excess[-1] <= 0) if excess.size >= 2 else page.alert.ended_at is not None


class _Page(NamedTuple):
    """One alert with what was measured of it."""

    alert: Alert
    subject: str
    """uid of what it is about; the sender's name of it where no resource is known"""
    form: LogLine | None
    times: Floats
    """Of the readings of its metric, before and after; seconds since 1970-01-01 UTC, ascending."""
    values: Floats

    @property
    def id(self) -> str:
        return self.alert.id

    @property
    def fired_at(self) -> float:
        return self.alert.started_at.timestamp()

    @property
    def gravity(self) -> int:
        """1 is the gravest."""
        text = self.alert.severity.lower()
        digits = re.fullmatch(r"(?:sev|p|s)?-?(\d)", text)
        return int(digits[1]) if digits else _GRAVITY.get(text, 9)


_GRAVITY = {"critical": 1, "emergency": 1, "error": 2, "high": 2, "warning": 3, "medium": 3, "low": 4, "info": 5}


def _page(graph: EnvironmentGraph, alert: Alert, telemetry: Telemetry) -> _Page:
    found = candidates(graph, alert)
    subject = found[0].uid if found else alert.service
    form = next((line for line in telemetry.logs if alert.form and line.form == alert.form), None)
    mine = (s for s in telemetry.series if alert.metric and s.metric == alert.metric and s.resource == subject)
    series = next(mine, None)
    none = np.array([])
    return _Page(alert, subject, form, series.times if series else none, series.values if series else none)


def _judge(page: _Page) -> tuple[float, tuple[str, ...]]:
    points = [*_of_logs(page), *_of_course(page), *_of_habit(page.alert)]
    total = sum(worth for worth, _ in points)
    if total < PAGE_FROM and not any(worth <= _AGAINST for worth, _ in points):
        points.append((PAGE_FROM - total, "Nothing that was measured or said shows that it is noise."))
        total = PAGE_FROM
    return total, tuple(text for _, text in sorted(points, reverse=True))


def _of_logs(page: _Page) -> Iterator[tuple[float, str]]:
    form = page.form
    if form is None:
        return
    growth = _growth(form)
    is_ordinary = growth is None or growth < _NOT_ORDINARY or page.alert.ended_at is not None
    if form.mood is Mood.BAD:
        yield 1.2, "What the logs say of it speaks of a failure."
    elif form.mood is not None and is_ordinary:
        yield -1.2, "What the logs say of it is ordinary."
    if growth is None:
        return
    if growth >= 0.5:
        worth = min(2.0, math.log2(1 + growth)) * (0.3 if form.mood in (Mood.NEUTRAL, Mood.GOOD) else 1.0)
        yield worth, f"They say it {1 + growth:.3g} times as often as before."
    elif growth < 0.1:
        yield -0.4, "They say it no more often than before."


def _growth(form: LogLine) -> float | None:
    """How much more often than before, as a share: 1.0 is twice as often; None where nobody knows."""
    if not form.count:
        return -1.0
    return round(form.count / form.baseline - 1, 6) if form.baseline else None


def _of_course(page: _Page) -> Iterator[tuple[float, str]]:
    """What the metric did after the alert fired."""
    excess = _excess(page, _after(page))
    if excess.size < 2:
        return
    first, last, lowest = float(excess[0]), float(excess[-1]), float(np.min(excess))
    step = _LATER * max(abs(float(_after(page)[0])), abs(page.alert.threshold or 0.0))
    if last > 0 and lowest <= 0 and last > first + step:
        yield 2.0, "It came back worse after it had cleared."
    elif last <= 0:
        yield -1.5, "It is back in its usual range."
    elif last > first + step:
        yield 1.2, "It goes on getting worse."
    elif last < first - step:
        yield -0.8, "It is getting better."
    elif _is_level(page):
        yield -0.4, "It stays at a new level."


def _after(page: _Page, since: float = -math.inf) -> Floats:
    """The readings from when the alert fired, or from `since` where that is later (seconds since 1970-01-01 UTC)."""
    return page.values[(page.times >= max(page.fired_at, since)) & np.isfinite(page.values)]


def _excess(page: _Page, values: Floats) -> Floats:
    """By how much values are out of range, in the direction in which the alert fired; none where it tells no limit.

    An alert that fired at its very limit counts that limit as out of range.
    """
    value, threshold = page.alert.value, page.alert.threshold
    if value is None or threshold is None:
        return np.array([])
    if value != threshold:
        return (values - threshold) * (-1.0 if value < threshold else 1.0)
    before = page.values[(page.times < page.fired_at) & np.isfinite(page.values)]
    beyond = (values - threshold) * (-1.0 if before.size and before[-1] > value else 1.0)
    return np.where(beyond == 0.0, np.finfo(float).eps, beyond)


def _is_level(page: _Page) -> bool:
    """Whether the metric rose to a level below its ceiling and stays there."""
    before = page.values[(page.times < page.fired_at) & np.isfinite(page.values)]
    value = page.alert.value
    if before.size == 0 or value in (None, 100.0, 0.0):
        return False
    return bool(_excess(page, before[-1:])[0] < _excess(page, np.array([value]))[0])


def _of_habit(alert: Alert) -> Iterator[tuple[float, str]]:
    if alert.ended_at is None:
        yield 0.6, "It has not cleared."
        return
    cleared_s = (alert.ended_at - alert.started_at).total_seconds()
    if cleared_s <= _QUICK_S:
        yield -1.0, f"It cleared by itself after {cleared_s:.0f} s."
    if alert.firings >= _FLAPS:
        yield -0.8, f"It fired {alert.firings} times within an hour."


def _covers(known: OpenIncident, page: _Page) -> bool:
    """Whether people know of this: the same service with the same measure, or the same lines in the logs of anybody.

    What was planned until a time covers nothing that is still out of range afterwards.
    """
    if known.opened_at > page.alert.started_at or (known.resolved_at and known.resolved_at < page.alert.started_at):
        return False
    if known.resolved_at is not None and _is_out_after(page, known.resolved_at.timestamp()):
        return False
    if known.form and page.form is not None and page.form.form == known.form:
        return True
    return page.subject in known.subjects and bool(known.metric) and known.metric == page.alert.metric


def _is_out_after(page: _Page, end: float) -> bool:
    """Whether the alert went on after a time, as far as it tells or was measured."""
    ended_at = page.alert.ended_at
    excess = _excess(page, _after(page, since=end))
    return excess[-1] > 0 if excess.size else ended_at is not None and ended_at.timestamp() > end


def _groups(pages: Iterable[_Page]) -> list[list[_Page]]:
    """Real pages that go with the same form of log line are of one fault; so are repeats of the same measure."""
    groups: list[list[_Page]] = []
    for page in pages:
        home = next((g for g in groups if any(_is_same(page, other) for other in g)), None)
        if home is None:
            groups.append([page])
        else:
            home.append(page)
    return groups


def _is_same(one: _Page, other: _Page) -> bool:
    if one.form is not None and other.form is not None:
        return one.form.form == other.form.form
    return (one.subject, one.alert.metric) == (other.subject, other.alert.metric)
