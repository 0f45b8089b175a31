"""How trouble spread: where it began, whom it reached, and which way it took.

The origin is the one from which, along the ways that trouble takes (`transmission`) and in the order of time, most of
those that are unwell are reached, and whose own state accounts for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from graph.diagnosis.account_points import account_points
from graph.diagnosis.ailment import Ailment
from graph.diagnosis.hypothesis import Reason
from graph.diagnosis.link import Link
from graph.diagnosis.situation import FROM_BELOW, Situation
from graph.diagnosis.step import Step
from graph.diagnosis.transmission import EARLY_S, arrives, passes

_NAMED_S = 600.0
"""Seconds by which a victim that names its callee may seem to be earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One account of how trouble spread."""

    origin: str
    steps: tuple[Step, ...]
    """In the order in which it spread."""
    score: float
    reasons: tuple[Reason, ...]
    """Strongest first; their sum is `score`"""

    @property
    def victims(self) -> tuple[str, ...]:
        """Everyone reached, nearest first; the origin is not among them."""
        return tuple(dict.fromkeys(step.target for step in self.steps))

    def way_back(self, uid: str) -> tuple[str, ...]:
        """From one that was reached back to the origin, by the first way to each; the origin alone for any other.

        Steps as a whole may go round in a ring, as calls do; the first way to each can't.
        """
        came: dict[str, str] = {}
        for step in self.steps:
            came.setdefault(step.target, step.source)
        path = [uid]
        while path[-1] != self.origin and path[-1] in came:
            path.append(came[path[-1]])
        return tuple(path) if path[-1] == self.origin else (self.origin,)


def spreads(
    links: Sequence[Link],
    unwell: Mapping[str, Sequence[Ailment]],
    *,
    told: str,
    rollouts: Mapping[str, float],
) -> tuple[Spread, ...]:
    """Return accounts of how trouble spread to the service that an alert is about.

    Args:
        links: who depends on whom.
        unwell: who is unwell, and how.
        told: uid of the service that the alert names.
        rollouts: time of the last rollout of each before the alert, seconds since 1970-01-01 UTC.

    Returns:
        Best first; empty when the service that the alert names is not unwell.
    """
    known = Situation(
        links=links, unwell={uid: signs for uid, signs in unwell.items() if signs}, told=told, rollouts=rollouts
    )
    if told not in known.unwell:
        return ()
    accounts = (_account(origin, known) for origin in known.unwell)
    return tuple(sorted((a for a in accounts if a), key=lambda s: (-round(s.score, 6), s.origin)))


def _account(origin: str, known: Situation) -> Spread | None:
    steps = tuple(_steps(origin, known))
    if known.told not in {origin, *(s.target for s in steps)}:
        return None
    reasons = account_points(origin, steps, known)
    return Spread(origin=origin, steps=steps, score=sum(r.worth for r in reasons), reasons=reasons)


def _steps(origin: str, known: Situation) -> list[Step]:
    """Walk outwards in the order of distance; whoever blames only others for its trouble is left out."""
    left_out: set[str] = set()
    while True:
        steps = list(_walk(origin, known, left_out))
        reached = {origin, *(s.target for s in steps)}
        blames = known.blames
        strangers = {uid for uid in reached - {origin} if blames[uid] and not blames[uid] & reached}
        if not strangers:
            return steps + _further(steps, known, reached)
        left_out |= strangers


def _walk(origin: str, known: Situation, left_out: Collection[str]) -> Iterator[Step]:
    """Yield the first way to each that is unwell and was not so before what it depends on."""
    seen, waiting = {origin, *left_out}, deque([origin])
    while waiting:
        here = waiting.popleft()
        for there, mode in known.ways.get(here, ()):
            if there in seen or there not in known.unwell:
                continue
            is_later = arrives(there, mode, known.unwell) >= known.onset[here] - EARLY_S
            if is_later and passes(here, there, mode, origin, known.unwell, known.takers):
                seen.add(there)
                waiting.append(there)
                yield Step(source=here, target=there, mode=mode)


def _further(steps: Sequence[Step], known: Situation, reached: Collection[str]) -> list[Step]:
    """Return the other ways among those reached, in the order of time: several failing callees hurt one caller.

    Who names a callee may seem to suffer well before it: readings are minutes apart, and words are not.
    """
    found: list[Step] = []
    taken = {frozenset((s.source, s.target)) for s in steps}
    for here in dict.fromkeys(s.target for s in steps):
        for there, mode in known.ways.get(here, ()):
            pair = frozenset((here, there))
            if mode not in FROM_BELOW or there not in reached or pair in taken:
                continue
            slack = _NAMED_S if here in known.blames[there] else EARLY_S
            if arrives(there, mode, known.unwell) < arrives(here, mode, known.unwell) - slack:
                continue
            if passes(here, there, mode, here, known.unwell):
                taken.add(pair)
                found.append(Step(source=here, target=there, mode=mode))
    return found
