"""Reads a cluster kind by kind: what is state, what was listed, what may not be seen. Used to list and to watch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, NamedTuple

from graph.document import Object
from graph.errors import Invalid, NotFound, OutsideError, Refused, Unreachable
from graph.kinds.kubernetes.parse import parse
from graph.packed import Bundle, Piece
from graph.resource import Resource
from graph.version import Document, Unreadable
from tools.adapters.kubernetes_connection import Connection, Denied
from tools.adapters.kubernetes_discovery import Listable, discover
from tools.adapters.kubernetes_listing import Lister, Part
from tools.adapters.kubernetes_openapi import told_schema

_NO_STATE: Final = frozenset(
    {("", "Event"), ("events.k8s.io", "Event"), ("", "ComponentStatus"), ("coordination.k8s.io", "Lease")}
)
"""Kinds that are messages or heartbeats, not state."""
_NO_STATE_GROUPS: Final = frozenset({"metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectReader:
    """How the objects of one cluster become documents."""

    cluster: str
    """Name of the cluster in uids."""
    salt: bytes
    """Key under which values of Secrets are hashed."""
    read_secrets: bool
    """Whether Secrets are fetched with their values; otherwise their metadata only."""

    def document(self, kind: Listable, item: Object) -> Document:
        """Return the document of an object; items of a list lack `apiVersion` and `kind`.

        Raises:
            Invalid: it is no Kubernetes object.
        """
        body = {**item, "apiVersion": kind.api_version, "kind": kind.kind}
        return parse(body, cluster=self.cluster, default_namespace=None, salt=self.salt)

    def is_hidden(self, kind: Listable) -> bool:
        """Whether only the metadata of a kind is read."""
        return not self.read_secrets and (kind.group, kind.kind) == ("", "Secret")

    def unreadable(self, kind: Listable, reason: str) -> Unreadable:
        """Say that an object of a kind could not be told from any other."""
        return Unreadable(where=kind.path, reason=reason, scopes=(kind.scope(self.cluster),))

    def hidden(self, kind: Listable, resource: Resource) -> Unreadable:
        """Say that of a resource only the metadata is read."""
        reason = "only the metadata of Secrets is read; their values are not compared"
        return Unreadable(where=kind.path, reason=reason, resource=resource)

    def page(self, kind: Listable, items: Sequence[Object], known: Mapping[str, str]) -> Listed:
        """Return what objects of a kind say; `known` maps uid to the version that was told of before."""
        versions: dict[str, str] = {}
        faults: list[str] = []

        def read() -> Iterator[Document]:
            for item in items:
                try:
                    document = self.document(kind, item)
                except Invalid as error:
                    faults.append(error.reason)
                    continue
                uid, version = document.resource.uid, version_of(item)
                versions[uid] = version
                if not version or known.get(uid) != version:
                    yield document

        found = Bundle(read())
        return Listed(versions, found, tuple(faults))


def version_of(item: Object) -> str:
    """Return the version of an object; empty when the server gives none."""
    metadata = item.get("metadata")
    return str(metadata.get("resourceVersion") or "") if isinstance(metadata, dict) else ""


class Listed(NamedTuple):
    """One page of a list."""

    versions: Mapping[str, str]
    """By uid, of every object that could be read."""
    found: Bundle
    """Those of them that are not known in that version."""
    faults: tuple[str, ...]
    """What is wrong with each object that could not be told from any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindReading:
    """One kind as it was listed."""

    kind: Listable
    parts: tuple[Part[Listed], ...]
    """Empty for a kind that could not be listed."""
    unread: Unreadable | None = None
    """What of it the user may not see."""
    unreadable: tuple[Unreadable, ...] = ()
    """Objects of it that could not be read."""
    is_denied: bool = False
    """Whether it could not be listed because the user may not."""

    @property
    def is_whole(self) -> bool:
        """Whether everything of this kind was read."""
        return bool(self.parts) and self.unread is None and not self.unreadable

    @property
    def pages(self) -> Iterator[Listed]:
        """What was listed."""
        return (page for part in self.parts for page in part.pages)

    def told(self) -> KindReading:
        """Return the same without what was listed, once it was told."""
        return replace(self, parts=tuple(replace(part, pages=()) for part in self.parts))


@dataclass(slots=True, kw_only=True)
class ClusterReading:
    """A cluster as it was listed."""

    kinds: list[KindReading] = field(default_factory=list)
    faults: list[Unreadable] = field(default_factory=list)
    """API groups that could not be asked."""
    told: list[Document] = field(default_factory=list)
    """What the server says of itself."""

    @property
    def bundles(self) -> Iterator[Piece | Bundle]:
        """Yield all objects; where one is served by an old and a new API group, the first one listed holds."""
        seen: set[str] = set()
        for kind in self.kinds:
            here: set[str] = set()
            for page in kind.pages:
                yield Piece(
                    page.found, [(i, e) for i, e in enumerate(page.found.entries) if e.resource.uid not in seen]
                )
                here |= page.versions.keys()
            seen |= here
        yield Bundle(self.told)

    def unreadable(self, cluster: str) -> tuple[Unreadable, ...]:
        """Return everything that was not read; what one API group denies may be whole in another."""
        whole = {k.kind.scope(cluster) for k in self.kinds if k.is_whole}
        missing = list(self.faults)
        for kind in self.kinds:
            missing += [*kind.unreadable, *((kind.unread,) if kind.unread else ())]
        return tuple(u for u in missing if not u.scopes or not whole.issuperset(u.scopes))


def kinds_of_state(connection: Connection, *, cluster: str) -> tuple[list[Listable], list[Unreadable]]:
    """Return the kinds of a server that hold state, and the API groups that could not be asked.

    Raises:
        OutsideError: the server can't be asked at all.
    """
    kinds, faults = discover(connection, cluster=cluster)
    kept = [k for k in kinds if (k.group, k.kind) not in _NO_STATE and k.group not in _NO_STATE_GROUPS]
    return kept, faults


def read_cluster(connection: Connection, lister: Lister, reader: ObjectReader) -> ClusterReading:
    """List every kind that can be listed.

    Raises:
        OutsideError: no connection, or no kind at all could be listed.
    """
    found = ClusterReading()
    kinds, found.faults = kinds_of_state(connection, cluster=reader.cluster)
    whole: set[str] = set()
    for kind in kinds:
        if kind.scope(reader.cluster) in whole:
            continue  # the same objects, served by an older API group
        reading = read_kind(lister, reader, kind)
        if reading is None:
            # It was named a moment ago. While its definition changes, a server does not find what it still holds.
            reason = "the server names this kind and does not find it; it is being changed or taken away"
            found.faults.append(Unreadable(where=kind.path, reason=reason, scopes=(kind.scope(reader.cluster),)))
            continue
        found.kinds.append(reading)
        whole |= {kind.scope(reader.cluster)} if reading.is_whole else set()
    _check_anything(connection, found, reader.cluster)
    match told_schema(connection, cluster=reader.cluster):
        case Document() as schema:
            found.told.append(schema)
        case Unreadable() as fault:
            found.faults.append(fault)
    return found


def read_kind(lister: Lister, reader: ObjectReader, kind: Listable) -> KindReading | None:
    """List one kind; None when the server does not have it any more.

    Raises:
        Refused: the credentials don't hold.
    """
    try:
        take = partial(reader.page, kind, known={})
        listing = lister.list_kind(kind, take, metadata_only=reader.is_hidden(kind))
    except NotFound:
        return None
    except OutsideError as error:
        if isinstance(error, Refused) and not isinstance(error, Denied):
            raise
        unread = lister.unread(kind, error)
        return KindReading(kind=kind, parts=(), unread=unread, is_denied=isinstance(error, Denied))
    pages = [page for part in listing.parts for page in part.pages]
    unreadable = [reader.unreadable(kind, reason) for page in pages for reason in page.faults]
    if reader.is_hidden(kind):
        unreadable += [reader.hidden(kind, entry.resource) for page in pages for entry in page.found.entries]
    return KindReading(kind=kind, parts=tuple(listing.parts), unread=listing.unread, unreadable=tuple(unreadable))


def _check_anything(connection: Connection, found: ClusterReading, cluster: str) -> None:
    """Raise when nothing at all was listed."""
    if any(k.parts for k in found.kinds):
        return
    if any(k.is_denied for k in found.kinds):
        raise Refused(
            f"user {connection.user!r} may not list anything in cluster {cluster!r}: grant `get` and "
            "`list` on what it shall read, for example with the ClusterRole `view`"
        )
    if reasons := [u.reason for u in (*found.faults, *(k.unread for k in found.kinds)) if u]:
        raise Unreachable(f"nothing of cluster {cluster!r} could be read; the first reason: {reasons[0]}")
