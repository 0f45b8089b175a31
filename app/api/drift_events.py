"""Drift events: what drifted, changed further and was put right again, as it was found; to be read on and on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.api.bodies import Actor, At, Body, Gap, Limit, plain, utc
from app.api.graph import Environment
from app.auth import SECURITY, require
from app.errors import documented
from app.services import services_of
from app.store.users import Role
from graph import drift_event, lookup
from graph.document import ABSENT
from graph.drift_event import DriftEventKind
from graph.source_gaps import source_gaps

router = APIRouter(
    prefix="/api/graph",
    tags=["graph"],
    dependencies=[*SECURITY, require(Role.VIEWER)],
    responses=documented(401, 403, 404, 409, 422, 503),
)

_AFTER = "Only events after this one: `next` of the answer before."
_ORDER = "Newest first, instead of in the order in which they were found."


class DriftEvent(Body):
    """One thing that happened to one drift."""

    number: int
    """Grows with each event."""
    kind: DriftEventKind
    drift: str
    """The same from `opened` to `closed`."""
    resource: str
    """uid"""
    resource_name: str
    path: str
    """JSON pointer; empty for the whole resource."""
    verdict: str
    intended: Any
    """What is declared. Values that are long are replaced by their digest; those of Secrets are hashes always."""
    applied: Any
    actual: Any
    before: Any
    """What the change at hand replaced, as far as it was seen."""
    absent: list[str]
    """Those of the four that have no value; null alone would not tell."""
    earliest: datetime | None
    """The change happened after this; null when that is not known."""
    latest: datetime | None
    """The change happened by then."""
    detected_at: datetime
    """When it was observed: never the time of the change."""
    recorded_at: datetime
    actor: Actor | None
    channel: str
    source: str
    reference: str
    evidence: list[str]
    note: str

    @classmethod
    def of(cls, event: drift_event.DriftEvent) -> DriftEvent:
        """Build the body of an event."""
        data = plain(event)
        values = {name: getattr(event, name) for name in ("intended", "applied", "actual", "before")}
        data |= {name: None if value is ABSENT else plain(value) for name, value in values.items()}
        absent = [name for name, value in values.items() if value is ABSENT]
        name, uid = data.pop("resource"), data.pop("uid")
        del data["content"]
        return cls(resource=uid, resource_name=name, absent=absent, **data)


class DriftEvents(Body):
    """Drift events of an environment."""

    environment: str
    events: list[DriftEvent]
    next: int
    """Ask with `after` set to this for what comes later."""
    gaps: list[Gap]
    """Sources whose changes may not have been seen."""


@router.get("/{environment}/drift-events")
def list_drift_events(
    request: Request,
    environment: Environment,
    after: Annotated[int, Query(ge=0, le=2**53, description=_AFTER)] = 0,
    since: At = None,
    until: At = None,
    resource: Annotated[str | None, Query(min_length=1, max_length=1024, description="Only of this.")] = None,
    kind: Annotated[DriftEventKind | None, Query(description="Only of this kind.")] = None,
    newest_first: Annotated[bool, Query(description=_ORDER)] = False,
    limit: Limit = 100,
) -> DriftEvents:
    """List what drifted and what was put right, by the time (`since`, `until`) at which it was detected."""
    services = services_of(request)
    graph = services.environments.graph(environment)
    uid = lookup.find(graph, resource, gone=True).uid if resource else None
    found = services.drift_events.list(
        environment,
        after=after,
        since=utc(since),
        until=utc(until),
        uid=uid,
        kinds=[kind] if kind else (),
        newest_first=newest_first,
        limit=limit,
    )
    return DriftEvents(
        environment=environment,
        events=[DriftEvent.of(event) for event in found],
        next=max([after, *(event.number for event in found)]),
        gaps=[Gap.of(gap) for gap in source_gaps(graph)],
    )
