"""What speaks for and against an account of how trouble spread; the sum is its score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graph.diagnosis.ailment import Way
from graph.diagnosis.hypothesis import Reason
from graph.diagnosis.situation import FROM_BELOW, Situation
from graph.diagnosis.step import Step
from graph.diagnosis.transmission import EARLY_S, Mode, leaves_full

_DEPLOY_S = 1800.0
"""A rollout this long before the first sign is a reason of its own."""


def account_points(origin: str, steps: Sequence[Step], known: Situation) -> tuple[Reason, ...]:
    """Return the reasons for and against an origin from which trouble took these steps, strongest first."""
    found = [
        *_reach(origin, steps, known),
        *_time(origin, known),
        *_own_state(origin, steps, known),
        *_others(origin, known),
    ]
    return tuple(sorted(found, key=lambda r: (-r.worth, r.text)))


def _reach(origin: str, steps: Sequence[Step], known: Situation) -> Iterator[Reason]:
    others = known.onset.keys() - {origin}
    if others:
        reached = tuple(dict.fromkeys(s.target for s in steps if s.target in others))
        share = len(reached) / len(others)
        text = f"It accounts for {share:.0%} of all others that are unwell."
        yield Reason(worth=2.0 * share, text=text, about=(origin, *reached))


def _time(origin: str, known: Situation) -> Iterator[Reason]:
    onset, last = known.onset[origin], max(known.onset.values())
    span = last - min(known.onset.values())
    if span > 0:
        yield Reason(worth=(last - onset) / span, text="It was unwell before the others.", about=(origin,))
    rolled = known.rollouts.get(origin)
    if rolled is not None and 0 <= onset - rolled <= _DEPLOY_S:
        yield Reason(worth=0.4, text="It was rolled out shortly before.", about=(origin,))


def _own_state(origin: str, steps: Sequence[Step], known: Situation) -> Iterator[Reason]:
    signs = known.unwell[origin]
    if any(a.way is Way.WITHIN for a in signs):
        yield Reason(worth=0.8, text="Something within it went wrong.", about=(origin,))
    elif origin in known.takers and any(s.source == origin and s.mode is Mode.OVERLOAD for s in steps):
        text = "It takes more than before of what others use as well, and nobody asked it to."
        yield Reason(worth=0.8, text=text, about=(origin,))
    elif all(a.way is Way.LOADED for a in signs) and not _is_exhausted(origin, steps):
        yield Reason(worth=-0.8, text="It only gets more traffic than usual.", about=(origin,))
    if origin == known.told:
        yield Reason(worth=-0.3, text="Who is paged is seldom where it began.", about=(origin,))


def _is_exhausted(origin: str, steps: Sequence[Step]) -> bool:
    """Whether several that share a thing suffer from it: what is full is unwell in just this way."""
    return sum(s.source == origin and s.mode is Mode.SHARED for s in steps) > 1


def _others(origin: str, known: Situation) -> Iterator[Reason]:
    """What others show or the origin says of them: that its trouble is theirs."""
    onset = known.onset[origin]
    below = known.unwell_that_may_reach(origin, FROM_BELOW)
    earlier = [u for u in below if known.onset[u] < onset - EARLY_S / 3]
    if earlier:
        text = "Something that it depends on was unwell before it."
        yield Reason(worth=-1.0, text=text, about=(origin, *earlier))
    callers = known.unwell_that_may_reach(origin, frozenset({Mode.OVERLOAD}))
    floods = [u for u in callers if _floods(u, origin, known)]
    if floods and any(a.way is Way.LOADED for a in known.unwell[origin]):
        text = "A caller floods it of its own accord, or takes too little out of it."
        yield Reason(worth=-0.9, text=text, about=(origin, *floods))
    named = sorted(
        uid
        for uid in known.blames[origin]
        if known.onset[uid] <= onset + EARLY_S and any(a.way is not Way.LOADED for a in known.unwell[uid])
    )
    if named:
        text = "It complains of something else that is unwell."
        yield Reason(worth=-0.8, text=text, about=(origin, *named))


def _floods(caller: str, origin: str, known: Situation) -> bool:
    by = known.onset[origin] + EARLY_S
    is_ill = any(a.way is Way.WITHIN and a.since <= by for a in known.unwell[caller])
    is_greedy = caller in known.takers and known.onset[caller] <= by
    return is_ill or is_greedy or leaves_full(caller, origin, known.unwell)
