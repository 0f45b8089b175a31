"""Stores what the sources of an environment say of its state, with the relations that follow, and tells what is new."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime

from app.store.graph import GraphStore
from app.store.graph_versions import Recorded
from graph.document import Json
from graph.environment import EnvironmentGraph
from graph.relation import Relation
from graph.relations import derive
from graph.resource import Facet
from graph.version import Delta, Document, Snapshot

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
        self._derived: dict[tuple[str, str, Facet], tuple[Sequence[Document], Sequence[Relation]]] = {}
        self._unrelated: set[str] = set()
        self._related_in_s: dict[str, float] = {}
        self._relating = threading.Lock()
        self._lock = threading.Lock()
        self._resting: dict[str, threading.RLock] = {}

    def record(self, environment: str, snapshots: Sequence[Snapshot], *, is_all: bool) -> None:
        """Store what sources said at one time; `is_all` when these are all sources of state that there are."""
        with self.at_rest(environment):
            others = [] if is_all else self._stored(environment, except_for={s.source for s in snapshots})
            everything = [*(d for s in snapshots for d in s.documents), *others]
            touched: dict[str, datetime] = {}
            for snapshot in snapshots:
                touched |= _touched(self._record(environment, snapshot, everything), snapshot.taken_at)
        # Told when all are stored: a declaration without what runs looks like drift.
        if touched:
            self._unrelated.add(environment)
            self._tell(News(environment=environment, touched=touched))

    def at_rest(self, environment: str) -> AbstractContextManager[object]:
        """Keep what belongs together from being seen while only a part of it is stored."""
        with self._lock:
            return self._resting.setdefault(environment, threading.RLock())

    def hear(self, environment: str, said: Snapshot | Delta) -> None:
        """Store what a watched source says."""
        if isinstance(said, Snapshot):
            self.record(environment, [said], is_all=False)
            return
        recorded = self._store.record_delta(environment, said, {}, significant=significant_part)
        if any(recorded):
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
                for relation in self._derive(environment, source, facet, own, [d for _, d in everything]):
                    if relation.source in stated:
                        stated[relation.source].append(relation)
                self._store.relate(environment, source, facet, stated)
            self._related_in_s[environment] = time.perf_counter() - begun

    def _record(self, environment: str, snapshot: Snapshot, everything: Sequence[Document]) -> Recorded:
        own = {d.resource.uid for d in snapshot.documents}
        relations = self._derive(environment, snapshot.source, snapshot.facet, snapshot.documents, everything)
        stated = [r for r in relations if r.source in own]
        return self._store.record(environment, snapshot, stated, significant=significant_part)

    def _derive(
        self, environment: str, source: str, facet: Facet, own: Sequence[Document], everything: Sequence[Document]
    ) -> Sequence[Relation]:
        around = [*own, *_others(everything, own)]
        key = (environment, source, facet)
        known = self._derived.get(key)
        # Relations are a function of the documents; most of the time not one of them has changed.
        relations = known[1] if known and known[0] == around else derive(around)
        self._derived[key] = around, relations
        return relations

    def _stored(self, environment: str, *, except_for: set[str]) -> list[Document]:
        """Return what other sources said last."""
        return [d for source, d in _documents(self._store.load(environment)) if source not in except_for]


def _touched(recorded: Recorded, at: datetime) -> dict[str, datetime]:
    return dict.fromkeys((*recorded.added, *recorded.changed, *recorded.removed), at)


def _documents(graph: EnvironmentGraph) -> Iterable[tuple[str, Document]]:
    """Yield each facet of each resource with the name of its source."""
    for resource in graph:
        for facet in graph.facets(resource.uid):
            version = graph.version(resource.uid, facet)
            if version is not None:
                yield version.source, Document(resource=version.resource, body=version.body, origin=version.origin)


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
