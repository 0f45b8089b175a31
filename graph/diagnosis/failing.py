"""How many of the calls that arrive at a service fail beyond the usual, and by whose doing, while releases roll out.

Some calls always fail somewhere, some fail while instances start or are replaced, and some are asked wrongly by a new
version of the caller: none of these is a failure of the callee.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property

import numpy as np

from graph.diagnosis.rollout import Release
from graph.diagnosis.versions import WARM_S, beyond_start, differences, readings
from graph.telemetry import Series, Signal

FAILS = 0.05
"""Share of failed calls that is more than the odd one."""
ALIKE = 0.4
"""Share of the failures of new instances from which on those of old ones have the same cause."""
_OVER = 0.1
"""Part of a failure that counts although calls succeed again: a version that is bad stays bad."""
SETTLES_S = 30.0
"""Seconds after a rollout step in which calls to the instance that went still fail."""
_NOISY = 0.9
"""Quantile of what failed before the rollouts that is still usual."""


class Failing:
    """Failures by callee, after the first of some releases began and up to the time of a question."""

    def __init__(
        self, series: Iterable[Series], releases: Mapping[str, Release], *, since: float, until: float
    ) -> None:
        """Take the series of availability of calls, in percent.

        Args:
            series: by callee, caller and, where known, instance; those measured at the caller are `is_outgoing`.
            releases: by uid of the service.
            since: seconds since 1970-01-01 UTC; what failed before is usual.
            until: seconds since 1970-01-01 UTC; later readings are not looked at.
        """
        self._releases, self._since, self._until = releases, since, until
        self._arriving: dict[str, list[Series]] = defaultdict(list)
        self._made: dict[str, list[Series]] = defaultdict(list)
        for one in series:
            if one.signal is Signal.AVAILABILITY and one.is_outgoing:
                self._made[one.peer].append(one)
            elif one.signal is Signal.AVAILABILITY:
                self._arriving[one.resource].append(one)
        self._known: dict[str, float] = {}

    def of(self, service: str) -> float:
        """Worst share of failed calls that arrived at a service lately, over its callers, 0 to 1; 0 if unmeasured."""
        if service not in self._known:
            self._known[service] = self._worst(service)
        return self._known[service]

    def asker(self, service: str) -> str | None:
        """The one caller whose calls fail since its release, where those of all others succeed; None without such.

        Where a release replaced the only instance of a caller, there is no old one to compare with; the others that
        call the same service take its place.
        """
        lost: dict[str, float] = defaultdict(float)
        for one in self._arriving.get(service, ()):
            lost[one.peer] = max(lost[one.peer], self._lost(service, one))
        caller = max(sorted(lost), key=lambda c: lost[c], default="")
        release = self._releases.get(caller)
        others = [share for c, share in lost.items() if c != caller]
        if release is None or not others or lost[caller] < FAILS or max(others) > ALIKE * lost[caller]:
            return None
        before = [
            lacks(value) - self._noise[service, caller]
            for one in self._arriving[service]
            if one.peer == caller
            for _, value in readings(one, self._since, release.started_at)
        ]
        return caller if max(before, default=0.0) < FAILS else None

    def _worst(self, service: str) -> float:
        arriving = self._arriving.get(service, ())
        old = {caller: self._told_by_old(caller, service) for caller in sorted({one.peer for one in arriving})}
        counted = [one for one in arriving if not old[one.peer]] + [one for many in old.values() for one in many]
        return max((self._lost(service, one) for one in counted), default=0.0)

    def _told_by_old(self, caller: str, callee: str) -> list[Series]:
        """What the old instances of a caller measured of a callee, where only calls of the new ones fail.

        What only the new version meets is its own doing: it asks wrongly, or does not wait long enough. None where
        both versions meet the same, or one was not measured.
        """
        release = self._releases.get(caller)
        if release is None:
            return []
        made = [s for s in self._made.get(caller, ()) if s.resource == callee]
        found = differences(made, release.new, since=release.started_at, until=self._until)
        is_own = any(lacks(d.new) >= FAILS and lacks(d.old) <= ALIKE * lacks(d.new) for d in found)
        return [s for s in made if s.instance not in release.new] if is_own else []

    def _lost(self, service: str, one: Series) -> float:
        """Worst share of calls that failed lately and did not fail before the rollouts, but for a start."""
        release = self._releases.get(service)
        noise = self._noise[one.resource, one.peer]
        lately = readings(one, self._since, self._until)
        is_new = release is not None and one.instance in release.new
        worst = 0.0
        for index, (moment, value) in enumerate(lately):
            is_over = any(lacks(later) <= max(noise, FAILS / 10) for _, later in lately[index + 1 :])
            if release is not None and is_over and _is_step(release, moment):
                continue
            is_start = is_new and moment < lately[0][0] + WARM_S
            lost = beyond_start(lacks(value) - noise, is_start)
            worst = max(worst, _OVER * lost if is_over else lost)
        return worst

    @cached_property
    def _noise(self) -> dict[tuple[str, str], float]:
        """Map a kind of call, (callee, caller), to the share that failed before the rollouts; a new instance has no
        past of its own."""
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        for one in (s for groups in (self._arriving, self._made) for many in groups.values() for s in many):
            found[one.resource, one.peer] += (lacks(v) for t, v in readings(one, 0.0, self._until) if t < self._since)
        return {call: float(np.quantile(lost, _NOISY)) if lost else 0.0 for call, lost in found.items()}


def _is_step(release: Release, moment: float) -> bool:
    """Whether instances were being replaced at this time: some calls fail then, whatever the version."""
    return release.started_at <= moment <= (release.completed_at or moment) + SETTLES_S


def lacks(percent: float) -> float:
    """Share of failed calls, 0 to 1, from how many per cent succeed."""
    return 1 - percent / 100
