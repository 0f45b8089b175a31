"""Lists the objects of one kind over all pages, and in single namespaces where the user may not list all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

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


T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Generic[T]):
    """The objects below one path, as of one version of the cluster."""

    path: str
    pages: Sequence[T]
    """What was made of each page: the objects of a large cluster are never all at hand."""
    resource_version: str
    """From where a watch of this path goes on; empty when the server gives none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """The objects of one kind that the user may see."""

    parts: Sequence[Part[T]]
    """One for all namespaces, or one for each of those that the user may see."""
    unread: Unreadable | None = None
    """The namespaces that the user may not see; None when these are all objects of the kind."""


def as_listed(items: Sequence[Object]) -> Sequence[Object]:
    """Keep a page as it is."""
    return items


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

    def list_kind(
        self, kind: Listable, take: Callable[[Sequence[Object]], T], *, metadata_only: bool = False
    ) -> Listing[T]:
        """List a kind in all namespaces, else in those where the user may.

        Args:
            kind: what to list.
            take: is given the objects of each page, and returns what is kept of them.
            metadata_only: leave the rest of the objects on the server.

        Raises:
            Denied: the user may list it nowhere.
            NotFound: the server does not know the kind any more.
            OutsideError: it can't be listed.
        """
        accept = _METADATA_ONLY if metadata_only else _JSON
        try:
            return Listing(parts=[self._all(kind.path, take, accept)])
        except Denied:
            if not kind.is_namespaced:
                raise
            listing = self._by_namespace(kind, take, accept)
            if listing is None:
                raise
            return listing

    def list_path(self, path: str, take: Callable[[Sequence[Object]], T], *, metadata_only: bool = False) -> Part[T]:
        """List what is below one path again; arguments as for `list_kind`.

        Raises:
            Denied: the user may not list it any more.
            NotFound: the server does not know it any more.
            OutsideError: it can't be listed.
        """
        return self._all(path, take, _METADATA_ONLY if metadata_only else _JSON)

    def unread(self, kind: Listable, error: OutsideError) -> Unreadable:
        """Say that nothing is known of the objects of a kind, why, and what to grant."""
        reason = str(error)
        if isinstance(error, Denied):
            reason = f"user {self._connection.user!r} may not list {kind.title}: grant `list`"
        return Unreadable(where=kind.path, reason=reason, scopes=(kind.scope(self._cluster),))

    def _by_namespace(self, kind: Listable, take: Callable[[Sequence[Object]], T], accept: str) -> Listing[T] | None:
        """List a kind in one namespace after the other; None when no single one allows it."""
        namespaces, are_all = self._namespaces()
        parts: list[Part[T]] = []
        read, denied = [], []
        for namespace in namespaces:
            try:
                parts.append(self._all(kind.path_in(namespace), take, accept))
                read.append(namespace)
            except (Denied, NotFound):
                denied.append(namespace)
        if not read:
            return None
        if are_all and not denied:
            return Listing(parts=parts)
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
        return Listing(parts=parts, unread=unread)

    def _namespaces(self) -> tuple[Sequence[str], bool]:
        """Return the namespaces to try, and whether they are all that there are."""
        if self._known is None:
            try:
                listed = self._all(_NAMESPACE.path, as_listed, _METADATA_ONLY)
                found = [str(item["metadata"]["name"]) for page in listed.pages for item in page]
            except (Denied, NotFound):
                self._known = self._declared, False
            else:
                first = [n for n in self._declared if n in found]
                some = list(dict.fromkeys((*first, *found)))[:_MOST_NAMESPACES]
                self._known = some, len(some) == len(found)
        return self._known

    def _all(self, path: str, take: Callable[[Sequence[Object]], T], accept: str) -> Part[T]:
        """Return the objects at a path; a list whose pages expire is begun anew, at last in one piece."""
        for _ in range(_RESTARTS):
            try:
                return self._pages(path, take, accept, _PAGE)
            except Gone:
                continue
        return self._pages(path, take, accept, None)

    def _pages(self, path: str, take: Callable[[Sequence[Object]], T], accept: str, limit: int | None) -> Part[T]:
        params = {"limit": str(limit)} if limit else {}
        pages: list[T] = []
        while True:
            answer = self._connection.get(path, params, accept=accept)
            found = answer.get("items")
            pages.append(take([item for item in found if isinstance(item, dict)] if isinstance(found, list) else []))
            metadata = answer.get("metadata")
            metadata = metadata if isinstance(metadata, dict) else {}
            token = metadata.get("continue")
            if not token:
                # All pages are of the version of the first one; each says so.
                return Part(path=path, pages=pages, resource_version=str(metadata.get("resourceVersion") or ""))
            params["continue"] = str(token)
