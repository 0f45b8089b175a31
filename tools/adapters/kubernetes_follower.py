"""Follows one path of an API server for good: lists it, watches it, and does again what breaks."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from graph.errors import NotFound, OutsideError, Refused, Unexpected
from tools.adapters.kubernetes_connection import Denied, Gone
from tools.adapters.kubernetes_listing import Lister
from tools.adapters.kubernetes_reading import ObjectReader
from tools.adapters.kubernetes_watch_stream import Malformed, WatchConnections, WatchEvent, WatchRequest
from tools.adapters.kubernetes_watched_path import Difference, WatchedPath

_LAG: Final = timedelta(seconds=5)
"""How long an event may be on its way while the watch looks alive."""
_SOON_S: Final = 1.0
"""A watch that ends sooner was cut."""
_JSON: Final = "application/json"
_METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often and how long; all in seconds."""

    gather_s: float = 0.1
    """What comes within this is told as one."""
    watch_s: int = 290
    """The server ends a watch after this; load balancers like to end connections after 5 minutes."""
    quiet_s: float = 150.0
    """Servers send a bookmark about every minute; a watch on which nothing comes for longer is opened anew."""
    poll_s: float = 30.0
    """Between two lists of a kind that can't be watched."""
    discover_s: float = 300.0
    """Between two looks for new kinds and new permissions, without a sign that there are some."""
    announced_s: float = 1.0
    """From a sign of new kinds to the look."""
    grace_s: float = 10.0
    """A watch that is open again sooner was never broken."""
    give_up_s: float = 60.0
    """When nothing at all can be watched for this long, the source is out of reach."""
    heartbeat_s: float = 10.0
    """Silence after which it is said that all is as it was."""
    longest_pause_s: float = 30.0
    """Between two attempts."""
    list_again_s: float = 60.0
    """At least between two lists because of events that were not understood."""


class Run(Protocol):
    """The run of a watch that a follower is part of."""

    counts: Counter[str]

    @property
    def watches(self) -> WatchConnections: ...

    @property
    def lister(self) -> Lister: ...

    @property
    def pace(self) -> Pace: ...

    @property
    def reader(self) -> ObjectReader: ...

    def now(self) -> datetime: ...

    def tell_soon(self, difference: Difference, since: datetime | None) -> None: ...

    def missing(self) -> None: ...

    def fail(self, error: BaseException) -> None: ...

    def ended(self, task: asyncio.Task[None]) -> None: ...

    async def renew(self) -> None: ...


class Follower:
    """Follows one path for as long as its task lives."""

    def __init__(self, watch: Run, path: WatchedPath, *, is_watched: bool) -> None:
        self.path = path
        self.is_watched = is_watched
        self._watch = watch
        self._attempt: asyncio.Task[None] | None = None
        self._waiting: list[asyncio.Future[bool]] = []
        self._renewed_at = self._listed_for_loss_at = float("-inf")
        self.task = asyncio.create_task(self._follow())
        self.task.add_done_callback(watch.ended)

    async def list_now(self) -> bool:
        """List again at once, and return whether that worked."""
        wait: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(wait)
        self.path.must_list = True
        if self._attempt is not None:
            self._attempt.cancel()
        return await wait

    async def _follow(self) -> None:
        failures = 0
        while True:
            begun = _monotonic()
            self._attempt = asyncio.create_task(self._once())
            try:
                await asyncio.wait([self._attempt])
            finally:
                self._attempt.cancel()
            if self._attempt.cancelled():
                continue  # somebody wants a new list
            error = self._attempt.exception()
            if error is not None and not isinstance(error, OutsideError | NotFound):
                raise error
            # What ends as soon as it begins must not be begun again at once for ever.
            failures = failures + 1 if _monotonic() - begun < _SOON_S or self.path.broken_since else 0
            if isinstance(error, Gone):
                self._watch.counts["too_old"] += 1
                self.path.must_list = True
            elif error is not None:
                await self._broken(error)
                failures = max(failures, 2)
            if failures > 1:
                await self._pause(failures)

    async def _once(self) -> None:
        """List where that is needed, then watch until the watch ends; or wait, where there is none."""
        if self.path.must_list:
            await self._list()
        if self.is_watched:
            await self._stream()
        else:
            self._heard()
            await asyncio.sleep(self._watch.pace.poll_s)
            self.path.must_list = True

    async def _list(self) -> None:
        waiting, self._waiting = self._waiting, []
        begun = self._watch.now()
        try:
            hidden = self._watch.reader.is_hidden(self.path.kind)
            list_path = self._watch.lister.list_path
            part = await asyncio.to_thread(list_path, self.path.path, self.path.page, metadata_only=hidden)
        except BaseException:
            self._waiting = [*waiting, *self._waiting]
            raise
        self._watch.counts["listed"] += 1
        self._watch.tell_soon(self.path.list_again(part), self.path.heard_at)
        self._heard(begun)
        _answer(waiting, is_done=True)

    async def _stream(self) -> None:
        pace = self._watch.pace
        is_hidden = self._watch.reader.is_hidden(self.path.kind)
        wanted = WatchRequest(
            path=self.path.path,
            resource_version=self.path.resource_version,
            timeout_s=int(pace.watch_s * random.uniform(0.8, 1)),  # noqa: S311  (spreads load, hides nothing)
            quiet_s=pace.quiet_s,
            accept=_METADATA_ONLY if is_hidden else _JSON,
        )
        is_open = False
        try:
            async with aclosing(self._watch.watches.events(wanted)) as events:
                async for event in events:
                    is_open = True
                    self._take(event)
                    if self.path.must_list:
                        return
        except (Denied, Unexpected):
            if is_open:
                raise
            # It may be listed and not watched.
            self._watch.counts["unwatchable"] += 1
            self.is_watched = False

    def _take(self, event: WatchEvent | Malformed | None) -> None:
        if isinstance(event, WatchEvent):
            self._watch.counts["events"] += event.type != "BOOKMARK"
            self._watch.tell_soon(self.path.hear(event), self.path.heard_at)
        elif isinstance(event, Malformed):
            self._watch.counts["malformed"] += 1
            self.path.lose(event.reason)
        self._heard()
        if self.path.lost and _monotonic() - self._listed_for_loss_at >= self._watch.pace.list_again_s:
            self._listed_for_loss_at = _monotonic()
            self.path.must_list = True

    def _heard(self, at: datetime | None = None) -> None:
        self.path.heard_at = max(self.path.heard_at, (at or self._watch.now()) - _LAG)
        self.path.broken_since = None

    async def _broken(self, error: OutsideError | NotFound) -> None:
        self._watch.counts["broken"] += 1
        self.path.broken_since = self.path.broken_since or self._watch.now()
        self.path.reason = str(error)
        waiting, self._waiting = self._waiting, []
        _answer(waiting, is_done=False)
        if isinstance(error, NotFound):
            self._watch.missing()
        elif isinstance(error, Refused) and not isinstance(error, Denied):
            await self._refused(error)

    async def _refused(self, error: Refused) -> None:
        """Credentials run out: try once with new ones."""
        if _monotonic() - self._renewed_at < self._watch.pace.give_up_s:
            self._watch.fail(error)
            return
        self._renewed_at = _monotonic()
        try:
            await self._watch.renew()
        except OutsideError as failed:
            self._watch.fail(failed)

    async def _pause(self, failures: int) -> None:
        """Wait longer with each failure, and not as long as all the others."""
        longest = min(self._watch.pace.longest_pause_s, 0.2 * 2 ** min(failures, 10))
        await asyncio.sleep(longest * random.uniform(0.5, 1))  # noqa: S311  (spreads load, hides nothing)


def _monotonic() -> float:
    return asyncio.get_running_loop().time()


def _answer(waiting: list[asyncio.Future[bool]], *, is_done: bool) -> None:
    for wait in waiting:
        if not wait.done():
            wait.set_result(is_done)
