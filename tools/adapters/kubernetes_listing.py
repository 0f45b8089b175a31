"""Lists the objects of one kind over all pages, and in single namespaces where the user may not list all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from graph.document import Object
from graph.errors import NotFound, OutsideError
from graph.version import Unreadable
from tools.adapters.kubernetes_connection import Connection, Denied, Gone
from tools.adapters.kubernetes_discovery import Listable

_PAGE: Final = 500
_RESTARTS: Final = 2
"""How often a list is begun anew when its pages expire, before it is asked for in one piece."""
_JSON: Final = "application/json"
_METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_MOST_NAMESPACES: Final = 50
"""Namespaces that are asked one by one for a kind; a user who may read more of them can be granted all at once."""
_NAMESPACE: Final = Listable(group="", version="v1", kind="Namespace", plural="namespaces", is_namespaced=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The objects of one kind that the user may see."""

    items: Sequence[Object]
    unread: Unreadable | None = None
    """The namespaces that the user may not see; None when these are all objects of the kind."""


class Lister:
    """Lists kinds of one server as one user."""

    def __init__(self, connection: Connection, *, cluster: str, namespaces: Sequence[str] = ()) -> None:
        """Ask nothing yet.

        Args:
            connection: to the server.
            cluster: name of the cluster in uids.
            namespaces: where to look when the user may neither list a kind everywhere nor list the namespaces; the
                one of the kubeconfig's context is tried in any case.
        """
        self._connection = connection
        self._cluster = cluster
        self._declared = tuple(dict.fromkeys((*namespaces, connection.namespace)))
        self._known: tuple[Sequence[str], bool] | None = None

    def list_kind(self, kind: Listable, *, metadata_only: bool = False) -> Listing:
        """List a kind in all namespaces, else in those where the user may.

        Raises:
            Denied: the user may list it nowhere.
            NotFound: the server does not know the kind any more.
            OutsideError: it can't be listed.
        """
        accept = _METADATA_ONLY if metadata_only else _JSON
        try:
            return Listing(items=self._all(kind.path, accept))
        except Denied:
            if not kind.is_namespaced:
                raise
            listing = self._by_namespace(kind, accept)
            if listing is None:
                raise
            return listing

    def unread(self, kind: Listable, error: OutsideError) -> Unreadable:
        """Say that nothing is known of the objects of a kind, why, and what to grant."""
        reason = str(error)
        if isinstance(error, Denied):
            reason = f"user {self._connection.user!r} may not list {kind.title}: grant `list`"
        return Unreadable(where=kind.path, reason=reason, scopes=(kind.scope(self._cluster),))

    def _by_namespace(self, kind: Listable, accept: str) -> Listing | None:
        """List a kind in one namespace after the other; None when no single one allows it."""
        namespaces, are_all = self._namespaces()
        items: list[Object] = []
        read, denied = [], []
        for namespace in namespaces:
            try:
                items += self._all(kind.path_in(namespace), accept)
                read.append(namespace)
            except (Denied, NotFound):
                denied.append(namespace)
        if not read:
            return None
        if are_all and not denied:
            return Listing(items=items)
        scopes = {n: kind.scope(self._cluster, n) for n in namespaces}
        reason = (
            f"user {self._connection.user!r} may list {kind.title} only in {', '.join(read[:10])}"
            f"{' and others' if len(read) > 10 else ''}: grant `list` in the other namespaces, or in all"
        )
        if are_all:
            unread = Unreadable(where=kind.path, reason=reason, scopes=tuple(scopes[n] for n in denied))
        else:
            everything, known = (kind.scope(self._cluster),), tuple(scopes[n] for n in read)
            unread = Unreadable(where=kind.path, reason=reason, scopes=everything, except_scopes=known)
        return Listing(items=items, unread=unread)

    def _namespaces(self) -> tuple[Sequence[str], bool]:
        """Return the namespaces to try, and whether they are all that there are."""
        if self._known is None:
            try:
                found = [str(item["metadata"]["name"]) for item in self._all(_NAMESPACE.path, _METADATA_ONLY)]
            except (Denied, NotFound):
                self._known = self._declared, False
            else:
                first = [n for n in self._declared if n in found]
                some = list(dict.fromkeys((*first, *found)))[:_MOST_NAMESPACES]
                self._known = some, len(some) == len(found)
        return self._known

    def _all(self, path: str, accept: str) -> Sequence[Object]:
        """Return the objects at a path; a list whose pages expire is begun anew, at last in one piece."""
        for _ in range(_RESTARTS):
            try:
                return list(self._pages(path, accept, _PAGE))
            except Gone:
                continue
        return list(self._pages(path, accept, None))

    def _pages(self, path: str, accept: str, limit: int | None) -> Iterator[Object]:
        params = {"limit": str(limit)} if limit else {}
        while True:
            answer = self._connection.get(path, params, accept=accept)
            items = answer.get("items")
            yield from (item for item in items if isinstance(item, dict)) if isinstance(items, list) else ()
            metadata = answer.get("metadata")
            token = metadata.get("continue") if isinstance(metadata, dict) else None
            if not token:
                return
            params["continue"] = str(token)
