"""How many pods of a workload serve, and how many go on serving while it is restarted. Reads bodies, knows no paths."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graph.document import ABSENT, Json, Object, get
from graph.reach.effect import Band
from graph.reach.folding import Folded
from graph.relation import RelationType
from graph.resource import Facet


@dataclass(frozen=True, slots=True, kw_only=True)
class Redundancy:
    """What stands between the loss of a pod and the loss of a service."""

    wanted: int
    """Pods that should run."""
    ready: int | None
    """Pods that are ready now; None when nothing says so."""

    @property
    def serves(self) -> bool | None:
        """Whether at least one pod is ready; None when that is unknown."""
        return None if self.ready is None else self.ready > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What the clients of a workload notice while its pods are replaced."""

    band: Band
    is_complete: bool
    """No pod at all serves for a time."""
    reason: str


def redundancy(folded: Folded, uid: str) -> Redundancy:
    """Read how many pods a workload wants and has ready, from its status or else from its pods."""
    body = folded.graph.body(uid, Facet.ACTUAL) or {}
    wanted = _whole(get(body, "/spec/replicas"), 1)
    if body.get("kind") == "DaemonSet":
        wanted = _whole(get(body, "/status/desiredNumberScheduled"), 1)
        return Redundancy(
            wanted=wanted, ready=_whole(get(body, "/status/numberReady"), 0) if "status" in body else None
        )
    if body.get("kind") == "Pod":
        return Redundancy(wanted=1, ready=int(_is_ready(body)) if "status" in body else None)
    pods = [b for m in folded.members(uid) if (b := folded.graph.body(m, Facet.ACTUAL)) and b.get("kind") == "Pod"]
    if pods:
        return Redundancy(wanted=wanted, ready=sum(map(_is_ready, pods)))
    if "status" in body:
        return Redundancy(wanted=wanted, ready=_whole(get(body, "/status/readyReplicas"), 0))
    return Redundancy(wanted=wanted, ready=None)


def restart_gap(folded: Folded, uid: str) -> Gap | None:
    """Return what a rolling restart of a workload makes its clients notice; None when enough pods go on serving."""
    graph = folded.graph
    body = graph.body(uid, Facet.ACTUAL) or {}
    have = redundancy(folded, uid)
    if have.ready == 0 or have.wanted == 0 or body.get("kind") in {"CronJob", "Job"}:
        return None
    if get(body, "/spec/strategy/type") == "Recreate":
        return Gap(band=Band.CERTAIN, is_complete=True, reason="it replaces all its pods at once (strategy Recreate)")
    if body.get("kind") == "StatefulSet" and have.wanted == 1:
        return Gap(band=Band.CERTAIN, is_complete=True, reason="its only pod stops before the new one starts")
    wanted, ready = have.wanted, have.ready if have.ready is not None else have.wanted
    left = min(ready, wanted - _unavailable(body, wanted))
    floor = _disruption_floor(folded, uid, wanted)
    if floor is not None and left < floor:
        return Gap(
            band=Band.LIKELY,
            is_complete=left <= 0,
            reason=f"{left} of {wanted} pods go on serving, fewer than its disruption budget keeps ({floor})",
        )
    if left <= 0:
        return Gap(band=Band.LIKELY, is_complete=True, reason="its rollout may take down every ready pod at once")
    if wanted == 1 and not _has_readiness_probe(body):
        return Gap(
            band=Band.LIKELY, is_complete=True, reason="its only pod is replaced and no readiness probe guards that"
        )
    if wanted == 1:
        return Gap(
            band=Band.POSSIBLE, is_complete=False, reason="it has a single pod, replaced after a new one is ready"
        )
    return None


def _unavailable(body: Object, wanted: int) -> int:
    """Pods that a rollout may take away; Kubernetes rounds the percentage down and defaults to 25 %."""
    if body.get("kind") == "Deployment":
        return _share(get(body, "/spec/strategy/rollingUpdate/maxUnavailable"), wanted, default="25%")
    return max(1, _share(get(body, "/spec/updateStrategy/rollingUpdate/maxUnavailable"), wanted, default=1))


def _disruption_floor(folded: Folded, uid: str, wanted: int) -> int | None:
    floors = []
    for budget in folded.sources(uid, RelationType.SELECTS):
        body = folded.graph.body(budget, Facet.ACTUAL) or {}
        if body.get("kind") != "PodDisruptionBudget":
            continue
        least, most = get(body, "/spec/minAvailable"), get(body, "/spec/maxUnavailable")
        if least is not ABSENT:
            floors.append(_share(least, wanted, default=0, up=True))
        elif most is not ABSENT:
            floors.append(wanted - _share(most, wanted, default=0, up=True))
    return max(floors, default=None)


def _share(value: Json, whole: int, *, default: Json, up: bool = False) -> int:
    chosen = default if value is ABSENT or value is None else value
    if isinstance(chosen, str) and chosen.endswith("%") and chosen[:-1].isdigit():
        part = whole * int(chosen[:-1]) / 100
        return math.ceil(part) if up else math.floor(part)
    return _whole(chosen, 0)


def _whole(value: Json, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _is_ready(pod: Object) -> bool:
    conditions = get(pod, "/status/conditions")
    if not isinstance(conditions, list) or get(pod, "/metadata/deletionTimestamp") is not ABSENT:
        return False
    return any(isinstance(c, dict) and c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _has_readiness_probe(body: Object) -> bool:
    containers = get(body, "/spec/template/spec/containers")
    return isinstance(containers, list) and any(isinstance(c, dict) and "readinessProbe" in c for c in containers)
