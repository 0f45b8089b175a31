"""How trouble spread: where it began, whom it reached, and which way it took.

Trouble moves from a callee to its callers (failure), from a caller that malfunctions to what it floods (overload), and
from a shared thing - node, resolver, data store - to all that use it. The origin is the one from which, along these
ways and in the order of time, most of those that are unwell are reached, and whose own state accounts for it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from graph.diagnosis.ailments import Ailment, Way
from graph.diagnosis.hypothesis import Reason

EARLY_S = 90.0
"""Seconds by which a victim may seem to be earlier: readings are minutes apart."""
_DEPLOY_S = 1800.0
"""A rollout this long before the first sign is a reason of its own."""


class LinkType(StrEnum):
    CALLS = "calls"
    USES = "uses"
    """A shared thing that is no service: resolver, data store, queue."""
    RUNS_ON = "runs_on"


class Mode(StrEnum):
    """How trouble got from one to the next."""

    FAILURE = "failure"
    OVERLOAD = "overload"
    SHARED = "shared"


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
    ways, texts = _ways(links), _texts(unwell)
    onset = {uid: min(a.since for a in signs) for uid, signs in unwell.items() if signs}
    if told not in onset:
        return ()
    accounts = [_account(origin, ways, unwell, onset, told, texts, rollouts) for origin in onset]
    return tuple(sorted((a for a in accounts if a), key=lambda s: (-round(s.score, 6), s.origin)))


_Ways = Mapping[str, Sequence[tuple[str, Mode]]]


def _ways(links: Sequence[Link]) -> _Ways:
    """Map each to those that its trouble may reach, and how."""
    found: dict[str, list[tuple[str, Mode]]] = defaultdict(list)
    for link in links:
        if link.type is LinkType.CALLS:
            found[link.target].append((link.source, Mode.FAILURE))
            found[link.source].append((link.target, Mode.OVERLOAD))
        else:
            found[link.target].append((link.source, Mode.SHARED))
    return found


def _account(
    origin: str,
    ways: _Ways,
    unwell: Mapping[str, Sequence[Ailment]],
    onset: Mapping[str, float],
    told: str,
    texts: Mapping[str, str],
    rollouts: Mapping[str, float],
) -> Spread | None:
    steps = tuple(_steps(origin, ways, unwell, onset, texts))
    reached = {origin, *(s.target for s in steps)}
    if told not in reached:
        return None
    points = list(_points(origin, steps, ways, unwell, onset, told, rollouts))
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
    texts: Mapping[str, str],
) -> Iterator[Step]:
    """Walk outwards in the order of distance, to those that are unwell and were not so before."""
    seen, waiting = {origin}, deque([origin])
    while waiting:
        here = waiting.popleft()
        for there, mode in ways.get(here, ()):
            if there in seen or there not in onset or onset[there] < onset[here] - EARLY_S:
                continue
            if _passes(here, there, mode, origin, unwell, texts):
                seen.add(there)
                waiting.append(there)
                yield Step(source=here, target=there, mode=mode)


def _passes(
    here: str,
    there: str,
    mode: Mode,
    origin: str,
    unwell: Mapping[str, Sequence[Ailment]],
    texts: Mapping[str, str],
) -> bool:
    if mode is Mode.FAILURE:
        return any(a.way is not Way.LOADED for a in unwell[there])
    if mode is Mode.OVERLOAD:
        # To send more is no fault; to send more because something within broke is.
        own = [a.since for a in unwell[here] if a.way is Way.WITHIN]
        flooded = [a.since for a in unwell[there] if a.way is Way.LOADED]
        return here == origin and bool(own) and bool(flooded) and min(own) <= min(flooded) + EARLY_S
    name = here.rpartition("/")[2].rpartition(":")[2].lower()
    said = texts.get(there, "").lower()
    # Many use a shared thing and are unwell for reasons of their own; those that suffer from it say so.
    return not said or name in said or any(part in said for part in _parts(name)) or _is_silent(there, unwell)


def _texts(unwell: Mapping[str, Sequence[Ailment]]) -> dict[str, str]:
    """What each said of its trouble."""
    return {uid: " ".join(a.what for a in signs if a.is_said) for uid, signs in unwell.items()}


def _parts(name: str) -> list[str]:
    return [part for part in name.replace(".", "-").split("-") if len(part) > 4]


def _is_silent(uid: str, unwell: Mapping[str, Sequence[Ailment]]) -> bool:
    """Whether only measures tell that something is unwell."""
    return not any(a.is_said for a in unwell[uid])


def _points(
    origin: str,
    steps: Sequence[Step],
    ways: _Ways,
    unwell: Mapping[str, Sequence[Ailment]],
    onset: Mapping[str, float],
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
    elif all(a.way is Way.LOADED for a in unwell[origin]):
        yield Reason(worth=-0.8, text="It only gets more traffic than usual.", about=(origin,))
    rolled = rollouts.get(origin)
    if rolled is not None and 0 <= onset[origin] - rolled <= _DEPLOY_S:
        yield Reason(worth=0.4, text="It was rolled out shortly before.", about=(origin,))
    if origin == told:
        yield Reason(worth=-0.3, text="Who is paged is seldom where it began.", about=(origin,))
    sources = [u for u, ends in ways.items() for v, mode in ends if v == origin and mode is not Mode.OVERLOAD]
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
    ]
    if is_flooded and within:
        text = "A caller that broke floods it."
        yield Reason(worth=-0.9, text=text, about=(origin, *dict.fromkeys(within)))
