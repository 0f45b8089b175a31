"""A possible cause while it is being weighed: points for and against, each with the observations it rests on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from graph.change import Change
from graph.drift import Finding
from graph.place import is_near


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
    """0 to 1; how much of the rule's points this is worth"""


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

    @property
    def is_change(self) -> bool:
        """Whether something is known to have changed, not just to be broken."""
        return self.change is not None or self.drift is not None

    def with_points(self, *points: Point) -> Hypothesis:
        """Return the same hypothesis with more points; of points of one rule the first `ranking` best count."""
        return replace(self, points=(*self.points, *points))

    def touches(self, path: str) -> bool:
        """Whether one of its places contains the path or lies in it."""
        return not self.places or any(is_near(path, place) for place in self.places)
