"""Faults: what a platform reports to be wrong with a resource, or what its objects show to be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from graph.document import ABSENT, Absent, Json


class FaultSeverity(StrEnum):
    """How much of the resource's work a fault stops."""

    FAILING = "failing"
    """The resource does not do its work."""
    DEGRADED = "degraded"
    """Part of the work is done, or it will fail at the next restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, and the place in the live object that says so."""

    uid: str
    """The resource that has the fault."""
    reason: str
    """One word: the platform's own where it has one (`ImagePullBackOff`), else ours (`MissingSecret`)."""
    message: str
    """One sentence by Plumbline; the platform's own message stands in `value` only."""
    path: str
    """JSON pointer into the live object of `uid`."""
    severity: FaultSeverity = FaultSeverity.FAILING
    value: Json | Absent = ABSENT
    """What stands at `path`. Untrusted."""
    since: datetime | None = None
    """UTC; since when the platform says that it is so; None when it does not say."""
    target: str = ""
    """uid of the other resource that the fault is about, e.g. the missing Secret."""
