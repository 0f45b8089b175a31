"""New instances of a service against its old ones over the same time, call by call: what differs is due to the version.

A callee that is unwell makes both versions of its caller unwell alike, so it does not show here. What does show is an
instance that has just started: it is slow and fails calls for a minute or two, whatever its version.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from graph.telemetry import Series, Signal

Readings = Sequence[tuple[float, float]]
"""(seconds since 1970-01-01 UTC, value), oldest first"""

FAIL = "fail more calls"
"""How a difference in the share of failed calls is told."""
WARM_S = 90.0
"""Seconds from the first reading of an instance until it is as fast as it will be."""
_SAME_S = 30.0
"""Seconds within which readings of two instances are of the same time."""
_NOISE = 2.0
"""Standard errors of the old instances that a difference in failures must exceed."""
_STARTING_FAILS = 0.25
"""Share of calls that an instance may fail while it starts: connections are made, caches are empty."""
_STARTING = 0.3
"""Part of a difference that counts although it may be one of a start."""
_STARTING_SLOW, _SLOW, _SLOWEST = 5.0, 2.0, 30.0
"""Times as slow: usual while starting; from which on it is felt; and from which on nothing could be worse."""
_STARTING_WORK, _WORK, _MOST_WORK = 5.0, 1.3, 30.0
"""Times as much CPU: usual while code is loaded and compiled; usual at all; and more than any start takes."""
_CLIMB = 0.15
"""Part by which memory may grow while it is measured: caches fill."""


class Difference(NamedTuple):
    """By how much new instances are worse than old ones, in one respect."""

    worse: float
    """0 to 1"""
    new: float
    old: float
    what: str
    """Completes "Its new instances ..."."""


class _Sides(NamedTuple):
    """What two versions measured in one kind of call."""

    new: list[list[tuple[float, float]]]
    """For each instance"""
    old: list[list[tuple[float, float]]]
    is_starting: bool
    """All of the new readings were made while instances started."""
    floor: float
    """Level of the measure below which differences are of no consequence: the usual level in the environment"""

    @property
    def news(self) -> list[float]:
        return [v for one in self.new for _, v in one]

    @property
    def olds(self) -> list[float]:
        return [v for one in self.old for _, v in one]


def differences(
    series: Iterable[Series],
    new: frozenset[str],
    *,
    since: float,
    until: float,
    floors: Mapping[Signal, float] = MappingProxyType({}),
) -> list[Difference]:
    """Compare the instances of two versions of one service, kind of call by kind of call.

    Args:
        series: of calls that arrive at the service, or of those that it makes, by both ends and `instance`;
            availability in percent.
        new: instances of the new version; all others are old.
        since: seconds since 1970-01-01 UTC; when the new version began to roll out.
        until: seconds since 1970-01-01 UTC; later readings are not looked at.
        floors: usual level of a signal in the environment, in the unit of its series: nobody feels less.

    Returns:
        For each respect the call in which the difference is largest; none where one version was not measured.
    """
    many = [one for one in series if one.instance]
    found = []
    for signal, (measure, what) in _MEASURES.items():
        mine = [one for one in many if one.signal is signal]
        ends = sorted({(s.resource, s.peer) for s in mine})
        by_call = ([s for s in mine if (s.resource, s.peer) == both] for both in ends)
        sides = (_sides(group, new, since, until, floors.get(signal, 0.0)) for group in by_call)
        worst = [Difference(min(1.0, worse), n, o, what) for side in sides if side for worse, n, o in [measure(side)]]
        found += [max(worst, key=lambda d: d.worse)] if worst else []
    return found


def _sides(series: Sequence[Series], new: frozenset[str], since: float, until: float, floor: float) -> _Sides | None:
    fresh = [r for one in series if one.instance in new and (r := readings(one, since, until))]
    first = min((r[0][0] for r in fresh), default=until)
    # What the old ones measured before the first new one did is of another time, and no comparison.
    old = [r for one in series if one.instance not in new and (r := readings(one, first - _SAME_S, until))]
    if not fresh or not old:
        return None
    warm = [[(t, v) for t, v in r if t >= r[0][0] + WARM_S] for r in fresh]
    is_starting = not any(warm)
    new_side = fresh if is_starting else [r for r in warm if r]
    return _Sides(*_at_once(new_side, old), is_starting, floor)


_Many = list[list[tuple[float, float]]]


def _at_once(one: _Many, other: _Many) -> tuple[_Many, _Many]:
    """What both sides measured over the same time; all of it where they did not overlap.

    What comes over a service while only one of its versions is left to measure it makes no difference between them.
    """
    spans = [(min(r[0][0] for r in side), max(r[-1][0] for r in side)) for side in (one, other)]
    since, until = max(s for s, _ in spans) - _SAME_S, min(u for _, u in spans) + _SAME_S
    cut = [[c for r in side if (c := [(t, v) for t, v in r if since <= t <= until])] for side in (one, other)]
    return (cut[0], cut[1]) if all(cut) else (one, other)


def readings(series: Series, since: float, until: float) -> list[tuple[float, float]]:
    """Return what was measured between two times, both included."""
    inside = (series.times >= since) & (series.times <= until) & np.isfinite(series.values)
    return [(float(t), float(v)) for t, v in zip(series.times[inside], series.values[inside], strict=True)]


def _failures(sides: _Sides) -> tuple[float, float, float]:
    n, o = float(np.mean(sides.news)), float(np.mean(sides.olds))
    noise = _NOISE * float(np.std(sides.olds)) / math.sqrt(len(sides.olds))
    return beyond_start(max(0.0, (o - n - noise) / 100), sides.is_starting), n, o


def beyond_start(failing: float, is_starting: bool) -> float:
    """What a share of failed calls (0 to 1) says of a version, when its instances may just be starting."""
    return max(failing - _STARTING_FAILS, _STARTING * failing) if is_starting else failing


def _slowness(sides: _Sides) -> tuple[float, float, float]:
    """Waiting is felt by its order of magnitude."""
    n, o = float(np.median(sides.news)), float(np.median(sides.olds))
    ratio = (n + sides.floor) / max(o + sides.floor, 1e-9)

    def felt(usual: float) -> float:
        return max(0.0, math.log(max(ratio, 1e-9) / usual) / math.log(_SLOWEST / usual))

    return (max(felt(_STARTING_SLOW), _STARTING * felt(_SLOW)) if sides.is_starting else felt(_SLOW)), n, o


def _work(sides: _Sides) -> tuple[float, float, float]:
    n, o = float(np.median(sides.news)), float(np.median(sides.olds))
    ratio = (n + sides.floor) / max(o + sides.floor, 1e-9)
    if o <= 0:
        return 0.0, n, o
    if sides.is_starting:
        return max(0.0, math.log(ratio / _STARTING_WORK) / math.log(_MOST_WORK / _STARTING_WORK)), n, o
    return max(0.0, (ratio - _WORK) / 1.5), n, o


def _growth(sides: _Sides) -> tuple[float, float, float]:
    """Memory that climbs from reading to reading, which that of the old instances does not."""
    new = [_climb(r) for r in sides.new]
    old = [_climb(r) for r in sides.old]
    worst = max(range(len(new)), key=lambda i: new[i])
    last, usual = sides.new[worst][-1][1], float(np.median(sides.olds))
    # Up to the level of the old ones a new instance only fills what they have filled.
    beyond = last / usual - 1 if usual > 0 else 0.0
    return max(0.0, min(new[worst] - max(old), beyond) - _CLIMB), last, usual


def _climb(one: Readings) -> float:
    """By which part of its first level an instance's measure rose; 0 when it went up and down."""
    values = [v for _, v in one]
    is_climbing = len(values) > 1 and all(b >= a for a, b in pairwise(values)) and values[0] > 0
    return values[-1] / values[0] - 1 if is_climbing else 0.0


_MEASURES: dict[Signal, tuple[Callable[[_Sides], tuple[float, float, float]], str]] = {
    Signal.AVAILABILITY: (_failures, FAIL),
    Signal.LATENCY: (_slowness, "answer more slowly"),
    Signal.CPU: (_work, "use more CPU"),
    Signal.MEMORY: (_growth, "take more and more memory"),
}
