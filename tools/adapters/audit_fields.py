"""Which fields of a Kubernetes object a write changed, by the bodies in an audit record. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from graph.document import ABSENT, Json, Object, pointer
from tools.adapters.field_changes import FieldChange, field_changes

_SERVER_METADATA: Final = frozenset(
    {"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}
)
_SERVER_ANNOTATIONS: Final = frozenset(
    {"deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"}
)
"""Annotations that are book-keeping of a write, not its content."""


def written_fields(before: Object, after: Object) -> Iterator[FieldChange]:
    """Yield the fields that differ between two bodies, without status and what the server itself keeps."""
    yield from field_changes(_content(before), _content(after))


def patch_leaves(patch: Json, result: Object | None) -> Iterator[FieldChange]:
    """Yield what a patch sets, for an object whose earlier body is not known; `before` is always ABSENT.

    Args:
        patch: a JSON patch (list of operations), or a merge or strategic merge patch (object).
        result: the body after the patch, where known; list positions are taken from it.
    """
    if isinstance(patch, list):
        yield from _operations(patch)
    elif isinstance(patch, dict):
        yield from _leaves(_content(patch), result, ())


def _content(body: Object) -> Object:
    content = {k: v for k, v in body.items() if k != "status"}
    metadata = body.get("metadata")
    if isinstance(metadata, dict):
        kept = {k: v for k, v in metadata.items() if k not in _SERVER_METADATA}
        annotations = metadata.get("annotations")
        if isinstance(annotations, dict):
            kept["annotations"] = {k: v for k, v in annotations.items() if k not in _SERVER_ANNOTATIONS}
            if not kept["annotations"]:
                del kept["annotations"]
        content["metadata"] = kept
    return content


def _operations(patch: list[Json]) -> Iterator[FieldChange]:
    for operation in patch:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            continue
        path = operation["path"]
        if path.startswith(("/status", "/metadata/managedFields", "/metadata/resourceVersion")):
            continue
        if operation.get("op") in {"add", "replace"}:
            yield FieldChange(path=path, before=ABSENT, after=operation.get("value"))
        elif operation.get("op") == "remove":
            yield FieldChange(path=path, before=ABSENT, after=ABSENT)


def _leaves(patch: Json, result: Json, at: tuple[str | int, ...]) -> Iterator[FieldChange]:
    if isinstance(patch, dict) and patch:
        for key, value in patch.items():
            if not key.startswith("$"):
                yield from _leaves(value, result.get(key) if isinstance(result, dict) else None, (*at, key))
    elif isinstance(patch, list) and isinstance(result, list) and all(_name(p) is not None for p in patch):
        positions = {_name(entry): index for index, entry in enumerate(result)}
        for entry in patch:
            index = positions.get(_name(entry))
            if index is not None:
                content = {k: v for k, v in entry.items() if k != "name"}
                yield from _leaves(content, result[index], (*at, index))
    else:
        yield FieldChange(path=pointer(*at), before=ABSENT, after=ABSENT if patch is None else patch)


def _name(entry: Json) -> str | None:
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else None
