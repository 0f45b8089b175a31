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
    reasons: tuple[str, ...]

    @property
    def victims(self) -> tuple[str, ...]:
        """Everyone reached, nearest first; the origin is not among them."""
        return tuple(dict.fromkeys(step.target for step in self.steps))


def spreads(
    links: Sequence[Link],
    unwell: Mapping[str, Sequence[Ailment]],
    *,
    told: str,
    texts: Mapping[str, str],
    rollouts: Mapping[str, float],
) -> tuple[Spread, ...]:
    """Return accounts of how trouble spread to the service that an alert is about.

    Args:
        links: who depends on whom.
        unwell: who is unwell, and how.
        told: uid of the service that the alert names.
        texts: what each said of its trouble; untrusted.
        rollouts: time of the last rollout of each before the alert, seconds since 1970-01-01 UTC.

    Returns:
        Best first; empty when the service that the alert names is not unwell.
    """
    ways = _ways(links)
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
        score=sum(worth for worth, _ in points),
        reasons=tuple(text for _, text in sorted(points, reverse=True)),
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


def _parts(name: str) -> list[str]:
    return [part for part in name.replace(".", "-").split("-") if len(part) > 4]


def _is_silent(uid: str, unwell: Mapping[str, Sequence[Ailment]]) -> bool:
    """Whether only measures tell that something is unwell."""
    return all(" " not in a.what for a in unwell[uid])


def _points(
    origin: str,
    steps: Sequence[Step],
    ways: _Ways,
    unwell: Mapping[str, Sequence[Ailment]],
    onset: Mapping[str, float],
    told: str,
    rollouts: Mapping[str, float],
) -> Iterator[tuple[float, str]]:
    others = onset.keys() - {origin}
    if others:
        share = len({s.target for s in steps} & others) / len(others)
        yield 2.0 * share, f"It accounts for {share:.0%} of all others that are unwell."
    span = max(onset.values()) - min(onset.values())
    if span > 0:
        yield (max(onset.values()) - onset[origin]) / span, "It was unwell before the others."
    if any(a.way is Way.WITHIN for a in unwell[origin]):
        yield 0.8, "Something within it went wrong."
    elif all(a.way is Way.LOADED for a in unwell[origin]):
        yield -0.8, "It only gets more traffic than usual."
    rolled = rollouts.get(origin)
    if rolled is not None and 0 <= onset[origin] - rolled <= _DEPLOY_S:
        yield 0.4, "It was rolled out shortly before."
    if origin == told:
        yield -0.3, "Who is paged is seldom where it began."
    sources = [u for u, reached in ways.items() for v, mode in reached if v == origin and mode is not Mode.OVERLOAD]
    earlier = [u for u in sources if u in onset and onset[u] < onset[origin] - EARLY_S / 3]
    if earlier:
        yield -1.0, "Something that it depends on was unwell before it."
    flooding = [u for u, reached in ways.items() for v, mode in reached if v == origin and mode is Mode.OVERLOAD]
    is_flooded = any(a.way is Way.LOADED for a in unwell[origin])
    within = [
        u
        for u in flooding
        if any(a.way is Way.WITHIN and a.since <= onset[origin] + EARLY_S for a in unwell.get(u, ()))
    ]
    if is_flooded and within:
        yield -0.9, "A caller that broke floods it."
