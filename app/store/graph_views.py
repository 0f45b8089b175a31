"""Views of environments: of the present, which is advanced by what was written, and of any past, told from that."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from app.store.clock import Clock
from app.store.database import Database
from app.store.graph_bodies import bodies_at, differing_bodies
from app.store.graph_documents import Documents
from app.store.graph_facts import FactKind
from app.store.graph_index import Entry, Index
from app.store.graph_moment import Moment
from app.store.graph_rows import (
    Fact,
    differing_at,
    entries_at,
    facts_at,
    relations_at,
    sources_at,
    touched_after,
)
from app.store.graph_stored import Shelf, Stored
from app.store.rows.graph import EnvironmentRow
from graph import drift, standing
from graph.environment import EnvironmentGraph, SourceState
from graph.reach import call_evidence

_PAST_KEPT = 2
"""Views of the past that are kept for the next question about the same time."""


class Views:
    """The views of one database. Safe for several threads; sees what other processes write."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._documents = Documents(database)
        self._lock = threading.Lock()
        self._building: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._newest: dict[str, _View] = {}
        self._past: OrderedDict[tuple[str, Moment], EnvironmentGraph] = OrderedDict()

    def newest(self, environment: str) -> EnvironmentGraph:
        """Return the environment as it is; what was written since the last time is all that is read."""
        with self._database.reading() as session:
            graph = self._present(session, environment).graph
        fresh = copy.copy(graph)
        fresh.as_of = self._clock()
        return fresh

    def at(self, environment: str, as_of: datetime | None, known_at: datetime | None) -> EnvironmentGraph:
        """Return the environment as it was, or as it was known."""
        with self._database.reading() as session:
            present = self._present(session, environment)
            moment = Moment(as_of or self._clock(), known_at, present.revision, present.stored.moment.read_at)
            key = (environment, moment)
            with self._lock:
                if (known := self._past.get(key)) is not None:
                    self._past.move_to_end(key)
                    return known
            index, differing = _rewound(session, environment, present.stored.index, moment)
            graph, _ = self._view(session, environment, index, moment)
        if differing is not None:
            _carry_over(present.graph, graph, differing)
        with self._lock:
            self._past[key] = graph
            while len(self._past) > _PAST_KEPT:
                self._past.popitem(last=False)
        return graph

    def _present(self, session: Session, environment: str) -> _View:
        """Return the view of the newest revision; one thread at a time brings it up to date."""
        revision = revision_of(session, environment)
        with self._lock:
            building = self._building[environment]
        with building:
            known = self._newest.get(environment)
            if known is not None and known.revision >= revision:
                return known
            now = self._clock()
            moment = Moment(now, None, revision, now)
            index, touched = _advanced(session, environment, known, moment)
            graph, stored = self._view(session, environment, index, moment)
            if known is not None and touched is not None:
                _carry_over(known.graph, graph, touched)
            found = self._newest[environment] = _View(revision, graph, stored)
            return found

    def _view(
        self, session: Session, environment: str, index: Index, moment: Moment
    ) -> tuple[EnvironmentGraph, Stored]:
        facts = facts_at(session, environment, moment)
        sources = sources_at(session, environment, moment, facts)
        shelf = Shelf(self._database, self._documents, environment)
        past = {} if moment.is_present else bodies_at(session, environment, moment)
        stored = Stored(shelf, index, moment, _confirmed(sources, facts), past)
        graph = EnvironmentGraph(
            name=environment,
            as_of=moment.as_of,
            contents=stored,
            unreadable=dict.fromkeys(f.body for f in facts[FactKind.UNREADABLE]),
            sources=sources,
        )
        return graph, stored


class _View:
    """The present of one environment."""

    def __init__(self, revision: int, graph: EnvironmentGraph, stored: Stored) -> None:
        self.revision = revision
        self.graph = graph
        self.stored = stored


def revision_of(session: Session, environment: str) -> int:
    """Return how often an environment was written to; 0 for an unknown one."""
    statement = select(EnvironmentRow.revision).where(col(EnvironmentRow.name) == environment)
    return session.exec(statement).first() or 0


def _advanced(session: Session, environment: str, known: _View | None, moment: Moment) -> tuple[Index, set[str] | None]:
    """Return the present index, and the uids that are different from the known one; None: maybe all."""
    if known is not None:
        versions, subjects, has_others = touched_after(session, environment, known.revision)
        index = known.stored.index
        if not has_others and _is_small(len(versions) + len(subjects), index):
            return _changed(session, environment, index, moment, versions, subjects), versions | subjects
    return _everything(session, environment, moment), None


def _everything(session: Session, environment: str, moment: Moment) -> Index:
    entries = entries_at(session, environment, moment)
    return Index.build(entries, relations_at(session, environment, moment, known=entries))


def _rewound(session: Session, environment: str, present: Index, moment: Moment) -> tuple[Index, set[str] | None]:
    """Return the index of a moment, and the uids that are different from the present one; None: maybe all."""
    versions, subjects = differing_at(session, environment, moment)
    if _is_small(len(versions) + len(subjects), present):
        bodies = differing_bodies(session, environment, moment)
        return _changed(session, environment, present, moment, versions, subjects), versions | subjects | bodies
    return _everything(session, environment, moment), None


def _changed(
    session: Session, environment: str, index: Index, moment: Moment, versions: set[str], subjects: set[str]
) -> Index:
    found = entries_at(session, environment, moment, versions)
    relations = relations_at(session, environment, moment, subjects)
    entries: Mapping[str, Entry | None] = {uid: found.get(uid) for uid in versions}
    return index.changed(entries, {uid: relations.get(uid, ()) for uid in subjects})


def _carry_over(old: EnvironmentGraph, new: EnvironmentGraph, touched: set[str]) -> None:
    """Let a view keep what was found out about an earlier one, but for what is different."""
    for part in (call_evidence, standing, drift):
        part.carry_over(old, new, touched)


def _is_small(count: int, index: Index) -> bool:
    """Whether so few are different that reading them one by one is quicker than reading everything."""
    return count <= 500 + len(index.entries) // 4


def _confirmed(sources: Sequence[SourceState], facts: Mapping[FactKind, Sequence[Fact]]) -> dict[str, datetime]:
    """Map facet and source to the time up to which all that the source has is known to be as it is stored."""
    hiding = {(f.source, f.facet) for f in facts.get(FactKind.UNREADABLE, ())}
    return {
        f"{s.facet.value}/{s.name}": s.read_at
        for s in sources
        if s.facet is not None and s.read_at is not None and (s.name, s.facet.value) not in hiding
    }
