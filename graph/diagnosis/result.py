"""What a diagnosis says. Every statement in it cites observations by id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from graph.change import Change
from graph.diagnosis.step import Step
from graph.drift import Finding
from graph.evidence import Gap, Observation
from graph.incident import Candidate
from graph.memory import Portrait, Recall


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
    """0 to 1; how often such an answer is right, as far as that was measured; see `calibration`."""
    state: CauseState
    statements: tuple[Statement, ...]
    """Evidence for it, strongest first."""
    against: tuple[Statement, ...] = ()
    change: Change | None = None
    """The change that did it: before and after, when, who, channel."""
    drift: Finding | None = None
    path: tuple[str, ...] = ()
    """uids from the resource of the alert to `resource`"""
    strength: float | None = None
    """0 to 1, from the points of `statements` and `against`, by which causes are ordered; see `ranking`. None where it
    is the confidence, since nothing was measured for this sort of evidence."""

    @property
    def evidence(self) -> tuple[str, ...]:
        """Ids of all observations that speak for it."""
        return tuple(dict.fromkeys(i for s in self.statements for i in s.evidence))


class Remedy(StrEnum):
    """What sort of action would end it. The typed plan is made in `graph.remediation`."""

    ROLL_BACK = "roll_back"
    """Bring back the version before."""
    ROLL_FORWARD = "roll_forward"
    """Bring what a version lacks, e.g. its migration: the version before can't run either, or is not wanted."""
    REVERT_CONFIGURATION = "revert_configuration"
    RESTORE_DECLARED = "restore_declared"
    """Bring back what was declared, where somebody changed it by hand."""
    REPAIR = "repair"
    """Correct the objects that the cause names; nobody knows of a version that was right."""
    TURN_FLAG_OFF = "turn_flag_off"
    SCALE = "scale"
    """Nothing is broken: more is asked than there is room for."""
    FAIL_OVER = "fail_over"
    """Move away from machines, a zone or a store that is gone or unfit."""
    ROTATE_CREDENTIAL = "rotate_credential"
    """Renew a certificate, key or password that ran out."""
    REMOVE_BAD_DATA = "remove_bad_data"
    ESCALATE_OUTSIDE = "escalate_outside"
    """Only somebody outside can end it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A change that may have done it."""

    change: Change
    """Without its diff"""
    confidence: float
    """0 to 1"""
    statements: tuple[Statement, ...]
    """Strongest first; empty when nothing speaks against the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeVerdict:
    """Which change did it."""

    guilty: Change | None
    """Without its diff; None: no change that is known did it, or `is_open`"""
    confidence: float
    """0 to 1; in what `guilty` says, also when it says none"""
    suspects: tuple[Suspicion, ...]
    """Most guilty first"""
    is_open: bool = False
    """Nobody can tell yet which of the suspects did it, if any: neither a change nor a cause outside is shown"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How trouble spread from one origin, told in the direction of cause and effect."""

    origin: str
    """uid"""
    steps: tuple[Step, ...]
    """In the order in which it spread; `source` is what `target` suffers from"""
    statements: tuple[Statement, ...]
    """Why this origin, strongest first"""
    signs: tuple[Statement, ...]
    """What it explains: how each that it reached is unwell, the origin first"""

    @property
    def victims(self) -> tuple[str, ...]:
        """uids of everyone reached, nearest first; the origin is not among them"""
        return tuple(dict.fromkeys(step.target for step in self.steps))


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
    recalled: tuple[Recall, ...] = ()
    """Earlier incidents that resemble this one, and what people said of them."""
    portrait: Portrait | None = None
    """What this incident looked like, for later ones to be compared with."""
    as_of: datetime
    change: ChangeVerdict | None = None
    """None where no change is known at all"""
    accounts: tuple[Account, ...] = ()
    """How it spread: the account of the leading cause first. A further one tells of another fault at the same time, and
    explains only who is unwell and not explained by those before."""
    unexplained: tuple[str, ...] = ()
    """uids of what is unwell and not in any account"""
    first_failing: str = ""
    """uid of the service that failed first, as far as was measured; empty when nobody knows"""
    suffering: tuple[str, ...] = ()
    """uids of what was seen to suffer from it; what it may reach beyond is told by `graph.blast_radius`"""
    remedy: Remedy | None = None
    """None when there is no cause"""
