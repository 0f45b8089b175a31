"""Blast radius: what a failure or a change reaches, by which path, how certainly, and what can't be seen."""

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
