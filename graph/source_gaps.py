"""Sources that were down, late or partial: what every answer that leans on them has to say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from graph.environment import EnvironmentGraph, SourceState
from graph.evidence import Gap
from graph.streams import stream_gaps

FRESH = timedelta(minutes=30)
"""What was read longer before the time that is asked about says little of it."""


def source_gaps(graph: EnvironmentGraph) -> Iterator[Gap]:
    """Yield what keeps an answer from being complete: sources that failed, never worked, are late or partial."""
    for source in graph.sources:
        yield from _gaps(source, graph.as_of)
    for place in graph.unreadable:
        if place.scopes:
            yield Gap(what=place.where, why=place.reason)
    yield from stream_gaps(graph)


def is_complete(graph: EnvironmentGraph) -> bool:
    """Whether all sources of state were read, lately and whole; without that, a comparison may miss any drift."""
    states = [source for source in graph.sources if source.facet is not None]
    return bool(states) and not any(gap for source in states for gap in _gaps(source, graph.as_of))


def _gaps(source: SourceState, as_of: datetime) -> Iterator[Gap]:
    name = f"source {source.name}"
    if source.error:
        yield Gap(what=name, why=f"its last reading failed: {source.error}")
    elif source.read_at is None:
        yield Gap(what=name, why="it had not been read by this time: nothing is known from it")
    elif as_of - source.read_at > FRESH:
        yield Gap(what=name, why=f"it was last read at {source.read_at:%Y-%m-%d %H:%M} UTC; what came later is unseen")
    if source.is_partial:
        yield Gap(what=name, why="its last reading left something out; see what could not be read")
