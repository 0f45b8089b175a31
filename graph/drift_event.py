"""Drift as it comes and goes: what a comparison says now against what was open before. Decides; stores nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from graph.change import Actor, Change, Channel
from graph.codec import encode
from graph.document import ABSENT, Absent, Json, digest
from graph.finding import DriftReport, Finding, Verdict

LONGEST_VALUE: Final = 8_192
"""Characters of JSON; the whole of a larger value stands in the version of the resource."""


class DriftEventKind(StrEnum):
    OPENED = "opened"
    CHANGED = "changed"
    """Still drift, with another verdict or other values."""
    ATTRIBUTED = "attributed"
    """Nothing changed but what is known of who did it: evidence came late."""
    CLOSED = "closed"


class DriftKey(NamedTuple):
    """Where a drift is. At one time there is at most one in a place."""

    uid: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftEvent:
    """One thing that happened to one drift. Events are appended; none is ever changed."""

    number: int = 0
    """Grows with each event of the installation; 0 before it is stored."""
    kind: DriftEventKind
    drift: str
    """The same from `opened` to `closed`."""
    uid: str
    resource: str
    """Display name."""
    path: str
    verdict: Verdict
    """Of a closed one: the last that it had."""
    intended: Json | Absent = ABSENT
    applied: Json | Absent = ABSENT
    actual: Json | Absent = ABSENT
    before: Json | Absent = ABSENT
    """The value that the change at hand replaced, as far as anybody saw it."""
    content: str = ""
    """Digest of verdict and values, which may have been too long to be kept."""
    earliest: datetime | None = None
    """UTC; the change happened after this. None: open."""
    latest: datetime | None = None
    """UTC; the change happened by then; None for a closed drift of which nobody knows."""
    detected_at: datetime
    """UTC; when it was observed; never the time of the change."""
    recorded_at: datetime
    """UTC; when it was stored."""
    actor: Actor | None = None
    channel: Channel = Channel.UNKNOWN
    source: str = ""
    """Of the record that tells who it was."""
    reference: str = ""
    """Commit, event or run at that source."""
    evidence: tuple[str, ...] = ()
    """Ids of the changes that the attribution rests on, strongest first."""
    note: str = ""

    @property
    def key(self) -> DriftKey:
        """Where it is."""
        return DriftKey(self.uid, self.path)

    def says_the_same(self, change: Change) -> bool:
        """Whether an attribution adds nothing to what this event says."""
        return (self.actor, self.channel, self.evidence) == (change.actor, change.channel, change.evidence)


class Step(NamedTuple):
    """What is to be appended for one place."""

    kind: DriftEventKind
    finding: Finding | None
    """None for a closed drift."""
    last: DriftEvent | None
    """Its last event; None for a new one."""


def steps(
    report: DriftReport,
    open: Mapping[DriftKey, DriftEvent],
    judged: Collection[str] | None,
) -> Iterator[Step]:
    """Yield what changes for each place; a finding that is as before gives `attributed`, to be looked at again.

    A drift is closed only by a comparison that could look: what can't be compared now stays as it is.

    Args:
        report: of the comparison.
        open: last event of each open drift of the judged resources.
        judged: uids that the comparison is about; None: all.
    """
    found = {DriftKey(f.resource.uid, f.path): f for f in report.findings}
    for key, finding in found.items():
        last = open.get(key)
        if last is None:
            yield Step(DriftEventKind.OPENED, finding, None)
        elif last.content != content_of(finding):
            yield Step(DriftEventKind.CHANGED, finding, last)
        else:
            yield Step(DriftEventKind.ATTRIBUTED, finding, last)
    unclear = {n.uid for n in report.not_comparable}
    unclear_fields = [(f.resource.uid, f.path) for f in report.tolerated if f.verdict is Verdict.NOT_COMPARABLE]
    for key, last in open.items():
        if key in found or (judged is not None and key.uid not in judged) or key.uid in unclear:
            continue
        if any(uid == key.uid and f"{key.path}/".startswith(f"{path}/") for uid, path in unclear_fields):
            continue
        yield Step(DriftEventKind.CLOSED, None, last)


def content_of(finding: Finding) -> str:
    """Return a digest of what a finding says."""
    values = [encode(v) for v in (finding.intended, finding.applied, finding.actual)]
    return digest([finding.verdict.value, *values])


def bounded(value: Json | Absent) -> Json | Absent:
    """Return a value, or its digest and size where it is too long to be kept with each event."""
    if value is ABSENT:
        return ABSENT
    size = len(json.dumps(encode(value)))
    return value if size <= LONGEST_VALUE else {"$digest": digest(encode(value)), "$characters": size}
