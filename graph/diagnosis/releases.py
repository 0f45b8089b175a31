"""Which of several releases that roll out at the same time is the bad one: new instances against old, and against before.

During a rollout both versions serve the same traffic, so their difference is the version's doing. What a new version
breaks shows first in the calls that arrive at its service; callers of those fail in turn, and are not to blame.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graph.telemetry import Series, Signal, Telemetry

_HEALED = 0.6
"""Part of a caller's failures that one failing callee accounts for."""
_SILENT_S = 45.0
"""Seconds after which a finished instance should have served a call."""
_LIKELY = 0.5
"""Least blame from which on a release is named as the one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A new version of one service, as far as it was rolled out by the time of the question."""

    service: str
    """uid"""
    started_at: float
    """Seconds since 1970-01-01 UTC."""
    completed_at: float | None
    """Seconds since 1970-01-01 UTC; when the last new instance so far was up; None while the first comes up."""
    new: frozenset[str]
    """Instances of the new version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blamed:
    """A release with what speaks for its guilt."""

    release: Release
    score: float
    """0 and more; comparable among the releases of one question only."""
    reasons: tuple[str, ...]
    """Sentences by Plumbline, strongest first; empty when nothing speaks against the release."""

    @property
    def is_likely(self) -> bool:
        return self.score >= _LIKELY


def rank_releases(releases: Sequence[Release], telemetry: Telemetry, *, at: float) -> tuple[Blamed, ...]:
    """Put releases in order of guilt.

    Args:
        releases: those that had begun by `at`.
        telemetry: series of calls, with `resource` the callee, `peer` the caller, and `instance` where one is known;
            availability in percent. Readings after `at` are not looked at.
        at: seconds since 1970-01-01 UTC; when the trouble was noticed.

    Returns:
        All releases, most guilty first; of equals, the latest first, since trouble follows its cause soon.
    """
    series = _Series(telemetry, at)
    blamed = [_blame(release, releases, series, at) for release in releases]
    return tuple(sorted(blamed, key=lambda b: (-round(b.score, 6), -b.release.started_at, b.release.service)))


class _Series:
    """The series by callee, cut at the time of the question."""

    def __init__(self, telemetry: Telemetry, at: float) -> None:
        self._at = at
        self._of: dict[tuple[str, Signal], list[Series]] = defaultdict(list)
        self.callees: dict[str, set[str]] = defaultdict(set)
        for one in telemetry.series:
            self._of[one.resource, one.signal].append(one)
            if one.peer:
                self.callees[one.peer].add(one.resource)
        for call in telemetry.calls:
            self.callees[call.caller].add(call.callee)

    def of(self, service: str, signal: Signal) -> Iterable[Series]:
        return self._of.get((service, signal), ())

    def readings(self, series: Series, since: float) -> list[float]:
        """What was measured from `since` to the question."""
        inside = (series.times >= since) & (series.times <= self._at) & np.isfinite(series.values)
        return [float(v) for v in series.values[inside]]

    def failing(self, service: str, since: float) -> float:
        """Worst share of failed calls that arrived at a service, over its callers, 0 to 1."""
        worst = (min(found) for s in self.of(service, Signal.AVAILABILITY) if (found := self.readings(s, since)))
        return max((1 - low / 100 for low in worst), default=0.0)


def _blame(release: Release, releases: Sequence[Release], series: _Series, at: float) -> Blamed:
    reasons: list[tuple[float, str]] = []
    own = series.failing(release.service, release.started_at)
    below = max((series.failing(c, release.started_at) for c in series.callees[release.service]), default=0.0)
    remaining = max(0.0, own - (below if below >= _HEALED * own else 0.0))
    if remaining > 0:
        reasons.append((1.5 * remaining, f"{remaining:.0%} of the calls that arrive there failed since it began."))
    reasons += _against_old(release, series)
    reasons += _silence(release, series, at)
    reasons += _caused_above(release, releases, series)
    reasons.sort(reverse=True)
    return Blamed(release=release, score=sum(worth for worth, _ in reasons), reasons=tuple(text for _, text in reasons))


def _against_old(release: Release, series: _Series) -> Iterable[tuple[float, str]]:
    """Compare new instances with old ones over the same time."""
    for signal, weight, what in (
        (Signal.AVAILABILITY, 1.0, "fail more calls"),
        (Signal.LATENCY, 0.4, "answer more slowly"),
        (Signal.CPU, 0.3, "use more CPU"),
        (Signal.MEMORY, 0.3, "use more memory"),
    ):
        levels: Mapping[bool, list[float]] = {True: [], False: []}
        for one in series.of(release.service, signal):
            if one.instance:
                levels[one.instance in release.new] += series.readings(one, release.started_at)
        if not levels[True] or not levels[False]:
            continue
        new, old = float(np.mean(levels[True])), float(np.mean(levels[False]))
        if signal is Signal.AVAILABILITY:
            worse = max(0.0, (old - new) / 100)
        else:
            worse = min(1.0, max(0.0, new / old - 1.5) / 5) if old > 0 else 0.0
        if worse > 0.01:
            yield weight * worse, f"Its new instances {what} than the old ones ({new:.3g} against {old:.3g})."


def _silence(release: Release, series: _Series, at: float) -> Iterable[tuple[float, str]]:
    """New instances that were up in time and never served a call, while old ones did."""
    if release.completed_at is None or at - release.completed_at < _SILENT_S:
        return
    old, served = False, False
    for one in series.of(release.service, Signal.AVAILABILITY):
        if one.instance and series.readings(one, release.started_at):
            served, old = served or one.instance in release.new, old or one.instance not in release.new
    if old and not served:
        yield 0.45, "Its new instances are up and have not served a single call."


def _caused_above(release: Release, releases: Sequence[Release], series: _Series) -> Iterable[tuple[float, str]]:
    """Callers that fail while nothing that they call is seen to: a released callee answers wrongly, not with errors."""
    callers = [c for c, callees in series.callees.items() if release.service in callees]
    for caller in callers:
        failing = series.failing(caller, release.started_at)
        seen = max((series.failing(c, release.started_at) for c in series.callees[caller]), default=0.0)
        suspects = [r for r in releases if r.service in series.callees[caller]]
        if failing > 0.05 and seen < _HEALED * failing and suspects:
            yield 0.6 * failing / len(suspects), "A caller fails, and none of what it calls reports an error."
            return
