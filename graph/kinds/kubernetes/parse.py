"""Read one Kubernetes object into a Document: identity checked, JSON types only, Secrets redacted.

The body stays as the server or the file gave it (status, managedFields, annotations); comparison normalises.
"""

from __future__ import annotations

from typing import Any, cast

from graph.document import Object
from graph.errors import Invalid
from graph.kinds.kubernetes.plain import MAX_DEPTH, plain
from graph.kinds.kubernetes.redact import is_secret, redact_nested, redact_secret
from graph.kinds.kubernetes.scope import identity_group, is_cluster_scoped, split_api_version
from graph.resource import Platform, Resource, kubernetes_uid
from graph.version import Document, Origin

__all__ = ["expand", "is_cluster_scoped", "parse", "redact_secret"]


def parse(
    body: Object,
    *,
    cluster: str,
    default_namespace: str | None = "default",
    salt: bytes,
    origin: Origin | None = None,
) -> Document:
    """Build the Document of one object.

    Args:
        body: one object, not a list of objects; see `expand`.
        cluster: name of the cluster in the uid.
        default_namespace: namespace of a namespaced object that names none, as `kubectl apply -n` has it. None: such
            an object keeps no namespace.
        salt: key for the hashes that replace the values of Secrets.
        origin: file, line and commit, for intended state.

    Raises:
        Invalid: it is no object, or apiVersion, kind, metadata or metadata.name are missing or mistyped.
    """
    copy = plain(body)
    if not isinstance(copy, dict):
        raise Invalid(f"not an object but {_type(copy)}")
    api_version, kind = _text(copy, "apiVersion"), _text(copy, "kind")
    metadata = copy.get("metadata")
    if not isinstance(metadata, dict):
        raise Invalid(f"{kind}: metadata is {_type(metadata)}, not an object")
    name = _name(metadata, kind)
    version_group, _ = split_api_version(api_version)
    group = identity_group(version_group, kind)
    namespace = _namespace(metadata, kind, name, default_namespace)
    if is_cluster_scoped(group, kind) or _is_seen_without_namespace(metadata):
        namespace = None
    resource = Resource(
        uid=kubernetes_uid(cluster=cluster, group=group, kind=kind, namespace=namespace, name=name),
        platform=Platform.KUBERNETES,
        kind=kind,
        name=name,
        namespace=namespace,
        group=group,
    )
    safe = redact_secret(copy, salt) if is_secret(copy) else redact_nested(copy, salt)
    return Document(resource=resource, body=safe, origin=origin)


def expand(body: object) -> list[Object]:
    """Flatten `List` and typed lists (`PodList`) into their items; any other object is the only item.

    Items of a typed list get the apiVersion and kind that the server leaves out. An item that is no object is
    returned as it is, so that `parse` names it instead of it being lost.
    """
    return _expand(cast(Object, body), 0)


def _expand(body: Object, depth: int) -> list[Object]:
    if not _is_list(body) or depth > MAX_DEPTH:
        return [body]
    items: list[Object] = []
    for item in body["items"]:
        if isinstance(item, dict) and "kind" not in item and body["kind"] != "List":
            item = {"apiVersion": body.get("apiVersion"), "kind": body["kind"].removesuffix("List"), **item}
        items += _expand(item, depth + 1)
    return items


def _is_list(body: Any) -> bool:
    return (
        isinstance(body, dict)
        and isinstance(body.get("kind"), str)
        and body["kind"].endswith("List")
        and isinstance(body.get("items"), list)
        and not (isinstance(body.get("metadata"), dict) and body["metadata"].get("name"))
    )


def _text(body: Object, field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise Invalid(f"{field} is {_type(value)}, not a text" if value != "" else f"{field} is empty")
    return value


def _name(metadata: Object, kind: str) -> str:
    name = metadata.get("name")
    if name is None and metadata.get("generateName"):
        raise Invalid(f"{kind}: only generateName is set, so the object has no identity to compare")
    if not isinstance(name, str) or not name:
        raise Invalid(f"{kind}: metadata.name is {_type(name)}, not a text" if name != "" else f"{kind}: empty name")
    return name


def _namespace(metadata: Object, kind: str, name: str, default: str | None) -> str | None:
    namespace = metadata.get("namespace")
    if namespace is None or namespace == "":
        return default
    if not isinstance(namespace, str):
        raise Invalid(f"{kind} {name!r}: metadata.namespace is {_type(namespace)}, not a text")
    return namespace


def _is_seen_without_namespace(metadata: Object) -> bool:
    """Whether a server gave this object (only servers set a uid) and gave no namespace: then it lives in none."""
    return bool(metadata.get("uid")) and bool(metadata.get("resourceVersion")) and not metadata.get("namespace")


def _type(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
    return "missing" if value is None else names.get(type(value), type(value).__name__)
