"""Live state and events of a cluster, listed from its API server. Reads only; values of Secrets are hashed at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from graph.document import Object
from graph.errors import Invalid, NotFound, OutsideError, Refused, Unreachable
from graph.evidence import SymptomEvent
from graph.kinds.kubernetes.parse import parse
from graph.resource import Facet
from graph.version import Document, Snapshot, Unreadable
from tools.adapters.kubeconfig import load_kubeconfig
from tools.adapters.kubernetes_connection import Connection, Denied
from tools.adapters.kubernetes_discovery import Listable, discover
from tools.adapters.kubernetes_events import symptom
from tools.adapters.kubernetes_listing import Lister

_NO_STATE: Final = frozenset(
    {("", "Event"), ("events.k8s.io", "Event"), ("", "ComponentStatus"), ("coordination.k8s.io", "Lease")}
)
"""Kinds that are messages or heartbeats, not state."""
_NO_STATE_GROUPS: Final = frozenset({"metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"})


class KubernetesApi:
    """A `StateSource` and `SymptomSource` over a live API server."""

    facet = Facet.ACTUAL

    def __init__(
        self,
        name: str,
        *,
        kubeconfig: Path,
        context: str | None = None,
        cluster: str,
        salt: bytes,
        read_secrets: bool = True,
        namespaces: Sequence[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Describe the cluster; nothing is read yet.

        Args:
            name: name of the source within its environment.
            kubeconfig: file with address and credentials.
            context: context in it; None for the current one.
            cluster: name of the cluster in uids.
            salt: key under which values of Secrets are hashed.
            read_secrets: whether to fetch Secrets with their values, for hashing; otherwise their metadata only.
            namespaces: where to look when the user may list neither everything nor the namespaces.
            clock: gives the present, UTC.
            transport: replaces the network, in tests.
            sleep: waits for some seconds between attempts.
        """
        self.name = name
        self._kubeconfig = kubeconfig
        self._context = context
        self._cluster = cluster
        self._salt = salt
        self._read_secrets = read_secrets
        self._namespaces = tuple(namespaces)
        self._clock = clock
        self._transport = transport
        self._sleep = sleep

    def read(self) -> Snapshot:
        """List every kind that can be listed; a kind that is denied or fails stands in `unreadable` with its scope.

        Raises:
            OutsideError: no kubeconfig, no connection, or no kind at all could be listed.
        """
        taken_at = self._clock()
        found: dict[str, Document] = {}
        with self._connect() as connection:
            kinds, missing = discover(connection, cluster=self._cluster)
            lister = Lister(connection, cluster=self._cluster, namespaces=self._namespaces)
            listed: set[str] = set()
            denied = 0
            for kind in kinds:
                if (kind.group, kind.kind) in _NO_STATE or kind.group in _NO_STATE_GROUPS:
                    continue
                try:
                    listing = lister.list_kind(kind, metadata_only=self._is_hidden(kind))
                except NotFound:
                    continue  # removed since discovery
                except OutsideError as error:
                    if isinstance(error, Refused) and not isinstance(error, Denied):
                        raise
                    denied += isinstance(error, Denied)
                    missing.append(lister.unread(kind, error))
                    continue
                unread = [*self._take(kind, listing.items, found), *((listing.unread,) if listing.unread else ())]
                missing += unread
                listed.add("" if unread else kind.scope(self._cluster))
            if not listed and denied:
                raise Refused(
                    f"user {connection.user!r} may not list anything in cluster {self._cluster!r}: grant `get` and "
                    "`list` on what it shall read, for example with the ClusterRole `view`"
                )
            if not listed and missing:
                raise Unreachable(
                    f"nothing of cluster {self._cluster!r} could be read; the first reason: {missing[0].reason}"
                )
        # What one API group denies may have been listed as the same kind of another.
        unreadable = tuple(u for u in missing if not u.scopes or not listed.issuperset(u.scopes))
        return Snapshot(
            facet=Facet.ACTUAL,
            source=self.name,
            taken_at=taken_at,
            documents=tuple(found.values()),
            unreadable=unreadable,
            complete=all(u.is_bounded for u in unreadable),
        )

    def symptoms(self, since: datetime) -> Sequence[SymptomEvent]:
        """Return the cluster's events last seen after `since`, oldest first.

        Raises:
            OutsideError: they can't be listed.
        """
        events = Listable(group="", version="v1", kind="Event", plural="events", is_namespaced=True)
        with self._connect() as connection:
            try:
                listing = Lister(connection, cluster=self._cluster, namespaces=self._namespaces).list_kind(events)
            except NotFound:
                return ()  # A server that keeps no events, as those of virtual clusters and aggregators may be.
        found = [symptom(e, cluster=self._cluster, source=self.name) for e in listing.items]
        return sorted((s for s in found if s and s.at and s.at > since), key=lambda s: s.at or since)

    def _connect(self) -> Connection:
        access = load_kubeconfig(self._kubeconfig, self._context)
        return Connection(access, transport=self._transport, sleep=self._sleep)

    def _take(self, kind: Listable, items: Sequence[Object], found: dict[str, Document]) -> Iterator[Unreadable]:
        """Put the objects of a kind into `found`, and yield what can't be told of them."""
        for item in items:
            body = {**item, "apiVersion": kind.api_version, "kind": kind.kind}
            try:
                document = parse(body, cluster=self._cluster, default_namespace=None, salt=self._salt)
            except Invalid as error:
                yield Unreadable(where=kind.path, reason=error.reason, scopes=(kind.scope(self._cluster),))
                continue
            # The same object may be served by an old and a new API group; the first one listed holds.
            found.setdefault(document.resource.uid, document)
            if self._is_hidden(kind):
                reason = "only the metadata of Secrets is read; their values are not compared"
                yield Unreadable(where=kind.path, reason=reason, resource=document.resource)

    def _is_hidden(self, kind: Listable) -> bool:
        return not self._read_secrets and (kind.group, kind.kind) == ("", "Secret")
