"""Rules of people that set findings aside: each with an owner, a reason and a day on which it ends.

What is set aside stays counted and listed. What can't be compared is never set aside, as nobody knows what it hides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase

from graph.errors import Invalid
from graph.finding import DriftReport, Finding, Verdict

_DELETIONS = frozenset({Verdict.DELETED_OUT_OF_BAND, Verdict.NEVER_APPLIED})


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRule:
    """Which findings somebody answers for leaving as they are."""

    id: str
    owner: str
    reason: str
    expires: date
    """The last day, in UTC, on which it applies."""
    resource: str = "*"
    """Glob on the display name, such as `shop/Deployment/*`."""
    path: str = ""
    """Glob on the JSON pointer; empty for the whole resource."""
    manager: str = ""
    """Field manager that wrote the value; empty for any."""
    verdicts: frozenset[Verdict] = frozenset()
    """Only these. None: all but deletions, which a rule must name."""

    def __post_init__(self) -> None:
        """Refuse a rule that nobody answers for, or that hides whole objects it does not name."""
        for name in ("id", "owner", "reason"):
            if not getattr(self, name).strip():
                raise Invalid(f"it has no {name}: give one", where=f"ignore rule {self.id!r}")
        is_whole = not self.path.strip("/*")
        if is_whole and any(c in self.resource for c in "*?["):
            raise Invalid(
                f"it would hide whole objects named {self.resource!r}: name one as NAMESPACE/KIND/NAME, or give a path",
                where=f"ignore rule {self.id!r}",
            )

    def hides(self, finding: Finding) -> bool:
        """Whether the rule sets this finding aside; its day is not looked at."""
        wanted = finding.verdict in self.verdicts if self.verdicts else finding.verdict not in _DELETIONS
        return (
            wanted
            and finding.verdict is not Verdict.NOT_COMPARABLE
            and fnmatchcase(finding.resource.display, self.resource)
            and (not self.path or fnmatchcase(finding.path, self.path))
            and (not self.manager or finding.manager == self.manager)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A finding that was set aside, and by which rule."""

    finding: Finding
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """A report after the rules."""

    report: DriftReport
    """With the findings that no rule hides; all else as it was."""
    ignored: tuple[Ignored, ...]
    expired: tuple[str, ...]
    """One sentence for each rule that no longer applies."""
    unused: tuple[str, ...]
    """Ids of the rules that hide nothing at present."""


def sift(report: DriftReport, rules: Sequence[IgnoreRule], *, today: date) -> Sifted:
    """Set aside what a rule in force hides; `today` is the day in UTC."""
    valid = [r for r in rules if r.expires >= today]
    hidden = {id(f): r.id for f in report.findings for r in reversed(valid) if r.hides(f)}
    ignored = tuple(Ignored(finding=f, rule=hidden[id(f)]) for f in report.findings if id(f) in hidden)
    used = {i.rule for i in ignored}
    return Sifted(
        report=replace(report, findings=tuple(f for f in report.findings if id(f) not in hidden)),
        ignored=ignored,
        expired=tuple(f"rule {r.id} of {r.owner} expired on {r.expires}" for r in rules if r not in valid),
        unused=tuple(r.id for r in valid if r.id not in used),
    )
