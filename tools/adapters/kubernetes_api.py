"""Live state and events of a cluster, listed from its API server. Reads only; values of Secrets are hashed at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event

import httpx

from graph.document import Object
from graph.errors import NotFound
from graph.evidence import SymptomEvent
from graph.packed import Packed
from graph.resource import Facet
from graph.version import Delta, Snapshot
from tools.adapters.kubeconfig import load_kubeconfig
from tools.adapters.kubernetes_connection import Connection
from tools.adapters.kubernetes_discovery import Listable
from tools.adapters.kubernetes_events import symptom
from tools.adapters.kubernetes_follower import Pace
from tools.adapters.kubernetes_listing import Lister
from tools.adapters.kubernetes_reading import ClusterReading, ObjectReader, read_cluster
from tools.adapters.kubernetes_watch import ClusterWatch
from tools.adapters.kubernetes_watch_stream import WatchConnections


class KubernetesApi:
    """A `WatchedSource` and `SymptomSource` over a live API server."""

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
        pace: Pace | None = None,
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
            pace: intervals of the watch; those for real clusters by default.
        """
        self.name = name
        self._kubeconfig = kubeconfig
        self._context = context
        self._reader = ObjectReader(cluster=cluster, salt=salt, read_secrets=read_secrets)
        self._namespaces = tuple(namespaces)
        self._clock = clock
        self._transport = transport
        self._sleep = sleep
        self._pace = pace
        self._watch: ClusterWatch | None = None

    def read(self) -> Snapshot:
        """List every kind that can be listed; a kind that is denied or fails stands in `unreadable` with its scope.

        Raises:
            OutsideError: no kubeconfig, no connection, or no kind at all could be listed.
        """
        taken_at = self._clock()
        with self.connect() as connection:
            found = read_cluster(connection, self.lister(connection), self._reader)
        return self._snapshot(found, taken_at)

    def watch(self, hear: Callable[[Snapshot | Delta], None], stop: Event) -> None:
        """Tell everything, then what changes; see `WatchedSource.watch`.

        Raises:
            OutsideError: out of reach, or refused, for too long.
        """
        with self.connect() as connection:
            read_at = self._clock()
            found = read_cluster(connection, self.lister(connection), self._reader)
            hear(self._snapshot(found, read_at))
            self._watch = ClusterWatch(self.name, self, self._reader, hear, clock=self._clock, pace=self._pace)
            try:
                self._watch.run(found, read_at, connection, stop)
            finally:
                self._watch = None

    def catch_up(self, within_s: float) -> bool:
        """See `WatchedSource.catch_up`: each kind is listed again, and its watch goes on from there."""
        watch = self._watch
        return watch is not None and watch.catch_up(within_s)

    @property
    def is_watched(self) -> bool:
        """Whether `watch` runs and has told everything once."""
        return self._watch is not None

    @property
    def counts(self) -> Counter[str]:
        """What the watch at hand met so far; see `ClusterWatch.counts`. Empty when there is none."""
        watch = self._watch
        return Counter(watch.counts if watch is not None else ())

    def symptoms(self, since: datetime) -> Sequence[SymptomEvent]:
        """Return the cluster's events last seen after `since`, oldest first.

        Raises:
            OutsideError: they can't be listed.
        """
        events = Listable(group="", version="v1", kind="Event", plural="events", is_namespaced=True)
        with self.connect() as connection:
            try:
                listing = self.lister(connection).list_kind(events, partial(self._symptoms, since=since))
            except NotFound:
                return ()  # A server that keeps no events, as those of virtual clusters and aggregators may be.
        found = [one for part in listing.parts for page in part.pages for one in page]
        return sorted(found, key=lambda s: s.at or since)

    def _symptoms(self, events: Sequence[Object], since: datetime) -> list[SymptomEvent]:
        found = (symptom(e, cluster=self._reader.cluster, source=self.name) for e in events)
        return [s for s in found if s and s.at and s.at > since]

    def connect(self) -> Connection:
        """Open a connection with the credentials that the kubeconfig holds now."""
        access = load_kubeconfig(self._kubeconfig, self._context)
        return Connection(access, transport=self._transport, sleep=self._sleep)

    def watches(self) -> WatchConnections:
        """Prepare watches with the credentials that the kubeconfig holds now."""
        return WatchConnections(load_kubeconfig(self._kubeconfig, self._context))

    def lister(self, connection: Connection) -> Lister:
        """Make a lister that does not know yet what the user may see."""
        return Lister(connection, cluster=self._reader.cluster, namespaces=self._namespaces)

    def _snapshot(self, found: ClusterReading, taken_at: datetime) -> Snapshot:
        unreadable = found.unreadable(self._reader.cluster)
        return Snapshot(
            facet=Facet.ACTUAL,
            source=self.name,
            taken_at=taken_at,
            documents=Packed(found.bundles),
            unreadable=unreadable,
            complete=all(u.is_bounded for u in unreadable),
        )
