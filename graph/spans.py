"""The life of one facet as spans in time, and an environment as it was when one of its resources changed."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest
from typing import Any, NamedTuple

from graph.change import Change
from graph.contents import InMemory
from graph.environment import EnvironmentGraph
from graph.resource import Facet
from graph.runs import RUN_SLACK
from graph.version import Version


class Span(NamedTuple):
    """An interval in which a facet held one document, or did not exist."""

    start: datetime
    """UTC; first observation of it."""
    end: datetime | None
    """UTC; first observation that it was no longer so; None while it holds."""
    version: Version | None
    """None: the resource had no such facet."""


def versions_of(graph: EnvironmentGraph, uid: str, facet: Facet) -> Sequence[Version]:
    """Return all known versions of a facet, the current one included, oldest first, as they looked at `as_of`."""
    known = graph.history(uid, facet)
    current = graph.version(uid, facet)
    if current is not None and not any(_is_one(v, current) for v in known):
        known = (*known, current)
    return [_as_of(v, graph.as_of) for v in known if v.valid_from <= graph.as_of]


def spans(versions: Sequence[Version]) -> tuple[Span, ...]:
    """Return what held when, oldest first.

    Where versions overlap, because evidence arrived late, the one that began last holds.
    """
    waiting = sorted(versions, key=lambda v: v.valid_from, reverse=True)
    points = sorted({v.valid_from for v in versions} | {v.valid_to for v in versions if v.valid_to})
    open_: list[tuple[str, float, float, int, Version]] = []
    held: list[tuple[datetime, Version | None]] = []
    for point in points:
        while waiting and waiting[-1].valid_from <= point:
            version = waiting.pop()
            began, learned = -version.valid_from.timestamp(), -version.recorded_at.timestamp()
            heapq.heappush(open_, (version.source, began, learned, len(waiting), version))
        while open_ and _is_over(open_[0][-1], point):
            heapq.heappop(open_)
        holder = open_[0][-1] if open_ else None
        if not held or held[-1][1] is not holder:
            held.append((point, holder))
    ends = [start for start, _ in held[1:]]
    return tuple(Span(start, end, holder) for (start, holder), end in zip_longest(held, ends))


def rewound(graph: EnvironmentGraph, uid: str, at: datetime) -> EnvironmentGraph:
    """Return the environment as of an earlier time, reduced to one resource: enough to tell who changed it then.

    Args:
        graph: the environment with its history.
        uid: the resource.
        at: UTC, not after `graph.as_of`.
    """
    versions, history = [], []
    for facet in Facet:
        past = [_as_of(v, at) for v in versions_of(graph, uid, facet) if v.valid_from <= at]
        history += past
        held = spans(past)
        if held and held[-1].version is not None:
            versions.append(held[-1].version)
    contents = _Past(graph, at, versions=versions, history=history, relations=(), changes=graph.changes(uid))
    return EnvironmentGraph(name=graph.name, as_of=at, contents=contents, sources=graph.sources)


class _Past(InMemory):
    """One resource as it was, among the records of its environment that were there by then."""

    def __init__(self, graph: EnvironmentGraph, at: datetime, **parts: Any) -> None:
        super().__init__(**parts)
        self._graph = graph
        self._until = at + RUN_SLACK

    def changes(self, uid: str) -> Sequence[Change]:
        return [c for c in super().changes(uid) if (c.earliest or c.latest) <= self._until]

    def runs(self, start: datetime, end: datetime) -> Sequence[Change]:
        return self._graph.runs(start, min(end, self._until))


def _is_one(version: Version, other: Version) -> bool:
    """Whether two are the same version, maybe looked at at different times."""
    return (version.source, version.valid_from, version.recorded_at) == (
        other.source,
        other.valid_from,
        other.recorded_at,
    )


def _as_of(version: Version, at: datetime) -> Version:
    if (version.valid_to is None or version.valid_to <= at) and version.last_seen <= at:
        return version
    end = version.valid_to if version.valid_to and version.valid_to <= at else None
    return replace(version, valid_to=end, last_seen=max(version.valid_from, min(version.last_seen, at)))


def _is_over(version: Version, point: datetime) -> bool:
    return version.valid_to is not None and version.valid_to <= point
