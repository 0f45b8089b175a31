"""Follows change streams: stores what was added, and tells with the stream what of it is lost."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from app.store.graph import GraphStore
from graph.change import Change
from graph.errors import NotFound, OutsideError
from graph.evidence import Gap
from tools.ports import FollowedSource

_log = structlog.get_logger(__name__)

_GAPS_TOLD_FOR = timedelta(hours=1)
"""For how long a record that is lost is told with its stream."""

_TOLD_AGAIN = timedelta(seconds=30)
"""How often it is stored that a stream has nothing new."""


@dataclass(slots=True)
class _Stream:
    """How far one stream is, and what is told of it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    unstored: list[Change] = field(default_factory=list)
    """Read, and not stored yet: the database was away."""
    gaps: deque[tuple[datetime, Gap]] = field(default_factory=lambda: deque(maxlen=1000))
    told_until: datetime | None = None
    """UTC; time of the newest record, of a stream that is never silent for long."""
    told_error: str = ""
    told_at: datetime | None = None


class Streams:
    """The followed change streams of all environments."""

    def __init__(self, store: GraphStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[tuple[str, str], _Stream] = {}
        self._lock = threading.Lock()

    def follow(self, environment: str, source: FollowedSource) -> frozenset[str]:
        """Store what was added since the last look; return the names of the resources of which it tells."""
        with self._lock:
            stream = self._known.setdefault((environment, source.name), _Stream())
        with stream.lock:
            try:
                batch = source.news()
            except (OutsideError, NotFound) as error:
                self._tell(environment, source.name, stream, str(error))
                return frozenset()
            now = self._clock()
            stream.unstored += batch.changes
            stream.told_until = batch.told_until or stream.told_until
            stream.gaps.extend((now, gap) for gap in batch.gaps)
            new = self._store.record_changes(environment, stream.unstored) if stream.unstored else 0
            names = frozenset(c.uid for c in stream.unstored) if new else frozenset()
            stream.unstored = []
            self._tell(environment, source.name, stream, _lost(stream.gaps, now))
            return names

    def _tell(self, environment: str, name: str, stream: _Stream, error: str) -> None:
        """Store how a stream does, where that is news."""
        now = self._clock()
        if error and error != stream.told_error:
            _log.warning("stream_has_gap", environment=environment, source=name, error=error)
            self._store.source_failed(environment, name, None, error, at=now)
        elif not error and (stream.told_error or stream.told_at is None or now - stream.told_at >= _TOLD_AGAIN):
            lost = [gap for _, gap in stream.gaps]
            self._store.source_read(environment, name, at=now, told_until=stream.told_until, gaps=lost)
        else:
            return
        stream.told_error, stream.told_at = error, now


def _lost(gaps: Sequence[tuple[datetime, Gap]], now: datetime) -> str:
    """Say how many records were lost lately; empty when none was."""
    recent = [gap for at, gap in gaps if now - at <= _GAPS_TOLD_FOR]
    if not recent:
        return ""
    return f"{len(recent)} records of the last hour are lost; the last one is {recent[-1].what}: {recent[-1].why}"
