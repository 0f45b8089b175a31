"""Faults that objects show together: references to things that do not exist, ports that nobody serves, empty Services.

A missing thing is claimed only where the documents would show it: objects of its kind are known, and either the
workload comes from an API server or other objects of that kind are known in its namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graph.document import ABSENT, get, pointer
from graph.fault import Fault, FaultSeverity
from graph.kinds.kubernetes.inventory import Inventory, labels_of
from graph.kinds.kubernetes.selectors import equals_all
from graph.kinds.kubernetes.uses import uses
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, text
from graph.relation import Relation, RelationType
from graph.version import Document

_REASONS = {
    "ConfigMap": "MissingConfigMap",
    "Secret": "MissingSecret",
    "PersistentVolumeClaim": "MissingPersistentVolumeClaim",
    "ServiceAccount": "MissingServiceAccount",
}


def reference_faults(workload: Workload, inventory: Inventory) -> Iterator[Fault]:
    """Yield a fault for each object or key that a workload needs and that does not exist."""
    if desired_replicas(workload.document) == 0:
        return
    for use in uses(workload):
        if use.optional:
            continue
        kind = use.target.split("/")[4]
        target = inventory.get(use.target)
        if target is None and _would_be_known(use, inventory, workload):
            yield _missing(workload, use, kind)
        elif target is not None and use.detail and not _has_key(target, use.detail):
            yield _missing_key(workload, use, kind, target.resource.name)


def service_faults(
    service: Document, inventory: Inventory, beside: Sequence[Workload], *, shows_pods: bool
) -> Iterator[Fault]:
    """Yield faults of a Service: nothing matches its selector, nothing is ready behind it, a named port is missing.

    Args:
        service: the Service.
        inventory: all documents.
        beside: workloads of its namespace.
        shows_pods: whether the documents come from a cluster whose pods are among them.
    """
    selector = mapping(service.body, "spec").get("selector")
    if not isinstance(selector, dict) or not selector or text(service.body, "spec", "type") == "ExternalName":
        return
    behind = [w for w in beside if equals_all(selector, w.labels)]
    pods = [p for p in inventory.beside(service, "Pod") if equals_all(selector, labels_of(p.body))]
    if not behind and not pods:
        if beside:
            yield _service_fault(
                service, "SelectorMatchesNothing", "/spec/selector", selector, "no pod or pod template"
            )
        return
    if shows_pods:
        yield from _readiness(service, behind, pods, selector)
    if behind:
        yield from _named_ports(service, behind)


def desired_replicas(document: Document) -> int | None:
    """Return how many pods an object wants; None when it does not say."""
    spec = mapping(document.body, "spec")
    if spec.get("suspend") is True:
        return 0
    wanted = spec.get("replicas", spec.get("parallelism"))
    return wanted if isinstance(wanted, int) else None


def is_ready(pod: Document) -> bool | None:
    """Whether a pod is ready and staying; None when its status says nothing."""
    if mapping(pod.body, "metadata").get("deletionTimestamp"):
        return False
    for _, condition in entries(pod.body, "status", "conditions"):
        if condition.get("type") == "Ready":
            return condition.get("status") == "True"
    return False if text(pod.body, "status", "phase") in ("Pending", "Failed", "Succeeded") else None


def _readiness(
    service: Document, behind: Sequence[Workload], pods: Sequence[Document], selector: object
) -> Iterator[Fault]:
    if behind and all(desired_replicas(w.document) == 0 for w in behind) and not pods:
        return
    states = [is_ready(p) for p in pods]
    if not pods:
        # A template matches, but the pods that run do not carry its labels (yet), or none run.
        yield _service_fault(service, "NoPods", "/spec/selector", selector, "no running pod")
    elif all(state is False for state in states):
        message = f"None of the {len(pods)} pods behind Service {service.resource.name} is ready."
        yield Fault(
            uid=service.resource.uid, reason="NoReadyPods", message=message, path="/spec/selector", value=selector
        )


def _service_fault(service: Document, reason: str, path: str, value: object, what: str) -> Fault:
    message = f"The selector of Service {service.resource.name} matches {what} in its namespace."
    return Fault(uid=service.resource.uid, reason=reason, message=message, path=path, value=value)


def _named_ports(service: Document, behind: Sequence[Workload]) -> Iterator[Fault]:
    named = {
        port.get("name")
        for workload in behind
        for _, _, container in workload.containers()
        for _, port in entries(container, "ports")
    }
    for index, port in entries(service.body, "spec", "ports"):
        wanted = port.get("targetPort")
        if isinstance(wanted, str) and not wanted.isdigit() and wanted not in named:
            yield Fault(
                uid=service.resource.uid,
                reason="MissingTargetPort",
                message=f"Service {service.resource.name} sends to a named port that no container behind it has.",
                path=pointer("spec", "ports", index, "targetPort"),
                value=wanted,
                target=behind[0].uid,
            )


def _would_be_known(use: Relation, inventory: Inventory, workload: Workload) -> bool:
    """Whether an object would be among the documents if it existed, so that its absence means something.

    Kubernetes makes a `default` ServiceAccount and a `kube-root-ca.crt` ConfigMap in each namespace; nobody declares
    them. A workload that names no namespace may belong where an object of that name is.
    """
    kind, name = use.target.split("/")[4], use.target.rsplit("/", 1)[-1]
    if (kind, name) in (("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")):
        return False
    if not text(workload.document.body, "metadata", "namespace") and any(
        d.resource.name == name for d in inventory.of(kind)
    ):
        return False
    return bool(inventory.of(kind)) and (is_live(workload.document) or bool(inventory.beside(workload.document, kind)))


def is_live(document: Document) -> bool:
    """Whether a document comes from an API server: it carries the identity that only a server gives."""
    return "uid" in mapping(document.body, "metadata") or bool(mapping(document.body, "status"))


def _has_key(target: Document, key: str) -> bool:
    fields = ("data", "stringData", "binaryData")
    present = [mapping(target.body, field) for field in fields]
    if get(target.body, "/data") is ABSENT and get(target.body, "/stringData") is ABSENT:
        # A Secret of which only the metadata may be read shows no keys at all.
        return target.resource.kind == "Secret" or key in mapping(target.body, "binaryData")
    return any(key in held for held in present)


def _missing(workload: Workload, use: Relation, kind: str) -> Fault:
    name = use.target.rsplit("/", 1)[-1]
    verb = {RelationType.RUNS_AS: "runs as", RelationType.MOUNTS: "mounts"}.get(use.type, "reads")
    return Fault(
        uid=workload.uid,
        reason=_REASONS.get(kind, f"Missing{kind}"),
        message=f"{workload.document.resource.display} {verb} {kind} {name}, which does not exist.",
        path=use.via,
        value=get(workload.document.body, use.via),
        target=use.target,
    )


def _missing_key(workload: Workload, use: Relation, kind: str, name: str) -> Fault:
    return Fault(
        uid=workload.uid,
        reason=f"Missing{kind}Key",
        message=f"{workload.document.resource.display} needs key {use.detail} of {kind} {name}, which has no such key.",
        path=use.via,
        value=get(workload.document.body, use.via),
        target=use.target,
        # Running containers keep the value they started with; the next start fails.
        severity=FaultSeverity.DEGRADED,
    )
