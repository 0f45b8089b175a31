"""Live state and events of a cluster, listed from its API server. Reads only; values of Secrets are hashed at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from graph.document import Object
from graph.errors import Invalid, NotFound, OutsideError, Refused
from graph.evidence import SymptomEvent
from graph.kinds.kubernetes.parse import parse
from graph.resource import Facet
from graph.version import Document, Snapshot, Unreadable
from tools.adapters.kubeconfig import load_kubeconfig
from tools.adapters.kubernetes_connection import Connection, Denied, Gone
from tools.adapters.kubernetes_discovery import Listable, discover
from tools.adapters.kubernetes_events import symptom

_PAGE: Final = 500
_RESTARTS: Final = 2
"""How often a list is begun anew when its pages expire, before it is asked for in one piece."""
_NO_STATE: Final = frozenset(
    {("", "Event"), ("events.k8s.io", "Event"), ("", "ComponentStatus"), ("coordination.k8s.io", "Lease")}
)
"""Kinds that are messages or heartbeats, not state."""
_NO_STATE_GROUPS: Final = frozenset({"metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"})
_METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


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
        self._clock = clock
        self._transport = transport
        self._sleep = sleep

    def read(self) -> Snapshot:
        """List every kind that can be listed; a kind that is denied or fails stands in `unreadable`.

        Raises:
            OutsideError: no kubeconfig, no connection, or no kind at all could be listed.
        """
        taken_at = self._clock()
        found: dict[str, Document] = {}
        with self._connect() as connection:
            kinds, unreadable = discover(connection)
            for kind in kinds:
                if (kind.group, kind.kind) in _NO_STATE or kind.group in _NO_STATE_GROUPS:
                    continue
                try:
                    for item in self._list(connection, kind):
                        self._take(kind, item, found, unreadable)
                except NotFound:
                    continue  # removed since discovery
                except OutsideError as error:
                    if isinstance(error, Refused) and not isinstance(error, Denied):
                        raise
                    unreadable.append(Unreadable(where=kind.path, reason=str(error)))
        if not found and unreadable:
            raise Refused(
                f"nothing of cluster {self._cluster!r} could be read; the first reason: {unreadable[0].reason}"
            )
        return Snapshot(
            facet=Facet.ACTUAL,
            source=self.name,
            taken_at=taken_at,
            documents=tuple(found.values()),
            unreadable=tuple(unreadable),
            complete=all(u.resource for u in unreadable),
        )

    def symptoms(self, since: datetime) -> Sequence[SymptomEvent]:
        """Return the cluster's events last seen after `since`, oldest first.

        Raises:
            OutsideError: they can't be listed.
        """
        events = Listable(group="", version="v1", kind="Event", plural="events", is_namespaced=True)
        with self._connect() as connection:
            found = [symptom(e, cluster=self._cluster, source=self.name) for e in self._list(connection, events)]
        return sorted((s for s in found if s and s.at and s.at > since), key=lambda s: s.at or since)

    def _connect(self) -> Connection:
        access = load_kubeconfig(self._kubeconfig, self._context)
        return Connection(access, transport=self._transport, sleep=self._sleep)

    def _take(self, kind: Listable, item: Object, found: dict[str, Document], unreadable: list[Unreadable]) -> None:
        body = {**item, "apiVersion": kind.api_version, "kind": kind.kind}
        try:
            document = parse(body, cluster=self._cluster, default_namespace=None, salt=self._salt)
        except Invalid as error:
            unreadable.append(Unreadable(where=kind.path, reason=error.reason))
            return
        # The same object may be served by an old and a new API group; the first one listed holds.
        found.setdefault(document.resource.uid, document)
        if self._is_hidden(kind):
            reason = "only the metadata of Secrets is read; their values are not compared"
            unreadable.append(Unreadable(where=kind.path, reason=reason, resource=document.resource))

    def _is_hidden(self, kind: Listable) -> bool:
        return not self._read_secrets and (kind.group, kind.kind) == ("", "Secret")

    def _list(self, connection: Connection, kind: Listable) -> Iterator[Object]:
        """Yield the objects of a kind; a list whose pages expire is begun anew, at last in one piece."""
        accept = _METADATA_ONLY if self._is_hidden(kind) else "application/json"
        for attempt in range(_RESTARTS + 1):
            limit = _PAGE if attempt < _RESTARTS else None
            try:
                yield from list(self._pages(connection, kind.path, accept, limit))
            except Gone:
                if attempt == _RESTARTS:
                    raise
            else:
                return

    def _pages(self, connection: Connection, path: str, accept: str, limit: int | None) -> Iterator[Object]:
        params = {"limit": str(limit)} if limit else {}
        while True:
            answer = connection.get(path, params, accept=accept)
            items = answer.get("items")
            yield from (item for item in items if isinstance(item, dict)) if isinstance(items, list) else ()
            metadata = answer.get("metadata")
            token = metadata.get("continue") if isinstance(metadata, dict) else None
            if not token:
                return
            params["continue"] = str(token)
