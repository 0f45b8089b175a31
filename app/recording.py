"""Stores what the sources of an environment say of its state, with the relations that follow, and tells what is new."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from app.store.graph import GraphStore
from app.store.graph_holdings import Mark
from app.store.graph_versions import Recorded
from graph.document import Json
from graph.environment import EnvironmentGraph
from graph.packed import Packed, fingerprint
from graph.parts import Parts, Sayer, Stated, members, part_of
from graph.relation import Relation
from graph.resource import Facet
from graph.version import Delta, Document, Snapshot

_AT_ONCE: Final = 2_000
"""Resources whose relations are stored together."""

_NOT_SIGNIFICANT = frozenset({"status"})
_NOT_SIGNIFICANT_METADATA = frozenset({"resourceVersion", "managedFields", "generation", "selfLink"})


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is known of an environment that was not known before."""

    environment: str
    touched: Mapping[str, datetime] = field(default_factory=dict)
    """Resources that differ now, by uid, and when (UTC) that was observed."""
    evidence: frozenset[str] = frozenset()
    """Names of resources of which records of changes came in; the empty one stands for all."""


def tell_nobody(_news: News) -> None:
    """Where nobody wants to know."""


@dataclass(slots=True)
class _Related:
    """How far the relations of one environment are up to date."""

    parts: Parts = field(default_factory=Parts)
    mark: Mark | None = None
    """Up to where documents were looked at; None: nothing was."""
    took_s: float = 0.0
    """What it took the last time that there was something to do."""


class Recorder:
    """Stores snapshots and deltas. Relations are a function of all documents together, so they may follow later."""

    def __init__(self, store: GraphStore, clock: Callable[[], datetime], tell: Callable[[News], None]) -> None:
        self._store = store
        self._clock = clock
        self._tell = tell
        self._last: dict[tuple[str, str, Facet], tuple[str, datetime]] = {}
        """What a source said last, as a digest, and when (UTC)."""
        self._related: dict[str, _Related] = {}
        self._relating = threading.Lock()
        self._lock = threading.Lock()
        self._resting: dict[str, threading.RLock] = {}

    def record(self, environment: str, snapshots: Sequence[Snapshot]) -> None:
        """Store what sources said at one time, and the relations that follow from all that is stored.

        Args:
            environment: its name.
            snapshots: what they said.
        """
        with self.at_rest(environment):
            touched = self._store_all(environment, snapshots)
        # Not at rest: whoever judges what was stored need not wait for relations.
        self.relate(environment)
        # Told when all are stored: a declaration without what runs looks like drift.
        if touched:
            self._tell(News(environment=environment, touched=touched))

    def _store_all(self, environment: str, snapshots: Sequence[Snapshot]) -> dict[str, datetime]:
        touched: dict[str, datetime] = {}
        for snapshot in snapshots:
            if not self._is_as_before(environment, snapshot):
                recorded = self._store.record(environment, snapshot, None, significant=significant_part)
                touched |= _touched(recorded, snapshot.taken_at)
        return touched

    def _is_as_before(self, environment: str, snapshot: Snapshot) -> bool:
        """Store that a source says all that it said last, if it does: it costs less than to look at each document."""
        key = (environment, snapshot.source, snapshot.facet)
        before = self._last.pop(key, None)
        if not isinstance(snapshot.documents, Packed) or snapshot.unreadable or not snapshot.complete:
            return False
        now = self._last[key] = (fingerprint(snapshot.documents), snapshot.taken_at)
        if before is None or before[0] != now[0]:
            return False
        return self._store.confirm(environment, snapshot, before[1])

    def at_rest(self, environment: str) -> AbstractContextManager[object]:
        """Keep what belongs together from being seen while only a part of it is stored."""
        with self._lock:
            return self._resting.setdefault(environment, threading.RLock())

    def hear(self, environment: str, said: Snapshot | Delta) -> None:
        """Store what a watched source says; the relations follow with the next `relate`."""
        if isinstance(said, Snapshot):
            with self.at_rest(environment):
                touched = self._store_all(environment, [said])
        else:
            recorded = self._store.record_delta(environment, said, {}, significant=significant_part)
            touched = _touched(recorded, said.at)
        if touched:
            self._tell(News(environment=environment, touched=touched))

    def relate(self, environment: str, *, within_s: float | None = None) -> None:
        """Bring the relations up to date with all documents; only the parts of which something is new are looked at.

        Args:
            environment: its name.
            within_s: leave it when it took longer than this the last time.
        """
        with self._relating:
            known = self._related.pop(environment, None) or _Related()
            if within_s is not None and known.took_s > within_s:
                self._related[environment] = known
                return
            news = self._store.holdings.news(environment, known.mark)
            if news.touched is None or news.touched:
                begun = time.perf_counter()
                self._bring_up(environment, known.parts, news.touched)
                # The first look at everything says nothing of what a change takes.
                known.took_s = 0.0 if news.touched is None else time.perf_counter() - begun
            known.mark = news.mark
            # Not when it failed: what was learned of parts without storing what follows is of no use.
            self._related[environment] = known

    def _bring_up(self, environment: str, parts: Parts, touched: Collection[tuple[Sayer, str]] | None) -> None:
        """Store what the parts state that are touched, or that depend on those; all parts for None."""
        changed: dict[str, list[tuple[Sayer, str]]] = defaultdict(list)
        for sayer, uid in touched or ():
            changed[part_of(uid)].append((sayer, uid))
        uids = self._everything(environment) if touched is None else self._present(environment)

        @lru_cache(maxsize=1)  # where one part is touched, it is looked at twice
        def load(part: str) -> list[Stated]:
            return self._store.holdings.stated(environment, uids[part])

        found: dict[Sayer, dict[str, Sequence[Relation]]] = defaultdict(dict)
        for part in sorted(parts.learn([*uids] if touched is None else [*changed], load)):
            for sayer, uid in changed.get(part, ()):
                found[sayer][uid] = ()
            for sayer, relations in parts.relations(part, load(part)).items():
                found[sayer].update(relations)
            if sum(map(len, found.values())) > _AT_ONCE:
                self._store.relate(environment, found)
                found.clear()
        if found:
            self._store.relate(environment, found)
        if touched is None:
            self._store.forget_relations_of_gone(environment)

    def _everything(self, environment: str) -> Mapping[str, Sequence[str]]:
        """Map each part to its uids, without an index of all that there is, which is not needed yet."""
        found: dict[str, list[str]] = defaultdict(list)
        for uid in self._store.holdings.uids(environment):
            found[part_of(uid)].append(uid)
        return found

    def _present(self, environment: str) -> Mapping[str, Sequence[str]]:
        return _Members(self._store.load(environment))


class _Members(dict[str, Sequence[str]]):
    """Maps a part to its uids, found when it is asked for."""

    def __init__(self, graph: EnvironmentGraph) -> None:
        super().__init__()
        self._graph = graph

    def __missing__(self, part: str) -> Sequence[str]:
        found = self[part] = members(self._graph, part)
        return found


def _touched(recorded: Recorded, at: datetime) -> dict[str, datetime]:
    return dict.fromkeys((*recorded.added, *recorded.changed, *recorded.removed), at)


def significant_part(document: Document) -> Json:
    """The part of a document whose change makes a new version; status and bookkeeping of the server do not."""
    body: Mapping[str, Json] = document.body
    kept = {k: v for k, v in body.items() if k not in _NOT_SIGNIFICANT}
    if isinstance(metadata := kept.get("metadata"), Mapping):
        kept["metadata"] = {k: v for k, v in metadata.items() if k not in _NOT_SIGNIFICANT_METADATA}
    return kept
