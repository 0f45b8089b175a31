"""Who depends on whom, as trouble travels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LinkType(StrEnum):
    CALLS = "calls"
    USES = "uses"
    """A shared thing that is no service: resolver, data store, queue."""
    RUNS_ON = "runs_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`source` depends on `target`."""

    source: str
    target: str
    type: LinkType
