"""How trouble spread: where it began, whom it reached, and which way it took.

The origin is the one from which, along the ways that trouble takes (`transmission`) and in the order of time, most of
those that are unwell are reached, and whose own state accounts for it.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from graph.diagnosis.ailment import Ailment, Way
from graph.diagnosis.hypothesis import Reason
from graph.diagnosis.measure_names import is_outbound
from graph.diagnosis.transmission import EARLY_S, Mode, arrives, leaves_full, passes

_DEPLOY_S = 1800.0
"""A rollout this long before the first sign is a reason of its own."""
_NAMED_S = 600.0
"""Seconds by which a victim that names its callee may seem to be earlier."""
_MUCH = 4.0
"""Times the usual from which on more work is more than a busy hour."""


class LinkType(StrEnum):
    CALLS = "calls"
    USES = "uses"
    """A shared thing that is no service: resolver, data store, queue."""
    RUNS_ON = "runs_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`source` depends on `target`."""

    source: str
    target: str
    type: LinkType


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Trouble that went from one to the next."""

    source: str
    target: str
    mode: Mode


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
    ways, blames = _ways(links), _blames(unwell)
    onset = {uid: min(a.since for a in signs) for uid, signs in unwell.items() if signs}
    if told not in onset:
        return ()
    takers = _takers(links, unwell)
    accounts = [_account(origin, ways, unwell, onset, blames, takers, told, rollouts) for origin in onset]
    return tuple(sorted((a for a in accounts if a), key=lambda s: (-round(s.score, 6), s.origin)))


_Ways = Mapping[str, Sequence[tuple[str, Mode]]]
_FROM_BELOW = frozenset({Mode.FAILURE, Mode.SHARED})
"""Modes in which trouble comes from what is depended on."""


def _ways(links: Sequence[Link]) -> _Ways:
    """Map each to those that its trouble may reach, and how."""
    found: dict[str, list[tuple[str, Mode]]] = defaultdict(list)
    for link in links:
        if link.type is LinkType.CALLS:
            found[link.target].append((link.source, Mode.FAILURE))
        else:
            found[link.target].append((link.source, Mode.SHARED))
        if link.type is not LinkType.RUNS_ON:
            found[link.source].append((link.target, Mode.OVERLOAD))
            found[link.source].append((link.target, Mode.STARVATION))
    return found


def _account(
    origin: str,
    ways: _Ways,
    unwell: Mapping[str, Sequence[Ailment]],
    onset: Mapping[str, float],
    blames: Mapping[str, frozenset[str]],
    takers: frozenset[str],
    told: str,
    rollouts: Mapping[str, float],
) -> Spread | None:
    steps = tuple(_steps(origin, ways, unwell, onset, blames, takers))
    reached = {origin, *(s.target for s in steps)}
    if told not in reached:
        return None
    points = [
        *_points(origin, steps, ways, unwell, onset, takers, told, rollouts),
        *_own_words(origin, unwell, onset, blames),
    ]
    return Spread(
        origin=origin,
        steps=steps,
        score=sum(r.worth for r in points),
        reasons=tuple(sorted(points, key=lambda r: (-r.worth, r.text))),
    )


def _steps(
    origin: str,
    ways: _Ways,
    unwell: Mapping[str, Sequence[Ailment]],
    onset: Mapping[str, float],
    blames: Mapping[str, frozenset[str]],
    takers: frozenset[str],
) -> list[Step]:
    """Walk outwards in the order of distance; whoever blames only others for its trouble is left out."""
    left_out: set[str] = set()
    while True:
        steps = list(_walk(origin, ways, unwell, onset, takers, left_out))
        reached = {origin, *(s.target for s in steps)}
        strangers = {uid for uid in reached - {origin} if blames[uid] and not blames[uid] & reached}
        if not strangers:
            return steps + _further(steps, ways, unwell, reached, blames)
        left_out |= strangers


def _walk(
    origin: str,
    ways: _Ways,
    unwell: Mapping[str, Sequence[Ailment]],
    onset: Mapping[str, float],
    takers: frozenset[str],
    left_out: Collection[str],
) -> Iterator[Step]:
    """Yield the first way to each that is unwell and was not so before what it depends on."""
    seen, waiting = {origin, *left_out}, deque([origin])
    while waiting:
        here = waiting.popleft()
        for there, mode in ways.get(here, ()):
            if there in seen or there not in onset:
                continue
            is_later = arrives(there, mode, unwell) >= onset[here] - EARLY_S
            if is_later and passes(here, there, mode, origin, unwell, takers):
                seen.add(there)
                waiting.append(there)
                yield Step(source=here, target=there, mode=mode)


def _further(
    steps: Sequence[Step],
    ways: _Ways,
    unwell: Mapping[str, Sequence[Ailment]],
    reached: Collection[str],
    blames: Mapping[str, frozenset[str]],
) -> list[Step]:
    """Return the other ways among those reached, in the order of time: several failing callees hurt one caller.

    Who names a callee may seem to suffer well before it: readings are minutes apart, and words are not.
    """
    found: list[Step] = []
    taken = {frozenset((s.source, s.target)) for s in steps}
    for here in dict.fromkeys(s.target for s in steps):
        for there, mode in ways.get(here, ()):
            pair = frozenset((here, there))
            if mode not in _FROM_BELOW or there not in reached or pair in taken:
                continue
            slack = _NAMED_S if here in blames[there] else EARLY_S
            if arrives(there, mode, unwell) < arrives(here, mode, unwell) - slack:
                continue
            if passes(here, there, mode, here, unwell):
                taken.add(pair)
                found.append(Step(source=here, target=there, mode=mode))
    return found


def _takers(links: Sequence[Link], unwell: Mapping[str, Sequence[Ailment]]) -> frozenset[str]:
    """Return who does much more than before and is asked by nobody: what it does is its own doing.

    It does not suffer, or it asks so much more of others that its own failures don't tell why.
    """
    asked = {link.target for link in links if link.type is LinkType.CALLS}
    return frozenset(uid for uid, signs in unwell.items() if uid not in asked and _takes(signs))


def _takes(signs: Sequence[Ailment]) -> bool:
    much = [a for a in signs if a.way is Way.LOADED and a.factor >= _MUCH]
    return len(much) == len(signs) or any(not a.is_said and is_outbound(a.what.lower()) for a in much)


def _blames(unwell: Mapping[str, Sequence[Ailment]]) -> dict[str, frozenset[str]]:
    """Map each that is unwell to the others that are, and that it names in what it says of its trouble."""
    names = {uid: name_pattern(uid) for uid in unwell}
    said = {uid: " ".join(a.what for a in signs if a.is_said and not a.told_by) for uid, signs in unwell.items()}
    return {
        uid: frozenset(other for other, name in names.items() if other != uid and name.search(text))
        for uid, text in said.items()
    }


@lru_cache(maxsize=4096)
def name_pattern(uid: str) -> re.Pattern[str]:
    """Return what finds the name of something in what others say."""
    return re.compile(rf"(?<![\w-]){re.escape(bare_name(uid))}(?![\w-])", re.IGNORECASE)


def bare_name(uid: str) -> str:
    """The name by which others speak of something: without environment and prefix.

    >>> bare_name("svc://shop/node:ip-10-0-1-2"), bare_name("k8s://demo/apps/Deployment/shop/cart")
    ('ip-10-0-1-2', 'cart')
    """
    return uid.rpartition("/")[2].rpartition(":")[2]


def _points(
    origin: str,
    steps: Sequence[Step],
    ways: _Ways,
    unwell: Mapping[str, Sequence[Ailment]],
    onset: Mapping[str, float],
    takers: frozenset[str],
    told: str,
    rollouts: Mapping[str, float],
) -> Iterator[Reason]:
    others = onset.keys() - {origin}
    if others:
        reached = tuple(dict.fromkeys(s.target for s in steps if s.target in others))
        share = len(reached) / len(others)
        text = f"It accounts for {share:.0%} of all others that are unwell."
        yield Reason(worth=2.0 * share, text=text, about=(origin, *reached))
    span = max(onset.values()) - min(onset.values())
    if span > 0:
        share = (max(onset.values()) - onset[origin]) / span
        yield Reason(worth=share, text="It was unwell before the others.", about=(origin,))
    if any(a.way is Way.WITHIN for a in unwell[origin]):
        yield Reason(worth=0.8, text="Something within it went wrong.", about=(origin,))
    elif origin in takers and any(s.source == origin and s.mode is Mode.OVERLOAD for s in steps):
        text = "It takes more than before of what others use as well, and nobody asked it to."
        yield Reason(worth=0.8, text=text, about=(origin,))
    elif all(a.way is Way.LOADED for a in unwell[origin]) and not _is_exhausted(origin, steps):
        yield Reason(worth=-0.8, text="It only gets more traffic than usual.", about=(origin,))
    rolled = rollouts.get(origin)
    if rolled is not None and 0 <= onset[origin] - rolled <= _DEPLOY_S:
        yield Reason(worth=0.4, text="It was rolled out shortly before.", about=(origin,))
    if origin == told:
        yield Reason(worth=-0.3, text="Who is paged is seldom where it began.", about=(origin,))
    sources = [u for u, ends in ways.items() for v, mode in ends if v == origin and mode in _FROM_BELOW]
    earlier = [u for u in sources if u in onset and onset[u] < onset[origin] - EARLY_S / 3]
    if earlier:
        text = "Something that it depends on was unwell before it."
        yield Reason(worth=-1.0, text=text, about=(origin, *dict.fromkeys(earlier)))
    flooding = [u for u, ends in ways.items() for v, mode in ends if v == origin and mode is Mode.OVERLOAD]
    is_flooded = any(a.way is Way.LOADED for a in unwell[origin])
    within = [
        u
        for u in flooding
        if any(a.way is Way.WITHIN and a.since <= onset[origin] + EARLY_S for a in unwell.get(u, ()))
        or (u in takers and onset[u] <= onset[origin] + EARLY_S)
        or (u in onset and leaves_full(u, origin, unwell))
    ]
    if is_flooded and within:
        text = "A caller floods it of its own accord, or takes too little out of it."
        yield Reason(worth=-0.9, text=text, about=(origin, *dict.fromkeys(within)))


def _own_words(
    origin: str,
    unwell: Mapping[str, Sequence[Ailment]],
    onset: Mapping[str, float],
    blames: Mapping[str, frozenset[str]],
) -> Iterator[Reason]:
    """Count what the origin itself says: that something else fails, which does, and did not begin later."""
    named = sorted(
        uid
        for uid in blames[origin]
        if onset[uid] <= onset[origin] + EARLY_S and any(a.way is not Way.LOADED for a in unwell[uid])
    )
    if named:
        text = "It complains of something else that is unwell."
        yield Reason(worth=-0.8, text=text, about=(origin, *named))


def _is_exhausted(origin: str, steps: Sequence[Step]) -> bool:
    """Whether several that share a thing suffer from it: what is full is unwell in just this way."""
    return sum(s.source == origin and s.mode is Mode.SHARED for s in steps) > 1
