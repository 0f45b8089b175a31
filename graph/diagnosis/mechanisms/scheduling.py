"""Why no node takes a pod: the constraints of the pod against the nodes, in the order in which the scheduler filters.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/ and .../taint-and-toleration/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from graph.diagnosis.mechanisms.losses import homeless, refusal
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.storage import unbound_claims
from graph.document import Json, Object
from graph.evidence import SymptomEvent
from graph.kinds.kubernetes.inventory import labels_of
from graph.kinds.kubernetes.quantity import quantity
from graph.kinds.kubernetes.selectors import equals_all, matches
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, strings, text
from graph.version import Document

_INSUFFICIENT = re.compile(r"Insufficient ([\w./-]*\w)")
_KEEPS_OUT = frozenset({"NoSchedule", "NoExecute"})


def scheduling(scene: Scene) -> Iterator[Mechanism]:
    """Yield why pods of workloads stay pending."""
    for workload in scene.workloads:
        waiting = [p for p in scene.pods(workload.uid) if is_unscheduled(p)]
        if waiting and not holds_room(scene, workload):
            yield from _of_workload(scene, workload, waiting)


def is_unscheduled(pod: Document) -> bool:
    """Whether a pod waits for a node."""
    return text(pod.body, "status", "phase") == "Pending" and not text(pod.body, "spec", "nodeName")


def holds_room(scene: Scene, workload: Workload) -> bool:
    """Whether the pods of a workload only keep room free for others: they do nothing and rank below every default.

    Such pods are meant to give way and to wait until a node is added; nobody misses their work. What they run and how
    they rank is read from the objects, else from what the scheduler says of them; that they rank below every default
    and gave way is enough where nobody tells what they run.
    """
    specs = [mapping(p.body, "spec") for p in scene.pods(workload.uid)]
    images = _images(specs) or _images([workload.spec])
    ranks = [rank for spec in specs if isinstance(rank := spec.get("priority"), int)]
    if images and ranks:
        return max(ranks) < 0 and all(_IDLE_IMAGE.search(i) for i in images)
    said = [e.text for e in scene.said(workload.uid, with_quiet=True)]
    if not images and any(_GAVE_WAY.search(t) for t in said):
        return True
    is_below = max(ranks) < 0 if ranks else any(_RANKS_BELOW.search(t) for t in said)
    is_idle = all(_IDLE_IMAGE.search(i) for i in images) if images else any(_IDLE_IMAGE.search(t) for t in said)
    return is_below and is_idle


def _images(specs: Iterable[Object]) -> list[str]:
    return [image for spec in specs for _, c in entries(spec, "containers") if (image := text(c, "image"))]


_IDLE_IMAGE = re.compile(r"(^|[/\s])pause(-[a-z0-9]+)?[:@]")
"""The image of Kubernetes itself that only sleeps."""
_RANKS_BELOW = re.compile(r"\bpriority\W{1,2}-\d|\bpriority \d+ > -\d")
_GAVE_WAY = re.compile(r"\bpreempted\b.*\bpriority \d+ > -\d", re.IGNORECASE)


def _of_workload(scene: Scene, workload: Workload, waiting: Sequence[Document]) -> Iterator[Mechanism]:
    refusals = [e for pod in waiting for e in scene.events(pod.resource.uid, "FailedScheduling")]
    said = refusals[0] if refusals else None
    claims = list(unbound_claims(scene, workload, said))
    if claims:
        yield from claims
        return
    left = next(((pod, found) for pod in waiting if (found := refusal(pod.body)) is not None), None)
    kind, why, path = _constraint(scene, workload, said.text if said else left[1][0] if left else "")
    if kind:
        signs = [Sign(text=why, uid=workload.uid, path=path)]
        if said:
            signs.insert(0, _said(said))
        elif left:
            pod, (_, index) = left
            signs.append(Sign(text=_SAYS, uid=pod.resource.uid, path=f"/status/conditions/{index}"))
        strength = _strength(said is not None or left is not None, why)
        yield Mechanism(
            resource=workload.uid,
            kind=kind,
            summary=f"No node takes the pods of {workload.document.resource.display}: {why}",
            signs=tuple(signs),
            # Pods that lost their node fitted before: that others do not take them follows from the loss.
            strength=strength * _EFFECT if homeless(scene, workload, waiting) else strength,
        )


_EFFECT = 0.3


_EITHER = "no node meets its node affinity or selector."


def _strength(is_said: bool, why: str) -> float:
    """Surest where the scheduler spoke and the objects agree; the scheduler tells no selector from an affinity."""
    if why == _EITHER:
        return 0.5
    return 1.0 if is_said else 0.8


_SAYS = "The scheduler says why no node fits."


def _said(event: SymptomEvent) -> Sign:
    return Sign(text=_SAYS, event=event)


def _constraint(scene: Scene, workload: Workload, message: str) -> tuple[str, str, str]:
    """Return (kind, reason, path) of the constraint that leaves no node; empty kind when none is known.

    A constraint that no node satisfies is wrong in itself. Where some nodes satisfy it, what keeps those out is it.
    """
    spec = workload.spec
    nodes = [n for n in scene.live.of("Node") if not _is_reserved(n)]
    selector, path = spec.get("nodeSelector"), workload.path("nodeSelector")
    if selector and nodes:
        nodes = [n for n in nodes if equals_all(selector, _labels(n))]
        if not nodes:
            return "node_selector_mismatch", "no node has the labels of its node selector.", path
    terms = mapping(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    if terms and nodes:
        nodes = [n for n in nodes if _fits_any(terms, n)]
        if not nodes:
            return "node_affinity_mismatch", "no node meets its required node affinity.", workload.path("affinity")
    return _among(scene, nodes, workload, message) if nodes else _stated(message, workload)


def _among(scene: Scene, nodes: Iterable[Document], workload: Workload, message: str) -> tuple[str, str, str]:
    """Look at the nodes that the pod itself would accept."""
    tolerations = [t for _, t in entries(workload.spec, "tolerations")]
    open_nodes = [
        n for n in nodes if not mapping(n.body, "spec").get("unschedulable") or _tolerates_cordon(tolerations)
    ]
    if not open_nodes:
        return "node_cordoned", "every node that it accepts is cordoned.", workload.path("nodeSelector")
    if all(_is_unwell(n, tolerations) for n in open_nodes):
        return "", "", ""  # The nodes are what is wrong, and tell so themselves.
    if not [n for n in open_nodes if not _repels(n, tolerations)]:
        return (
            "untolerated_taint",
            "every node that it accepts has a taint that it does not tolerate.",
            workload.path("tolerations"),
        )
    return _stated(message, workload) if message else _computed(scene, open_nodes, workload)


def _computed(scene: Scene, nodes: Sequence[Document], workload: Workload) -> tuple[str, str, str]:
    """What follows from the objects where no scheduler spoke: a request that no node could ever meet, or a conflict."""
    for resource in ("cpu", "memory"):
        asked = sum(
            (_request(c, resource) for name, _, c in workload.containers() if name == "containers"), Fraction(0)
        )
        room = [q for n in nodes if (q := quantity(mapping(n.body, "status", "allocatable").get(resource))) is not None]
        if asked and room and all(asked > most for most in room):
            why = f"it requests more {resource} than any node has."
            return f"insufficient_{resource}", why, workload.path("containers")
    apart = mapping(workload.spec, "affinity", "podAntiAffinity")
    for index, term in entries(apart, "requiredDuringSchedulingIgnoredDuringExecution"):
        taken = _taken(scene, term, workload)
        if nodes and all(_labels(n).get(text(term, "topologyKey")) in taken for n in nodes):
            where = "requiredDuringSchedulingIgnoredDuringExecution"
            path = workload.path("affinity", "podAntiAffinity", where, index)
            return "pod_anti_affinity_conflict", "pods that it must not share a node with run on every node.", path
    return "", "", ""


def _request(container: Object, resource: str) -> Fraction:
    resources = mapping(container, "resources")
    asked = mapping(resources, "requests").get(resource, mapping(resources, "limits").get(resource))
    return quantity(asked) or Fraction(0)


def _taken(scene: Scene, term: Object, workload: Workload) -> set[str]:
    """The places, by the value of the topology's label, where a pod runs that a term keeps the workload away from."""
    homes = {
        text(p.body, "spec", "nodeName")
        for p in scene.live.beside(workload.document, "Pod")
        if matches(term.get("labelSelector"), labels_of(p.body))
    }
    found = (_labels(n).get(text(term, "topologyKey")) for n in scene.live.of("Node") if n.resource.name in homes)
    return {value for value in found if value is not None}


def _stated(message: str, workload: Workload) -> tuple[str, str, str]:
    """What the scheduler itself says, for constraints that depend on what else runs."""
    if "anti-affinity" in message:
        where = workload.path("affinity", "podAntiAffinity")
        return "pod_anti_affinity_conflict", "pods that it must not share a node with run on every node.", where
    if "pod affinity" in message:
        return "pod_affinity_mismatch", "no node runs the pods that it must run beside.", workload.path("affinity")
    if "topology spread" in message:
        where = workload.path("topologySpreadConstraints")
        return "topology_spread_conflict", "its spread over the topology can't be kept.", where
    if "free ports" in message:
        return "host_port_conflict", "its host port is taken on every node.", workload.path("containers")
    lacking = list(dict.fromkeys(_INSUFFICIENT.findall(message)))
    if lacking:
        # Of several, the one that most nodes lack is named.
        most = max(lacking, key=lambda name: _count_before(message, f"Insufficient {name}"))
        what = re.sub(r"[^a-z0-9]+", "_", most.lower()).strip("_")
        return f"insufficient_{what}", f"no node has as much {most} left as it requests.", workload.path("containers")
    taints = re.findall(r"untolerated taint \{([^:}]+)", message)
    if taints and all(_CONDITIONS.match(t) for t in taints):
        return "", "", ""
    if "untolerated taint" in message:
        return "untolerated_taint", "it does not tolerate the taints of the nodes.", workload.path("tolerations")
    if "node affinity" in message:
        return "node_affinity_mismatch", _EITHER, workload.path("affinity")
    if "unschedulable" in message:
        return "node_cordoned", "the nodes are cordoned.", ""
    return "", "", ""


def _count_before(message: str, fragment: str) -> int:
    found = re.search(r"(\d+) " + re.escape(fragment), message)
    return int(found[1]) if found else 0


def _is_reserved(node: Document) -> bool:
    """Whether a node is one of the control plane that ordinary pods are kept off; it is nobody's missing home."""
    labels = labels_of(node.body)
    roles = {f"node-role.kubernetes.io/{role}" for role in ("control-plane", "master")}
    is_control_plane = bool(roles & labels.keys()) or labels.get("kubernetes.io/role") in ("master", "control-plane")
    return is_control_plane and bool(mapping(node.body, "spec").get("unschedulable") or _repels(node, ()))


def _labels(node: Document) -> dict[str, str]:
    """The labels of a node; its kubelet always sets the host name, by default the node's name."""
    return {"kubernetes.io/hostname": node.resource.name, **labels_of(node.body)}


def _fits_any(terms: Object, node: Document) -> bool:
    """Whether a node meets one of the terms of a required node affinity; an empty term meets nothing."""
    return any(_fits(term, node) for _, term in entries(terms, "nodeSelectorTerms"))


def _fits(term: Object, node: Document) -> bool:
    labels = _labels(node)
    fields = {"metadata.name": node.resource.name}
    wanted = [*entries(term, "matchExpressions"), *entries(term, "matchFields")]
    on_labels = all(_holds(e, labels) for _, e in entries(term, "matchExpressions"))
    return bool(wanted) and on_labels and all(_holds(e, fields) for _, e in entries(term, "matchFields"))


def _holds(expression: Object, labels: dict[str, str]) -> bool:
    value, values = labels.get(text(expression, "key")), strings(expression.get("values"))
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as operator:
            return _compares(value, values, operator)
        case _:
            return False


def _compares(value: str | None, values: Sequence[str], operator: str) -> bool:
    if value is None or not value.lstrip("-").isdigit() or not values or not values[0].lstrip("-").isdigit():
        return False
    return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def _repels(node: Document, tolerations: Sequence[Object]) -> bool:
    """Whether a node has a taint that keeps the pod out; a cordon is judged by itself."""
    return any(
        taint.get("effect") in _KEEPS_OUT
        and taint.get("key") != "node.kubernetes.io/unschedulable"
        and not any(_tolerates(t, taint) for t in tolerations)
        for _, taint in entries(node.body, "spec", "taints")
    )


_CONDITIONS = re.compile(r"^node\.kubernetes\.io/(not-ready|unreachable|[\w-]+-pressure|network-unavailable)$")
"""Taints that the control plane puts on nodes for what is wrong with them."""


def _is_unwell(node: Document, tolerations: Sequence[Object]) -> bool:
    """Whether only the state of a node keeps a pod out."""
    taints = [t for _, t in entries(node.body, "spec", "taints")]
    well = [t for t in taints if not _CONDITIONS.match(text(t, "key"))]
    bare = Document(resource=node.resource, body={"spec": {"taints": [*well]}})
    return _repels(node, tolerations) and not _repels(bare, tolerations)


def _tolerates_cordon(tolerations: Sequence[Object]) -> bool:
    cordon: dict[str, Json] = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    return any(_tolerates(t, cordon) for t in tolerations)


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") and toleration.get("effect") != taint.get("effect"):
        return False
    if not toleration.get("key"):
        return toleration.get("operator") == "Exists"
    if toleration.get("key") != taint.get("key"):
        return False
    return toleration.get("operator") == "Exists" or str(toleration.get("value") or "") == str(taint.get("value") or "")
