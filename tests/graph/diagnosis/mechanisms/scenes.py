"""Objects, events and lines of a small cluster, and what the mechanisms find in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from graph.diagnosis.mechanisms.found import mechanisms
from graph.diagnosis.mechanisms.mechanism import Mechanism
from graph.diagnosis.mechanisms.scene import Scene
from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.evidence import ObservationKind, SymptomEvent
from graph.resource import Facet
from graph.telemetry import Telemetry
from graph.version import Version
from tests.graph.builders import k8s, manifest, resource_of

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def pod(of: str, *, phase: str = "Running", ready: bool = True, node: str = "n1", **status: Any) -> Object:
    """A pod of a Deployment."""
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": of, "controller": True}
    state = {"name": "app", "ready": ready, "restartCount": 0, "state": {"running": {}}} | status
    body = manifest("Pod", f"{of}-1", metadata={"uid": f"{of}-1", "labels": {"app": of}, "ownerReferences": [owner]})
    body["spec"] = {"containers": [{"name": "app"}]} | ({"nodeName": node} if node else {})
    body["status"] = {
        "phase": phase,
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        "containerStatuses": [state],
    }
    return body


def node(name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> Object:
    """A worker."""
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    return manifest("Node", name, metadata={"labels": labels or {}}, spec=spec, status=status)


def event(uid: str, reason: str, text: str, *, ago: int = 30, count: int = 1) -> SymptomEvent:
    at = NOW - timedelta(seconds=ago)
    return SymptomEvent(kind=ObservationKind.EVENT, resource=uid, at=at, text=text, reason=reason, count=count)


def line(uid: str, text: str) -> SymptomEvent:
    return SymptomEvent(kind=ObservationKind.LOG, resource=uid, at=NOW, text=text)


def found(
    objects: Sequence[Object],
    said: Sequence[SymptomEvent] = (),
    *,
    declared: Sequence[Object] = (),
    telemetry: Telemetry | None = None,
) -> dict[str, str]:
    """Map each kind of mechanism that is found to the resource that is blamed."""
    return {m.kind: m.resource for m in everything(objects, said, declared=declared, telemetry=telemetry)}


def everything(
    objects: Sequence[Object],
    said: Sequence[SymptomEvent] = (),
    *,
    declared: Sequence[Object] = (),
    telemetry: Telemetry | None = None,
) -> list[Mechanism]:
    """Return all mechanisms that are found."""
    versions = [version_of(b, Facet.ACTUAL) for b in objects] + [version_of(b, Facet.INTENDED) for b in declared]
    graph = EnvironmentGraph(name="t", as_of=NOW, versions=versions, relations=(), symptoms=said)
    return mechanisms(Scene(graph, telemetry or Telemetry()))


def version_of(body: Object, facet: Facet) -> Version:
    return Version(
        resource=resource_of(body),
        facet=facet,
        body=body,
        source="t",
        valid_from=NOW,
        valid_to=None,
        last_seen=NOW,
        recorded_at=NOW,
    )


WEB, POD = k8s("Deployment", "web"), k8s("Pod", "web-1")

DOWN = pod("web", ready=False)
"""A pod that runs and is not ready."""
RESTARTED = pod("web", ready=False, restartCount=4, state={"waiting": {"reason": "CrashLoopBackOff"}})
"""A pod whose container ends again and again."""
