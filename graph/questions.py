"""The questions that an environment answers at any time: what should run, what runs, what changed, and when.

All are functions of a graph; a graph of a past time, or of what was known at one, gives the answers of that time.
What changed is told from two kinds of evidence: states that differ between two observations, and records of writes. A
record that an observed difference shows is not told twice; one that no observation shows is told on its own, because
what was changed and put back between two observations was changed all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from graph.attribution import Place, attribute_place
from graph.change import Actor, Change, Channel
from graph.document import ABSENT, Absent, Json
from graph.environment import EnvironmentGraph
from graph.evidence import Gap
from graph.passages import EVERYTHING, Scope, Step, What, facet_of, fields, in_scope, shows, steps
from graph.place import is_near, is_same, is_within, read, translate
from graph.resource import Facet, display_uid
from graph.runs import RUN_SLACK
from graph.source_gaps import source_gaps
from graph.spans import Span, rewound, spans, versions_of
from graph.version import Origin, Version

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One difference between what a facet held before and after."""

    uid: str
    resource_name: str
    facet: Facet
    what: What
    path: str
    """JSON pointer; empty for the whole resource."""
    before: Json | Absent = ABSENT
    after: Json | Absent = ABSENT
    earliest: datetime | None = None
    """UTC; it happened after this. None: open."""
    latest: datetime
    """UTC; it happened at or before this."""
    seen_at: datetime
    """UTC; when it was first observed, or recorded."""
    actor: Actor | None = None
    channel: Channel = Channel.UNKNOWN
    source: str = ""
    """Who says so: the source of the record, else that of the observation."""
    reference: str = ""
    """Commit or event id at that source."""
    origin: Origin | None = None
    """For a declaration: file, line and commit of the document."""
    evidence: tuple[str, ...] = ()
    """Ids of the recorded changes that this rests on."""
    summary: str = ""
    """Text of the source; untrusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    """Part of what changed, newest first."""

    total: int
    """How many there are, on all pages."""
    changes: tuple[FieldChange, ...]
    gaps: tuple[Gap, ...]
    """What may have hidden a change."""


def state(graph: EnvironmentGraph, facet: Facet, scope: Scope = EVERYTHING) -> tuple[Version, ...]:
    """Return what should be running (intended), was applied, or is running (actual), ordered by name."""
    return tuple(graph.versions(holders(graph, facet, scope), facet))


def holders(graph: EnvironmentGraph, facet: Facet, scope: Scope = EVERYTHING) -> list[str]:
    """Return the uids of the resources that have a facet, ordered by name, without a look at what they hold."""
    candidates = (graph.resource(scope.uid),) if scope.uid in graph else graph
    found = [r for r in candidates if scope.holds(r) and facet in graph.facets(r.uid)]
    return [r.uid for r in sorted(found, key=lambda r: (r.display, r.uid))]


def changes(
    graph: EnvironmentGraph,
    *,
    since: datetime,
    deployers: frozenset[str],
    scope: Scope = EVERYTHING,
    facets: Sequence[Facet] = (Facet.INTENDED, Facet.ACTUAL),
    limit: int | None = None,
    offset: int = 0,
) -> ChangePage:
    """Return what changed after `since` (UTC) and up to the time of the graph, newest first.

    Args:
        graph: the environment, with all history since `since`.
        since: UTC.
        deployers: names of the actors that deployments run as.
        scope: which resources.
        facets: whose changes; what the deployer last wrote follows what is declared, so it is left out by default.
        limit: most changes of the answer; all when None.
        offset: changes to skip.
    """
    passed = [s for s in steps(graph, scope, facets, since) if s.span.start > since and s.what is not What.FIRST_SEEN]
    found: list[Step | Change] = [*fields(passed), *_unseen(graph, passed, since, scope, facets)]
    found.sort(key=_newest_first)
    page = found[offset:] if limit is None else found[offset : offset + limit]
    return ChangePage(
        total=len(found),
        changes=tuple(_told(graph, f, deployers) for f in page),
        gaps=tuple(source_gaps(graph)),
    )


def changes_of(
    graph: EnvironmentGraph,
    uid: str,
    path: str = "",
    *,
    deployers: frozenset[str],
    limit: int | None = None,
    offset: int = 0,
) -> ChangePage:
    """Return all known changes of one resource, or of one of its fields, newest first; as `changes`."""
    page = changes(graph, since=_EVER, deployers=deployers, scope=Scope(uid=uid))
    mine = [c for c in page.changes if not path or not c.path or is_near(c.path, path)]
    end = None if limit is None else offset + limit
    return ChangePage(total=len(mine), changes=tuple(mine[offset:end]), gaps=page.gaps)


def history(
    graph: EnvironmentGraph, uid: str, path: str = "", *, facets: Sequence[Facet] = tuple(Facet)
) -> tuple[tuple[Facet, Span], ...]:
    """Return since when until when each facet of a resource, or of one of its fields, held what, oldest first.

    The documents of a field's spans are those in which the span began; neighbours with an equal value are one span.
    """
    return tuple((facet, s) for facet in facets for s in _of_field(spans(versions_of(graph, uid, facet)), path))


def value_at(span: Span, path: str, now: Json | Absent = ABSENT) -> Json | Absent:
    """Return what a field held in a span; `now` is the document in which `path` is valid, the span's own if absent."""
    if span.version is None:
        return ABSENT
    body = span.version.body
    return read(body, path if now is ABSENT else translate(path, now, body))


def _unseen(
    graph: EnvironmentGraph, steps: Sequence[Step], since: datetime, scope: Scope, facets: Sequence[Facet]
) -> Iterator[Change]:
    """Yield the recorded changes that no observed step shows."""
    by_uid: dict[str, list[Step]] = {}
    for step in steps:
        by_uid.setdefault(step.resource.uid, []).append(step)
    asked = {r.uid for r in in_scope(graph, scope, since)}
    records = graph.changes(scope.uid) if scope.uid else graph.changes(since=since)
    for change in records:
        found = graph.by_alias(change.uid) or (graph.resource(change.uid) if change.uid in graph else None)
        uid = found.uid if found else change.uid
        wanted = uid in asked or (scope.holds(found) if found else scope == EVERYTHING or scope.uid == change.uid)
        if change.latest <= since or not wanted or facet_of(change) not in facets:
            continue
        if not any(shows(step, change) for step in by_uid.get(uid, ())):
            yield change


def _newest_first(found: Step | Change) -> tuple[float, str, str]:
    if isinstance(found, Change):
        return -found.latest.timestamp(), display_uid(found.uid), found.path
    return -found.span.start.timestamp(), found.resource.display, found.path


def _told(graph: EnvironmentGraph, found: Step | Change, deployers: frozenset[str]) -> FieldChange:
    if isinstance(found, Change):
        return FieldChange(
            uid=found.uid,
            resource_name=display_uid(found.uid),
            facet=facet_of(found),
            what=What.RECORDED,
            path=found.path,
            before=found.before,
            after=found.after,
            earliest=found.earliest,
            latest=found.latest,
            seen_at=found.latest,
            actor=found.actor,
            channel=found.channel,
            source=found.source,
            reference=found.reference,
            origin=found.origin,
            evidence=(found.id,),
            summary=found.summary,
        )
    return _observed(found, _cause(graph, found, deployers))


def _observed(step: Step, cause: Change | None) -> FieldChange:
    version = step.span.version or step.before
    is_narrower = cause is not None and cause.evidence and cause.latest <= step.span.start + RUN_SLACK
    earliest, latest = (
        (cause.earliest, min(cause.latest, step.span.start))
        if cause and is_narrower
        else (step.earliest, step.span.start)
    )
    return FieldChange(
        uid=step.resource.uid,
        resource_name=step.resource.display,
        facet=step.facet,
        what=step.what,
        path=step.path,
        before=step.old,
        after=step.new,
        earliest=earliest,
        latest=latest,
        seen_at=step.span.start,
        actor=cause.actor if cause else None,
        channel=cause.channel if cause else Channel.UNKNOWN,
        source=(cause.source if cause else "") or (version.source if version else ""),
        reference=cause.reference if cause else "",
        origin=_origin(version, cause) if step.facet is Facet.INTENDED else None,
        evidence=cause.evidence if cause else (),
        summary=cause.summary if cause else "",
    )


def _origin(version: Version | None, cause: Change | None) -> Origin | None:
    """Return the line that the commit changed, else the document that the version was read from."""
    return (cause.origin if cause else None) or (version.origin if version else None)


def _cause(graph: EnvironmentGraph, step: Step, deployers: frozenset[str]) -> Change | None:
    """Return who brought a step about: by the same rules as for a present difference, on the graph of that time."""
    uid = step.resource.uid
    if step.facet is Facet.INTENDED:
        return _commit(graph, step)
    if step.facet is not Facet.ACTUAL:
        return None
    then = rewound(graph, uid, step.span.start)
    frame = Facet.ACTUAL
    place = Place(uid=uid, path=step.path, before=step.old, after=step.new, frame=frame)
    return attribute_place(then, place, deployers=deployers)


def _commit(graph: EnvironmentGraph, step: Step) -> Change | None:
    version = step.span.version
    commit = version.origin.commit if version and version.origin else None
    mine = [
        c
        for c in graph.changes(step.resource.uid)
        if c.kind == "commit" and (not step.path or is_near(c.path, step.path)) and c.latest <= step.span.start
    ]
    named = [c for c in mine if commit and c.reference == commit]
    exact = [c for c in named or mine if not c.path or is_within(step.path, c.path) or is_within(c.path, step.path)]
    found = (exact or named or mine)[-1:]
    if not found or (step.earliest is not None and not named and found[0].latest < step.earliest):
        return None
    return replace(found[0], evidence=(found[0].id,))


def _of_field(all_spans: Sequence[Span], path: str) -> Iterator[Span]:
    if not path:
        yield from all_spans
        return
    frame = next(
        (s.version.body for s in reversed(all_spans) if s.version and read(s.version.body, path) is not ABSENT), ABSENT
    )
    pending: Span | None = None
    for span in all_spans:
        if pending is not None and is_same(value_at(pending, path, frame), value_at(span, path, frame)):
            pending = Span(pending.start, span.end, pending.version)
            continue
        if pending is not None:
            yield pending
        pending = span
    if pending is not None:
        yield pending
