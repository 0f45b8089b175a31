"""Observations: what was seen, of what, when, and how it is cited. Every sentence of a diagnosis points at one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from graph.document import Json, digest


class ObservationKind(StrEnum):
    ALERT = "alert"
    DRIFT = "drift"
    CHANGE = "change"
    CONDITION = "condition"
    """A state that the platform reports of a resource: a waiting reason, an unready pod, no endpoints."""
    RELATION = "relation"
    """A path of relations between two resources."""
    EVENT = "event"
    LOG = "log"
    METRIC = "metric"
    TRACE = "trace"
    STATE = "state"
    """A value read from a facet of a resource."""
    MEMORY = "memory"
    """What a person said of an earlier incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One thing that was seen. Its id is derived from its content, so the same sight has the same id."""

    id: str
    kind: ObservationKind
    resource: str
    """uid it is about; empty when it is about none"""
    summary: str
    """One sentence written by Plumbline. Text from outside stands in `data` only."""
    at: datetime | None
    """UTC; when it was so; None when unknown"""
    source: str
    """Which source said so, e.g. `cluster:demo`, `cloudtrail:demo`."""
    data: Mapping[str, Json] = field(default_factory=dict)
    """The bytes behind the summary, bounded. Untrusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that could not be read, or that no source covers."""

    what: str
    """What is missing, e.g. "logs of shop/Deployment/checkout"."""
    why: str
    """The reason and what to do about it."""
    resource: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymptomEvent:
    """A line that a running system said of itself: a Kubernetes event, a log line, a metric reading."""

    kind: ObservationKind
    """EVENT, LOG or METRIC"""
    resource: str
    at: datetime | None
    text: str
    """Untrusted."""
    reason: str = ""
    """Short machine-readable reason, e.g. `BackOff`, `AccessDenied`."""
    count: int = 1
    value: float | None = None
    """For a metric: the reading, in `unit`."""
    unit: str = ""
    source: str = ""


def observe(
    kind: ObservationKind,
    *,
    resource: str,
    summary: str,
    at: datetime | None = None,
    source: str = "",
    data: Mapping[str, Json] | None = None,
) -> Observation:
    """Build an observation with an id of the form `KIND-xxxxxxxxxx` that depends on all its content."""
    body = dict(data or {})
    key = digest([kind.value, resource, summary, at.isoformat() if at else None, source, body])
    return Observation(
        id=f"{kind.value}-{key[:10]}",
        kind=kind,
        resource=resource,
        summary=summary,
        at=at,
        source=source,
        data=body,
    )
