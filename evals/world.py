"""A case as the product sees it: its environment, its alerts, and what was measured; and the product's answer to it.

Suites translate formats into a world and names out of the answer. What lies between is the function that an alert takes
in production.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.model import Model
from agents.steps.deepen import comment_on
from graph.change import Change
from graph.diagnosis.engine import diagnose
from graph.diagnosis.result import Cause, Diagnosis
from graph.drift import DriftReport, compare_graph
from graph.environment import EnvironmentGraph, SourceState
from graph.evidence import Gap, SymptomEvent
from graph.incident import Alert, AlertStatus, OpenIncident
from graph.relation import Relation, RelationType
from graph.resource import Facet, Platform, Resource, service_uid
from graph.telemetry import NOTHING_MEASURED, Call, Telemetry
from graph.triage import Decision, triage
from graph.version import Document, Version

ENVIRONMENT = "case"
SOURCE = "case"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that a case gives."""

    graph: EnvironmentGraph
    alerts: tuple[Alert, ...]
    telemetry: Telemetry = NOTHING_MEASURED
    gaps: tuple[Gap, ...] = ()
    """What monitoring did not answer"""
    open_incidents: tuple[OpenIncident, ...] = ()
    deployers: frozenset[str] = frozenset()
    is_declared: bool = False
    """Whether the case says what was declared apart from what runs, so that drift can be told."""


def diagnosed(world: World) -> Diagnosis:
    """Put the alerts of a case to the product."""
    nothing = DriftReport(resources=len(world.graph), findings=())
    return diagnose(
        world.graph,
        world.alerts,
        drift=compare_graph(world.graph) if world.is_declared else nothing,
        deployers=world.deployers,
        open_incidents=world.open_incidents,
        telemetry=world.telemetry,
        evidence_gaps=world.gaps,
    )


def commented(found: Diagnosis, model: Model | None) -> dict[str, Any]:
    """Let a model comment on a diagnosis, as the step after it does in production; it changes no answer.

    Returns:
        `model`, its reading, and `model_s`, the seconds that it took; empty when there is no model.
    """
    if model is None:
        return {}
    begun = time.perf_counter()
    reading, _ = comment_on(found, model, ())
    return {"model": reading, "model_s": round(time.perf_counter() - begun, 4)}


def sureness(cause: Cause) -> dict[str, float | None]:
    """How sure the product is of a cause, for an entry of `ranked`."""
    return {"score": cause.confidence, "strength": cause.strength}


def triaged(world: World) -> tuple[Decision, ...]:
    """Ask the product which alerts of a case wake a person."""
    return triage(world.graph, world.alerts, telemetry=world.telemetry, open_incidents=world.open_incidents)


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


def alert_of(
    *,
    title: str,
    at: datetime,
    description: str = "",
    severity: str = "",
    key: str = "alert",
    labels: dict[str, str] | None = None,
    metric: str = "",
    value: float | None = None,
    threshold: float | None = None,
    ended_at: datetime | None = None,
    form: str = "",
    firings: int = 1,
) -> Alert:
    """Return an alert of a case; `labels` without a text are left out."""
    kept = {k: v for k, v in (labels or {}).items() if v}
    return Alert(
        id=key,
        sender="alertmanager",
        key=key,
        status=AlertStatus.FIRING if ended_at is None else AlertStatus.RESOLVED,
        title=title,
        description=description,
        severity=severity,
        service=kept.get("service", ""),
        labels=kept,
        started_at=at,
        ended_at=ended_at,
        metric=metric,
        value=value,
        threshold=threshold,
        form=form,
        firings=firings,
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
