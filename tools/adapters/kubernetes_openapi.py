"""What an API server newer than the known schema says of its own types: fields that it has more, and their defaults.

Read from its OpenAPI v3 documents, which every authenticated user may read
(https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3). The defaults there are those that are stated
with the types; what a server computes it does not tell.
"""

from __future__ import annotations

from graph.document import Json, Object
from graph.errors import NotFound, OutsideError, Refused
from graph.kinds.kubernetes.parse import parse
from graph.kinds.kubernetes.schema import LATEST_MINOR, SCHEMA_KIND, news_of
from graph.kinds.lenient import mapping, text
from graph.resource import kubernetes_scope
from graph.version import Document, Unreadable
from tools.adapters.kubernetes_connection import Connection, Denied

_ROOT = "/openapi/v3"
_API_VERSION = "openapi/v3"


def told_schema(connection: Connection, *, cluster: str) -> Document | Unreadable | None:
    """Return what a server tells of its own types beyond what is known here.

    Args:
        connection: to the server.
        cluster: name of the cluster in uids.

    Returns:
        None for a server that is no newer than the known schema, or does not tell its version. `Unreadable` when it
        is, and does not tell its types.

    Raises:
        Refused: the credentials don't hold.
    """
    try:
        if not _is_newer(connection.get("/version")):
            return None
        index = mapping(connection.get(_ROOT), "paths")
        told: Object = {}
        for path in sorted(index):
            if _is_own(path):
                told |= news_of(mapping(connection.get(f"{_ROOT}/{path}"), "components", "schemas"))
    except NotFound:
        return None  # A proxy that hides its version, or a server that is no full one.
    except OutsideError as error:
        if isinstance(error, Refused) and not isinstance(error, Denied):
            raise
        scopes = (kubernetes_scope(cluster=cluster, group="openapi", kind=SCHEMA_KIND),)
        return Unreadable(where=_ROOT, reason=str(error), scopes=scopes)
    body = {"apiVersion": _API_VERSION, "kind": SCHEMA_KIND, "metadata": {"name": "server"}, "schemas": _bare(told)}
    return parse(body, cluster=cluster, default_namespace=None, salt=b"")


def _is_newer(version: Object) -> bool:
    minor = text(version, "minor").rstrip("+")
    return text(version, "major") == "1" and minor.isdigit() and int(minor) > LATEST_MINOR


def _is_own(path: str) -> bool:
    """Whether a document is of kinds of Kubernetes itself; custom resources have definitions that tell more."""
    parts = path.split("/")
    if parts[0] == "api":
        return len(parts) == 2
    return len(parts) == 3 and ("." not in parts[1] or parts[1].endswith(".k8s.io"))


def _bare(value: Json) -> Json:
    """Leave out the texts for people. A field may be called `description`, too; that is no text but a type."""
    if isinstance(value, dict):
        return {k: _bare(v) for k, v in value.items() if k != "description" or isinstance(v, dict)}
    return [_bare(v) for v in value] if isinstance(value, list) else value
