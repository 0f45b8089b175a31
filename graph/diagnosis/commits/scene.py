"""What a commit is judged against: who complains of what and since when, who calls whom, and what was deployed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from graph.change import Change
from graph.diagnosis.code.reading import words_of
from graph.diagnosis.commits.trouble import Trouble, weigh
from graph.diagnosis.complaints import Complaint
from graph.diagnosis.departure import Departure, departure
from graph.resource import display_uid
from graph.telemetry import NOTHING_MEASURED, Notice, Telemetry

_PARTS = re.compile(r"[a-z]+|\d+")
_GENERIC = frozenset(
    re.findall(
        r"\S+",
        """
    service services svc api server app apps backend frontend worker web bff ui the and prod main src job
    """,
    )
)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One question: which of these commits did it?"""

    commits: Sequence[Change]
    deploys: Sequence[Change]
    complaints: Sequence[Complaint]
    onset: float
    """Seconds since 1970-01-01 UTC; when the trouble began."""
    subjects: Sequence[str] = ()
    """uids of what the alerts are about"""
    telemetry: Telemetry = NOTHING_MEASURED
    flags: Sequence[Change] = ()
    """Flags that were turned; `summary` begins with the name of the flag"""
    notices: Sequence[Notice] = field(default_factory=tuple)

    @cached_property
    def troubles(self) -> dict[Trouble, float]:
        return weigh(self.complaints)

    @cached_property
    def told(self) -> frozenset[str]:
        """Words that complaints say and carry, in lower case."""
        return frozenset(word for c in self.complaints for word in words_of(f"{c.text} {c.names}"))

    @cached_property
    def near(self) -> frozenset[str]:
        """uids of who complains, and of what the alerts are about."""
        return frozenset({c.service for c in self.complaints} | set(self.subjects)) - {""}

    @cached_property
    def measured(self) -> frozenset[str]:
        """uids of what metrics or traces tell of."""
        return frozenset({s.resource for s in self.telemetry.series} | {s.resource for s in self.telemetry.spans})

    @cached_property
    def known(self) -> frozenset[str]:
        """uids of everything that was measured, deployed, or complains."""
        return frozenset(
            self.near | self.measured | {line.resource for line in self.telemetry.logs} | {d.uid for d in self.deploys}
        ) - {""}

    @cached_property
    def arrivals(self) -> tuple[Change, ...]:
        """Deployments by the onset, oldest first."""
        before = [d for d in self.deploys if d.latest.timestamp() <= self.onset]
        return tuple(sorted(before, key=lambda d: d.latest))

    @cached_property
    def departures(self) -> tuple[Departure, ...]:
        """Metrics of those who complain that left their range and stayed out, with when they did, earliest first."""
        return tuple(d for d in self.everywhere if d.resource in self.near)

    @cached_property
    def everywhere(self) -> tuple[Departure, ...]:
        """The same of everything that was measured."""
        found = (departure(s, at=self.onset) for s in self.telemetry.series)
        return tuple(sorted((d for d in found if d is not None), key=lambda d: (d.since, d.metric)))

    @cached_property
    def callers(self) -> dict[str, set[str]]:
        """Map a service to those that were seen to call it, in traces and in traffic."""
        spans = {(s.trace, s.id): s for s in self.telemetry.spans}
        found: dict[str, set[str]] = {}
        for span in self.telemetry.spans:
            parent = spans.get((span.trace, span.parent))
            if parent is not None and parent.resource != span.resource:
                found.setdefault(span.resource, set()).add(parent.resource)
        for call in self.telemetry.calls:
            found.setdefault(call.callee, set()).add(call.caller)
        return found

    def above(self, uid: str) -> frozenset[str]:
        """Return who calls a service, directly or through others."""
        seen: set[str] = set()
        stack = [uid]
        while stack:
            for caller in self.callers.get(stack.pop(), set()) - seen:
                seen.add(caller)
                stack.append(caller)
        return frozenset(seen - {uid})

    @cached_property
    def names(self) -> dict[str, tuple[str, frozenset[str]]]:
        """Map each known uid to its name in lower case, and to the words of it that tell it from others."""
        return {uid: (name, core(name)) for uid in self.known if (name := display_uid(uid).lower())}


def core(name: str) -> frozenset[str]:
    """The words of the name of a service or folder without those that many have.

    >>> sorted(core("recommendationservice")), sorted(core("order-api"))
    (['recommendation'], ['order'])
    """
    words = {_bare(word) for word in _PARTS.findall(name.lower()) if not word.isdigit()}
    return frozenset(words - _GENERIC - {""})


def _bare(word: str) -> str:
    for end in ("service", "svc"):
        if word.endswith(end) and len(word) > len(end):
            return word.removesuffix(end)
    return word
