"""Stores what the sources of an environment say of its state, with the relations that follow, and tells what is new."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from app.store.graph import GraphStore
from app.store.graph_versions import Recorded
from graph.document import Json
from graph.environment import EnvironmentGraph
from graph.relation import Relation
from graph.relations import derive
from graph.resource import Facet
from graph.version import Delta, Document, Snapshot

_AT_ONCE = 500
"""Resources whose documents are read together."""

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


class Recorder:
    """Stores snapshots and deltas. Relations are a function of all documents together, so they may follow later."""

    def __init__(self, store: GraphStore, clock: Callable[[], datetime], tell: Callable[[News], None]) -> None:
        self._store = store
        self._clock = clock
        self._tell = tell
        self._news: Counter[str] = Counter()
        """How often something of an environment has changed, so far."""
        self._derived: dict[tuple[str, str, Facet], int] = {}
        """After which of these the relations of a source were found last."""
        self._unrelated: set[str] = set()
        self._related_in_s: dict[str, float] = {}
        self._relating = threading.Lock()
        self._lock = threading.Lock()
        self._resting: dict[str, threading.RLock] = {}

    def record(
        self, environment: str, snapshots: Sequence[Snapshot], *, is_all: bool, is_read_again: bool = True
    ) -> None:
        """Store what sources said at one time.

        Args:
            environment: its name.
            snapshots: what they said.
            is_all: whether these are all sources of state that there are.
            is_read_again: whether they will give the same documents the next time.
        """
        touched: dict[str, datetime] = {}
        with self.at_rest(environment):
            for snapshot in snapshots:
                recorded = self._store.record(
                    environment, snapshot, None, significant=significant_part, is_read_again=is_read_again
                )
                touched |= _touched(recorded, snapshot.taken_at)
            self._news[environment] += bool(touched)
            self._restate(environment, snapshots, is_all=is_all)
        # Told when all are stored: a declaration without what runs looks like drift.
        if touched:
            self._unrelated.add(environment)
            self._tell(News(environment=environment, touched=touched))

    def _restate(self, environment: str, snapshots: Sequence[Snapshot], *, is_all: bool) -> None:
        """Store the relations that the sources state. They are a function of all documents, which seldom change."""
        now = self._news[environment]
        due = [s for s in snapshots if self._derived.get((environment, s.source, s.facet)) != now]
        if not due:
            return
        others = [] if is_all else self._stored(environment, except_for={s.source for s in snapshots})
        everything = [*(d for s in snapshots for d in s.documents), *others]
        for snapshot in due:
            own = {d.resource.uid for d in snapshot.documents}
            relations = _derive(snapshot.documents, everything)
            self._store.restate(environment, snapshot, [r for r in relations if r.source in own])
            self._derived[environment, snapshot.source, snapshot.facet] = now

    def at_rest(self, environment: str) -> AbstractContextManager[object]:
        """Keep what belongs together from being seen while only a part of it is stored."""
        with self._lock:
            return self._resting.setdefault(environment, threading.RLock())

    def hear(self, environment: str, said: Snapshot | Delta) -> None:
        """Store what a watched source says."""
        if isinstance(said, Snapshot):
            self.record(environment, [said], is_all=False, is_read_again=False)
            return
        recorded = self._store.record_delta(environment, said, {}, significant=significant_part)
        if any(recorded):
            self._news[environment] += 1
            self._unrelated.add(environment)
            self._tell(News(environment=environment, touched=_touched(recorded, said.at)))

    def relate(self, environment: str, sources: Mapping[str, Facet], *, within_s: float | None = None) -> None:
        """Bring the relations that watched sources state up to date with all documents.

        Args:
            environment: its name.
            sources: names of the watched sources, and their facets.
            within_s: leave it when it took longer than this the last time.
        """
        with self._relating:
            took_s = self._related_in_s.get(environment, 0.0)
            if not sources or environment not in self._unrelated or (within_s is not None and took_s > within_s):
                return
            self._unrelated.discard(environment)
            begun = time.perf_counter()
            graph = self._store.load(environment)
            everything = list(_documents(graph))
            for source, facet in sources.items():
                own = [d for name, d in everything if name == source and graph.version(d.resource.uid, facet)]
                stated: dict[str, list[Relation]] = {d.resource.uid: [] for d in own}
                for relation in _derive(own, [d for _, d in everything]):
                    if relation.source in stated:
                        stated[relation.source].append(relation)
                self._store.relate(environment, source, facet, stated)
            self._related_in_s[environment] = time.perf_counter() - begun

    def _stored(self, environment: str, *, except_for: set[str]) -> list[Document]:
        """Return what other sources said last."""
        return [d for source, d in _documents(self._store.load(environment)) if source not in except_for]


def _touched(recorded: Recorded, at: datetime) -> dict[str, datetime]:
    return dict.fromkeys((*recorded.added, *recorded.changed, *recorded.removed), at)


def _documents(graph: EnvironmentGraph) -> Iterable[tuple[str, Document]]:
    """Yield each facet of each resource with the name of its source."""
    resources = iter(graph)
    while some := [r.uid for r in islice(resources, _AT_ONCE)]:
        found = {(v.resource.uid, facet): v for facet in Facet for v in graph.versions(some, facet)}
        for uid in some:
            for version in (found[uid, facet] for facet in graph.facets(uid) if (uid, facet) in found):
                yield version.source, Document(resource=version.resource, body=version.body, origin=version.origin)


def _derive(own: Sequence[Document], everything: Sequence[Document]) -> Sequence[Relation]:
    return derive([*own, *_others(everything, own)])


def significant_part(document: Document) -> Json:
    """The part of a document whose change makes a new version; status and bookkeeping of the server do not."""
    body: Mapping[str, Json] = document.body
    kept = {k: v for k, v in body.items() if k not in _NOT_SIGNIFICANT}
    if isinstance(metadata := kept.get("metadata"), Mapping):
        kept["metadata"] = {k: v for k, v in metadata.items() if k not in _NOT_SIGNIFICANT_METADATA}
    return kept


def _others(everything: Sequence[Document], own: Sequence[Document]) -> list[Document]:
    """Documents of other sources, one for each resource that `own` lacks, so that relations across sources are seen."""
    seen = {d.resource.uid for d in own}
    others: dict[str, Document] = {}
    for document in everything:
        if document.resource.uid not in seen:
            others.setdefault(document.resource.uid, document)
    return list(others.values())
