"""What a comparison of the three facets can say: verdicts, findings, and what can't be compared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from graph.document import ABSENT, Absent, Json
from graph.resource import Resource


class Verdict(StrEnum):
    """What a comparison of the three facets says of a field or of a whole resource."""

    IN_SYNC = "in_sync"
    OUT_OF_BAND_CHANGE = "out_of_band_change"
    PENDING_ROLLOUT = "pending_rollout"
    CONFLICT = "conflict"
    CONVERGED_BY_HAND = "converged_by_hand"
    UNMANAGED = "unmanaged"
    PRUNE_PENDING = "prune_pending"
    DELETED_OUT_OF_BAND = "deleted_out_of_band"
    NEVER_APPLIED = "never_applied"
    UNDECLARED_ADDITION = "undeclared_addition"
    EXPECTED_MUTATION = "expected_mutation"
    REPRESENTATION_ONLY = "representation_only"
    NOT_COMPARABLE = "not_comparable"


def three_way(*, intended_is_applied: bool, actual_is_applied: bool, actual_is_intended: bool) -> Verdict:
    """Return the verdict on one place. Equality by meaning is not transitive in every corner: all three are asked."""
    if actual_is_applied:
        return Verdict.IN_SYNC if intended_is_applied or actual_is_intended else Verdict.PENDING_ROLLOUT
    if intended_is_applied:
        return Verdict.OUT_OF_BAND_CHANGE
    return Verdict.CONVERGED_BY_HAND if actual_is_intended else Verdict.CONFLICT


class Severity(StrEnum):
    NORMAL = "normal"
    COSMETIC = "cosmetic"
    """Real, but changes nothing that runs: an undeclared label, an order without meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference between the facets of one resource."""

    resource: Resource
    path: str
    """JSON pointer into the object; empty for the whole resource. List positions are those of the intended object
    where the field exists there, else of the actual one."""
    verdict: Verdict
    intended: Json | Absent = ABSENT
    applied: Json | Absent = ABSENT
    actual: Json | Absent = ABSENT
    rule: str = ""
    """The normalisation or ownership rule that decided, e.g. `N21`."""
    severity: Severity = Severity.NORMAL
    actual_path: str = ""
    """JSON pointer into the actual object, where it differs from `path`."""
    manager: str = ""
    """Field manager that wrote the actual value, from managedFields."""
    note: str = ""

    @property
    def is_live_drift(self) -> bool:
        """Whether what runs differs from what was declared in a way that somebody should look at."""
        return self.verdict in LIVE_DRIFT


LIVE_DRIFT = frozenset(
    {
        Verdict.OUT_OF_BAND_CHANGE,
        Verdict.PENDING_ROLLOUT,
        Verdict.CONFLICT,
        Verdict.UNMANAGED,
        Verdict.PRUNE_PENDING,
        Verdict.DELETED_OUT_OF_BAND,
        Verdict.NEVER_APPLIED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotComparable:
    """A resource, or a place where resources should be, about which no claim of equality can be made."""

    resource: str
    """Display name or file."""
    reason: str
    uid: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """Result of comparing two or three facets."""

    resources: int
    """Number of resources looked at, over all facets."""
    findings: tuple[Finding, ...]
    """Live drift only, ordered by resource and path."""
    tolerated: tuple[Finding, ...] = ()
    """Differences that are no live drift: representation, expected mutations, undeclared additions."""
    not_comparable: tuple[NotComparable, ...] = ()
