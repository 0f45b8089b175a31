"""Which intended object is which actual one, where the file leaves the namespace open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from graph.kinds.kubernetes.belonging import is_system_namespace
from graph.version import Document

Name = tuple[str, str, str]


def adopt(intended: Mapping[str, Document], actual: Mapping[str, Document]) -> dict[str, str]:
    """Map uids of intended objects that have no counterpart to the uid of the actual object they must mean.

    `kubectl apply -n shop` puts manifests without a namespace into `shop`, and custom resources may live outside
    namespaces without the manifest telling. A pair is made only where one side's document names no namespace and
    exactly one object of the same kind and name is left on each side.
    """
    loose_intended = _by_name(d for uid, d in intended.items() if uid not in actual)
    loose_actual = _by_name(d for uid, d in actual.items() if uid not in intended)
    pairs: dict[str, str] = {}
    for name, ones in loose_intended.items():
        others = [o for o in loose_actual.get(name, ()) if not is_system_namespace(o.resource.namespace)]
        if len(ones) == 1 and len(others) == 1 and (_is_open(ones[0]) or _is_open(others[0])):
            pairs[ones[0].resource.uid] = others[0].resource.uid
    return pairs


def _by_name(documents: Iterable[Document]) -> dict[Name, list[Document]]:
    found: dict[Name, list[Document]] = defaultdict(list)
    for document in documents:
        resource = document.resource
        found[resource.group, resource.kind, resource.name].append(document)
    return found


def _is_open(document: Document) -> bool:
    metadata = document.body.get("metadata")
    return not (isinstance(metadata, dict) and metadata.get("namespace"))
