"""Keeps the graphs fresh: listens to what can be watched, follows change streams, reads the rest in an interval.

Of several replicas one collects an environment; see `app/leadership.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from app.drift_watch import DriftWatch
from app.environments import GovernedEnvironments
from app.leadership import Leadership
from graph.errors import PlumblineError
from graph.version import Delta, Snapshot
from tools.ports import WatchedSource

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.5
"""How often change streams are looked at; a look at a file that did not grow is one system call."""

_FIRST_WORD_S = 1_800.0
"""For how long the first reading waits for the watches to tell everything, before it reads their sources itself.

One that can't be listed says so much sooner; reading a large one beside that takes as long again, and twice the room.
"""

_PAUSE_S = 1.0
"""Between two readings that a change stream asks for, at least."""

_CHEAP_S = 0.25
"""Relations that are brought up to date faster than this are so after each change, others with each reading."""

_PAUSES_S = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
"""Between attempts to watch a source that can't be watched."""


class Collector:
    """The collection of all environments."""

    def __init__(
        self, environments: GovernedEnvironments, drift: DriftWatch, leadership: Leadership, *, every_s: float
    ) -> None:
        """Do nothing yet; `every_s` seconds lie between two readings of what can't be watched."""
        self._drift = drift
        self._leadership = leadership
        self._threads = [_Environment(n, environments, drift, leadership, every_s) for n in environments.names()]

    @property
    def has_read_all(self) -> bool:
        """Whether every environment was read, or found unreadable, or is another process's, at least once."""
        return all(t.has_read.is_set() for t in self._threads)

    def start(self) -> None:
        """Start the threads."""
        self._leadership.start()
        self._drift.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the threads and give the environments to other processes."""
        for thread in self._threads:
            thread.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(5)
        self._drift.stop()
        self._leadership.stop()


class _Environment(threading.Thread):
    """Collects one environment while this process holds its lease."""

    def __init__(
        self,
        name: str,
        environments: GovernedEnvironments,
        drift: DriftWatch,
        leadership: Leadership,
        every_s: float,
    ) -> None:
        super().__init__(name=f"collect-{name}", daemon=True)
        self._environment = name
        self._environments = environments
        self._drift = drift
        self._leadership = leadership
        self._every_s = every_s
        self._stopping = threading.Event()
        self._watches: list[_Watch] = []
        self._is_taken_up = False
        self._next_at = self._soonest_at = float("-inf")
        self.has_read = threading.Event()

    def run(self) -> None:
        self._leadership.has_asked.wait()
        while not self._stopping.is_set():
            if not self._leadership.holds(self._environment):
                self._let_go()
                self.has_read.set()
            elif not self._is_taken_up:
                self._take_up()
            elif time.monotonic() >= self._next_at:
                self._try("reading_failed", self._poll)
            else:
                self._try("following_failed", self._follow)
            self._stopping.wait(_LOOK_EVERY_S)
        self._let_go()

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()

    def _take_up(self) -> None:
        """Begin: watches first, as they tell everything at once, then what they don't tell, then judge it all."""
        sources = self._environments.sources(self._environment).watched
        self._watches = [_Watch(self._environment, s, self._environments) for s in sources]
        for watch in self._watches:
            watch.start()
        patience = time.monotonic() + _FIRST_WORD_S
        while time.monotonic() < patience and not self._stopping.is_set():
            if all(w.has_begun.is_set() for w in self._watches):
                break
            self._stopping.wait(0.05)
        self._try("reading_failed", self._poll)
        self._drift.judge_all(self._environment)
        self._is_taken_up = True
        self.has_read.set()

    def _poll(self) -> None:
        begun = time.monotonic()
        self._next_at = begun + self._every_s
        has_news = self._environments.poll(self._environment)
        ended = time.monotonic()
        # What takes long is not done all the time, however large an environment is, and however much is written to a
        # change stream.
        self._next_at = max(self._next_at, ended + min(ended - begun, self._every_s))
        self._soonest_at = ended + max(_PAUSE_S, 2 * (ended - begun))
        if has_news:
            self._next_at = min(self._next_at, self._soonest_at)

    def _follow(self) -> None:
        if self._environments.follow(self._environment):
            # Somebody changed something: what is not watched is read now, not when its time comes.
            self._next_at = min(self._next_at, max(self._soonest_at, time.monotonic()))
        self._environments.relate(self._environment, within_s=_CHEAP_S)

    def _let_go(self) -> None:
        for watch in self._watches:
            watch.stop()
        for watch in self._watches:
            watch.join(5)
        self._watches, self._is_taken_up = [], False

    def _try(self, event: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:  # the run edge: an environment that can't be read now is read again later
            _log.exception(event, environment=self._environment)


class _Watch(threading.Thread):
    """Listens to one source, again and again."""

    def __init__(self, environment: str, source: WatchedSource, environments: GovernedEnvironments) -> None:
        super().__init__(name=f"watch-{environment}-{source.name}", daemon=True)
        self._environment = environment
        self._source = source
        self._environments = environments
        self._stopping = threading.Event()
        self.has_begun = threading.Event()
        """Set once the source told everything, or failed."""

    def run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                self._source.watch(self._hear, self._stopping)
            except PlumblineError as error:
                self._failed(error)
            except Exception as error:  # the run edge: whatever a server sends must not end the listening for good
                _log.exception("watch_failed", environment=self._environment, source=self._source.name)
                self._failed(error)
            self.has_begun.set()
            failures = 0 if time.monotonic() - begun > _PAUSES_S[-1] else failures + 1
            self._stopping.wait(_PAUSES_S[min(failures, len(_PAUSES_S)) - 1])

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()

    def _hear(self, said: Snapshot | Delta) -> None:
        self._environments.hear(self._environment, said)
        self.has_begun.set()

    def _failed(self, error: Exception) -> None:
        try:
            self._environments.source_failed(self._environment, self._source.name, self._source.facet, error)
        except PlumblineError as failed:
            _log.warning("source_failure_not_stored", source=self._source.name, error=str(failed))
