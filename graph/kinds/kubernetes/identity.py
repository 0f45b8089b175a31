"""Which intended object is which actual one, where the file leaves the namespace open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from graph.kinds.kubernetes.belonging import is_system_namespace
from graph.version import Document

Name = tuple[str, str, str]


def adopt(intended: Mapping[str, Document], actual: Mapping[str, Document]) -> dict[str, str]:
    """Map uids of intended objects that have no counterpart to the uid of the actual object they must mean.

    `kubectl apply -n shop` puts manifests without a namespace into `shop`, and custom resources may live outside
    namespaces without the manifest telling. A pair is made only where one side's document names no namespace and
    exactly one object of the same kind and name is left on each side. Manifests of one folder are applied together:
    when some of them are where they say, none of the others is looked for in another namespace, so that an object
    that was moved is not taken for one that was applied there.
    """
    settled = {folder_of(d) for uid, d in intended.items() if uid in actual and settles(d)}
    loose_intended = _by_name(d for uid, d in intended.items() if uid not in actual)
    loose_actual = _by_name(d for uid, d in actual.items() if uid not in intended)
    found = (match(ones, loose_actual.get(name, ())) for name, ones in loose_intended.items())
    return {one.resource.uid: other.resource.uid for one, other in filter(None, found) if is_meant(one, other, settled)}


def match(ones: Sequence[Document], others: Sequence[Document]) -> tuple[Document, Document] | None:
    """Return the declared and the observed object of one kind and name that may be the same; None: there are none.

    Args:
        ones: all declared objects of the name that were not observed where they say.
        others: all observed ones that are not declared where they are.
    """
    others = [o for o in others if not is_system_namespace(o.resource.namespace)]
    is_pair = len(ones) == 1 and len(others) == 1 and (is_open(ones[0]) or is_open(others[0]))
    return (ones[0], others[0]) if is_pair else None


def settles(document: Document) -> bool:
    """Whether a declared object that was observed where it says shows where the manifests of its folder went."""
    return is_open(document) and bool(document.resource.namespace)


def is_meant(one: Document, other: Document, settled: Collection[str]) -> bool:
    """Whether such a pair is one object, given the folders of which it is known where their manifests went."""
    return other.resource.namespace is None or folder_of(one) not in settled


def _by_name(documents: Iterable[Document]) -> dict[Name, list[Document]]:
    found: dict[Name, list[Document]] = defaultdict(list)
    for document in documents:
        resource = document.resource
        found[resource.group, resource.kind, resource.name].append(document)
    return found


def folder_of(document: Document) -> str:
    """Return the folder of the file that declares an object; empty when it is not known."""
    return document.origin.file.rpartition("/")[0] if document.origin else ""


def is_open(document: Document) -> bool:
    """Whether a document leaves its namespace open."""
    metadata = document.body.get("metadata")
    return not (isinstance(metadata, dict) and metadata.get("namespace"))
