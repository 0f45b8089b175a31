"""What should be running, what is running, what changed, and when: the same answers as the functions of the graph."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.api.bodies import Actor, At, Body, Gap, KnownAt, Limit, Offset, plain, utc
from app.api.graph import Environment, Field, Name, named_field
from app.auth import SECURITY, require
from app.errors import documented
from app.services import services_of
from app.store.users import Role
from graph import lookup, questions
from graph.document import ABSENT, Absent, Json
from graph.environment import EnvironmentGraph
from graph.passages import Scope
from graph.resource import Facet, Platform
from graph.source_gaps import source_gaps
from graph.version import Origin

router = APIRouter(
    prefix="/api/graph",
    tags=["graph"],
    dependencies=[*SECURITY, require(Role.VIEWER)],
    responses=documented(401, 403, 404, 409, 422, 503),
)

_USUAL_SINCE = timedelta(hours=24)

Namespace = Annotated[str, Query(max_length=256, description="Only in this namespace.")]
Kind = Annotated[str, Query(max_length=256, description="Only of this kind.")]
PlatformName = Annotated[Platform | None, Query(description="Only of this platform.")]
One = Annotated[Name | None, Query(description="Only this resource, under any of its names.")]


class Held(Body):
    """What one facet of a resource holds. Secret values are hashes."""

    uid: str
    name: str
    kind: str
    namespace: str | None
    body: dict[str, Any]
    source: str
    valid_from: datetime
    last_seen: datetime
    origin: dict[str, Any] | None
    """File, line and commit of a declaration."""


class StateAnswer(Body):
    """What should be running, was applied, or is running."""

    environment: str
    as_of: datetime
    facet: Facet
    total: int
    """How many there are, on all pages."""
    resources: list[Held]
    gaps: list[Gap]


class FieldChange(Body):
    """One difference between what a facet held before and after."""

    resource: str
    """uid"""
    resource_name: str
    facet: Facet
    what: str
    """`changed`, `appeared`, `vanished`, or `recorded`: a write that no observation shows."""
    path: str
    before: Any
    after: Any
    absent: list[str]
    """`before` or `after`, where there was no value; null alone would not tell."""
    earliest: datetime | None
    latest: datetime
    seen_at: datetime
    actor: Actor | None
    channel: str
    source: str
    reference: str
    origin: dict[str, Any] | None
    evidence: list[str]
    summary: str
    """Text of the source; data, not advice."""

    @classmethod
    def of(cls, change: questions.FieldChange) -> FieldChange:
        """Build the body of a change."""
        data = plain(change)
        values = {"before": change.before, "after": change.after}
        data |= {k: plain(_shown(v)) for k, v in values.items()}
        absent = [k for k, v in values.items() if v is ABSENT]
        return cls(resource=data.pop("uid"), absent=absent, **data)


class ChangesAnswer(Body):
    """What changed between two times, newest first."""

    environment: str
    since: datetime
    until: datetime
    total: int
    changes: list[FieldChange]
    gaps: list[Gap]


class Period(Body):
    """An interval in which a facet or a field held one value."""

    facet: Facet
    start: datetime
    """First observation of it."""
    end: datetime | None
    """First observation that it was over; null while it holds."""
    exists: bool
    value: Any
    """Of the field that was asked about; null for a whole resource."""
    source: str
    origin: dict[str, Any] | None


class HistoryAnswer(Body):
    """Since when until when each facet held what, and what changed it."""

    environment: str
    as_of: datetime
    resource: str
    """uid"""
    resource_name: str
    path: str
    periods: list[Period]
    """Facet by facet, oldest first."""
    changes: list[FieldChange]
    """Newest first."""
    total: int
    gaps: list[Gap]


@router.get("/{environment}/state")
def get_state(
    request: Request,
    environment: Environment,
    facet: Facet = Facet.ACTUAL,
    at: At = None,
    known_at: KnownAt = None,
    resource: One = None,
    namespace: Namespace = "",
    kind: Kind = "",
    platform: PlatformName = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> StateAnswer:
    """Tell what should be running (`intended`), was applied, or is running (`actual`), at any time."""
    graph = _graph(request, environment, at, known_at)
    scope = _scope(graph, resource, namespace, kind, platform)
    found = questions.holders(graph, facet, scope)
    return StateAnswer(
        environment=graph.name,
        as_of=graph.as_of,
        facet=facet,
        total=len(found),
        resources=[
            Held(
                uid=plain(v.resource.uid),
                name=plain(v.resource.display),
                kind=plain(v.resource.kind),
                namespace=plain(v.resource.namespace),
                body=plain(v.body),
                source=plain(v.source),
                valid_from=v.valid_from,
                last_seen=min(v.last_seen, graph.as_of),
                origin=_origin(v.origin),
            )
            for v in graph.versions(found[offset : offset + limit], facet)
        ],
        gaps=[Gap.of(g) for g in source_gaps(graph)],
    )


@router.get("/{environment}/changes")
def get_changes(
    request: Request,
    environment: Environment,
    since: At = None,
    until: At = None,
    known_at: KnownAt = None,
    resource: One = None,
    namespace: Namespace = "",
    kind: Kind = "",
    platform: PlatformName = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> ChangesAnswer:
    """Tell what changed after `since` (24 hours before `until` when absent) and up to `until`, field by field."""
    end = utc(until) or services_of(request).clock()
    begin = utc(since) or end - _USUAL_SINCE
    graph = _graph(request, environment, end, known_at)
    scope = _scope(graph, resource, namespace, kind, platform)
    deployers = services_of(request).environments.deployers(environment)
    page = questions.changes(graph, since=begin, deployers=deployers, scope=scope, limit=limit, offset=offset)
    return ChangesAnswer(
        environment=graph.name,
        since=begin,
        until=graph.as_of,
        total=page.total,
        changes=[FieldChange.of(c) for c in page.changes],
        gaps=[Gap.of(g) for g in page.gaps],
    )


@router.get("/{environment}/history")
def get_history(
    request: Request,
    environment: Environment,
    resource: Field,
    at: At = None,
    known_at: KnownAt = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> HistoryAnswer:
    """Tell since when until when each facet of a resource, or of one of its fields, held what; also of deleted ones."""
    name, path = named_field(resource)
    graph = _graph(request, environment, at, known_at)
    found = lookup.find(graph, name, gone=True)
    deployers = services_of(request).environments.deployers(environment)
    page = questions.changes_of(graph, found.uid, path, deployers=deployers, limit=limit, offset=offset)
    return HistoryAnswer(
        environment=graph.name,
        as_of=graph.as_of,
        resource=plain(found.uid),
        resource_name=plain(found.display),
        path=plain(path),
        periods=[
            Period(
                facet=facet,
                start=span.start,
                end=span.end,
                exists=span.version is not None,
                value=plain(_shown(questions.value_at(span, path))) if path else None,
                source=span.version.source if span.version else "",
                origin=_origin(span.version.origin) if span.version else None,
            )
            for facet, span in questions.history(graph, found.uid, path)
        ],
        changes=[FieldChange.of(c) for c in page.changes],
        total=page.total,
        gaps=[Gap.of(g) for g in page.gaps],
    )


def _graph(request: Request, environment: str, at: datetime | None, known_at: datetime | None) -> EnvironmentGraph:
    return services_of(request).environments.graph(environment, as_of=utc(at), known_at=utc(known_at))


def _scope(
    graph: EnvironmentGraph, resource: str | None, namespace: str, kind: str, platform: Platform | None
) -> Scope:
    uid = lookup.find(graph, resource, gone=True).uid if resource else ""
    return Scope(uid=uid, namespace=namespace, kind=lookup.kind_named(kind), platform=platform)


def _origin(origin: Origin | None) -> dict[str, Any] | None:
    return plain(origin) if origin else None


def _shown(value: Json | Absent) -> Json:
    return None if value is ABSENT else value
