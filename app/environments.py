"""Keeps the graph of each environment fresh: runs its sources, stores what they say, remembers what failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.store.graph import GraphStore
from graph.document import Json
from graph.environment import EnvironmentGraph
from graph.errors import NotFound, OutsideError
from graph.relation import Relation
from graph.relations import derive
from graph.resource import Facet
from graph.version import Document, Snapshot
from tools.ports import NO_MONITORING, ChangeSource, Monitoring, StateSource, SymptomSource

_log = structlog.get_logger(__name__)

_SYMPTOMS_REACH_BACK = timedelta(hours=2)
"""Kubernetes keeps events for one hour by default; twice that survives a slow start of ours."""

_LATE = timedelta(hours=3)
"""Audit records arrive late, some by far more than the usual minutes; what was seen before is stored once."""

_NOT_SIGNIFICANT = frozenset({"status"})
_NOT_SIGNIFICANT_METADATA = frozenset({"resourceVersion", "managedFields", "generation", "selfLink"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything that one environment is read from."""

    environment: str
    deployers: frozenset[str]
    also_called: frozenset[str] = frozenset()
    """Names by which deploy tools know it."""
    states: tuple[StateSource, ...]
    changes: tuple[ChangeSource, ...]
    symptoms: tuple[SymptomSource, ...]
    monitoring: Monitoring = NO_MONITORING


class GovernedEnvironments:
    """The governed environments by name."""

    def __init__(self, sources: Iterable[Sources], store: GraphStore, clock: Callable[[], datetime]) -> None:
        self._sources = {s.environment: s for s in sources}
        self._store = store
        self._clock = clock
        self._locks = {name: threading.Lock() for name in self._sources}
        self._begun_at: dict[str, datetime] = {}
        self._read_at: dict[str, datetime] = {}
        self._changes_seen: dict[tuple[str, str], datetime] = {}
        self._derived: dict[tuple[str, str, Facet], tuple[Sequence[Document], Sequence[Relation]]] = {}

    def names(self) -> list[str]:
        """Names of all environments, in the order of the settings."""
        return list(self._sources)

    def deployers(self, environment: str) -> frozenset[str]:
        """Identities whose writes may be deployments."""
        return self._of(environment).deployers

    def monitoring(self, environment: str) -> Monitoring:
        """Whom to ask for readings, log lines and traces around an alert."""
        return self._of(environment).monitoring

    def graph(
        self, environment: str, *, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> EnvironmentGraph:
        """Return the environment graph now, or as of a time (UTC); with `known_at`, as far as was known by then."""
        self._of(environment)
        return self._store.load(environment, as_of=as_of, known_at=known_at)

    def also_called(self, environment: str) -> frozenset[str]:
        """Names by which deploy tools know an environment."""
        return self._of(environment).also_called

    def refresh(self, environment: str) -> datetime:
        """Read all sources of an environment and store what they say.

        A source that fails is recorded with its error and counts as a gap; the others are still read. Callers that
        wait for a reading that began after they asked share it.

        Returns:
            The time that the stored state is about, UTC.
        """
        sources = self._of(environment)
        asked_at = self._clock()
        with self._locks[environment]:
            begun = self._begun_at.get(environment)
            if begun is not None and begun >= asked_at and environment in self._read_at:
                return self._read_at[environment]
            begun = self._clock()
            snapshots = [s for source in sources.states if (s := self._read(environment, source)) is not None]
            self._record(environment, snapshots)
            for source in sources.changes:
                self._read_changes(environment, source)
            for symptom_source in sources.symptoms:
                self._read_symptoms(environment, symptom_source)
            self._begun_at[environment] = begun
            self._read_at[environment] = self._clock()
            return self._read_at[environment]

    def _of(self, environment: str) -> Sources:
        if environment not in self._sources:
            known = ", ".join(self._sources) or "none is configured"
            raise NotFound(f"no environment {environment!r}; known: {known}")
        return self._sources[environment]

    def _read(self, environment: str, source: StateSource) -> Snapshot | None:
        try:
            return source.read()
        except OutsideError as error:
            self._failed(environment, source.name, source.facet, error)
            return None

    def _record(self, environment: str, snapshots: Sequence[Snapshot]) -> None:
        everything = [d for s in snapshots for d in s.documents]
        for snapshot in snapshots:
            around = [*snapshot.documents, *_others(everything, snapshot.documents)]
            key = (environment, snapshot.source, snapshot.facet)
            known = self._derived.get(key)
            # Relations are a function of the documents; most of the time not one of them has changed.
            relations = known[1] if known and known[0] == around else derive(around)
            self._derived[key] = around, relations
            own = {d.resource.uid for d in snapshot.documents}
            self._store.record(
                environment,
                snapshot,
                [r for r in relations if r.source in own],
                significant=significant_part,
            )

    def _read_changes(self, environment: str, source: ChangeSource) -> None:
        key = (environment, source.name)
        since = self._changes_seen.get(key)
        try:
            batch = source.changes(since - _LATE if since else None)
        except OutsideError as error:
            self._failed(environment, source.name, None, error)
            return
        self._store.record_changes(environment, batch.changes)
        self._changes_seen[key] = self._clock()

    def _read_symptoms(self, environment: str, source: SymptomSource) -> None:
        last = self._read_at.get(environment)
        since = last - _LATE if last else self._clock() - _SYMPTOMS_REACH_BACK
        try:
            symptoms = source.symptoms(since)
        except OutsideError as error:
            self._failed(environment, source.name, None, error)
            return
        self._store.record_symptoms(environment, symptoms)

    def _failed(self, environment: str, source: str, facet: Facet | None, error: OutsideError) -> None:
        _log.warning("source_failed", environment=environment, source=source, error=str(error))
        self._store.source_failed(environment, source, facet, str(error), at=self._clock())


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
