"""Builds an environment graph from its history, as of one time and as known at another."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Text, and_, case, func, or_, select, type_coerce
from sqlmodel import Session, col

from app.store.graph_facts import FactKind
from app.store.rows.graph import BlobRow, ChangeRow, FactRow, SourceRow, SymptomRow, VersionRow
from graph.change import Change
from graph.codec import decode
from graph.environment import EnvironmentGraph, SourceState
from graph.evidence import SymptomEvent
from graph.relation import Relation
from graph.resource import Facet, Resource
from graph.version import Origin, Unreadable, Version

T = TypeVar("T")

_HISTORY = 20
"""Newest versions of a facet that a graph carries; causes are recent."""

_HISTORY_SINCE = timedelta(days=30)
_SYMPTOMS_SINCE = timedelta(hours=24)
_SYMPTOMS = 5_000
_CHANGES = 20_000

_CACHED = 50_000
"""Decoded values kept in memory; about 200 MB of Kubernetes objects at most."""


class Reach(NamedTuple):
    """How much history is wanted beyond the newest versions that every graph carries."""

    since: datetime
    """UTC; every version that held after this."""
    uid: str | None = None
    """Of this resource; None: of all."""


class Moment(NamedTuple):
    """Which time is asked about."""

    as_of: datetime
    known_at: datetime | None
    reach: Reach | None = None

    def was_known(self, recorded_at: Any) -> list[ColumnElement[bool]]:
        """Condition that something had been learned."""
        return [] if self.known_at is None else [recorded_at <= self.known_at]

    def holds(self, table: type[VersionRow] | type[FactRow]) -> list[ColumnElement[bool]]:
        """Condition that a row held at this time, as far as was known."""
        unended = [col(table.valid_to).is_(None), col(table.valid_to) > self.as_of]
        if self.known_at is not None:
            unended.append(col(table.closed_at) > self.known_at)
        return [col(table.valid_from) <= self.as_of, or_(*unended), *self.was_known(col(table.recorded_at))]


class Loader:
    """Loads graphs, and keeps decoded bodies and relations, since most of them are the same the next time."""

    def __init__(self) -> None:
        self._decoded: dict[tuple[str, str], Any] = {}

    def load(self, session: Session, environment: str, moment: Moment) -> EnvironmentGraph:
        """Build the graph."""
        versions, history = self._versions(session, environment, moment)
        facts = self._facts(session, environment, moment)
        return EnvironmentGraph(
            name=environment,
            as_of=moment.as_of,
            versions=versions,
            history=history,
            relations=dict.fromkeys(f.body for f in facts[FactKind.RELATION]),
            unreadable=dict.fromkeys(f.body for f in facts[FactKind.UNREADABLE]),
            changes=self._changes(session, environment, moment),
            symptoms=self._symptoms(session, environment, moment),
            sources=self._sources(session, environment, moment, facts),
        )

    def _versions(self, session: Session, environment: str, moment: Moment) -> tuple[list[Version], list[Version]]:
        """Return the versions that hold, one for each facet of a resource, and those of facets that changed."""
        groups: dict[tuple[str, str], list[_Found]] = defaultdict(list)
        for found in self._found(session, environment, moment):
            groups[found.version.resource.uid, found.version.facet].append(found)
        versions, history = [], []
        for group in groups.values():
            held = min((f for f in group if f.holds), key=_preferred, default=None)
            # Several sources may give the same facet; the history of one is not a change of another.
            story = [f.version for f in group if held is None or f.version.source == held.version.source]
            if held is not None:
                versions.append(held.version)
            if held is None or len(story) > 1:
                history += story
        return versions, history

    def _found(self, session: Session, environment: str, moment: Moment) -> list[_Found]:
        known = [
            col(VersionRow.environment) == environment,
            col(VersionRow.valid_from) <= moment.as_of,
            or_(
                col(VersionRow.valid_to).is_(None),
                col(VersionRow.valid_to) > moment.as_of - _HISTORY_SINCE,
                *_reached(moment.reach),
            ),
            *moment.was_known(col(VersionRow.recorded_at)),
        ]
        newest_first = (
            col(VersionRow.valid_from).desc(),
            col(VersionRow.recorded_at).desc(),
            col(VersionRow.id).desc(),
        )
        rank = func.row_number().over(
            partition_by=(col(VersionRow.uid), col(VersionRow.facet), col(VersionRow.source)), order_by=newest_first
        )
        holds = case((and_(*moment.holds(VersionRow)), 1), else_=0)
        ranked = (
            select(col(VersionRow.id).label("id"), rank.label("rank"), holds.label("holds")).where(*known).subquery()
        )
        statement = (
            select(
                col(VersionRow.facet),
                col(VersionRow.source),
                type_coerce(col(VersionRow.resource), Text),
                type_coerce(col(VersionRow.origin), Text),
                col(VersionRow.blob),
                col(VersionRow.valid_from),
                col(VersionRow.valid_to),
                col(VersionRow.closed_at),
                col(VersionRow.last_seen),
                col(VersionRow.recorded_at),
                ranked.c.holds,
                col(VersionRow.id),
            )
            .join(ranked, ranked.c.id == VersionRow.id)
            .where(or_(ranked.c.rank <= _HISTORY, ranked.c.holds == 1, *_reached(moment.reach)))
        )
        rows = session.execute(statement).all()
        self._fetch_bodies(session, environment, {row.blob for row in rows})
        return [self._row(environment, tuple(row), moment) for row in rows]

    def _row(self, environment: str, row: Sequence[Any], moment: Moment) -> _Found:
        facet, source, resource, origin, blob, valid_from, valid_to, closed_at, last_seen, recorded_at, holds, id = row
        if moment.known_at is not None:
            valid_to = None if closed_at is not None and closed_at > moment.known_at else valid_to
            last_seen = min(last_seen, max(moment.known_at, valid_from))
        version = Version(
            resource=self._decode(Resource, resource),
            facet=Facet(facet),
            body=self._decoded[environment, blob],
            source=source,
            valid_from=valid_from,
            valid_to=valid_to,
            last_seen=last_seen,
            recorded_at=recorded_at,
            origin=None if origin == "null" else self._decode(Origin, origin),
        )
        return _Found(version, bool(holds), id)

    def _fetch_bodies(self, session: Session, environment: str, blobs: set[str]) -> None:
        """Read the bodies that are not in memory yet."""
        if len(self._decoded) > _CACHED:
            self._decoded = {}
        missing = sorted(blob for blob in blobs if (environment, blob) not in self._decoded)
        for start in range(0, len(missing), 500):
            some = select(col(BlobRow.hash), col(BlobRow.body)).where(
                col(BlobRow.environment) == environment, col(BlobRow.hash).in_(missing[start : start + 500])
            )
            for blob, body in session.execute(some):
                self._decoded[environment, blob] = json.loads(body)

    def _facts(self, session: Session, environment: str, moment: Moment) -> dict[FactKind, list[_Fact]]:
        statement = select(
            col(FactRow.kind), col(FactRow.source), col(FactRow.facet), type_coerce(col(FactRow.body), Text)
        ).where(col(FactRow.environment) == environment, *moment.holds(FactRow))
        facts: dict[FactKind, list[_Fact]] = defaultdict(list)
        for kind, source, facet, body in session.execute(statement.order_by(col(FactRow.id))):
            facts[FactKind(kind)].append(_Fact(source, facet, self._decode(_FACTS[FactKind(kind)], body)))
        return facts

    def _changes(self, session: Session, environment: str, moment: Moment) -> list[Change]:
        statement = select(type_coerce(col(ChangeRow.body), Text)).where(
            col(ChangeRow.environment) == environment,
            col(ChangeRow.latest) <= moment.as_of,
            *moment.was_known(col(ChangeRow.recorded_at)),
        )
        newest = statement.order_by(col(ChangeRow.latest).desc(), col(ChangeRow.id)).limit(_CHANGES)
        return [self._decode(Change, body) for body in session.scalars(newest)]

    def _symptoms(self, session: Session, environment: str, moment: Moment) -> list[SymptomEvent]:
        statement = select(type_coerce(col(SymptomRow.body), Text)).where(
            col(SymptomRow.environment) == environment,
            col(SymptomRow.at) <= moment.as_of,
            col(SymptomRow.at) > moment.as_of - _SYMPTOMS_SINCE,
            *moment.was_known(col(SymptomRow.recorded_at)),
        )
        newest = statement.order_by(col(SymptomRow.at).desc(), col(SymptomRow.hash)).limit(_SYMPTOMS)
        return [self._decode(SymptomEvent, body) for body in session.scalars(newest)][::-1]

    def _sources(
        self, session: Session, environment: str, moment: Moment, facts: Mapping[FactKind, Sequence[_Fact]]
    ) -> list[SourceState]:
        errors = {(o.source, o.facet): str(o.body) for o in facts.get(FactKind.OUTAGE, ())}
        partial = {(u.source, u.facet) for u in facts.get(FactKind.UNREADABLE, ()) if not u.body.is_bounded}
        statement = select(
            col(SourceRow.name), col(SourceRow.facet), col(SourceRow.first_read_at), col(SourceRow.read_at)
        ).where(col(SourceRow.environment) == environment)
        return [
            SourceState(
                name=name,
                facet=Facet(facet) if facet else None,
                read_at=_read_by(first, last, moment.as_of),
                error=errors.get((name, facet), ""),
                is_partial=(name, facet) in partial,
                first_read_at=first,
            )
            for name, facet, first, last in session.execute(statement.order_by(col(SourceRow.name)))
        ]

    def _decode(self, kind: type[T], text: str) -> T:
        key = (kind.__name__, text)
        found: T | None = self._decoded.get(key)
        if found is None:
            found = self._decoded[key] = decode(kind, json.loads(text))
        return found


class _Found(NamedTuple):
    version: Version
    holds: bool
    id: int


class _Fact(NamedTuple):
    source: str
    facet: str
    body: Any


_FACTS: dict[FactKind, type[Any]] = {
    FactKind.RELATION: Relation,
    FactKind.UNREADABLE: Unreadable,
    FactKind.OUTAGE: str,
}


def _reached(reach: Reach | None) -> list[ColumnElement[bool]]:
    """Condition that a version belongs to the history that was asked for."""
    if reach is None:
        return []
    after = or_(col(VersionRow.valid_to).is_(None), col(VersionRow.valid_to) > reach.since)
    return [after if reach.uid is None else and_(after, col(VersionRow.uid) == reach.uid)]


def _preferred(found: _Found) -> tuple[str, float, float, int]:
    """The first source by name; of that one the version that began last, then the one learned last."""
    version = found.version
    return version.source, -version.valid_from.timestamp(), -version.recorded_at.timestamp(), -found.id


def _read_by(first: datetime | None, last: datetime | None, as_of: datetime) -> datetime | None:
    if last is None or first is None or first > as_of:
        return None
    return min(last, as_of)
