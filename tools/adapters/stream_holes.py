"""Holes in a stream of records that is never silent for long: times between which nothing at all was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from graph.evidence import Gap

_ENOUGH: Final = 200
"""Fewer records do not tell how often a stream speaks."""
_SHORTEST: Final = timedelta(minutes=10)
_TIMES_USUAL: Final = 50
"""A silence this many times as long as nearly all others is none that the stream makes by itself."""
_BUSY: Final = timedelta(minutes=2)
"""A stream that is hardly ever silent for longer has ended, or is late, when nothing comes."""
_MOST: Final = 20
_KEPT: Final = 5_000


def holes(times: Iterable[datetime], *, stream: str) -> Iterator[Gap]:
    """Yield the holes of a stream, oldest first; none when it is too short or too quiet to tell.

    Args:
        times: UTC; of all its records, in any order.
        stream: its name.
    """
    ordered = sorted(times)
    usual = _usual_silence(ordered)
    if usual is None:
        return
    limit = max(_SHORTEST, usual * _TIMES_USUAL)
    found = [(earlier, later) for earlier, later in pairwise(ordered) if later - earlier > limit]
    for earlier, later in found[-_MOST:]:
        yield Gap(
            what=f"records of {stream} between {earlier:%Y-%m-%d %H:%M:%S} and {later:%Y-%m-%d %H:%M:%S} UTC",
            why="the stream has none there, though it is otherwise never silent for that long: what happened then is "
            "not known; look for the missing files",
        )


def end_of(times: Iterable[datetime]) -> datetime | None:
    """Return the time of the newest record; None for a stream that is often silent, as its end says nothing."""
    ordered = sorted(times)
    usual = _usual_silence(ordered)
    return ordered[-1] if usual is not None and usual <= _BUSY else None


class StreamTimes:
    """Times of a stream that is followed, the newest ones, so that holes show across deliveries."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._times: list[datetime] = []

    def take(self, times: Iterable[datetime]) -> list[Gap]:
        """Take the times of a delivery, and return the holes that were not known before."""
        known = {gap.what for gap in holes(self._times, stream=self._stream)}
        self._times = sorted([*self._times, *times])[-_KEPT:]
        return [gap for gap in holes(self._times, stream=self._stream) if gap.what not in known]

    @property
    def told_until(self) -> datetime | None:
        """See `end_of`."""
        return end_of(self._times)


def _usual_silence(ordered: list[datetime]) -> timedelta | None:
    """Return how long a stream is silent at most, one time in a hundred aside; None when too few records tell."""
    if len(ordered) < _ENOUGH:
        return None
    silences = sorted(later - earlier for earlier, later in pairwise(ordered))
    return silences[int(len(silences) * 0.99)]
