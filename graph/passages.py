"""How the facets of resources passed from one state to the next, and which recorded writes such a passage shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from graph.change import Change
from graph.document import ABSENT, Absent, Json
from graph.environment import EnvironmentGraph
from graph.place import is_near, is_same, leaves, read, translate
from graph.resource import Facet, Platform, Resource
from graph.runs import RUN_SLACK
from graph.spans import Span, spans, versions_of
from graph.version import Version

READ_LAG = timedelta(minutes=30)
"""A source may show a write this late; see `graph.attribution`."""

_BOOKKEEPING = ("/status", "/metadata/managedFields", "/metadata/resourceVersion", "/metadata/generation")
"""What servers write about themselves; versions don't end for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which resources are asked about; everything by default. Words of people: case does not count."""

    namespace: str = ""
    kind: str = ""
    platform: Platform | None = None
    uid: str = ""

    def holds(self, resource: Resource) -> bool:
        """Whether a resource is asked about."""
        return (
            (not self.uid or resource.uid == self.uid)
            and (not self.namespace or (resource.namespace or "").lower() == self.namespace.lower())
            and (not self.kind or resource.kind.lower() == self.kind.lower())
            and (self.platform is None or resource.platform is self.platform)
        )


EVERYTHING: Final = Scope()


class What(StrEnum):
    """What happened to a facet."""

    APPEARED = "appeared"
    VANISHED = "vanished"
    CHANGED = "changed"
    FIRST_SEEN = "first_seen"
    """It stood in the first reading of its source: since when is not known, and nothing need have changed."""
    RECORDED = "recorded"
    """A write is on record that no observation shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The passage from one span to the next, of a whole facet or of one of its fields."""

    resource: Resource
    facet: Facet
    what: What
    span: Span
    before: Version | None
    earliest: datetime | None
    """UTC; last sight of the state before; None when there was none."""
    path: str = ""
    old: Json | Absent = ABSENT
    new: Json | Absent = ABSENT


def steps(
    graph: EnvironmentGraph, scope: Scope, facets: Sequence[Facet], since: datetime | None = None
) -> Iterator[Step]:
    """Yield every passage of every facet in scope, oldest first for each; with `since`, those before it may lack."""
    first = {(s.name, s.facet): s.first_read_at for s in graph.sources}
    for resource in in_scope(graph, scope, since):
        for facet in facets:
            before: Version | None = None
            earliest: datetime | None = None
            for span in spans(versions_of(graph, resource.uid, facet)):
                version = span.version
                if version is None:
                    what = What.VANISHED
                elif before is not None:
                    what = What.CHANGED
                elif earliest is not None:
                    what = What.APPEARED
                else:
                    began = first.get((version.source, facet))
                    what = What.FIRST_SEEN if began is not None and span.start <= began else What.APPEARED
                yield Step(resource=resource, facet=facet, what=what, span=span, before=before, earliest=earliest)
                before = version
                earliest = _last_sight(span)


def _last_sight(span: Span) -> datetime | None:
    """Latest observation of what a span holds; of an absence, only its beginning is known."""
    if span.version is None:
        return span.start
    return min(span.version.last_seen, span.end) if span.end else span.version.last_seen


def in_scope(graph: EnvironmentGraph, scope: Scope, since: datetime | None = None) -> Iterator[Resource]:
    """Yield the resources that are asked about, those that are gone included; with `since`, unchanged ones may lack."""
    if scope.uid in graph:
        candidates: Iterable[Resource] = (graph.resource(scope.uid),)
    else:
        candidates = graph.remembered(since)
    yield from (r for r in candidates if scope.holds(r))


def fields(steps: Iterable[Step]) -> Iterator[Step]:
    """Split each step of a whole document into those of its fields."""
    for step in steps:
        if step.what is not What.CHANGED or step.before is None or step.span.version is None:
            yield step
            continue
        old, new = step.before.body, step.span.version.body
        for path in leaves(old, new):
            if path.startswith(_BOOKKEEPING):
                continue
            was_there = read(new, path)
            if was_there is ABSENT:
                before, after = read(old, path), read(new, translate(path, old, new))
            else:
                before, after = read(old, translate(path, new, old)), was_there
            yield Step(
                resource=step.resource,
                facet=step.facet,
                what=What.CHANGED,
                span=step.span,
                before=step.before,
                earliest=step.earliest,
                path=path,
                old=before,
                new=after,
            )


def facet_of(change: Change) -> Facet:
    """Return the facet that a recorded change is about."""
    return Facet.INTENDED if change.kind == "commit" else Facet.ACTUAL


def shows(step: Step, change: Change) -> bool:
    """Whether the observed step is what the recorded write brought about."""
    begun = change.earliest or change.latest
    earliest = step.earliest - READ_LAG if step.earliest else None
    if step.facet is not facet_of(change) or begun > step.span.start + RUN_SLACK:
        return False
    if earliest is not None and change.latest < earliest:
        return False
    after = step.span.version
    if not change.path:
        is_gone = change.removes or (change.after is ABSENT and change.before is not ABSENT)
        return after is None if is_gone else True
    if after is None:
        return False
    if change.after is ABSENT and change.before is ABSENT:
        old = step.before.body if step.before else ABSENT
        return any(is_near(change.path, p) for p in leaves(old, after.body))
    return is_same(read(after.body, change.path), change.after) and (
        step.before is None or not is_same(read(step.before.body, change.path), change.after)
    )
