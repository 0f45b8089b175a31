"""What is wrong with Kubernetes objects: what the platform reports of them, and what they show together.

States only what the documents say: an object without status gives no claim about its health, and a dump of plain
manifests gives no claim about pods. Zero desired replicas is a wish, not a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from graph.document import pointer
from graph.fault import Fault, FaultSeverity
from graph.kinds.kubernetes.inventory import Inventory, cluster_of
from graph.kinds.kubernetes.pod_health import pod_faults, when
from graph.kinds.kubernetes.reference_health import desired_replicas, is_live, reference_faults, service_faults
from graph.kinds.kubernetes.workloads import by_namespace, workloads
from graph.kinds.lenient import entries, mapping, text
from graph.version import Document


def faults(documents: Sequence[Document]) -> list[Fault]:
    """Return the faults of the actual state, in the order of the documents.

    Args:
        documents: one facet, the actual one; other platforms are ignored.
    """
    inventory = Inventory(documents)
    tops = workloads(inventory)
    by_uid = {w.uid: w for w in tops}
    beside = by_namespace(tops)
    shows_pods = any(is_live(pod) for pod in inventory.of("Pod"))
    found: list[Fault] = []
    for document in inventory.documents:
        found += _OF_KIND[document.resource.kind](document) if document.resource.kind in _OF_KIND else ()
        if document.resource.kind == "Service":
            place = (cluster_of(document), document.resource.namespace)
            found += service_faults(document, inventory, beside.get(place, ()), shows_pods=shows_pods)
        if document.resource.uid in by_uid:
            found += reference_faults(by_uid[document.resource.uid], inventory)
    return list({(f.uid, f.reason, f.path): f for f in found}.values())


def _condition(
    document: Document, kind: str, bad: str, reason: str, message: str, severity: FaultSeverity = FaultSeverity.FAILING
) -> Iterator[Fault]:
    """Yield a fault when the condition `kind` has the status `bad`."""
    for index, condition in entries(document.body, "status", "conditions"):
        if condition.get("type") == kind and condition.get("status") == bad:
            yield Fault(
                uid=document.resource.uid,
                reason=text(condition, "reason") or reason,
                message=message,
                path=pointer("status", "conditions", index),
                value=condition,
                since=when(condition.get("lastTransitionTime")),
                severity=severity,
            )


def _deployment(document: Document) -> Iterator[Fault]:
    if desired_replicas(document) == 0:
        return
    name = f"Deployment {document.resource.name}"
    yield from _condition(document, "Available", "False", "Unavailable", f"{name} has too few available pods.")
    yield from _condition(document, "Progressing", "False", "NotProgressing", f"The rollout of {name} is stuck.")
    yield from _condition(document, "ReplicaFailure", "True", "ReplicaFailure", f"{name} can't create pods.")
    yield from _replicas(document, "replicas", "readyReplicas")


def _stateful_set(document: Document) -> Iterator[Fault]:
    if desired_replicas(document) != 0:
        yield from _replicas(document, "replicas", "readyReplicas")


def _daemon_set(document: Document) -> Iterator[Fault]:
    yield from _replicas(document, "desiredNumberScheduled", "numberReady")


def _replicas(document: Document, wanted_field: str, ready_field: str) -> Iterator[Fault]:
    """Compare counts of the status; a count that is left out is zero, a status that is left out says nothing."""
    status = mapping(document.body, "status")
    wanted = desired_replicas(document)
    if wanted is None:
        wanted = status.get(wanted_field) if isinstance(status.get(wanted_field), int) else None
    ready = status.get(ready_field, 0)
    # A server that has looked at the object writes observedGeneration; without it the zero is not an observation.
    observed = "observedGeneration" in status or ready_field in status
    if observed and isinstance(wanted, int) and isinstance(ready, int) and ready < wanted:
        yield Fault(
            uid=document.resource.uid,
            reason="NotReady",
            message=f"{ready} of {wanted} pods of {document.resource.kind} {document.resource.name} are ready.",
            path=pointer("status", ready_field) if ready_field in status else "/status",
            value=ready,
            severity=FaultSeverity.FAILING if ready == 0 else FaultSeverity.DEGRADED,
        )


def _job(document: Document) -> Iterator[Fault]:
    yield from _condition(document, "Failed", "True", "JobFailed", f"Job {document.resource.name} failed.")


def _autoscaler(document: Document) -> Iterator[Fault]:
    name, degraded = document.resource.name, FaultSeverity.DEGRADED
    message = f"Autoscaler {name} can't scale its target."
    yield from _condition(document, "AbleToScale", "False", "UnableToScale", message, degraded)
    for fault in _condition(document, "ScalingActive", "False", "ScalingInactive", message, degraded):
        # Zero replicas switch the autoscaler off on purpose.
        if fault.reason != "ScalingDisabled":
            yield fault


def _claim(document: Document) -> Iterator[Fault]:
    phase = text(document.body, "status", "phase")
    if phase in ("Pending", "Lost"):
        yield Fault(
            uid=document.resource.uid,
            reason=f"Claim{phase}",
            message=f"PersistentVolumeClaim {document.resource.name} has no volume (phase {phase}).",
            path="/status/phase",
            value=phase,
            severity=FaultSeverity.DEGRADED if phase == "Pending" else FaultSeverity.FAILING,
        )


def _node(document: Document) -> Iterator[Fault]:
    message = f"Node {document.resource.name} is not ready."
    for bad in ("False", "Unknown"):
        yield from _condition(document, "Ready", bad, "NodeNotReady", message)


def _synced(document: Document) -> Iterator[Fault]:
    name = f"{document.resource.kind} {document.resource.name}"
    yield from _condition(document, "Ready", "False", "NotReady", f"{name} is not ready.", FaultSeverity.DEGRADED)


_OF_KIND: dict[str, Callable[[Document], Iterator[Fault] | list[Fault]]] = {
    "Pod": pod_faults,
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "HorizontalPodAutoscaler": _autoscaler,
    "PersistentVolumeClaim": _claim,
    "Node": _node,
    "ExternalSecret": _synced,
    "Certificate": _synced,
}
