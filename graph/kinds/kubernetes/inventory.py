"""Look-up over Kubernetes documents: by kind, by name, and from an object to the controller at the top."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from graph.document import Json, Object
from graph.kinds.kubernetes.scope import identity_group, is_cluster_scoped, split_api_version
from graph.kinds.lenient import entries, text
from graph.resource import Platform, kubernetes_uid
from graph.version import Document

MAX_OWNERS = 8
"""Owner chains are two or three long; the bound guards against a cycle in broken data."""


class Inventory:
    """The Kubernetes documents among some documents.

    Several facets of one object may be in it; the first one answers look-ups by uid.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents = [d for d in documents if d.resource.platform is Platform.KUBERNETES]
        self._by_uid: dict[str, Document] = {}
        self._by_kind: dict[str, list[Document]] = defaultdict(list)
        self._in_namespace: dict[tuple[str, str, str | None], list[Document]] = defaultdict(list)
        for document in self.documents:
            self._by_uid.setdefault(document.resource.uid, document)
            self._by_kind[document.resource.kind].append(document)
            place = (cluster_of(document), document.resource.kind, document.resource.namespace)
            self._in_namespace[place].append(document)
        self._labelled: dict[tuple[str, str, str | None], dict[tuple[str, str], list[Document]]] = {}

    def __contains__(self, uid: object) -> bool:
        return uid in self._by_uid

    def get(self, uid: str) -> Document | None:
        """Return the document with this uid, or None."""
        return self._by_uid.get(uid)

    def of(self, *kinds: str) -> list[Document]:
        """Return the documents of these kinds, of any API group."""
        return [d for kind in kinds for d in self._by_kind.get(kind, ())]

    def beside(self, document: Document, kind: str, namespace: str | None = None) -> list[Document]:
        """Return the documents of a kind in the cluster of `document`, in its namespace unless another is given."""
        return self._in_namespace.get((cluster_of(document), kind, namespace or document.resource.namespace), [])

    def candidates(self, document: Document, kind: str, selector: Json) -> list[Document]:
        """Return documents of a kind beside another one; those that lack a label that the selector wants may lack.

        Args:
            document: whose cluster and namespace are meant.
            kind: of the documents.
            selector: a LabelSelector, or a plain map of labels.
        """
        wanted = selector.get("matchLabels", selector) if isinstance(selector, dict) else None
        one = (
            next(((k, v) for k, v in wanted.items() if isinstance(v, str)), None) if isinstance(wanted, dict) else None
        )
        if one is None:
            return self.beside(document, kind)
        place = (cluster_of(document), kind, document.resource.namespace)
        if place not in self._labelled:
            found: dict[tuple[str, str], list[Document]] = defaultdict(list)
            for other in self.beside(document, kind):
                for label in labels_of(other.body).items():
                    found[label].append(other)
            self._labelled[place] = found
        return self._labelled[place].get(one, [])

    def owners(self, document: Document) -> list[tuple[int, str, bool]]:
        """Return (position, uid, is the controller) of each owner reference, also of owners that are not known."""
        found = []
        for index, reference in entries(document.body, "metadata", "ownerReferences"):
            uid = uid_near(
                document,
                api_version=text(reference, "apiVersion"),
                kind=text(reference, "kind"),
                name=text(reference, "name"),
            )
            found.append((index, uid, reference.get("controller") is True))
        return found

    def top(self, document: Document) -> Document:
        """Follow controlling owner references up to the last object that is known."""
        for _ in range(MAX_OWNERS):
            owner = next((self.get(uid) for _, uid, controls in self.owners(document) if controls), None)
            if owner is None:
                return document
            document = owner
        return document


def cluster_of(document: Document) -> str:
    """Return the cluster that the uid of a Kubernetes document names."""
    return document.resource.uid.removeprefix("k8s://").partition("/")[0]


def uid_near(document: Document, *, api_version: str = "v1", kind: str, name: str, namespace: str | None = None) -> str:
    """Build the uid of an object in the same cluster, and in the same namespace unless another is given."""
    group = identity_group(split_api_version(api_version)[0], kind)
    place = None if is_cluster_scoped(group, kind) else namespace or document.resource.namespace
    return kubernetes_uid(cluster=cluster_of(document), group=group, kind=kind, namespace=place, name=name)


def labels_of(body: Object) -> dict[str, str]:
    """Return the labels of an object or of a pod template."""
    metadata = body.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return {k: str(v) for k, v in labels.items()} if isinstance(labels, dict) else {}
