"""Builds the environment of a case: a graph of what is known, as the product would hold it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from graph.change import Change
from graph.environment import EnvironmentGraph, SourceState
from graph.evidence import SymptomEvent
from graph.relation import Relation, RelationType
from graph.resource import Facet, Platform, Resource, service_uid
from graph.telemetry import Call
from graph.version import Document, Version

ENVIRONMENT = "case"
SOURCE = "case"


def environment(
    *,
    now: datetime,
    actual: Iterable[Document] = (),
    intended: Iterable[Document] = (),
    relations: Sequence[Relation] = (),
    changes: Sequence[Change] = (),
    symptoms: Sequence[SymptomEvent] = (),
) -> EnvironmentGraph:
    """Return the graph of a case at the time of its question (UTC)."""
    facets = ((Facet.ACTUAL, list(actual)), (Facet.INTENDED, list(intended)))
    return EnvironmentGraph(
        name=ENVIRONMENT,
        as_of=now,
        versions=[_version(d, facet, now) for facet, documents in facets for d in documents],
        relations=relations,
        changes=changes,
        symptoms=symptoms,
        sources=[SourceState(SOURCE, facet, now, "") for facet, documents in facets if documents],
    )


def service(name: str, *, kind: str = "Service") -> Document:
    """Something that is known by name only, from a service map or from metrics."""
    uid = service_uid(environment=ENVIRONMENT, name=name)
    resource = Resource(uid=uid, platform=Platform.SERVICE, kind=kind, name=name, aliases=(name,))
    return Document(resource=resource, body={"kind": kind, "name": name})


def uid_of(name: str) -> str:
    """The uid of a service that is known by name only."""
    return service_uid(environment=ENVIRONMENT, name=name)


def called(calls: Iterable[Call]) -> list[Relation]:
    """Relations of calls that were seen."""
    return [Relation(source=c.caller, target=c.callee, type=RelationType.CALLS, via="traffic") for c in calls]


def _version(document: Document, facet: Facet, now: datetime) -> Version:
    return Version(
        resource=document.resource,
        facet=facet,
        body=document.body,
        source=SOURCE,
        valid_from=now,
        valid_to=None,
        last_seen=now,
        recorded_at=now,
        origin=document.origin,
    )
