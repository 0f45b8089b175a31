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
    exactly one object of the same kind and name is left on each side. Manifests of one folder are applied together:
    when some of them are where they say, none of the others is looked for in another namespace, so that an object
    that was moved is not taken for one that was applied there.
    """
    settled = {_folder(d) for uid, d in intended.items() if uid in actual and _is_open(d) and d.resource.namespace}
    loose_intended = _by_name(d for uid, d in intended.items() if uid not in actual)
    loose_actual = _by_name(d for uid, d in actual.items() if uid not in intended)
    pairs: dict[str, str] = {}
    for name, ones in loose_intended.items():
        others = [o for o in loose_actual.get(name, ()) if not is_system_namespace(o.resource.namespace)]
        if len(ones) != 1 or len(others) != 1 or not (_is_open(ones[0]) or _is_open(others[0])):
            continue
        if others[0].resource.namespace is None or _folder(ones[0]) not in settled:
            pairs[ones[0].resource.uid] = others[0].resource.uid
    return pairs


def _by_name(documents: Iterable[Document]) -> dict[Name, list[Document]]:
    found: dict[Name, list[Document]] = defaultdict(list)
    for document in documents:
        resource = document.resource
        found[resource.group, resource.kind, resource.name].append(document)
    return found


def _folder(document: Document) -> str:
    return document.origin.file.rpartition("/")[0] if document.origin else ""


def _is_open(document: Document) -> bool:
    metadata = document.body.get("metadata")
    return not (isinstance(metadata, dict) and metadata.get("namespace"))
