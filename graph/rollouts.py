"""Which pods run the version that a deployment of a Kubernetes workload brought, and since when all of them are up.

A Deployment marks the ReplicaSet of its newest version by the highest `deployment.kubernetes.io/revision`, and the pods
of it by the label `pod-template-hash`; a StatefulSet by `status.updateRevision` and `controller-revision-hash`.
Sources: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template-hash-label and
https://kubernetes.io/docs/reference/labels-annotations-taints/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from graph.change import Change
from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.resource import Facet
from graph.runs import RUN_SLACK
from graph.workloads import parts_of

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"
_STATEFUL_HASH = "controller-revision-hash"


def with_instances(graph: EnvironmentGraph, deploys: Iterable[Change]) -> tuple[Change, ...]:
    """Return deployments with the pods of their version, where these are known; the order stays.

    Only the newest deployment of a workload has pods that run now, and only if its version came with it: a pod that
    was made before it began is none of its.
    """
    many = tuple(deploys)
    newest = {change.uid: change for change in sorted(many, key=_begun)}
    return tuple(_with_instances(graph, c) if newest[c.uid] is c and not c.instances else c for c in many)


def _with_instances(graph: EnvironmentGraph, change: Change) -> Change:
    body = graph.body(change.uid, Facet.ACTUAL) if change.uid in graph else None
    if body is None:
        return change
    pods = list(_new_pods(graph, change.uid, body))
    if not pods or any(
        (made := _time(p, "creationTimestamp")) is None or made < _begun(change) - RUN_SLACK for p in pods
    ):
        return change
    up = [_up_since(pod) for pod in pods]
    known = [moment for moment in up if moment is not None]
    return replace(
        change,
        instances=tuple(sorted(str(_metadata(pod).get("name")) for pod in pods)),
        completed_at=change.completed_at or (max(known) if len(known) == len(up) else None),
    )


def _begun(change: Change) -> datetime:
    return change.earliest or change.latest


def _new_pods(graph: EnvironmentGraph, uid: str, body: Object) -> Iterator[Object]:
    """Yield the pods of a workload's newest version; none where it is not told which that is."""
    parts = {part: found for part in parts_of(graph, uid) if (found := graph.body(part, Facet.ACTUAL))}
    if body.get("kind") == "StatefulSet":
        label, key = _STATEFUL_HASH, (body.get("status") or {}).get("updateRevision")
    else:
        sets = [found for found in parts.values() if found.get("kind") == "ReplicaSet"]
        newest = max(sets, key=_revision, default=None)
        label, key = _HASH, _labels(newest).get(_HASH) if newest is not None and _revision(newest) else None
    for found in parts.values():
        if key and found.get("kind") == "Pod" and _labels(found).get(label) == key:
            yield found


def _revision(replica_set: Object) -> int:
    written = str((_metadata(replica_set).get("annotations") or {}).get(_REVISION, ""))
    return int(written) if written.isascii() and written.isdigit() else 0


def _up_since(pod: Object) -> datetime | None:
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") == "True":
            return _moment(condition.get("lastTransitionTime"))
    return None


def _time(body: Object, name: str) -> datetime | None:
    return _moment(_metadata(body).get(name))


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _labels(body: Object) -> Object:
    return _metadata(body).get("labels") or {}


def _metadata(body: Object) -> Object:
    return body.get("metadata") or {}
