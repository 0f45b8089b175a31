"""Look-up over Kubernetes documents: by kind, by name, and from an object to the controller at the top of its owners."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graph.document import Object
from graph.resource import Platform, kubernetes_uid
from graph.version import Document

MAX_OWNERS = 8
"""Owner chains are two or three long; the bound guards against a cycle in broken data."""


class Inventory:
    """The Kubernetes documents among some documents. Several facets of one object may be in it; the first one answers."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents: list[Document] = [d for d in documents if d.resource.platform is Platform.KUBERNETES]
        self._by_uid: dict[str, Document] = {}
        self._by_kind: dict[str, list[Document]] = defaultdict(list)
        for document in self.documents:
            self._by_uid.setdefault(document.resource.uid, document)
            self._by_kind[document.resource.kind].append(document)

    def get(self, uid: str) -> Document | None:
        """Return the document with this uid, or None."""
        return self._by_uid.get(uid)

    def of(self, *kinds: str) -> list[Document]:
        """Return the documents of these kinds, of any API group."""
        return [d for kind in kinds for d in self._by_kind.get(kind, ())]

    def owner_uid(self, document: Document, reference: Mapping[str, Any]) -> str:
        """Return the uid that an owner reference of `document` names, whether or not such an object is known."""
        group = group_of(str(reference.get("apiVersion", "")))
        kind, name = str(reference.get("kind", "")), str(reference.get("name", ""))
        near = uid_near(document, group=group, kind=kind, name=name)
        wide = uid_near(document, group=group, kind=kind, name=name, namespace=None)
        return wide if wide in self._by_uid and near not in self._by_uid else near

    def top(self, document: Document) -> Document:
        """Follow controlling owner references up to the last known object."""
        for _ in range(MAX_OWNERS):
            reference = controller_of(document.body)
            owner = self.get(self.owner_uid(document, reference)) if reference else None
            if owner is None:
                return document
            document = owner
        return document


def cluster_of(document: Document) -> str:
    """Return the cluster in the uid of a Kubernetes document."""
    return document.resource.uid.removeprefix("k8s://").partition("/")[0]


def uid_near(
    document: Document, *, kind: str, name: str, group: str = "", namespace: str | None | type[Same] = None
) -> str:
    raise NotImplementedError
