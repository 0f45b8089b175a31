"""Which of many alerts deserve a person: those that are real, that nobody works on yet, and of one fault one.

Each alert gets points for and against being real. Severity decides only which of several alerts of one fault is told,
since people set it beforehand and in both directions wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from graph.telemetry import Floats

PAGE_FROM = 1.0
"""Points from which an alert is taken for real."""
_QUICK_S = 180.0
"""An alert that clears within this time and stays clear healed by itself."""
_FLAPS = 5
"""Times in an hour from which an alert that clears each time is a habit."""
_LATER = 0.05
"""Part of its level that a reading must move to count as moving."""


class Mood(StrEnum):
    """What a form of log line speaks of."""

    BAD = "bad"
    NEUTRAL = "neutral"
    GOOD = "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogForm:
    """A form of log line that goes with an alert."""

    id: str
    text: str
    """Untrusted."""
    count: int
    growth: float
    """How much more often than before, as a share: 1.0 is twice as often."""
    mood: Mood | None
    """None when nobody judged it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One alert that wants to wake somebody."""

    id: str
    service: str
    metric: str
    fired_at: float
    """Seconds since 1970-01-01 UTC."""
    value: float
    threshold: float
    severity: int | None
    """1 is the gravest; None when the alert has none."""
    fired_last_hour: int = 1
    resolved_after_s: float | None = None
    """None: it has not cleared."""
    form: LogForm | None = None
    times: Floats
    """Of the readings of the metric, before and after; seconds since 1970-01-01 UTC, ascending."""
    values: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Something that people work on already, or planned."""

    id: str
    services: frozenset[str]
    metric: str
    """Empty: any."""
    form: str
    """Id of its form of log line; empty when it has none."""
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether an alert wakes a person, and why."""

    page: str
    """id"""
    is_page: bool
    points: float
    reasons: tuple[str, ...]
    same_as: str = ""
    """id of the page, incident or planned change that covers it."""


def triage(pages: Sequence[Page], known: Sequence[Known] = ()) -> tuple[Decision, ...]:
    """Decide for each page; decisions come in the order of the pages."""
    real: dict[str, tuple[float, tuple[str, ...]]] = {}
    decisions: dict[str, Decision] = {}
    for page in pages:
        points, reasons = _judge(page)
        owner = next((k for k in known if _covers(k, page)), None)
        if owner is not None:
            text = f"{owner.id} is about this already."
            decisions[page.id] = Decision(page=page.id, is_page=False, points=points, reasons=(text,), same_as=owner.id)
        elif points < PAGE_FROM:
            decisions[page.id] = Decision(page=page.id, is_page=False, points=points, reasons=reasons)
        else:
            real[page.id] = points, reasons
    for group in _groups([p for p in pages if p.id in real]):
        told = min(group, key=lambda p: (p.severity if p.severity is not None else 9, p.fired_at, p.id))
        for page in group:
            points, reasons = real[page.id]
            is_told = page is told
            why = reasons if is_told else (f"{told.id} tells of the same fault.", *reasons)
            decisions[page.id] = Decision(
                page=page.id,
                is_page=is_told,
                points=points,
                reasons=why,
                same_as="" if is_told else told.id,
            )
    return tuple(decisions[page.id] for page in pages)


def _judge(page: Page) -> tuple[float, tuple[str, ...]]:
    points = [*_of_logs(page.form), *_of_course(page), *_of_habit(page)]
    return sum(worth for worth, _ in points), tuple(text for _, text in sorted(points, reverse=True))


def _of_logs(form: LogForm | None) -> Iterator[tuple[float, str]]:
    if form is None:
        return
    if form.mood is Mood.BAD:
        yield 1.2, "What the logs say of it speaks of a failure."
    elif form.mood is not None:
        yield -1.2, "What the logs say of it is ordinary."
    if form.growth >= 0.5:
        worth = min(2.0, math.log2(1 + form.growth)) * (0.3 if form.mood in (Mood.NEUTRAL, Mood.GOOD) else 1.0)
        yield worth, f"They say it {1 + form.growth:.3g} times as often as before."
    elif form.growth < 0.1:
        yield -0.4, "They say it no more often than before."


def _of_course(page: Page) -> Iterator[tuple[float, str]]:
    """What the metric did after the alert fired."""
    after = page.values[(page.times >= page.fired_at) & np.isfinite(page.values)]
    if after.size < 2:
        return
    sign = -1.0 if page.value < page.threshold else 1.0
    first, last = sign * float(after[0]), sign * float(after[-1])
    limit, lowest = sign * page.threshold, float(np.min(sign * after))
    step = _LATER * max(abs(first), abs(limit))
    if last > limit and lowest <= limit and last > first + step:
        yield 2.0, "It came back worse after it had cleared."
    elif last <= limit:
        yield -1.5, "It is back in its usual range."
    elif last > first + step:
        yield 1.2, "It goes on getting worse."
    elif last < first - step:
        yield -0.8, "It is getting better."
    elif _is_level(page, sign):
        yield -0.4, "It stays at a new level."


def _is_level(page: Page, sign: float) -> bool:
    """Whether the metric rose to a level below its ceiling and stays there."""
    before = page.values[(page.times < page.fired_at) & np.isfinite(page.values)]
    return before.size > 0 and sign * float(before[-1]) < sign * page.value and page.value not in (100.0, 0.0)


def _of_habit(page: Page) -> Iterator[tuple[float, str]]:
    if page.resolved_after_s is None:
        yield 0.6, "It has not cleared."
    elif page.resolved_after_s <= _QUICK_S:
        yield -1.0, f"It cleared by itself after {page.resolved_after_s:.0f} s."
    if page.fired_last_hour >= _FLAPS and page.resolved_after_s is not None:
        yield -0.8, f"It fired {page.fired_last_hour} times within an hour."


def _covers(known: Known, page: Page) -> bool:
    """Whether people know of this: the same service with the same measure, or the same lines in its logs."""
    if known.since > page.fired_at:
        return False
    is_place = page.service in known.services
    is_measure = not known.metric or known.metric == page.metric
    is_form = bool(known.form) and page.form is not None and page.form.id == known.form
    return is_place and (is_form or (is_measure and bool(known.metric)))


def _groups(pages: Iterable[Page]) -> list[list[Page]]:
    """Real pages that go with the same form of log line are of one fault; so are repeats of the same measure."""
    groups: list[list[Page]] = []
    for page in pages:
        home = next((g for g in groups if any(_is_same(page, other) for other in g)), None)
        if home is None:
            groups.append([page])
        else:
            home.append(page)
    return groups


def _is_same(one: Page, other: Page) -> bool:
    if one.form is not None and other.form is not None:
        return one.form.id == other.form.id
    return (one.service, one.metric) == (other.service, other.metric)
