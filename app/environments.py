"""Reads the sources of each environment, remembers what failed, and knows how fresh what is stored is.

A source that is watched says itself what changes (`hear`); the others are read (`refresh`, `follow`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

import structlog

from app.recording import News, Recorder, significant_part, tell_nobody
from app.store.graph import GraphStore
from app.streams import Streams
from graph.environment import EnvironmentGraph
from graph.errors import NotFound, OutsideError
from graph.ignoring import IgnoreRule
from graph.packed import fingerprint
from graph.resource import Facet
from graph.version import Delta, Snapshot, Unreadable
from tools.ports import (
    NO_MONITORING,
    ChangeSource,
    FollowedSource,
    Monitoring,
    StateSource,
    SymptomSource,
    WatchedSource,
)

__all__ = ["GovernedEnvironments", "Sources", "significant_part"]

_log = structlog.get_logger(__name__)

_SYMPTOMS_REACH_BACK = timedelta(hours=2)
"""Kubernetes keeps events for one hour by default; twice that survives a slow start of ours."""

_LATE = timedelta(hours=3)
"""Audit records arrive late, some by far more than the usual minutes; what was seen before is stored once."""

_CATCH_UP_S = 30.0
"""For how long a watch may list everything again before the source is read as one that is not watched."""

_QUICK = timedelta(seconds=2)
"""Declarations that are read faster than this are read again before a drift is told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything that one environment is read from."""

    environment: str
    deployers: frozenset[str]
    also_called: frozenset[str] = frozenset()
    """Names by which deploy tools know it."""
    ignore: tuple[IgnoreRule, ...] = ()
    """Findings of drift that are set aside."""
    states: tuple[StateSource, ...]
    changes: tuple[ChangeSource, ...]
    symptoms: tuple[SymptomSource, ...]
    watched: tuple[WatchedSource, ...] = ()
    """Those of `states` that say by themselves what changes."""
    followed: tuple[FollowedSource, ...] = ()
    """Those of `changes` that can be asked often for what is new."""
    monitoring: Monitoring = NO_MONITORING


_Content: TypeAlias = list[tuple[str, str, Sequence[Unreadable]]]


class _Declared(NamedTuple):
    """How the declarations of an environment were read last."""

    read_at: datetime
    """UTC"""
    took: timedelta
    content: _Content
    """What each source said, its documents as a digest."""


def _content(snapshots: Iterable[Snapshot]) -> _Content:
    return [(s.source, fingerprint(s.documents), s.unreadable) for s in snapshots]


class GovernedEnvironments:
    """The governed environments by name."""

    def __init__(
        self,
        sources: Iterable[Sources],
        store: GraphStore,
        clock: Callable[[], datetime],
        *,
        tell: Callable[[News], None] = tell_nobody,
    ) -> None:
        """Read nothing yet.

        Args:
            sources: of each environment.
            store: keeps what they say.
            clock: gives the present, UTC.
            tell: is told what is new once it is stored; called from several threads, must not block.
        """
        self._sources = {s.environment: s for s in sources}
        self._store = store
        self._clock = clock
        self._tell = tell
        self._recorder = Recorder(store, clock, tell)
        self._streams = Streams(store, clock)
        self._locks = {name: threading.Lock() for name in self._sources}
        self._begun_at: dict[str, datetime] = {}
        self._read_at: dict[str, datetime] = {}
        self._changes_seen: dict[tuple[str, str], datetime] = {}
        self._mute: set[tuple[str, str]] = set()
        """Sources whose symptoms could not be read the last time."""
        self._declared: dict[str, _Declared] = {}

    def names(self) -> list[str]:
        """Names of all environments, in the order of the settings."""
        return list(self._sources)

    def sources(self, environment: str) -> Sources:
        """What an environment is read from.

        Raises:
            NotFound: there is no such environment.
        """
        if environment not in self._sources:
            known = ", ".join(self._sources) or "none is configured"
            raise NotFound(f"no environment {environment!r}; known: {known}")
        return self._sources[environment]

    def deployers(self, environment: str) -> frozenset[str]:
        """Identities whose writes may be deployments."""
        return self.sources(environment).deployers

    def ignore_rules(self, environment: str) -> tuple[IgnoreRule, ...]:
        """Rules that set findings of drift aside."""
        return self.sources(environment).ignore

    def monitoring(self, environment: str) -> Monitoring:
        """Whom to ask for readings, log lines and traces around an alert."""
        return self.sources(environment).monitoring

    def graph(
        self, environment: str, *, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> EnvironmentGraph:
        """Return the environment graph now, or as of a time (UTC); with `known_at`, as far as was known by then."""
        self.sources(environment)
        return self._store.load(environment, as_of=as_of, known_at=known_at)

    def also_called(self, environment: str) -> frozenset[str]:
        """Names by which deploy tools know an environment."""
        return self.sources(environment).also_called

    def graph_at_rest(self, environment: str) -> EnvironmentGraph:
        """Return the graph now, but not while a part of what was read together is stored and the rest is not."""
        with self._recorder.at_rest(environment):
            return self.graph(environment)

    def refresh(self, environment: str) -> datetime:
        """Read all sources of an environment and store what they say.

        A source that fails is recorded with its error and counts as a gap; the others are still read. Callers that
        wait for a reading that began after they asked share it. A source that is watched is asked to list everything
        again, so that nothing that is stored is older than the question; where it can't, it is read like any other.

        Returns:
            The time that the stored state is about, UTC.
        """
        sources = self.sources(environment)
        asked_at = self._clock()
        with self._locks[environment]:
            begun = self._begun_at.get(environment)
            if begun is not None and begun >= asked_at and environment in self._read_at:
                return self._read_at[environment]
            begun = self._clock()
            self._read_all(sources, [s for s in sources.watched if s.catch_up(_CATCH_UP_S)])
            self._begun_at[environment] = begun
            return self._read_at[environment]

    def poll(self, environment: str) -> bool:
        """Read what does not say by itself that it changed; a source whose watch is broken is read, too.

        Returns:
            As `follow`: a change that came in meanwhile may be newer than what was read.
        """
        sources = self.sources(environment)
        with self._locks[environment]:
            return self._read_all(sources, [s for s in sources.watched if s.is_watched])

    def hear(self, environment: str, said: Snapshot | Delta) -> None:
        """Store what a watched source of an environment says."""
        self._recorder.hear(environment, said)

    def follow(self, environment: str) -> bool:
        """Store what was added to the change streams of an environment since the last look.

        Returns:
            Whether they tell of something that is not watched, so that it is worth reading.
        """
        sources = self.sources(environment)
        has_news = False
        for source in sources.followed:
            if names := self._streams.follow(environment, source):
                has_news = True
                self._tell(News(environment=environment, evidence=names))
        watched = {s.name for s in sources.watched if s.is_watched}
        return has_news and any(s.facet is Facet.ACTUAL and s.name not in watched for s in sources.states)

    def relate(self, environment: str, *, within_s: float | None = None) -> None:
        """Bring the relations up to date with what was heard; leave it when that took longer than `within_s` before."""
        self._recorder.relate(environment, within_s=within_s)

    def read_declared(self, environment: str, since: datetime) -> bool:
        """Read the declarations again unless they were read after `since` (UTC) or that takes long.

        Returns:
            Whether they say something new.
        """
        declared = [s for s in self.sources(environment).states if s.facet is not Facet.ACTUAL]
        # Looked at without the lock first: what takes long is perhaps being read just now.
        if not declared or self._is_known_enough(environment, since):
            return False
        with self._locks[environment]:
            if self._is_known_enough(environment, since):
                return False
            begun = self._clock()
            snapshots = self._read_states(environment, declared)
            is_new = self._content(environment) != _content(snapshots)
            if is_new:
                self._recorder.record(environment, snapshots)
            self._declared[environment] = _Declared(begun, self._clock() - begun, _content(snapshots))
            return is_new

    def _is_known_enough(self, environment: str, since: datetime) -> bool:
        known = self._declared.get(environment)
        return known is not None and (known.took > _QUICK or known.read_at >= since)

    def _content(self, environment: str) -> _Content | None:
        known = self._declared.get(environment)
        return known.content if known else None

    def source_failed(self, environment: str, source: str, facet: Facet | None, error: Exception) -> None:
        """Store that a source could not be read or watched; its gap is told with every answer until it works."""
        _log.warning("source_failed", environment=environment, source=source, error=str(error))
        self._store.source_failed(environment, source, facet, str(error), at=self._clock())

    def _read_all(self, sources: Sources, told: list[WatchedSource]) -> bool:
        """Read everything but `told`, which say what changes by themselves; return what `follow` does."""
        environment, names = sources.environment, {s.name for s in told}
        begun = self._clock()
        declared = [s for s in sources.states if s.facet is not Facet.ACTUAL]
        snapshots = self._read_states(environment, [s for s in declared if s.name not in names])
        self._declared[environment] = _Declared(begun, self._clock() - begun, _content(snapshots))
        running = [s for s in sources.states if s.facet is Facet.ACTUAL and s.name not in names]
        snapshots += self._read_states(environment, running)
        self._recorder.record(environment, snapshots)
        for source in sources.changes:
            if not any(source is f for f in sources.followed):
                self._read_changes(environment, source)
        has_news = self.follow(environment)
        states = {s.name for s in sources.states}
        for symptom_source in sources.symptoms:
            self._read_symptoms(environment, symptom_source, is_state=symptom_source.name in states)
        self._read_at[environment] = self._clock()
        return has_news

    def _read_states(self, environment: str, sources: Iterable[StateSource]) -> list[Snapshot]:
        found = []
        for source in sources:
            try:
                found.append(source.read())
            except (OutsideError, NotFound) as error:
                self.source_failed(environment, source.name, source.facet, error)
        return found

    def _read_changes(self, environment: str, source: ChangeSource) -> None:
        key = (environment, source.name)
        since = self._changes_seen.get(key)
        try:
            batch = source.changes(since - _LATE if since else None).by(self._clock())
        except (OutsideError, NotFound) as error:
            self.source_failed(environment, source.name, None, error)
            return
        if self._store.record_changes(environment, batch.changes):
            self._tell(News(environment=environment, evidence=frozenset(c.uid for c in batch.changes)))
        now = self._clock()
        self._store.source_read(environment, source.name, now, told_until=batch.told_until, gaps=batch.gaps)
        self._changes_seen[key] = now

    def _read_symptoms(self, environment: str, source: SymptomSource, *, is_state: bool) -> None:
        last = self._read_at.get(environment)
        since = last - _LATE if last else self._clock() - _SYMPTOMS_REACH_BACK
        key = (environment, source.name)
        try:
            symptoms = source.symptoms(since)
        except (OutsideError, NotFound) as error:
            self._mute.add(key)
            self.source_failed(environment, source.name, None, error)
            return
        self._store.record_symptoms(environment, symptoms)
        # One that gives state as well is known by its state; it stands beside that only while its symptoms are missing.
        if key in self._mute or not is_state:
            self._mute.discard(key)
            self._store.source_read(environment, source.name, self._clock())
