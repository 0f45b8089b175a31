"""How Kubernetes objects hang together, read from the objects alone. Says nothing of what is healthy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from graph.document import Json, pointer
from graph.kinds.kubernetes.calls import calls, services_by_name
from graph.kinds.kubernetes.inventory import MAX_OWNERS, Inventory, cluster_of, labels_of, uid_near
from graph.kinds.kubernetes.network import policy_relations
from graph.kinds.kubernetes.routes import routes
from graph.kinds.kubernetes.selectors import equals_all, matches
from graph.kinds.kubernetes.uses import uses
from graph.kinds.kubernetes.workloads import Workload, by_namespace, template_of, workloads
from graph.kinds.lenient import entries, mapping, text
from graph.relation import Relation, RelationType
from graph.version import Document

ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
"""https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html"""

_Places: TypeAlias = Mapping[tuple[str, str | None], Sequence[Workload]]
"""Workloads by (cluster, namespace)"""

_NO_ALIASES: Mapping[str, str] = MappingProxyType({})


def derive(documents: Sequence[Document], *, aliases: Mapping[str, str] = _NO_ALIASES) -> list[Relation]:
    """Return the relations that the objects state, each once, in a stable order.

    The source of what a pod template states is the controller at the top (Deployment, StatefulSet, CronJob ...); its
    pods hang on it by OWNED_BY. Targets that do not exist stay: a dangling relation is worth knowing.

    Args:
        documents: objects of one cluster or several; other platforms are ignored.
        aliases: other names of cloud resources (ARN, endpoint, URL, bucket) to their uid.
    """
    inventory = Inventory(documents)
    tops = workloads(inventory)
    found = _everything(inventory, tops, aliases)
    return list(dict.fromkeys(found))


def _everything(inventory: Inventory, tops: Sequence[Workload], aliases: Mapping[str, str]) -> Iterator[Relation]:
    yield from _owned(inventory)
    yield from _selected(inventory, by_namespace(tops))
    services = services_by_name(inventory)
    for workload in tops:
        yield from uses(workload)
        yield from calls(workload, inventory, aliases, services)
        yield from _claims(workload, inventory)
    yield from policy_relations(inventory, tops)
    yield from routes(inventory, aliases)
    yield from _scaled(inventory)
    yield from _storage(inventory)
    yield from _produced(inventory, aliases)
    yield from _assumed(inventory, aliases)


def _owned(inventory: Inventory) -> Iterator[Relation]:
    for document in inventory.documents:
        for index, owner, _ in inventory.owners(document):
            via = pointer("metadata", "ownerReferences", index)
            yield Relation(source=document.resource.uid, target=owner, type=RelationType.OWNED_BY, via=via)


def _selected(inventory: Inventory, tops: _Places) -> Iterator[Relation]:
    """Services, budgets and controllers to their pods; Services and budgets also to the templates of future pods."""
    labels = {
        place: [(w.uid, w.labels) for w in some if w.document.resource.kind != "Pod"] for place, some in tops.items()
    }
    for kind, test in (("Service", equals_all), ("PodDisruptionBudget", matches)):
        for document in inventory.of(kind):
            selector = mapping(document.body, "spec").get("selector")
            for uid in _matching(inventory, labels, document, selector, test):
                yield _selects(document, uid)
    for document in inventory.documents:
        selector = mapping(document.body, "spec").get("selector")
        if selector and document.resource.kind != "Pod" and template_of(document):
            for pod in inventory.candidates(document, "Pod", selector):
                if matches(selector, labels_of(pod.body)) and _may_control(inventory, document, pod):
                    yield _selects(document, pod.resource.uid)


def _matching(
    inventory: Inventory,
    tops: Mapping[tuple[str, str | None], Sequence[tuple[str, Mapping[str, str]]]],
    document: Document,
    selector: Json,
    test: Callable[[Json, Mapping[str, str]], bool],
) -> Iterator[str]:
    """Yield the uids of pods and of top workloads in the object's namespace whose (pod) labels a selector matches."""
    for pod in inventory.candidates(document, "Pod", selector):
        if test(selector, labels_of(pod.body)):
            yield pod.resource.uid
    for uid, labels in tops.get((cluster_of(document), document.resource.namespace), ()):
        if test(selector, labels):
            yield uid


def _may_control(inventory: Inventory, controller: Document, pod: Document) -> bool:
    """Whether a pod that a controller's selector matches hangs on it by its owner references."""
    child = pod
    for _ in range(MAX_OWNERS):
        uids = [uid for _, uid, controls in inventory.owners(child) if controls]
        if controller.resource.uid in uids:
            return True
        owner = inventory.get(uids[0]) if uids else None
        if owner is None:
            return False
        child = owner
    return False


def _selects(document: Document, target: str) -> Relation:
    return Relation(source=document.resource.uid, target=target, type=RelationType.SELECTS, via="/spec/selector")


def _claims(workload: Workload, inventory: Inventory) -> Iterator[Relation]:
    """A StatefulSet to the claims that exist by its templates' naming rule."""
    for index, template in entries(workload.document.body, "spec", "volumeClaimTemplates"):
        name = re.escape(f"{text(template, 'metadata', 'name')}-{workload.document.resource.name}-")
        for claim in inventory.beside(workload.document, "PersistentVolumeClaim"):
            if re.fullmatch(name + r"\d+", claim.resource.name):
                via = pointer("spec", "volumeClaimTemplates", index)
                yield Relation(source=workload.uid, target=claim.resource.uid, type=RelationType.MOUNTS, via=via)


def _scaled(inventory: Inventory) -> Iterator[Relation]:
    ways = (("HorizontalPodAutoscaler", "scaleTargetRef"), ("ScaledObject", "scaleTargetRef"))
    for kind, field in (*ways, ("VerticalPodAutoscaler", "targetRef")):
        for document in inventory.of(kind):
            reference = mapping(document.body, "spec", field)
            if text(reference, "name"):
                target = uid_near(
                    document,
                    api_version=text(reference, "apiVersion") or "apps/v1",
                    kind=text(reference, "kind") or "Deployment",
                    name=text(reference, "name"),
                )
                via = pointer("spec", field)
                yield Relation(source=document.resource.uid, target=target, type=RelationType.SCALES, via=via)


def _storage(inventory: Inventory) -> Iterator[Relation]:
    """Claim to volume, and both to their storage class."""
    for document in inventory.of("PersistentVolumeClaim"):
        yield from _named(document, "PersistentVolume", "v1", ("spec", "volumeName"))
    for document in inventory.of("PersistentVolumeClaim", "PersistentVolume"):
        yield from _named(document, "StorageClass", "storage.k8s.io/v1", ("spec", "storageClassName"))


def _named(document: Document, kind: str, api_version: str, way: tuple[str, ...]) -> Iterator[Relation]:
    name = text(document.body, *way)
    if name:
        target = uid_near(document, api_version=api_version, kind=kind, name=name)
        via = pointer(*way)
        yield Relation(source=document.resource.uid, target=target, type=RelationType.REFERENCES, via=via)


def _produced(inventory: Inventory, aliases: Mapping[str, str]) -> Iterator[Relation]:
    """Objects that controllers turn into Secrets, and the cloud secrets that they read."""
    for document in inventory.of("ExternalSecret", "SealedSecret", "Certificate", "VaultStaticSecret"):
        way, name = _product(document)
        target = uid_near(document, kind="Secret", name=name)
        yield Relation(source=document.resource.uid, target=target, type=RelationType.PRODUCES, via=way)
    for document in inventory.of("ExternalSecret"):
        store = mapping(document.body, "spec", "secretStoreRef")
        if text(store, "name"):
            target = uid_near(
                document,
                api_version=text(document.body, "apiVersion"),
                kind=text(store, "kind") or "SecretStore",
                name=text(store, "name"),
            )
            via = "/spec/secretStoreRef"
            yield Relation(source=document.resource.uid, target=target, type=RelationType.REFERENCES, via=via)
        for field, part in (("data", "remoteRef"), ("dataFrom", "extract")):
            for index, entry in entries(document.body, "spec", field):
                uid = aliases.get(text(entry, part, "key"))
                if uid:
                    yield Relation(
                        source=document.resource.uid,
                        target=uid,
                        type=RelationType.CONNECTS_TO,
                        via=pointer("spec", field, index, part, "key"),
                        detail=text(entry, part, "property"),
                    )


def _product(document: Document) -> tuple[str, str]:
    for way in (("spec", "target", "name"), ("spec", "secretName"), ("spec", "destination", "name")):
        if text(document.body, *way):
            return pointer(*way), text(document.body, *way)
    return "/metadata/name", document.resource.name


def _assumed(inventory: Inventory, aliases: Mapping[str, str]) -> Iterator[Relation]:
    """ServiceAccount to the cloud role of its annotation; the ARN itself is the target when no such role is known."""
    for document in inventory.of("ServiceAccount"):
        arn = text(document.body, "metadata", "annotations", ROLE_ANNOTATION)
        if arn:
            via = pointer("metadata", "annotations", ROLE_ANNOTATION)
            target = aliases.get(arn, arn)
            yield Relation(source=document.resource.uid, target=target, type=RelationType.ASSUMES, via=via, detail=arn)
