"""Three values of one place, and the verdict on them. Knows nothing of how places are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from graph.document import ABSENT, Absent, Json, pointer
from graph.document import canonical as text_of
from graph.finding import Verdict, three_way
from graph.kinds.terraform.scalars import spelled_alike

Way = tuple[str | int, ...]
Normal = Callable[[Json], Json]


class Three(NamedTuple):
    """The value of one place in each facet; ABSENT where there is none."""

    intended: Json
    applied: Json
    actual: Json

    def get(self, key: str) -> Three:
        """Return the three values of a member."""
        return Three(*(v.get(key, ABSENT) if isinstance(v, dict) else ABSENT for v in self))

    def members(self) -> list[str]:
        """Return the members of all three, each once, in order of appearance."""
        return list(dict.fromkeys(k for v in self if isinstance(v, dict) for k in v))

    def all_are(self, type: type[dict[str, Json]] | type[list[Json]] | type[str]) -> bool:
        return all(isinstance(v, type) for v in self)

    def each(self, change: Normal) -> Three:
        """Return the three values changed, absent ones left as they are."""
        return Three(*(v if v is ABSENT else change(v) for v in self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place at which the facets differ, if only in spelling."""

    way: Way
    """From the attributes down, on the intended side where the place exists there."""
    actual_way: Way
    values: Three
    verdict: Verdict
    rule: str = ""
    note: str = ""
    """What to say of it beside the values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a comparison stands."""

    way: Way
    actual_way: Way
    attribute: str
    """Name of the nearest attribute above."""
    identities: Mapping[str, str]
    """ARN or id of a resource to its uid (T16)."""
    is_block: bool = False
    """In an entry of a list of blocks: what the intended side leaves out is not declared, as with attributes."""
    in_text: bool = False
    """Inside a JSON text, where every member is written out on purpose."""
    normal: Normal | None = None
    """Inside an IAM policy: how a value of this place is brought into canonical form."""

    def member(self, name: str) -> Place:
        """Return the place of a member of an object."""
        way, actual_way = (*self.way, name), (*self.actual_way, name)
        return replace(self, way=way, actual_way=actual_way, attribute=name, is_block=False)

    def entry(self, position: int | None, actual: int | None) -> Place:
        """Return the place of an entry of a list; None where the value stands in no list."""
        way = self.way if position is None else (*self.way, position)
        actual_way = self.actual_way if actual is None else (*self.actual_way, actual)
        return replace(self, way=way, actual_way=actual_way, is_block=not self.in_text)

    def with_normal(self, normal: Normal) -> Place:
        return replace(self, normal=normal)


def leaf(place: Place, values: Three) -> list[Difference]:
    """Compare three values as wholes; equal ones give nothing, ones that mean the same a tolerated difference."""
    if text_of(values.intended) == text_of(values.applied) == text_of(values.actual):
        return []
    answers = [
        _equal(place, values.intended, values.applied),
        _equal(place, values.actual, values.applied),
        _equal(place, values.actual, values.intended),
    ]
    found = three_way(
        intended_is_applied=answers[0] is not None,
        actual_is_applied=answers[1] is not None,
        actual_is_intended=answers[2] is not None,
    )
    if found is not Verdict.IN_SYNC:
        return [difference(place, values, found)]
    if all(is_nothing(v) for v in values):
        return []
    rule = next((answer for answer in answers if answer), "T17")
    return [difference(place, values, Verdict.REPRESENTATION_ONLY, rule)]


def difference(place: Place, values: Three, found: Verdict, rule: str = "", note: str = "") -> Difference:
    """Return a difference at a place."""
    return Difference(way=place.way, actual_way=place.actual_way, values=values, verdict=found, rule=rule, note=note)


def is_nothing(value: Json | Absent) -> bool:
    """Whether a facet holds no value: an attribute that is left out means the same as null."""
    return value is None or value is ABSENT


def path_of(way: Way) -> str:
    """Return the JSON pointer into a Document's body for a way below the attributes."""
    return pointer("values", *way)


def _equal(place: Place, one: Json | Absent, other: Json | Absent) -> str | None:
    """Return the rule under which two values are equal, an empty text when they are so as they stand, else None."""
    if text_of(one) == text_of(other) or (is_nothing(one) and is_nothing(other)):
        return ""
    if place.normal is not None and one is not ABSENT and other is not ABSENT:
        return "A03" if text_of(place.normal(one)) == text_of(place.normal(other)) else None
    one, other = (None if v is ABSENT else v for v in (one, other))
    return spelled_alike(place.attribute, one, other, place.identities)
