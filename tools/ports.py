"""Ports to the world that Plumbline reads. All of them are read-only; the one that writes is in tools/actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event
from typing import Final, Generic, Protocol, TypeVar

from graph.change import Change
from graph.evidence import Gap, SymptomEvent
from graph.resource import Facet
from graph.targets import Targets
from graph.telemetry import LogLine, Series, Span
from graph.version import Delta, Snapshot

CLOCK_SKEW: Final = timedelta(minutes=5)
"""Clocks of other machines differ from ours by that much without anything being wrong."""


class StateSource(Protocol):
    """Gives one facet of many resources."""

    @property
    def name(self) -> str:
        """Name of the source within its environment, e.g. `git:shop-infra`."""
        ...

    @property
    def facet(self) -> Facet: ...

    def read(self) -> Snapshot:
        """Read everything the source has now.

        What can't be parsed stands in `Snapshot.unreadable`; the rest is still read.

        Raises:
            OutsideError: nothing could be read at all.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBatch:
    """Changes that a source knows of, oldest first, and where its stream has holes."""

    changes: tuple[Change, ...]
    gaps: tuple[Gap, ...] = ()
    told_until: datetime | None = None
    """UTC; time of the newest record of any kind in a stream that is never silent for long: what is later is not in it
    yet. None for a source that speaks only when something changes."""

    def by(self, now: datetime) -> ChangeBatch:
        """Return the batch with no change in the future, and a gap that counts those that a wrong clock put there.

        Nothing that a source tells of can happen after it was told: such a change was made by now, nobody knows when.
        """
        ahead = [c for c in self.changes if c.latest > now + CLOCK_SKEW]
        if not ahead:
            return self
        changes = (replace(c, earliest=None, latest=now) if c.latest > now + CLOCK_SKEW else c for c in self.changes)
        why = "they are dated in the future: a clock was wrong; taken as made by now"
        gap = Gap(
            what=f"the time of {len(ahead)} changes of {ahead[0].source or 'a source'}, {ahead[0].id} first", why=why
        )
        return ChangeBatch(changes=tuple(changes), gaps=(*self.gaps, gap))


class WatchedSource(StateSource, Protocol):
    """A source that says by itself when something changes."""

    def watch(self, hear: Callable[[Snapshot | Delta], None], stop: Event) -> None:
        """Call `hear` with a snapshot first, then with what changes, until `stop` is set.

        A stream that ends is resumed where it ended; one that cannot be resumed begins with a snapshot again, so that
        nothing is missed. `hear` is called from the calling thread only.

        Raises:
            OutsideError: the source cannot be watched, or has been out of reach for too long to go on.
        """
        ...

    @property
    def is_watched(self) -> bool:
        """Whether `watch` runs and has told everything once."""
        ...

    def catch_up(self, within_s: float) -> bool:
        """Make sure that `hear` was told all that was so when this was called; return whether that is so.

        Called from another thread while `watch` runs; False at once when it does not.
        """
        ...


class ChangeSource(Protocol):
    """Gives changes: commits, audit records, deployments."""

    @property
    def name(self) -> str: ...

    def changes(self, since: datetime | None) -> ChangeBatch:
        """Return the changes after `since` (UTC; None: all that the source keeps).

        Raises:
            OutsideError: nothing could be read at all.
        """
        ...


class FollowedSource(ChangeSource, Protocol):
    """A stream of changes that is still being written, and that can be asked often for what is new."""

    def news(self) -> ChangeBatch:
        """Return what was added since the last call, oldest first; at the first call all that the stream keeps.

        A record that is not complete yet comes with a later call; one that never will be is a gap.

        Raises:
            OutsideError: nothing can be read just now.
        """
        ...


class SymptomSource(Protocol):
    """Gives what running systems say of themselves: events, log lines, metric readings."""

    @property
    def name(self) -> str: ...

    def symptoms(self, since: datetime) -> Sequence[SymptomEvent]:
        """Return symptoms after `since` (UTC), oldest first.

        Raises:
            OutsideError: nothing could be read at all.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time that monitoring is asked about; both ends UTC."""

    since: datetime
    until: datetime

    @property
    def before(self) -> Window:
        """The window of the same length that ends where this one begins."""
        return Window(since=self.since - (self.until - self.since), until=self.since)


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Generic[_T]):
    """What a store answered. Nothing and no gap: it was asked and has no data."""

    items: tuple[_T, ...]
    gaps: tuple[Gap, ...] = ()
    """What of the question it could not answer, e.g. lines beyond its limit"""


class MetricStore(Protocol):
    """Gives readings of metrics over time."""

    @property
    def name(self) -> str: ...

    def series(self, targets: Targets, window: Window) -> Measured[Series]:
        """Return what was measured of these resources in the window: levels and rates, not counters.

        Raises:
            OutsideError: it gave no answer, refused, or answered what can't be understood.
        """
        ...


class LogStore(Protocol):
    """Gives log lines."""

    @property
    def name(self) -> str: ...

    def lines(self, targets: Targets, window: Window) -> Measured[LogLine]:
        """Return the lines of these resources in the window, any order; text as it was written.

        Raises:
            OutsideError: as for `MetricStore.series`.
        """
        ...


class TraceStore(Protocol):
    """Gives spans of traces."""

    @property
    def name(self) -> str: ...

    def spans(self, targets: Targets, window: Window) -> Measured[Span]:
        """Return the spans of traces that touch these resources in the window; failing traces before others.

        Raises:
            OutsideError: as for `MetricStore.series`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """Where the measures of one environment can be had."""

    metrics: tuple[MetricStore, ...] = ()
    logs: tuple[LogStore, ...] = ()
    traces: tuple[TraceStore, ...] = ()

    def __len__(self) -> int:
        return len(self.metrics) + len(self.logs) + len(self.traces)


NO_MONITORING = Monitoring()
"""Nothing is set up that could be asked."""
