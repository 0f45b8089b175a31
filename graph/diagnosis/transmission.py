"""Which way trouble gets from one to the next, and whether it can have done so.

It moves from a callee to its callers (failure), from a caller that malfunctions to what it floods or no longer empties
(overload) or feeds (starvation), and from a shared thing - node, resolver, data store - to all that use it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

from graph.diagnosis.ailment import Ailment, Way
from graph.diagnosis.measure_names import is_backlog

EARLY_S = 90.0
"""Seconds by which a victim may seem to be earlier: readings are minutes apart."""
_OLD = re.compile(
    r"stale|freshness|older than|behind|out of date|no (new )?data|_age(_|$)|newest|last_(success|update|refresh)",
    re.IGNORECASE,
)
"""Signs of something that is not fed any more."""


class Mode(StrEnum):
    """How trouble got from one to the next."""

    FAILURE = "failure"
    OVERLOAD = "overload"
    STARVATION = "starvation"
    """Whoever feeds it does not; what it holds gets old."""
    SHARED = "shared"


def arrives(uid: str, mode: Mode, unwell: Mapping[str, Sequence[Ailment]]) -> float:
    """When trouble of this sort is first seen there: who only gets more traffic does not fail yet."""
    signs = unwell[uid] if mode is Mode.OVERLOAD else [a for a in unwell[uid] if _is_harm(a)]
    return min((a.since for a in signs), default=-math.inf)


def passes(
    here: str,
    there: str,
    mode: Mode,
    origin: str,
    unwell: Mapping[str, Sequence[Ailment]],
    takers: Collection[str] = (),
) -> bool:
    """Whether trouble of `here` can be why `there` is unwell.

    Args:
        here: uid of who is unwell.
        there: uid of who may be its victim.
        mode: the way that trouble would take.
        origin: uid of who began, by this account.
        unwell: signs of everyone.
        takers: uids of who does more than before although nobody asked.
    """
    if mode is Mode.OVERLOAD:
        is_told = any(a.told_by == there for a in unwell[here])
        return is_told or _floods(here, there, origin, unwell, takers) or leaves_full(here, there, unwell)
    if mode is Mode.STARVATION:
        old = [a.since for a in unwell[there] if _OLD.search(a.what)]
        lacking = [a.since for a in unwell[there] if a.is_starved]
        begun = _fails_since(here, unwell)
        # Of two that fail at once, one that fails of itself is as likely to get less because the other does.
        is_first = bool(lacking) and (begun < min(lacking) or (here != origin and begun == min(lacking)))
        return is_first or (bool(old) and begun <= min(old))
    return any(_is_harm(a) for a in unwell[there])


def _is_harm(sign: Ailment) -> bool:
    """Whether something suffers, rather than being asked for more: also work that waits, as what it needs fails."""
    return sign.way is not Way.LOADED or (not sign.is_said and is_backlog(sign.what.lower()))


def _floods(
    here: str, there: str, origin: str, unwell: Mapping[str, Sequence[Ailment]], takers: Collection[str]
) -> bool:
    """Whether one asks more of another because something within it broke, or because what it asked before did.

    To send more because more is asked is no fault.
    """
    flooded = [a.since for a in unwell[there] if a.way is Way.LOADED]
    is_asked = here not in takers
    own = [a.since for a in unwell[here] if _is_own(a, is_asked) or (here != origin and a.way is Way.FAILS)]
    slack = EARLY_S if here == origin else EARLY_S / 3
    return bool(own) and bool(flooded) and min(own) <= min(flooded) + slack


def _is_own(sign: Ailment, is_asked: bool) -> bool:
    return sign.way is Way.WITHIN or (sign.way is Way.LOADED and not is_asked)


def leaves_full(here: str, there: str, unwell: Mapping[str, Sequence[Ailment]]) -> bool:
    """Whether one takes too little out of a queue: being slow is enough to let it fill."""
    fills = [a.since for a in unwell[there] if not a.is_said and is_backlog(a.what.lower())]
    return bool(fills) and _fails_since(here, unwell) <= min(fills)


def _fails_since(uid: str, unwell: Mapping[str, Sequence[Ailment]]) -> float:
    return min((a.since for a in unwell[uid] if a.way is not Way.LOADED), default=math.inf)
