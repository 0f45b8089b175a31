"""Workloads: the objects that say what runs, with their pod templates. Knows nothing of what the templates refer to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from graph.document import Object, pointer
from graph.kinds.kubernetes.inventory import Inventory, cluster_of, labels_of
from graph.kinds.lenient import entries, mapping
from graph.version import Document

CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """An object with a pod template, or a pod that nothing known controls."""

    document: Document
    template: Object
    """The pod template: an object with metadata and spec."""
    at: tuple[str, ...]
    """Way from the body to the template; empty for a pod."""

    @property
    def uid(self) -> str:
        return self.document.resource.uid

    @property
    def namespace(self) -> str | None:
        return self.document.resource.namespace

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the pods."""
        return labels_of(self.template)

    @property
    def spec(self) -> Object:
        """The pod spec."""
        return mapping(self.template, "spec")

    def path(self, *tokens: str | int) -> str:
        """JSON pointer into the workload's body for a way inside the pod spec."""
        return pointer(*self.at, "spec", *tokens)

    def containers(self) -> Iterator[tuple[str, int, Object]]:
        """Yield (list name, position, container), init and ephemeral ones too."""
        for name in CONTAINER_LISTS:
            for index, container in entries(self.spec, name):
                yield name, index, container


def template_of(document: Document) -> Workload | None:
    """Return the pod template of any kind that carries one where the built-in kinds do, or None."""
    body = document.body
    ways: tuple[tuple[str, ...], ...] = (("spec", "template"), ("spec", "jobTemplate", "spec", "template"))
    if document.resource.kind == "Pod":
        ways = ((),)
    for way in ways:
        template = mapping(body, *way)
        if entries(template, "spec", "containers"):
            return Workload(document=document, template=template, at=way)
    return None


def workloads(inventory: Inventory) -> list[Workload]:
    """Return the workloads at the top of their owner chains.

    A ReplicaSet of a known Deployment or a pod of a known ReplicaSet is not in it: it hangs on its controller by
    OWNED_BY. When the controller is not known, the lowest known owner stands for it.
    """
    found = []
    for document in inventory.documents:
        workload = template_of(document)
        if workload and not _is_below_workload(inventory, document):
            found.append(workload)
    return found


def by_namespace(found: Iterable[Workload]) -> dict[tuple[str, str | None], list[Workload]]:
    """Group workloads by (cluster, namespace)."""
    places: dict[tuple[str, str | None], list[Workload]] = defaultdict(list)
    for workload in found:
        places[cluster_of(workload.document), workload.namespace].append(workload)
    return dict(places)


def _is_below_workload(inventory: Inventory, document: Document) -> bool:
    top = inventory.top(document)
    return top.resource.uid != document.resource.uid and template_of(top) is not None
