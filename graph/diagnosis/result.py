"""What a diagnosis says. Every statement in it cites observations by id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from graph.change import Change
from graph.drift import Finding
from graph.evidence import Gap, Observation
from graph.incident import Candidate


class DiagnosisVerdict(StrEnum):
    CAUSE_FOUND = "cause_found"
    INCONCLUSIVE = "inconclusive"
    HEALTHY = "healthy"
    """The resources the alert names were read completely and nothing is wrong with them."""


class CauseState(StrEnum):
    """How far a hypothesis got."""

    LEADING = "leading"
    POSSIBLE = "possible"
    DISPROVEN = "disproven"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence and the observations that carry it; never empty."""

    text: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One hypothesis of what went wrong, with what speaks for and against it."""

    resource: str
    """uid of the resource where it began"""
    kind: str
    """Type of fault, e.g. `permission_removed`, `bad_image`, `config_changed`, `network_policy`,
    `missing_secret`, `selector_mismatch`, `security_group_rule_removed`, `emergency_change`."""
    summary: str
    """One sentence for the person on call."""
    confidence: float
    """0 to 1, from the points of `statements` and `against`; see `ranking`."""
    state: CauseState
    statements: tuple[Statement, ...]
    """Evidence for it, strongest first."""
    against: tuple[Statement, ...] = ()
    change: Change | None = None
    """The change that did it: before and after, when, who, channel."""
    drift: Finding | None = None
    path: tuple[str, ...] = ()
    """uids from the resource of the alert to `resource`"""

    @property
    def evidence(self) -> tuple[str, ...]:
        """Ids of all observations that speak for it."""
        return tuple(dict.fromkeys(i for s in self.statements for i in s.evidence))


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Answer to "why did this alert fire?"."""

    verdict: DiagnosisVerdict
    summary: str
    causes: tuple[Cause, ...]
    """Best first."""
    subjects: tuple[Candidate, ...]
    """What the alert is about, best first."""
    observations: tuple[Observation, ...]
    """Everything that a statement cites."""
    gaps: tuple[Gap, ...]
    missing: tuple[str, ...] = ()
    """For an inconclusive verdict: what would settle it."""
    as_of: datetime
