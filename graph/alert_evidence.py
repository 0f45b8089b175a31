"""What speaks for an alert being real and what against it, and how much the things that nobody knows could change that.

Severity plays no part: people set it beforehand, and in both directions wrong. Nor does the wording of the alert.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from graph.diagnosis.ledger import Ledger
from graph.diagnosis.symptoms import complaint_of
from graph.environment import EnvironmentGraph
from graph.evidence import ObservationKind, SymptomEvent
from graph.incident import Alert
from graph.matching import candidates
from graph.telemetry import Floats, LogLine, Mood, Series, Telemetry

_QUICK_S = 180.0
"""An alert that clears within this time and stays clear healed by itself."""
_FLAPS = 5
"""Times in an hour from which an alert that clears each time is a habit."""
_LATER = 0.05
"""Part of its level that a reading must move to count as moving."""
_AT_THE_TIME_S = 600.0
"""So near to the alert a metric must show what the alert says of it; else something else was measured."""
_STALE_S = 900.0
"""Readings that end so long ago say nothing of the present."""
_NOT_ORDINARY = 4.0
"""Growth of an ordinary line of logs from which it is ordinary no more, unless its alert has cleared."""
_QUIET = frozenset({"info", "debug", "trace"})
_GRAVE = frozenset({"error", "fatal", "critical"})

_MOST_OF_MOOD = 1.2
_MOST_OF_GROWTH = 2.0
_ORDINARY = 0.3
"""What growth is worth where the lines speak of nothing bad."""
_MOST_OF_COURSE = 1.2
_MOST_OF_RETURN = 2.0
"""Only what cleared can come back."""
_OF_NOT_CLEARED = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One alert with what was measured of it."""

    alert: Alert
    subject: str
    """uid of what it is about; the sender's name of it where no resource is known"""
    form: LogLine | None
    """The line of a log that speaks most for the alert; None where no line is known."""
    series: Series | None
    """Of the metric that the alert judges."""
    as_of: float
    """Seconds since 1970-01-01 UTC of the present"""

    @property
    def id(self) -> str:
        return self.alert.id

    @property
    def fired_at(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self.alert.started_at.timestamp()

    @property
    def is_over(self) -> bool:
        """Whether the metric came back to its usual range; where that was not measured, whether the alert cleared."""
        excess = self.excess()
        return bool(excess[-1] <= 0) if excess.size >= 2 else self.alert.ended_at is not None

    def is_out_after(self, end: float) -> bool:
        """Whether it went on after a time (seconds since 1970-01-01 UTC), as far as it tells or was measured."""
        excess, ended_at = self.excess(since=end), self.alert.ended_at
        return bool(excess[-1] > 0) if excess.size else ended_at is not None and ended_at.timestamp() > end

    def excess(self, since: float = -math.inf) -> Floats:
        """By how much the readings since the alert, or since a later time, were out of range; none without a limit."""
        if self.series is None:
            return np.array([])
        known = (self.series.times >= max(self.fired_at, since)) & np.isfinite(self.series.values)
        return _excess(self, self.series.values[known])


class Point(NamedTuple):
    """One thing that speaks for an alert (positive) or against it."""

    worth: float
    text: str
    evidence: tuple[str, ...]
    """ids of observations"""


class Weighed(NamedTuple):
    """What is known of one alert."""

    points: tuple[Point, ...]
    """Strongest for it first"""
    most: float
    """Sum of the points if everything that nobody knows spoke for the alert; never below their sum."""
    unknown: tuple[str, ...]
    """What nobody knows, as words for people"""
    is_back: bool = False
    """Its metric was seen, lately, within its limit again."""

    @property
    def total(self) -> float:
        return round(sum(p.worth for p in self.points), 6)


def page_of(graph: EnvironmentGraph, alert: Alert, telemetry: Telemetry) -> Page:
    """Gather what was measured of an alert."""
    found = candidates(graph, alert)
    subject = found[0].uid if found else alert.service
    mine = (s for s in telemetry.series if alert.metric and s.metric == alert.metric and s.resource == subject)
    return Page(
        alert=alert,
        subject=subject,
        form=_form(alert, {c.uid for c in found} | {subject}, telemetry.logs),
        series=next(mine, None),
        as_of=graph.as_of.timestamp(),
    )


def weighed(page: Page, ledger: Ledger, *, hears_all: bool = True) -> Weighed:
    """Weigh one alert.

    Args:
        page: the alert with its measurements.
        ledger: notes what the points cite.
        hears_all: whether every store of logs gave all its lines; else an ordinary log proves nothing.
    """
    logs = _of_logs(page, ledger)
    if not hears_all:
        most = _MOST_OF_MOOD + _MOST_OF_GROWTH
        logs = Weighed(logs.points, max(logs.most, most), (*logs.unknown, "all of its log lines"))
    parts = (logs, _of_course(page, ledger), _of_habit(page.alert, ledger))
    return Weighed(
        tuple(sorted((point for part in parts for point in part.points), reverse=True)),
        round(sum(part.most for part in parts), 6),
        tuple(what for part in parts for what in part.unknown),
        any(part.is_back for part in parts),
    )


def _form(alert: Alert, places: set[str], lines: Sequence[LogLine]) -> LogLine | None:
    """The form of line that the sender ties to the alert; else the worst of what it is about."""
    if alert.form:
        return next((line for line in lines if line.form == alert.form), None)
    mine = [replace(line, mood=_mood(line)) for line in lines if line.resource in places]
    return max(mine, key=lambda one: (_most_of_line(one, is_clear=True), one.resource, one.text), default=None)


def _mood(line: LogLine) -> Mood | None:
    """What the line speaks of; None where neither its level nor its words tell."""
    if line.mood is not None:
        return line.mood
    if line.severity in _GRAVE:
        return Mood.BAD
    # As an event, since a level that the text gives itself must not hide what it complains of.
    complains = complaint_of(SymptomEvent(kind=ObservationKind.EVENT, resource="", at=None, text=line.text)) is not None
    if line.severity in _QUIET:
        return None if complains else Mood.NEUTRAL
    return Mood.BAD if complains else None


def _of_logs(page: Page, ledger: Ledger) -> Weighed:
    form = page.form
    if form is None:
        return Weighed((), _MOST_OF_MOOD + _MOST_OF_GROWTH, ("its log lines",))
    points, unknown = [], []
    says = {Mood.BAD: "a failure", None: "what nobody judged"}.get(form.mood, "ordinary things")
    cited = (ledger.symptom(_event(form), says=f"{says} in its log"),)
    growth, is_clear = _growth(form), page.alert.ended_at is not None
    mood = _of_mood(form.mood, growth, is_clear=is_clear)
    if form.mood is None:
        unknown.append("whether its log lines speak of a failure")
    elif mood > 0:
        points.append(Point(mood, "What the logs say of it speaks of a failure.", cited))
    elif mood < 0:
        points.append(Point(mood, "What the logs say of it is ordinary.", cited))
    if growth is None:
        unknown.append("how often its log lines came before")
    elif growth >= 0.5:
        points.append(Point(_of_growth(form, growth), f"They say it {1 + growth:.3g} times as often as before.", cited))
    elif growth < 0.1:
        points.append(Point(_of_growth(form, growth), "They say it no more often than before.", cited))
    return Weighed(tuple(points), _most_of_line(form, is_clear=is_clear), tuple(unknown))


def _most_of_line(form: LogLine, *, is_clear: bool) -> float:
    """What a line is worth if everything that is not known of it spoke for the alert."""
    growth = _growth(form)
    if growth is None:
        growth = math.inf
    mood = _MOST_OF_MOOD if form.mood is None else _of_mood(form.mood, growth, is_clear=is_clear)
    return mood + _of_growth(form, growth)


def _of_mood(mood: Mood | None, growth: float | None, *, is_clear: bool) -> float:
    if mood is Mood.BAD:
        return _MOST_OF_MOOD
    is_ordinary = mood is not None and (growth is None or growth < _NOT_ORDINARY or is_clear)
    return -1.2 if is_ordinary else 0.0


def _of_growth(form: LogLine, growth: float) -> float:
    if growth >= 0.5:
        return min(_MOST_OF_GROWTH, math.log2(1 + growth)) * _share(form.mood)
    return -0.4 if growth < 0.1 else 0.0


def _share(mood: Mood | None) -> float:
    return _ORDINARY if mood in (Mood.NEUTRAL, Mood.GOOD) else 1.0


def _growth(form: LogLine) -> float | None:
    """How much more often than before, as a share: 1.0 is twice as often; None where nobody knows."""
    if not form.count:
        return -1.0
    return round(form.count / form.baseline - 1, 6) if form.baseline else None


def _of_course(page: Page, ledger: Ledger) -> Weighed:
    """What the metric did after the alert fired."""
    is_clear = page.alert.ended_at is not None
    worst = _MOST_OF_RETURN if is_clear else _MOST_OF_COURSE
    excess, series = page.excess(), page.series
    if series is None or excess.size < 2:
        return Weighed((), worst, ("what its metric did since",))
    known = np.isfinite(series.values)
    since = series.values[known & (series.times >= page.fired_at)]
    first, last, lowest = float(excess[0]), float(excess[-1]), float(np.min(excess))
    step = _LATER * max(abs(float(since[0])), abs(page.alert.threshold or 0.0))
    until = float(series.times[known][-1])
    cited = (ledger.symptom(_reading(series, until, float(since[-1])), says=f"how {page.alert.metric} stands"),)
    points = []
    if is_clear and last > 0 and lowest <= 0 and last > first + step:
        points.append(Point(_MOST_OF_RETURN, "It came back worse after it had cleared.", cited))
    elif last <= 0:
        points.append(Point(-1.5, "It is back in its usual range.", cited))
    elif last > first + step:
        points.append(Point(_MOST_OF_COURSE, "It goes on getting worse.", cited))
    elif last < first - step:
        points.append(Point(-0.8, "It is getting better.", cited))
    elif _is_level(page, series):
        points.append(Point(-0.4, "It stays at a new level.", cited))
    if not _shows_the_alert(page, series):
        return Weighed(tuple(points), worst, ("whether what was measured is what it judges",))
    if page.as_of - until > _STALE_S:
        return Weighed(tuple(points), worst, ("how its metric stands now",))
    return Weighed(tuple(points), sum(p.worth for p in points), (), is_back=last <= 0)


def _excess(page: Page, values: Floats) -> Floats:
    """By how much values are out of range, in the direction in which the alert fires; none where it tells no limit.

    An alert that fired at its very limit counts that limit as out of range.
    """
    alert, limit = page.alert, page.alert.threshold
    if limit is None or (alert.value is None and alert.is_low_bad is None):
        return np.array([])
    if alert.value != limit:
        is_low_bad = alert.is_low_bad if alert.value is None or alert.is_low_bad is not None else alert.value < limit
        return (values - limit) * (-1.0 if is_low_bad else 1.0)
    before = _before(page)
    is_low_bad = bool(before.size and before[-1] > limit) if alert.is_low_bad is None else alert.is_low_bad
    beyond = (values - limit) * (-1.0 if is_low_bad else 1.0)
    return np.where(beyond == 0.0, np.finfo(float).eps, beyond)


def _before(page: Page) -> Floats:
    series = page.series
    if series is None:
        return np.array([])
    return series.values[(series.times < page.fired_at) & np.isfinite(series.values)]


def _shows_the_alert(page: Page, series: Series) -> bool:
    """Whether readings near the alert are out of range; else they are in other units, or of something else."""
    near = np.abs(series.times - page.fired_at) <= _AT_THE_TIME_S
    return bool(np.any(_excess(page, series.values[near & np.isfinite(series.values)]) >= 0))


def _is_level(page: Page, series: Series) -> bool:
    """Whether the metric rose to a level below its ceiling and stays there."""
    before, value = _before(page), page.alert.value
    if value is None:
        since = series.values[(series.times >= page.fired_at) & np.isfinite(series.values)]
        value = float(since[0])
    if before.size == 0 or value in (100.0, 0.0):
        return False
    return bool(_excess(page, before[-1:])[0] < _excess(page, np.array([value]))[0])


def _of_habit(alert: Alert, ledger: Ledger) -> Weighed:
    """Whether it cleared by itself, and whether it does so all the time."""
    cited = (ledger.alert(alert),)
    if alert.ended_at is None:
        return Weighed((Point(_OF_NOT_CLEARED, "It has not cleared.", cited),), _OF_NOT_CLEARED, ())
    if alert.is_ended_by_hand:
        return Weighed((), _OF_NOT_CLEARED, ("whether it would have cleared by itself",))
    cleared_s = (alert.ended_at - alert.started_at).total_seconds()
    points = []
    if cleared_s <= _QUICK_S:
        points.append(Point(-1.0, f"It cleared by itself after {cleared_s:.0f} s.", cited))
    if alert.firings >= _FLAPS:
        points.append(Point(-0.8, f"It fired {alert.firings} times within an hour.", cited))
    return Weighed(tuple(points), sum(p.worth for p in points), ())


def _event(form: LogLine) -> SymptomEvent:
    return SymptomEvent(
        kind=ObservationKind.LOG,
        resource=form.resource,
        at=None if form.at is None else datetime.fromtimestamp(form.at, UTC),
        text=form.text,
        reason=form.severity,
        count=form.count,
    )


def _reading(series: Series, at: float, value: float) -> SymptomEvent:
    return SymptomEvent(
        kind=ObservationKind.METRIC,
        resource=series.resource,
        at=datetime.fromtimestamp(at, UTC),
        text="",
        reason=series.metric,
        value=value,
        unit=series.unit,
    )
