"""Watches all kinds of a cluster in one thread, so that a change is told within moments and none is missed.

Each kind is listed once; a watch goes on from the version of that list. A watch that ends goes on from the last version
that was heard of; where that is too old, that kind alone is listed again and told as the difference. Kinds that can't
be watched are listed in an interval. What is broken, refused or not understood is named for as long as it is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event
from typing import Final, Protocol

from graph.errors import OutsideError, Refused, Unreachable
from graph.packed import Packed, Piece, together
from graph.resource import Facet
from graph.version import Delta, Snapshot, Unreadable
from tools.adapters.kubernetes_connection import Connection, Denied
from tools.adapters.kubernetes_discovery import Listable
from tools.adapters.kubernetes_follower import Follower, Pace
from tools.adapters.kubernetes_listing import Lister
from tools.adapters.kubernetes_reading import ClusterReading, KindReading, ObjectReader, kinds_of_state, read_kind
from tools.adapters.kubernetes_watch_stream import WatchConnections
from tools.adapters.kubernetes_watched_path import Difference, WatchedPath, difference

Hear = Callable[[Snapshot | Delta], None]

_MOST_WATCHES: Final = 256
"""Each is a connection; what is beyond that is listed in an interval."""
_MOST_DOCUMENTS: Final = 2000
"""In one delta; more are told in several."""
_ANNOUNCERS: Final = frozenset({"CustomResourceDefinition", "APIService"})
"""Kinds whose changes bring or take other kinds."""


class Cluster(Protocol):
    """How to reach the cluster; credentials are read anew with each call."""

    def connect(self) -> Connection: ...

    def lister(self, connection: Connection) -> Lister: ...

    def watches(self) -> WatchConnections: ...


class ClusterWatch:
    """One run of a watch. What it counts stays readable while it runs."""

    def __init__(
        self,
        source: str,
        cluster: Cluster,
        reader: ObjectReader,
        hear: Hear,
        *,
        clock: Callable[[], datetime],
        pace: Pace | None = None,
    ) -> None:
        """Do nothing yet.

        Args:
            source: name of the source in deltas.
            cluster: what to watch.
            reader: makes documents of objects.
            hear: is told what changes, in the thread that calls `run`.
            clock: gives the present, UTC.
            pace: intervals; those for real clusters by default.
        """
        self.counts: Counter[str] = Counter()
        """`events`, `listed`, `too_old`, `broken`, `malformed` and `discovered`: how often each happened."""
        self._source, self._cluster, self._reader, self._hear = source, cluster, reader, hear
        self._clock, self._pace = clock, pace or Pace()
        self._followers: dict[str, Follower] = {}
        self._kinds: dict[tuple[str, str], KindReading] = {}
        self._faults: list[Unreadable] = []
        self._pending: dict[str, Piece | None] = {}
        self._since: datetime | None = None
        self._told_gaps: tuple[Unreadable, ...] = ()
        self._told_at = clock()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, reading: ClusterReading, read_at: datetime, connection: Connection, stop: Event) -> None:
        """Go on from a list until `stop` is set.

        Args:
            reading: everything, as it was told already.
            read_at: UTC; when the list began.
            connection: for lists; closed by the caller, as those that `cluster` gives later are here.
            stop: ends the run.

        Raises:
            OutsideError: out of reach, or refused, for too long. What `hear` raises ends the run as it is.
        """
        self._connections = [connection]
        self._lister = self._cluster.lister(connection)
        self._told_gaps = reading.unreadable(self._reader.cluster)
        self._faults = reading.faults
        asyncio.run(self._run(reading, read_at, stop))

    def catch_up(self, within_s: float) -> bool:
        """List everything again, from another thread, and return whether all differences were told in time."""
        loop = self._loop
        if loop is None:
            return False
        try:
            asked = asyncio.run_coroutine_threadsafe(self._catch_up(within_s), loop)
            return asked.result(within_s + 1)
        except (RuntimeError, TimeoutError, asyncio.CancelledError):
            return False  # the run ended meanwhile

    async def _run(self, reading: ClusterReading, read_at: datetime, stop: Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._announced = asyncio.Event()
        self._ended = asyncio.Event()
        self._watches = self._cluster.watches()
        self._begin(reading, read_at)
        seeker = asyncio.create_task(self._seek_kinds())
        seeker.add_done_callback(self.ended)
        try:
            while not stop.is_set() and self._failure is None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), self._pace.gather_s)
                self._tell()
        finally:
            self._loop = None
            tasks = [seeker, *(f.task for f in self._followers.values())]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._watches.close()
            for connection in self._connections[1:]:
                connection.close()
        if self._failure is not None:
            raise self._failure

    def _begin(self, reading: ClusterReading, read_at: datetime) -> None:
        for kind in reading.kinds:
            self._follow(kind, read_at)
        reading.kinds = []  # they were told; nobody needs them for as long as this runs

    def _follow(self, reading: KindReading, read_at: datetime) -> None:
        """Watch the paths of a kind from their lists on."""
        kind = reading.kind
        self._kinds[kind.group, kind.plural] = reading.told()
        for part in reading.parts:
            path = WatchedPath(kind, part.path, self._reader, heard_at=read_at)
            path.seed(part)
            is_watched = kind.is_watchable and bool(part.resource_version)
            is_watched = is_watched and sum(f.is_watched for f in self._followers.values()) < _MOST_WATCHES
            self._followers[part.path] = Follower(self, path, is_watched=is_watched)

    async def _seek_kinds(self) -> None:
        """Look for new kinds and new permissions, at once where something says that there are some."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._announced.wait(), self._pace.discover_s)
                await asyncio.sleep(self._pace.announced_s)
            self._announced.clear()
            try:
                await self._discover()
            except OutsideError as error:
                if isinstance(error, Refused) and not isinstance(error, Denied):
                    self.fail(error)
                # Otherwise the watches themselves tell what is out of reach.

    async def _discover(self) -> None:
        found, self._faults = await asyncio.to_thread(
            kinds_of_state, self._connections[-1], cluster=self._reader.cluster
        )
        self._lister = self._cluster.lister(self._connections[-1])
        self.counts["discovered"] += 1
        wanted = {(k.group, k.plural): k for k in found}
        for key, known in list(self._kinds.items()):
            scope = known.kind.scope(self._reader.cluster)
            if key not in wanted and not any(scope.startswith(f.scopes) for f in self._faults):
                await self._drop(key)
        scopes = {k.kind.scope(self._reader.cluster): key for key, k in self._kinds.items() if k.is_whole}
        for key, kind in wanted.items():
            reading = self._kinds.get(key)
            is_served_elsewhere = scopes.get(kind.scope(self._reader.cluster), key) != key
            if is_served_elsewhere or (reading is not None and reading.unread is None and reading.kind == kind):
                continue
            await self._take_up(key, kind)

    async def _take_up(self, key: tuple[str, str], kind: Listable) -> None:
        """List a kind that is new, or that the user may perhaps see more of by now, and tell what is new."""
        read_at = self._clock()
        reading = await asyncio.to_thread(read_kind, self._lister, self._reader, kind)
        if reading is None:
            return
        before = await self._stop(key)
        self._follow(reading, read_at)
        listed = {uid for page in reading.pages for uid in page.versions}
        gone = [] if reading.unread or reading.unreadable else before - listed
        self.tell_soon(difference((page.found for page in reading.pages), gone), None)

    async def _drop(self, key: tuple[str, str]) -> None:
        """Tell that a kind is gone with all its objects."""
        self.tell_soon(Difference(dict.fromkeys(await self._stop(key))), None)
        del self._kinds[key]

    async def _stop(self, key: tuple[str, str]) -> set[str]:
        """Watch a kind no more, and return the resources of it."""
        known = self._kinds.get(key)
        uids: set[str] = set()
        for path in [f.path for f in self._followers.values() if known and f.path.kind == known.kind]:
            follower = self._followers.pop(path.path)
            follower.task.cancel()
            await asyncio.gather(follower.task, return_exceptions=True)
            uids |= set(path.versions)
        return uids

    async def _catch_up(self, within_s: float) -> bool:
        followers = list(self._followers.values())
        waits = [asyncio.ensure_future(f.list_now()) for f in followers]
        done, late = await asyncio.wait(waits, timeout=within_s) if waits else (set(), set())
        for wait in late:
            wait.cancel()
        self._tell()
        return not late and all(wait.result() for wait in done)

    def tell_soon(self, difference: Difference, since: datetime | None) -> None:
        """Note what is to be told; `since` (UTC) is a time at which it was not yet so."""
        if not difference.found:
            return
        was_empty = not self._pending
        self._pending |= difference.found
        if was_empty:
            self._since = since
        elif self._since is not None:
            self._since = min(self._since, since) if since else None
        if any(uid.split("/", 5)[4] in _ANNOUNCERS for uid in difference.found):
            self._announced.set()

    def fail(self, error: BaseException) -> None:
        """End the run."""
        self._failure = self._failure or error
        self._ended.set()

    def ended(self, task: asyncio.Task[None]) -> None:
        """A task that should live as long as the run has ended: unless it was told to, the run can't go on."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def missing(self) -> None:
        """A path is unknown to the server: its kind may be gone."""
        self._announced.set()

    def _tell(self) -> None:
        """Tell what was gathered, and what can't be read where that has changed."""
        now = self._clock()
        self._check_reach(now)
        gaps = self._gaps(now)
        pending, self._pending = list(self._pending.items()), {}
        is_due = now - self._told_at >= timedelta(seconds=self._pace.heartbeat_s)
        if not pending and gaps == self._told_gaps and not is_due:
            return
        for start in range(0, len(pending) or 1, _MOST_DOCUMENTS):
            some = pending[start : start + _MOST_DOCUMENTS]
            self._hear(
                Delta(
                    facet=Facet.ACTUAL,
                    source=self._source,
                    at=now,
                    documents=Packed(together(piece for _, piece in some if piece is not None)),
                    gone=tuple(uid for uid, piece in some if piece is None),
                    since=self._since,
                    unreadable=None if gaps == self._told_gaps else gaps,
                )
            )
            self._told_gaps = gaps
        self._told_at, self._since = self._clock(), None

    def _gaps(self, now: datetime) -> tuple[Unreadable, ...]:
        """Everything that is not known just now; what one API group denies may be whole in another."""
        before = now - timedelta(seconds=self._pace.grace_s)
        cluster = self._reader.cluster
        gaps = [*self._faults, *(k.unread for k in self._kinds.values() if k.unread)]
        for follower in self._followers.values():
            gaps += follower.path.unreadable(cluster, broken_before=before)
        whole = {k.kind.scope(cluster) for k in self._kinds.values() if k.is_whole}
        whole -= {s for g in gaps for s in g.scopes if g.where in self._followers}
        return tuple(g for g in gaps if not g.scopes or not whole.issuperset(g.scopes))

    def _check_reach(self, now: datetime) -> None:
        """Give up when nothing at all can be heard any more."""
        long_ago = now - timedelta(seconds=self._pace.give_up_s)
        paths = [f.path for f in self._followers.values()]
        if paths and all(p.broken_since is not None and p.broken_since <= long_ago for p in paths):
            self.fail(Unreachable(f"no watch could be kept open since {long_ago:%H:%M:%S} UTC: {paths[0].reason}"))

    async def renew(self) -> None:
        """Use credentials that are read anew; what is open stays open.

        Raises:
            OutsideError: there are none.
        """
        before = self._watches
        self._watches = self._cluster.watches()
        self._connections.append(await asyncio.to_thread(self._cluster.connect))
        self._lister = self._cluster.lister(self._connections[-1])
        asyncio.get_running_loop().call_later(self._pace.watch_s + 60, lambda: asyncio.ensure_future(before.close()))

    @property
    def watches(self) -> WatchConnections:
        """Opens watches."""
        return self._watches

    @property
    def lister(self) -> Lister:
        """Lists; to be used in another thread."""
        return self._lister

    @property
    def pace(self) -> Pace:
        """Intervals."""
        return self._pace

    @property
    def reader(self) -> ObjectReader:
        """Makes documents of objects."""
        return self._reader

    def now(self) -> datetime:
        """The present, UTC."""
        return self._clock()
