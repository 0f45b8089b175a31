"""What is known of trouble in many places at once: who is unwell since when, who names whom, whom it may reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from graph.diagnosis.ailment import Ailment, Way
from graph.diagnosis.link import Link, LinkType
from graph.diagnosis.measure_names import is_outbound
from graph.diagnosis.names import name_pattern
from graph.diagnosis.transmission import Mode

FROM_BELOW = frozenset({Mode.FAILURE, Mode.SHARED})
"""Modes in which trouble comes from what is depended on."""
_MUCH = 4.0
"""Times the usual from which on more work is more than a busy hour."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Who is unwell, and who depends on whom."""

    links: Sequence[Link]
    unwell: Mapping[str, Sequence[Ailment]]
    """Signs by uid; whoever is in it has some."""
    told: str
    """uid of what the alert names"""
    rollouts: Mapping[str, float]
    """Time of the last rollout of each before the alert, seconds since 1970-01-01 UTC."""

    @cached_property
    def onset(self) -> dict[str, float]:
        """First sign of each that is unwell, seconds since 1970-01-01 UTC."""
        return {uid: min(a.since for a in signs) for uid, signs in self.unwell.items()}

    @cached_property
    def ways(self) -> Mapping[str, Sequence[tuple[str, Mode]]]:
        """Map each to those that its trouble may reach, and how."""
        found: dict[str, list[tuple[str, Mode]]] = defaultdict(list)
        for link in self.links:
            up = Mode.FAILURE if link.type is LinkType.CALLS else Mode.SHARED
            found[link.target].append((link.source, up))
            if link.type is not LinkType.RUNS_ON:
                found[link.source] += ((link.target, Mode.OVERLOAD), (link.target, Mode.STARVATION))
        return dict(found)

    @cached_property
    def blames(self) -> dict[str, frozenset[str]]:
        """Map each that is unwell to the others that are, and that it names in what it says of its trouble."""
        names = {uid: name_pattern(uid) for uid in self.unwell}
        return {
            uid: frozenset(other for other, name in names.items() if other != uid and name.search(said))
            for uid, said in ((uid, _said(signs)) for uid, signs in self.unwell.items())
        }

    @cached_property
    def takers(self) -> frozenset[str]:
        """Who does much more than before and is asked by nobody: what it does is its own doing.

        It does not suffer, or it asks so much more of others that its own failures don't tell why.
        """
        asked = {link.target for link in self.links if link.type is LinkType.CALLS}
        return frozenset(uid for uid, signs in self.unwell.items() if uid not in asked and _takes(signs))

    def unwell_that_may_reach(self, uid: str, modes: frozenset[Mode]) -> tuple[str, ...]:
        """Those that are unwell and whose trouble may take one of these ways to it."""
        return tuple(u for u in self.unwell if any(v == uid and mode in modes for v, mode in self.ways.get(u, ())))


def _said(signs: Sequence[Ailment]) -> str:
    return " ".join(a.what for a in signs if a.is_said and not a.told_by)


def _takes(signs: Sequence[Ailment]) -> bool:
    much = [a for a in signs if a.way is Way.LOADED and a.factor >= _MUCH]
    return len(much) == len(signs) or any(not a.is_said and is_outbound(a.what.lower()) for a in much)
