"""Reads a cluster kind by kind: what is state, what was listed, what may not be seen. Used to list and to watch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from graph.document import Object
from graph.errors import Invalid, NotFound, OutsideError, Refused, Unreachable
from graph.kinds.kubernetes.parse import parse
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

    def unreadable(self, kind: Listable, error: Invalid) -> Unreadable:
        """Say that an object of a kind could not be told from any other."""
        return Unreadable(where=kind.path, reason=error.reason, scopes=(kind.scope(self.cluster),))

    def take(self, kind: Listable, items: Sequence[Object], found: dict[str, Document]) -> Iterator[Unreadable]:
        """Put the objects of a kind into `found`, and yield what can't be told of them."""
        for item in items:
            try:
                document = self.document(kind, item)
            except Invalid as error:
                yield self.unreadable(kind, error)
                continue
            # The same object may be served by an old and a new API group; the first one listed holds.
            found.setdefault(document.resource.uid, document)
            if self.is_hidden(kind):
                reason = "only the metadata of Secrets is read; their values are not compared"
                yield Unreadable(where=kind.path, reason=reason, resource=document.resource)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindReading:
    """One kind as it was listed."""

    kind: Listable
    parts: tuple[Part, ...]
    """Without the objects, of which Secrets hold values; empty for a kind that could not be listed."""
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


@dataclass(slots=True, kw_only=True)
class ClusterReading:
    """A cluster as it was listed."""

    documents: dict[str, Document] = field(default_factory=dict)
    """By uid."""
    kinds: list[KindReading] = field(default_factory=list)
    faults: list[Unreadable] = field(default_factory=list)
    """API groups that could not be asked."""

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
        reading = read_kind(lister, reader, kind, found.documents)
        if reading is not None:
            found.kinds.append(reading)
            whole |= {kind.scope(reader.cluster)} if reading.is_whole else set()
    _check_anything(connection, found, reader.cluster)
    match told_schema(connection, cluster=reader.cluster):
        case Document() as schema:
            found.documents[schema.resource.uid] = schema
        case Unreadable() as fault:
            found.faults.append(fault)
    return found


def read_kind(
    lister: Lister, reader: ObjectReader, kind: Listable, documents: dict[str, Document]
) -> KindReading | None:
    """List one kind into `documents`; None when the server does not have it any more.

    Raises:
        Refused: the credentials don't hold.
    """
    try:
        listing = lister.list_kind(kind, metadata_only=reader.is_hidden(kind))
    except NotFound:
        return None
    except OutsideError as error:
        if isinstance(error, Refused) and not isinstance(error, Denied):
            raise
        unread = lister.unread(kind, error)
        return KindReading(kind=kind, parts=(), unread=unread, is_denied=isinstance(error, Denied))
    unreadable = tuple(reader.take(kind, listing.items, documents))
    parts = tuple(replace(part, items=()) for part in listing.parts)
    return KindReading(kind=kind, parts=parts, unread=listing.unread, unreadable=unreadable)


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
