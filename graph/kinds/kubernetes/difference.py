"""One place where two objects differ, and how to find the same place in a third."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from graph.document import ABSENT, Absent, Json, pointer
from graph.kinds.kubernetes.schema import UNKNOWN, Shape, Type


class Step(NamedTuple):
    """One step from a value to a value inside it."""

    kind: Type
    """Type of the container that the step leaves."""
    name: str = ""
    """Field or map key; empty for a list."""
    key: tuple[Json, ...] = ()
    """Values of the list-map keys, or the member of a set."""
    position: int = -1
    """Position in a list without keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a comparison stands, in both objects."""

    steps: tuple[Step, ...] = ()
    x: str = ""
    """JSON pointer into the first object"""
    y: str = ""
    owner: str = ""
    """Name of the struct type around it; for entries of a collection the struct that holds the collection."""
    field: str = ""
    """Field of the owner: `labels` for one label, `env` for one entry of the environment."""
    is_default: bool = False
    """The value of the first object here is what the server would fill in."""

    def into_field(self, kind: Type, name: str, *, is_default: bool = False) -> Place:
        """Step into a field of a struct."""
        return Place(
            steps=(*self.steps, Step(kind, name=name)),
            x=self.x + pointer(name),
            y=self.y + pointer(name),
            owner=kind.name,
            field=name,
            is_default=self.is_default or is_default,
        )

    def into_key(self, kind: Type, name: str) -> Place:
        """Step into the value of a map."""
        steps = (*self.steps, Step(kind, name=name))
        return replace(self, steps=steps, x=self.x + pointer(name), y=self.y + pointer(name))

    def into_entry(self, step: Step, x: int | None, y: int | None) -> Place:
        """Step into an entry of a list; None where that list has no such entry, which RFC 6902 writes `-`."""
        return replace(
            self,
            steps=(*self.steps, step),
            x=f"{self.x}/{'-' if x is None else x}",
            y=f"{self.y}/{'-' if y is None else y}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A place where two objects differ; the tightest one that holds the whole difference."""

    place: Place
    x: Json | Absent = ABSENT
    y: Json | Absent = ABSENT
    kind: Type = UNKNOWN
    rule: str = ""
    """Set where the two mean the same by this rule: representation only."""
    is_order: bool = False
    """Only the order of a list differs."""

    @property
    def path(self) -> str:
        """JSON pointer that names the place: into the first object where it has a value here, else the second."""
        return self.place.y if self.x is ABSENT else self.place.x

    @property
    def is_undescribed(self) -> bool:
        """Whether no schema known here describes the place: of a custom resource, or newer than the schemas."""
        return any(s.kind.shape is Shape.UNKNOWN or s.name in s.kind.news for s in self.place.steps) or (
            self.kind.shape is Shape.UNKNOWN and not self.kind.name
        )

    @property
    def may_be_filled_in(self) -> bool:
        """Whether the second object has a field here of which nobody can say that it is no default of the server."""
        last = self.place.steps[-1] if self.place.steps else None
        return self.x is ABSENT and last is not None and bool(last.name) and self.is_undescribed
