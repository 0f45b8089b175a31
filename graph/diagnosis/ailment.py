"""One sign that something is unwell, and the ways to be so.

Kept apart are three ways: to fail or be slow, which may be somebody else's doing; to get more traffic than usual; and
to malfunction within, which is one's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from graph.evidence import ObservationKind, SymptomEvent


class Way(StrEnum):
    """In what way something is unwell."""

    FAILS = "fails or is slow"
    LOADED = "is asked for more than usual"
    WITHIN = "malfunctions within"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailment:
    """One sign that something is unwell."""

    resource: str
    way: Way
    since: float
    """Seconds since 1970-01-01 UTC."""
    what: str
    """Name of the metric, or the text of a log line (untrusted)."""
    factor: float
    """How far out: the level now as a multiple of the usual one, or the other way round."""
    is_said: bool = False
    """A log line says it; else a metric shows it."""
    told_by: str = ""
    """uid of who says it of the resource; empty: the resource itself does, or was measured."""
    is_starved: bool = False
    """It came when the resource got less to do than before: whoever feeds it may not."""


def sign_event(sign: Ailment) -> SymptomEvent:
    """Return a sign as something that a system said, to be cited."""
    return SymptomEvent(
        kind=ObservationKind.LOG if sign.is_said else ObservationKind.METRIC,
        resource=sign.told_by or sign.resource,
        at=datetime.fromtimestamp(sign.since, UTC),
        text=sign.what if sign.is_said else "",
        reason="" if sign.is_said else sign.what,
        value=None if sign.is_said else sign.factor,
        unit="" if sign.is_said else "times out of range",
    )
