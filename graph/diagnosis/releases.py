"""Which of several releases that roll out together is the bad one: new instances against old, now against before.

During a rollout both versions serve the same traffic, so their difference is the version's doing. What a new version
breaks shows first in the calls that arrive at its service; callers of those fail in turn, and are not to blame.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from graph.diagnosis.failing import ALIKE, FAILS, SETTLES_S, Failing, lacks
from graph.diagnosis.hypothesis import Reason
from graph.diagnosis.rollout import Release
from graph.diagnosis.versions import FAIL, differences, readings
from graph.resource import display_uid
from graph.telemetry import Series, Signal, Telemetry

_ALIKE_ANYWAY, _ANSWERS_WRONGLY, _UNRELEASED = 0.05, 0.1, 0.2
"""How likely a failure that no callee reports is due to a version that fails no more than the one before; to a callee
that reports success and answers wrongly; and to something that was not released."""
_UNHEARD, _NOT_YET_HEARD = 1.0, 0.3
"""How likely it is due to a callee whose new instances served no call, and had the chance to, or not yet."""
_ASKS_WRONGLY = 1.0
"""How likely it is due to the new version of the only caller that meets it, where those of the callee do not differ."""
_BROUGHT = 0.7
"""Part of a caller's failures that the new version of a callee brings when that differs more from the one before."""
_CALLS_EACH = 2.0
"""Calls that a service makes to another for one that it gets: so much more of its own may fail."""
_UNSEEN, _SILENT, _MOST_SILENT = 0.05, 0.1, 0.6
"""Blame for new instances that are not up yet; for each reading that they had the chance to make; and at most."""
_LEAST, _LITTLE = 0.02, 0.05
_WEIGHTS = (Signal.AVAILABILITY, Signal.LATENCY, Signal.CPU, Signal.MEMORY)
_LIKELY = 0.5
"""Least blame from which on a release is named as the one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blamed:
    """A release with what speaks for its guilt."""

    release: Release
    score: float
    """0 and more; comparable among the releases of one question only."""
    reasons: tuple[Reason, ...]
    """Strongest first; empty when nothing speaks against the release."""

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
    question = _Question(releases, telemetry, at)
    blamed = []
    for release in releases:
        rest = 1.0 - question.brought_by_callee(release)
        reasons = [
            *(replace(r, worth=rest * r.worth) for r in question.passed_on(release)),
            *(replace(r, worth=rest * r.worth) for r in question.against_old(release)),
            *(replace(r, worth=rest * r.worth) for r in question.asking(release)),
            *question.silence(release),
        ]
        reasons = reasons or list(question.a_little(release))
        reasons.sort(key=lambda r: (r.worth, r.text), reverse=True)
        blamed.append(Blamed(release=release, score=sum(r.worth for r in reasons), reasons=tuple(reasons)))
    return tuple(sorted(blamed, key=lambda b: (-round(b.score, 6), -b.release.started_at, b.release.service)))


class _Question:
    """The releases, and the series by callee, cut at the time of the question."""

    def __init__(self, releases: Sequence[Release], telemetry: Telemetry, at: float) -> None:
        self._at = at
        self._releases = {r.service: r for r in releases}
        self._since = min((r.started_at for r in releases), default=at)
        self._of: dict[tuple[str, Signal], list[Series]] = defaultdict(list)
        self._made: dict[str, list[Series]] = defaultdict(list)
        self._callees: dict[str, set[str]] = defaultdict(set)
        for one in telemetry.series:
            if one.is_outgoing:
                self._made[one.peer].append(one)
            else:
                self._of[one.resource, one.signal].append(one)
            if one.peer:
                self._callees[one.peer].add(one.resource)
        for call in telemetry.calls:
            self._callees[call.caller].add(call.callee)
        self._failing = Failing(telemetry.series, self._releases, since=self._since, until=at)
        self._mass = self._shared_out()

    def passed_on(self, release: Release) -> Iterable[Reason]:
        """Failures that end at this release: its own, and those of callers that nothing else accounts for."""
        for failed, share in self._mass.get(release.service, ()):
            name = display_uid(failed)
            if failed == release.service:
                text = f"Calls that arrive there fail since the rollouts began ({share:.0%})."
            elif release.service not in self._callees.get(failed, ()):
                text = f"Only its calls to {name} fail, to old instances and new ones, and only since it was released."
            else:
                text = f"{name} fails and calls it, and nothing else that it calls accounts for that so well."
            yield Reason(worth=share, text=text, about=(failed,))

    def against_old(self, release: Release) -> Iterable[Reason]:
        """Compare new instances with old ones over the same time."""
        series = [s for signal in _WEIGHTS for s in self._of.get((release.service, signal), ())]
        for found in differences(series, release.new, since=release.started_at, until=self._at, floors=self._floors):
            if found.worse > _LEAST:
                text = f"Its new instances {found.what} than the old ones ({found.new:.3g} against {found.old:.3g})."
                yield Reason(worth=found.worse, text=text, about=(release.service,))

    def brought_by_callee(self, release: Release) -> float:
        """Part of its failures that comes from new instances of a callee: they fail more than old ones, whoever calls.

        A caller that asks wrongly fails at both alike.
        """
        own = max((r.worth for r in self.against_old(release)), default=0.0)
        below = (self._releases[c] for c in self._callees.get(release.service, ()) if c in self._releases)
        worst = max((r.worth for c in below for r in self.against_old(c)), default=0.0)
        return _BROUGHT if worst > own else 0.0

    def a_little(self, release: Release) -> Iterable[Reason]:
        """New instances that are slower by more than starting explains, though by less than anybody feels: a weak sign,
        for where there is no other."""
        series = self._of.get((release.service, Signal.LATENCY), ())
        for found in differences(series, release.new, since=release.started_at, until=self._at):
            if found.worse > 0:
                text = f"Its new instances {found.what} than the old ones ({found.new:.3g} against {found.old:.3g})."
                yield Reason(worth=_LITTLE * found.worse, text=text, about=(release.service,))

    def asking(self, release: Release) -> Iterable[Reason]:
        """Compare the calls that new instances make with those that old ones make: a callee is the same for both."""
        for callee in sorted({s.resource for s in self._made.get(release.service, ())}):
            series = [s for s in self._made[release.service] if s.resource == callee]
            for found in differences(
                series, release.new, since=release.started_at, until=self._at, floors=self._floors
            ):
                if found.worse > _LEAST and found.what == FAIL:
                    text = (
                        f"Of the calls to {display_uid(callee)}, those that its new instances make fail more often"
                        f" ({found.new:.3g} % succeed against {found.old:.3g} %)."
                    )
                    yield Reason(worth=found.worse, text=text, about=(callee,))

    @cached_property
    def _floors(self) -> dict[Signal, float]:
        """Usual latency and CPU in the environment, in the units that their series have."""
        levels: dict[Signal, list[float]] = {Signal.LATENCY: [], Signal.CPU: []}
        for (_, signal), many in self._of.items():
            if signal in levels:
                levels[signal] += (
                    v for s in many for t, v in readings(s, 0.0, self._since) if t < self._since and v > 0
                )
        return {signal: float(np.median(found)) for signal, found in levels.items() if found}

    def silence(self, release: Release) -> Iterable[Reason]:
        """New instances that never served a call, while old ones did."""
        new, old = (self._levels(release, Signal.AVAILABILITY, is_new=is_new) for is_new in (True, False))
        # Where nobody knows which instances are new, that they are silent is not known either.
        if new or not old or not release.new:
            return
        if release.completed_at is None:
            yield Reason(worth=_UNSEEN, text="Its new instances are not up yet.", about=(release.service,))
        else:
            chances = self._chances(release, release.completed_at + SETTLES_S)
            worth = min(_MOST_SILENT, 2 * _UNSEEN + _SILENT * chances)
            text = "Its new instances are up and have not served a single call."
            yield Reason(worth=worth, text=text, about=(release.service,))

    def _chances(self, release: Release, since: float) -> float:
        """How many readings an old instance made meanwhile, in the mean: so many a new one had the chance to make."""
        series = [s for s in self._of.get((release.service, Signal.AVAILABILITY), ()) if s.instance]
        counts: dict[str, int] = {}
        for one in series:
            if one.instance not in release.new and self._readings(one, release.started_at):
                counts[one.instance] = max(counts.get(one.instance, 0), len(self._readings(one, since)))
        return float(np.mean(list(counts.values()))) if counts else 0.0

    def _shared_out(self) -> dict[str, list[tuple[str, float]]]:
        """Map each released service to (failing service, blame) of the failures that end at it."""
        found: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for service in sorted({uid for uid, signal in self._of if signal is Signal.AVAILABILITY}):
            failing = self._failing.of(service)
            if failing < FAILS:
                continue
            below = {c: f for c in self._callees.get(service, ()) if (f := self._failing.of(c)) >= FAILS}
            # A callee that fails now and then can't make most of its caller's answers fail.
            passed = min(1.0, _CALLS_EACH * sum(below.values()) / failing)
            parts = [(passed, below, 0.0), (1 - passed, self._suspects(service), _UNRELEASED)]
            for part, weights, other in parts:
                total = sum(weights.values()) + other
                for suspect, weight in weights.items():
                    if suspect in self._releases and part * weight > 0:
                        found[suspect].append((service, failing * part * weight / total))
        return found

    def _suspects(self, service: str) -> dict[str, float]:
        """A service that fails while nothing that it calls reports errors: itself, or a callee that answers wrongly."""
        weights = {}
        if service in self._releases:
            weights[service] = self._own_weight(self._releases[service])
        asker = self._failing.asker(service)
        if asker is not None and weights.get(service, 0.0) <= _ALIKE_ANYWAY:
            weights[asker] = _ASKS_WRONGLY
        for callee in self._callees.get(service, ()):
            release = self._releases.get(callee)
            if release is not None:
                served = self._levels(release, Signal.AVAILABILITY, is_new=True, caller=service)
                if served:
                    weights[callee] = _ANSWERS_WRONGLY * self._share_of_callers(callee)
                else:
                    weights[callee] = _UNHEARD if self._had_chance(release) else _NOT_YET_HEARD
        return weights

    def _had_chance(self, release: Release) -> bool:
        """Whether new instances that served no call have been up for long enough to serve one."""
        up = release.completed_at
        return up is not None and self._chances(release, up + SETTLES_S) > 0

    def _share_of_callers(self, callee: str) -> float:
        """Share of a service's callers, of those measured, that fail: answers that are wrong are wrong for all."""
        callers = [c for c in self._callees if callee in self._callees[c] and (c, Signal.AVAILABILITY) in self._of]
        return sum(self._failing.of(c) >= FAILS for c in callers) / len(callers) if callers else 1.0

    def _own_weight(self, release: Release) -> float:
        """How far a failing service may blame its own new version: not when its old instances fail as well."""
        new, old = (self._levels(release, Signal.AVAILABILITY, is_new=is_new) for is_new in (True, False))
        of_new, of_old = (lacks(min(levels, default=100.0)) for levels in (new, old))
        if new and of_old >= max(FAILS, ALIKE * of_new):
            return _ALIKE_ANYWAY
        if of_new >= FAILS:
            return 0.3 if of_old >= FAILS else 3.0
        return 0.2 if of_old >= FAILS else 0.5

    def _levels(
        self, release: Release, signal: Signal, *, is_new: bool, caller: str = "", since: float | None = None
    ) -> list[float]:
        """What the instances of one version measured since the release began, or since another time."""
        found: list[float] = []
        for one in self._of.get((release.service, signal), ()):
            if one.instance and (one.instance in release.new) is is_new and (not caller or one.peer == caller):
                found += (value for _, value in self._readings(one, since or release.started_at))
        return found

    def _readings(self, series: Series, since: float) -> list[tuple[float, float]]:
        """(time, value) of what was measured from `since` to the question."""
        return readings(series, since, self._at)
