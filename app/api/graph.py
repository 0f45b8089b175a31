"""Questions to the environment graph: what exists, how it drifted, why it is so, what leans on it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from app.api.bodies import At, BlastRadius, Body, Change, Gap, KnownAt, Limit, Offset, plain, utc
from app.api.permissions import Permission
from app.auth import SECURITY, require
from app.errors import documented
from app.ignore_rules import sifted_json
from app.services import Services, services_of
from app.stateless import finding_json
from app.store.users import Role
from graph import lookup
from graph.access.explanation import explain_permission
from graph.blast_radius import blast_radius, failing_seeds
from graph.document import tokens
from graph.drift import compare_graph
from graph.environment import EnvironmentGraph, SourceState
from graph.errors import NotFound
from graph.explanation import explain
from graph.relation import Relation
from graph.resource import Facet, display_uid
from graph.resource import Resource as DomainResource
from graph.source_gaps import is_complete, source_gaps

router = APIRouter(
    prefix="/api/graph",
    tags=["graph"],
    dependencies=[*SECURITY, require(Role.VIEWER)],
    responses=documented(401, 403, 404, 409, 422, 503),
)

_PERMISSION = "Ask why the resource lost this permission, e.g. `kms:Decrypt`."
Environment = Annotated[str, Path(max_length=64, description="Name of the environment.")]
Name = Annotated[
    str,
    Query(
        min_length=1,
        max_length=1024,
        description="uid, alias (such as an ARN), `NAMESPACE/KIND/NAME`, or a shorter name that only one thing has.",
    ),
]
Field = Annotated[
    str,
    Query(
        min_length=1,
        max_length=2048,
        description="As for other questions; `#/JSON/POINTER` behind it asks about one field.",
    ),
]


class Source(Body):
    """How well one source of an environment was read."""

    name: str
    facet: Facet | None
    read_at: datetime | None
    error: str
    """Why the last reading failed; empty when it worked."""

    @classmethod
    def of(cls, source: SourceState) -> Source:
        """Build the body of a source."""
        return cls(**plain(source))


class EnvironmentSummary(Body):
    """One governed environment."""

    name: str
    resources: int
    sources: list[Source]


class Environments(Body):
    """All governed environments."""

    environments: list[EnvironmentSummary]


class Resource(Body):
    """One thing that exists."""

    uid: str
    name: str
    """For people."""
    platform: str
    kind: str
    namespace: str | None
    facets: list[Facet]
    """Those that it has at this time."""
    aliases: list[str]


class Resources(Body):
    """Resources by name."""

    environment: str
    as_of: datetime
    total: int
    """How many match, on all pages."""
    resources: list[Resource]


class State(Body):
    """One facet of a resource. Secret values are hashes."""

    body: dict[str, Any]
    source: str
    valid_from: datetime
    valid_to: datetime | None
    last_seen: datetime
    origin: dict[str, Any] | None
    """File, line and commit of a declaration."""


class Edge(Body):
    """A relation of the resource to another, or of another to it."""

    source: str
    """uid"""
    source_name: str
    target: str
    """uid"""
    target_name: str
    type: str
    via: str
    detail: str
    optional: bool
    confidence: float

    @classmethod
    def of(cls, relation: Relation) -> Edge:
        """Build the body of a relation."""
        data = plain(relation)
        return cls(source_name=display_uid(data["source"]), target_name=display_uid(data["target"]), **data)


class ResourceDetail(Resource):
    """One thing with all that is known of it."""

    as_of: datetime
    states: dict[Facet, State]
    outgoing: list[Edge]
    incoming: list[Edge]
    changes: list[Change]
    """Oldest first."""


class Drift(Body):
    """Comparison of what was declared, applied and observed."""

    resources: int
    findings: list[dict[str, Any]]
    tolerated: list[dict[str, Any]]
    not_comparable: list[dict[str, Any]]
    ignored: list[dict[str, Any]]
    """Findings that a rule of the settings sets aside, each with the rule's id."""
    expired_rules: list[str]
    """One sentence for each rule that no longer applies."""
    unused_rules: list[str]
    """Ids of the rules that set nothing aside."""
    is_complete: bool
    """Whether all sources of state were read, lately and whole; if not, there may be drift that is not among these."""
    gaps: list[Gap]
    """Sources that failed, are late or left something out: what they hide is not in the comparison."""


class Dependent(Body):
    """Something that suffers directly when the resource breaks."""

    resource: str
    """uid"""
    name: str
    relation: str
    detail: str


class Why(Body):
    """Why a resource is as it is."""

    resource: str
    """uid"""
    resource_name: str
    path: str
    as_of: datetime
    summary: str
    findings: list[dict[str, Any]]
    changes: list[Change]
    dependents: list[Dependent]
    gaps: list[Gap]
    permission: Permission | None = None
    """Set when a permission was asked about."""


class Blast(BlastRadius):
    """What would suffer if a resource failed."""

    resource: str
    """uid"""
    resource_name: str
    as_of: datetime


@router.get("/environments")
def list_environments(request: Request) -> Environments:
    """List the governed environments and how well their sources were read."""
    services = services_of(request)
    graphs = [services.environments.graph(name) for name in services.environments.names()]
    return Environments(
        environments=[
            EnvironmentSummary(name=g.name, resources=len(g), sources=[Source.of(s) for s in g.sources]) for g in graphs
        ]
    )


@router.get("/{environment}/resources")
def list_resources(
    request: Request,
    environment: Environment,
    q: Annotated[str, Query(max_length=256, description="Part of a name, uid or alias.")] = "",
    as_of: At = None,
    known_at: KnownAt = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Resources:
    """Search resources by name."""
    graph = _graph(services_of(request), environment, as_of, known_at)
    found = lookup.search(graph, q)
    page = [Resource(**_identity(graph, r)) for r in found[offset : offset + limit]]
    return Resources(environment=graph.name, as_of=graph.as_of, total=len(found), resources=page)


@router.get("/{environment}/resource")
def get_resource(
    request: Request, environment: Environment, uid: Name, as_of: At = None, known_at: KnownAt = None
) -> ResourceDetail:
    """Show one resource with its facets, relations and changes."""
    graph = _graph(services_of(request), environment, as_of, known_at)
    found = lookup.find(graph, uid)
    versions = {facet: v for facet in Facet if (v := graph.version(found.uid, facet)) is not None}
    kept = ("body", "source", "valid_from", "valid_to", "last_seen", "origin")
    return ResourceDetail(
        **_identity(graph, found),
        as_of=graph.as_of,
        states={facet: State(**{k: v for k, v in plain(ver).items() if k in kept}) for facet, ver in versions.items()},
        outgoing=[Edge.of(r) for r in graph.outgoing(found.uid)],
        incoming=[Edge.of(r) for r in graph.incoming(found.uid)],
        changes=[Change.of(c) for c in graph.changes(found.uid)],
    )


@router.get("/{environment}/drift")
def get_drift(request: Request, environment: Environment, as_of: At = None, known_at: KnownAt = None) -> Drift:
    """Compare what was declared with what runs."""
    graph = _graph(services_of(request), environment, as_of, known_at)
    rules = services_of(request).environments.ignore_rules(environment)
    # A rule counts on the day of the question's time, so that an answer about the past stays as it was.
    found = sifted_json(compare_graph(graph), rules, graph.as_of.date())
    return Drift(**plain(found), is_complete=is_complete(graph), gaps=[Gap.of(g) for g in source_gaps(graph)])


@router.get("/{environment}/why")
def get_why(
    request: Request,
    environment: Environment,
    resource: Field,
    at: At = None,
    known_at: KnownAt = None,
    permission: Annotated[str, Query(max_length=128, pattern=r"^([\w-]+:[\w*?]+)?$", description=_PERMISSION)] = "",
    on: Annotated[str, Query(max_length=2048, description="Key, alias or other resource of the permission.")] = "",
) -> Why:
    """Tell why a resource, or one field of it, is as it is; or why it lost a permission."""
    services = services_of(request)
    graph = _graph(services, environment, at, known_at)
    name, path = named_field(resource)
    if permission:
        return _why_denied(services, graph, name, permission, on)
    found = explain(
        graph, lookup.find(graph, name, gone=True), path, deployers=services.environments.deployers(environment)
    )
    return Why(
        resource=plain(found.resource.uid),
        resource_name=plain(found.resource.display),
        path=plain(found.path),
        as_of=graph.as_of,
        summary=plain(found.summary),
        findings=[plain(finding_json(f)) for f in found.findings],
        changes=[Change.of(c) for c in found.changes],
        dependents=[
            Dependent(resource=d["uid"], name=display_uid(d["uid"]), relation=d["relation"], detail=d["detail"])
            for d in plain(found.dependents)
        ],
        gaps=[Gap.of(g) for g in found.gaps],
    )


def _why_denied(services: Services, graph: EnvironmentGraph, name: str, permission: str, on: str) -> Why:
    service = lookup.find(graph, name)
    found = explain_permission(graph, service, permission, on, deployers=services.environments.deployers(graph.name))
    return Why(
        resource=plain(service.uid),
        resource_name=plain(service.display),
        path="",
        as_of=graph.as_of,
        summary=plain(found.summary),
        findings=[plain(finding_json(t.finding)) for t in found.takers if t.finding],
        changes=[Change.of(t.change) for t in found.takers],
        dependents=[
            Dependent(resource=d["uid"], name=display_uid(d["uid"]), relation=d["relation"], detail=d["detail"])
            for d in plain(found.dependents)
        ],
        gaps=[Gap.of(g) for g in found.gaps],
        permission=Permission.of(found),
    )


@router.get("/{environment}/blast")
def get_blast(
    request: Request, environment: Environment, resource: Field, as_of: At = None, known_at: KnownAt = None
) -> Blast:
    """Tell what would suffer if a resource failed, or if one field of it were wrong."""
    graph = _graph(services_of(request), environment, as_of, known_at)
    name, path = named_field(resource)
    found = lookup.find(graph, name)
    radius = BlastRadius.of(blast_radius(graph, failing_seeds(graph, found.uid, path)))
    return Blast(
        resource=plain(found.uid),
        resource_name=plain(found.display),
        as_of=graph.as_of,
        **{name: getattr(radius, name) for name in BlastRadius.model_fields},
    )


def _graph(services: Services, environment: str, as_of: datetime | None, known_at: datetime | None) -> EnvironmentGraph:
    return services.environments.graph(environment, as_of=utc(as_of), known_at=utc(known_at))


def named_field(text: str) -> tuple[str, str]:
    """Split `NAME#/POINTER`. A text whose tail is no pointer names no field that can exist."""
    name, _, path = text.partition("#")
    is_pointer = not path or path.startswith("/")
    if not is_pointer or any(t.isdigit() and not (t.isascii() and len(t) < 10) for t in tokens(path)):
        raise NotFound(f"{path!r} is no JSON pointer to a field: it looks like `/spec/replicas`")
    return name, path


def _identity(graph: EnvironmentGraph, resource: DomainResource) -> dict[str, Any]:
    data = plain(resource)
    facets = [facet for facet in Facet if graph.version(resource.uid, facet) is not None]
    kept = {name: data[name] for name in ("uid", "platform", "kind", "namespace", "aliases")}
    return {**kept, "name": plain(resource.display), "facets": facets}
