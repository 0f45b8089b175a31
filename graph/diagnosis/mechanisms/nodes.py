"""What goes wrong on nodes: their state, their services, and what runs on them failing together.

Sources: https://kubernetes.io/docs/reference/node/node-status/ and .../concepts/overview/components/.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from graph.diagnosis.mechanisms.losses import homeless, losses
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.scheduling import is_unscheduled
from graph.evidence import SymptomEvent
from graph.kinds.kubernetes.inventory import labels_of
from graph.kinds.kubernetes.reference_health import is_ready
from graph.kinds.lenient import entries, text
from graph.version import Document

UNIT_STOPPED = "UnitStopped"
"""Reason of an event of a node that says that a service of the node does not run; its text names the unit first."""

_KINDS = {
    "kubelet": "kubelet_down",
    "containerd": "container_runtime_down",
    "crio": "container_runtime_down",
    "docker": "container_runtime_down",
    "kube-proxy": "kube_proxy_down",
    "kube-scheduler": "scheduler_down",
    "kube-controller-manager": "controller_manager_down",
    "kube-apiserver": "api_server_down",
    "etcd": "etcd_down",
    "coredns": "cluster_dns_down",
}
_NO_RUNTIME = re.compile(
    r"(containerd|crio|cri-dockerd|dockershim|docker)\S*\.sock\S*: connect: (no such file|connection refused)"
    r"|container runtime (is|status check may not have completed|network not ready)[^\n]{0,20}down|PLEG is not healthy",
    re.IGNORECASE,
)
_TOGETHER = 2
"""Pods that fail on one node from which on it is no chance."""
_ALONE = 0.35
"""Strength where they are pods of one workload, and the node itself says nothing: they may have met by chance."""
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


def nodes(scene: Scene) -> Iterator[Mechanism]:
    """Yield faults of nodes and of what every node runs."""
    for node in scene.live.of("Node"):
        yield from _units(scene, node)
        yield from _conditions(scene, node)
    yield from _runtime(scene)
    yield from _scheduler(scene)
    yield from _unreachable_from(scene)
    yield from _failing_together(scene)


def _failing_together(scene: Scene) -> Iterator[Mechanism]:
    """A node on which pods fail whose siblings, made alike, work elsewhere: what they do not share is the node."""
    unready: dict[str, list[tuple[str, Document]]] = defaultdict(list)
    well: dict[str, set[str]] = defaultdict(set)
    for workload in scene.everything:
        for pod in scene.pods(workload.uid):
            home, phase = text(pod.body, "spec", "nodeName"), text(pod.body, "status", "phase")
            if home and phase in ("Running", "Unknown") and is_ready(pod) is True:
                well[f"{workload.uid} {_made_of(pod)}"].add(home)
            elif home and phase not in ("Succeeded", "Failed"):
                unready[home].append((f"{workload.uid} {_made_of(pod)}", pod))
    if len(unready) != 1:
        return
    [(home, failing)] = unready.items()
    kinds = {kind for kind, _ in failing}
    node = next((n for n in scene.live.of("Node") if n.resource.name == home), None)
    if node is None or len(failing) < _TOGETHER or any(home in well[k] or not well[k] for k in kinds):
        return
    stops = tuple(dict.fromkeys(kind.partition(" ")[0] for kind in sorted(kinds)))
    yield Mechanism(
        resource=node.resource.uid,
        kind="node_unwell",
        summary=f"Pods fail on node {home} only; pods made alike work on others.",
        signs=tuple(
            Sign(text="It is not ready there.", uid=p.resource.uid, path="/status/conditions") for _, p in failing[:3]
        ),
        strength=_ALONE if len(stops) == 1 and not any(scene.said(node.resource.uid)) else 0.65,
        stops=stops,
    )


def _made_of(pod: Document) -> str:
    """What tells pods of one release from those of another."""
    return str(labels_of(pod.body).get("pod-template-hash") or "")


def _units(scene: Scene, node: Document) -> Iterator[Mechanism]:
    for event in scene.events(node.resource.uid, UNIT_STOPPED):
        unit = event.text.partition(" ")[0].removesuffix(".service")
        yield Mechanism(
            resource=node.resource.uid,
            kind=_KINDS.get(unit, "node_service_down"),
            summary=f"{unit} does not run on node {node.resource.name}.",
            signs=(Sign(text=f"The node says that {unit} does not run.", event=event),),
            stops=tuple(_on(scene, node)),
        )


def _on(scene: Scene, node: Document) -> Iterator[str]:
    for workload in scene.workloads:
        pods = scene.pods(workload.uid)
        if any(text(p.body, "spec", "nodeName") == node.resource.name for p in pods):
            yield workload.uid


def _conditions(scene: Scene, node: Document) -> Iterator[Mechanism]:
    conditions = entries(node.body, "status", "conditions")
    failing = {w.uid for w in scene.workloads if not scene.works(w)}
    loss = next((found for found in losses(scene) if found.node is node), None)
    hurt = tuple(dict.fromkeys((*(uid for uid in _on(scene, node) if uid in failing), *_homeless(scene, node))))
    if loss is not None and loss.is_wanted and not hurt:
        return  # It was emptied before it went.
    # When the kubelet has gone silent, what it last said of pressure is old.
    is_silent = any(c.get("type") == "Ready" and c.get("status") == "Unknown" for _, c in conditions)
    for index, condition in conditions:
        kind, status = text(condition, "type"), condition.get("status")
        is_bad = status == "True" if kind in _PRESSURES else kind == "Ready" and status in ("False", "Unknown")
        if not is_bad:
            continue
        # The control plane says Unknown when the kubelet has stopped reporting.
        cause = "kubelet_down" if kind == "Ready" and status == "Unknown" else _of_condition(kind)
        if cause == "node_not_ready" and _NO_RUNTIME.search(text(condition, "message")):
            cause = "container_runtime_down"
        taken = loss.taken if loss is not None and kind == "Ready" else None
        if taken is not None:
            cause = "node_reclaimed"
        yield Mechanism(
            resource=node.resource.uid,
            kind=cause,
            summary=f"Node {node.resource.name} reports {kind} {status}.",
            signs=(
                Sign(
                    text=f"Its condition {kind} is {status}.", uid=node.resource.uid, path=f"/status/conditions/{index}"
                ),
                *([Sign(text="The provider took it away.", event=taken)] if taken else ()),
            ),
            strength=0.4 if is_silent and kind != "Ready" else 0.9,
            # What runs on a node that does not answer is not known to run: the last word of its pods is old.
            stops=hurt or tuple(_on(scene, node) if kind == "Ready" else ()),
        )


def _homeless(scene: Scene, node: Document) -> Iterator[str]:
    """The workloads whose pods wait for a place since the node was lost."""
    for workload in scene.workloads:
        waiting = [p for p in scene.pods(workload.uid) if is_unscheduled(p)]
        loss = homeless(scene, workload, waiting) if waiting else None
        if loss is not None and loss.node is node:
            yield workload.uid


def _of_condition(kind: str) -> str:
    if kind == "Ready":
        return "node_not_ready"
    return "node_" + re.sub(r"(?<!^)(?=[A-Z])", "_", kind.replace("PID", "Pid")).lower()


def _runtime(scene: Scene) -> Iterator[Mechanism]:
    """Pods of one node whose sandboxes can't be made because nobody answers at the runtime's socket."""
    said: dict[str, list[SymptomEvent]] = defaultdict(list)
    for pod in scene.live.of("Pod"):
        for event in scene.events(pod.resource.uid, "FailedCreatePodSandBox", "FailedKillPod", "Failed"):
            if _NO_RUNTIME.search(event.text):
                said[text(pod.body, "spec", "nodeName")].append(event)
    for node in scene.live.of("Node"):
        if events := said.get(node.resource.name):
            yield Mechanism(
                resource=node.resource.uid,
                kind="container_runtime_down",
                summary=f"The container runtime of node {node.resource.name} does not answer.",
                signs=tuple(Sign(text="The kubelet can't reach the runtime.", event=e) for e in events[:3]),
                stops=tuple(_on(scene, node)),
            )


def _scheduler(scene: Scene) -> Iterator[Mechanism]:
    """Pods that wait for a node while no scheduler ever spoke of them."""
    waiting = [p for w in scene.workloads for p in scene.pods(w.uid) if is_unscheduled(p)]
    silent = [p for p in waiting if not scene.events(p.resource.uid, "FailedScheduling", "Scheduled")]
    masters = [n for n in scene.live.of("Node") if _is_control_plane(n)]
    down = [
        n
        for n in masters
        if any(e.text.startswith("kube-scheduler") for e in scene.events(n.resource.uid, UNIT_STOPPED))
    ]
    # Silence tells something only where the scheduler's words would have been kept.
    is_heard = any(scene.events(w.uid, "Scheduled", "FailedScheduling") for w in scene.everything)
    if silent and is_heard and not down and len(silent) == len(waiting) and masters:
        yield Mechanism(
            resource=masters[0].resource.uid,
            kind="scheduler_down",
            summary="Pods wait for a node and no scheduler has looked at them.",
            signs=tuple(
                Sign(text="It is pending, without a word of the scheduler.", uid=p.resource.uid, path="/status/phase")
                for p in silent[:3]
            ),
            strength=0.6,
        )


def _unreachable_from(scene: Scene) -> Iterator[Mechanism]:
    """A node from which no Service answers, while others get through: nothing on it translates Service addresses."""
    tried: dict[str, list[bool]] = defaultdict(list)
    for check in scene.telemetry.checks:
        tried[check.source].append(check.is_open)
    well = [uid for uid, many in tried.items() if sum(many) > len(many) / 2]
    for uid, many in sorted(tried.items()):
        node = scene.live.get(uid)
        if node is not None and well and len(many) > 2 and not any(many):
            yield Mechanism(
                resource=uid,
                kind="kube_proxy_down",
                summary=f"From node {node.resource.name} no Service answers; from other nodes they do.",
                signs=(Sign(text=f"{len(many)} attempts to connect from it failed.", uid=uid),),
                strength=0.7,
            )


def _is_control_plane(node: Document) -> bool:
    labels = (node.body.get("metadata") or {}).get("labels") or {}
    roles = {f"node-role.kubernetes.io/{role}" for role in ("control-plane", "master")}
    return bool(roles & labels.keys()) or labels.get("kubernetes.io/role") in ("master", "control-plane")
