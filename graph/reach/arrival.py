"""One effect that reached one resource, and one step that it may take from there."""

from __future__ import annotations

from dataclasses import dataclass

from graph.reach.effect import Band, Mode, Seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An effect at a resource, with the way it came."""

    uid: str
    mode: Mode
    band: Band
    path: tuple[str, ...]
    """uids from the seed to `uid`, both included"""
    seed: Seed
    reason: str
    crossings: int = 0
    """How many times the path passed from one running thing to another."""
    calls: int = 0
    """How many of the crossings were calls or connections."""
    goes_on: bool = True
    """Whether others can be reached from here."""

    @property
    def is_seed(self) -> bool:
        return len(self.path) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a rule says of one relation: how the other end suffers."""

    mode: Mode
    band: Band
    reason: str
    crosses: bool = False
    """It passes from one running thing to another."""
    goes_on: bool = True
