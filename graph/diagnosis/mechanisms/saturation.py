"""Slow and starved services: which of several unusual ones is the origin, and what it lacks.

A service is slow by itself, or because one that it calls is. The origin is a slow one none of whose callees is slow,
or one that lacks CPU. When everything on one node is slow, or only what crosses to it, the node is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.lenient import text
from graph.resource import display_uid
from graph.telemetry import Anomaly, Signal

_SLOWER = 1.3
"""Latency this many times its usual level is slow."""
_STRANGLED = 1.5
"""CPU use this many times its usual level, at the limit, slows a service down."""


def saturation(scene: Scene) -> Iterator[Mechanism]:
    """Yield origins of slowness."""
    by_resource: dict[str, list[Anomaly]] = defaultdict(list)
    for anomaly in scene.telemetry.anomalies:
        by_resource[anomaly.resource].append(anomaly)
    starved = {uid: found for uid, many in by_resource.items() if (found := _throttled(many))}
    for uid, anomaly in starved.items():
        yield _mechanism(
            uid, "cpu_saturation", f"{display_uid(uid)} needs more CPU than its limit gives.", [anomaly], 1.0
        )
    slow = {uid: worst for uid, many in by_resource.items() if (worst := _slowest(many))}
    if not starved and slow:
        yield from _delayed(scene, slow)


def _throttled(many: Sequence[Anomaly]) -> Anomaly | None:
    """CPU that is throttled, or used far more than usual, of something that is slow as well."""
    found = [
        a for a in many if a.signal is Signal.CPU and ("throttl" in f"{a.metric} {a.text}".lower() or "cfs" in a.metric)
    ]
    return max(found, key=lambda a: a.now, default=None)


def _slowest(many: Sequence[Anomaly]) -> Anomaly | None:
    found = [a for a in many if a.signal is Signal.LATENCY and (a.ratio is None or a.ratio >= _SLOWER)]
    return max(found, key=lambda a: a.ratio or 0.0, default=None)


def _delayed(scene: Scene, slow: Mapping[str, Anomaly]) -> Iterator[Mechanism]:
    callees: dict[str, set[str]] = defaultdict(set)
    for call in scene.telemetry.calls:
        callees[call.caller].add(call.callee)
    origins = [uid for uid in slow if not any(c in slow for c in _below(uid, callees))]
    shared = _shared_node(scene, slow, origins)
    if shared is not None:
        node, members = shared
        summary = f"Everything that is slow runs on node {display_uid(node)}, or waits for what does."
        yield _mechanism(node, "node_network_delay", summary, [slow[m] for m in members], 0.8)
        return
    for uid in sorted(origins, key=lambda u: -(slow[u].ratio or 0.0)):
        share = (slow[uid].ratio or 1.0) / max((slow[o].ratio or 1.0) for o in origins)
        summary = f"{display_uid(uid)} answers slowly, and nothing that it calls does."
        yield _mechanism(uid, "network_delay", summary, [slow[uid]], 0.6 + 0.3 * share)


def _below(uid: str, callees: Mapping[str, set[str]]) -> set[str]:
    """Everything that a service calls, directly or not."""
    found: set[str] = set()
    waiting = [uid]
    while waiting:
        for callee in callees.get(waiting.pop(), ()):
            if callee not in found and callee != uid:
                found.add(callee)
                waiting.append(callee)
    return found


def _shared_node(scene: Scene, slow: Mapping[str, Anomaly], origins: Sequence[str]) -> tuple[str, list[str]] | None:
    """The node on which several origins run and nothing that runs is well, when there is one."""
    homes: dict[str, set[str]] = defaultdict(set)
    for workload in scene.workloads:
        for pod in scene.pods(workload.uid):
            if name := text(pod.body, "spec", "nodeName"):
                homes[name].add(workload.uid)
    for node in scene.live.of("Node"):
        here = homes.get(node.resource.name, set())
        mine = [o for o in origins if o in here]
        if len(mine) >= 2 and len(mine) == len(origins):
            return node.resource.uid, mine
    return None


def _mechanism(uid: str, kind: str, summary: str, anomalies: Sequence[Anomaly], strength: float) -> Mechanism:
    signs = tuple(Sign(text=_says(a), event=_event(a)) for a in anomalies)
    return Mechanism(resource=uid, kind=kind, summary=summary, signs=signs, strength=strength)


def _says(anomaly: Anomaly) -> str:
    usual = f" (usually {anomaly.usual:g})" if anomaly.usual is not None else ""
    return f"{anomaly.metric} of {display_uid(anomaly.resource)} is {anomaly.now:g}{anomaly.unit}{usual}."


def _event(anomaly: Anomaly) -> SymptomEvent:
    return SymptomEvent(
        kind=ObservationKind.METRIC,
        resource=anomaly.resource,
        at=None,
        text=anomaly.text,
        reason=anomaly.metric,
        value=anomaly.now,
        unit=anomaly.unit,
    )
