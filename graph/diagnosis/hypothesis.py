"""A possible cause while it is being weighed: points for and against, each with the observations it rests on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from graph.change import Change
from graph.drift import Finding


class Weight(StrEnum):
    """What a difference does to those who depend on the place, as far as it can be computed."""

    BREAKS = "breaks"
    """It takes away something that is used."""
    ALTERS = "alters"
    """It changes something that is used; whether for the worse can't be computed."""
    HARMLESS = "harmless"
    """It adds capacity or permission, or touches nothing that runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One reason for or against, worth what `ranking.RULES` says of its rule."""

    rule: str
    text: str
    """One sentence by Plumbline"""
    evidence: tuple[str, ...]
    """Ids of observations; never empty"""
    share: float = 1.0
    """0 to 1; how much of the rule's points this is worth. In a rule that counts the units of a judge's own score, any
    number, negative when it speaks against."""
    key: str = ""
    """What tells facts of one rule from each other; of those with the same rule and key the strongest counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a judge with a score of its own (of commits, of releases, of accounts) prefers one over another."""

    worth: float
    """In units of that score; negative when it speaks against."""
    text: str
    """One sentence by Plumbline"""
    about: tuple[str, ...] = ()
    """What carries it: uids of resources, or keys of complaints"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """A resource where it may have begun, and how."""

    resource: str
    kind: str
    """One of the kinds of `Cause`"""
    summary: str
    points: tuple[Point, ...]
    weight: Weight = Weight.ALTERS
    change: Change | None = None
    drift: Finding | None = None
    path: tuple[str, ...] = ()
    """uids from the subject to `resource`"""
    places: tuple[str, ...] = ()
    """JSON pointers of what changed; empty for the whole resource"""
    values: tuple[str, ...] = ()
    """Texts that stand in the new values, for finding them again in what systems say"""

    faults: tuple[tuple[str, str], ...] = ()
    """(uid, reason) of the faults that it was made from; they can't support it a second time"""
    distinct: str = ""
    """What tells it from others of the same resource and kind, e.g. the commit"""
    is_weighed: bool = False
    """Its detector weighed everything that bears on it: time, place and complaints are not weighed again"""
    only_locates: bool = False
    """It says where, from measures; a hypothesis of the same resource that says what takes over its points"""

    @property
    def is_change(self) -> bool:
        """Whether something is known to have changed, not just to be broken."""
        return self.change is not None or self.drift is not None

    def with_points(self, *points: Point) -> Hypothesis:
        """Return the same hypothesis with more points; of those with the same rule, `ranking` counts the strongest."""
        return replace(self, points=(*self.points, *points))
