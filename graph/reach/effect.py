"""Words for what a failure or a change reaches: bands, modes, seeds and the affected. Not how they are found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Band(StrEnum):
    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Mode(StrEnum):
    """In which way a resource suffers."""

    DOWN = "down"
    DEGRADED = "degraded"
    OVERLOAD = "overload"
    STARVED = "starved"
    DENIED = "denied"
    MISROUTED = "misrouted"
    STALE_UNTIL_RESTART = "stale_until_restart"
    DATA_RISK = "data_risk"
    CANNOT_SCHEDULE = "cannot_schedule"
    RESTARTS = "restarts"
    """Pods are replaced, without loss where redundancy allows."""
    RECOVERS = "recovers"
    """Effect of a fix on what the fault reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """Where an effect begins."""

    uid: str
    mode: Mode
    reason: str
    band: Band = Band.CERTAIN
    path: str = ""
    """JSON pointer of the field that is wrong or will be written; empty for the whole resource. Readers of other
    fields are not reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """One resource that is reached."""

    uid: str
    band: Band
    mode: Mode
    path: tuple[str, ...]
    """uids from the seed to this resource, both included"""
    reason: str
    """How it is reached, in one sentence."""
    depth: int
    """How many times the effect passed from one running thing to another on that path, at least 1. The steps inside
    one thing (its role, its account, its configuration, the Service in front of it) count as no distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlastRadius:
    """All that is reached from the seeds."""

    seeds: tuple[Seed, ...]
    affected: tuple[Affected, ...]
    """Ordered by band, then depth, then uid. Seeds are not in it."""
    unseen: tuple[str, ...]
    """What the answer can't know, e.g. workloads without any call evidence."""
    unseen_share: float
    """Share of workloads without call evidence, 0 to 1."""


BANDS: tuple[Band, ...] = (Band.CERTAIN, Band.LIKELY, Band.POSSIBLE)
"""Strongest first."""


def weaker(a: Band, b: Band) -> Band:
    """Return the weaker of two bands: a chain is as certain as its least certain link."""
    return max(a, b, key=BANDS.index)
