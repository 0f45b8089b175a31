"""How much of an environment has a detector, and what is blind."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request

from app.api.bodies import At, Body, Limit, Offset, plain, utc
from app.api.graph import Environment
from app.auth import SECURITY, require
from app.errors import documented
from app.services import services_of
from app.store.users import Role
from graph import coverage as graph_coverage
from graph.drift import DriftReport, compare_graph
from graph.environment import EnvironmentGraph

router = APIRouter(
    prefix="/api/graph",
    tags=["graph"],
    dependencies=[*SECURITY, require(Role.VIEWER)],
    responses=documented(401, 403, 404, 422, 503),
)


class Tally(Body):
    """Numbers by detector: `live` (told as it happens), `poll` (seen at the next reading), `blind` (unseen)."""

    live: int
    poll: int
    blind: int
    total: int
    share: float | None
    """Share that has a detector, 0 to 1; null when there is nothing at all."""

    @classmethod
    def of(cls, tally: graph_coverage.Tally) -> Tally:
        """Build the body of a tally."""
        return cls(live=tally.live, poll=tally.poll, blind=tally.blind, total=tally.total, share=tally.share)


class KindCoverage(Body):
    """Coverage of all resources of one kind."""

    platform: str
    kind: str
    resources: Tally
    fields: Tally


class BlindSpot(Body):
    """Something that could change unseen."""

    resource: str
    uid: str
    path: str
    fields: int
    """How many fields are concerned; 0 when nobody knows."""
    reason: str


class Coverage(Body):
    """What has a detector, and what is blind."""

    environment: str
    as_of: datetime
    resources: Tally
    fields: Tally
    kinds: list[KindCoverage]
    total_blind: int
    """How many blind spots there are, on all pages."""
    blind: list[BlindSpot]


@router.get("/{environment}/coverage")
def get_coverage(
    request: Request, environment: Environment, as_of: At = None, limit: Limit = 100, offset: Offset = 0
) -> Coverage:
    """Tell which share of resources and fields has a detector, and name what is blind."""
    graph = services_of(request).environments.graph(environment, as_of=utc(as_of))
    return coverage_body(graph, compare_graph(graph), limit=limit, offset=offset)


def coverage_body(graph: EnvironmentGraph, report: DriftReport, *, limit: int, offset: int = 0) -> Coverage:
    """Build the answer for a graph and its comparison; `limit` and `offset` choose among the blind spots."""
    found = graph_coverage.coverage(graph, report)
    return Coverage(
        environment=graph.name,
        as_of=graph.as_of,
        resources=Tally.of(found.resources),
        fields=Tally.of(found.fields),
        kinds=[
            KindCoverage(
                platform=k.platform, kind=plain(k.kind), resources=Tally.of(k.resources), fields=Tally.of(k.fields)
            )
            for k in found.kinds
        ],
        total_blind=len(found.blind),
        blind=[BlindSpot(**plain(spot)) for spot in found.blind[offset : offset + limit]],
    )
