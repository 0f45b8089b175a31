"""Reads rows of the graph's history into domain types: who is there, what hangs together, what could not be read."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import Select, Text, and_, or_, select, type_coerce
from sqlmodel import Session, col

from app.store.graph_facts import FactKind
from app.store.graph_index import Entry, Held, entry_of
from app.store.graph_moment import Moment, unindexed
from app.store.rows.graph import BlobRow, FactRow, SourceRow, VersionRow
from graph.codec import decode
from graph.environment import SourceState
from graph.evidence import Gap
from graph.relation import Relation
from graph.resource import Facet, Resource
from graph.version import Unreadable, Version

T = TypeVar("T")

_CHUNK = 500
"""Values in one IN list; SQLite's oldest limit is 999."""
_ROWS = 5_000
"""Rows that are read at once, so that a large result is not in memory twice."""
_MOST_VERSIONS = 500
"""Newest versions of one facet that its history tells."""


_TYPES: Final[Mapping[str, type[Any]]] = {FactKind.UNREADABLE.value: Unreadable, FactKind.GAP.value: Gap}


class Fact(NamedTuple):
    """Something that held over an interval, other than a relation."""

    source: str
    facet: str
    body: Any


def entries_at(
    session: Session, environment: str, moment: Moment, uids: Collection[str] | None = None
) -> dict[str, Entry]:
    """Return what existed at a moment by uid: of all resources, or of those with these uids."""
    statement = select(
        col(VersionRow.id),
        col(VersionRow.uid),
        col(VersionRow.facet),
        col(VersionRow.source),
        type_coerce(col(VersionRow.resource), Text),
        col(VersionRow.valid_from),
        col(VersionRow.valid_to),
        col(VersionRow.closed_at),
        col(VersionRow.last_seen),
        col(VersionRow.recorded_at),
        col(VersionRow.revision),
    ).where(col(VersionRow.environment) == environment, *moment.holds(VersionRow, of_some=uids is not None))
    times: dict[datetime, datetime] = {}
    found: dict[str, dict[Facet, tuple[Resource, Held]]] = defaultdict(dict)
    for row in _rows(session, statement, col(VersionRow.uid), uids):
        id, uid, facet, source, resource, begun, ended, closed, seen, recorded, revision = row
        held = Held(
            id=id,
            source=sys.intern(source),
            valid_from=times.setdefault(begun, begun),
            valid_to=moment.ended(ended, closed, revision),
            last_seen=times.setdefault(seen, seen),
            recorded_at=times.setdefault(recorded, recorded),
            revision=revision,
        )
        facets = found[uid]
        known = facets.get(Facet(facet))
        if known is None or _preferred(held) < _preferred(known[1]):
            facets[Facet(facet)] = _resource(resource, facets.values()), held
    return {
        uid: entry_of((resource, facet, held) for facet, (resource, held) in facets.items())
        for uid, facets in found.items()
    }


def relations_at(
    session: Session,
    environment: str,
    moment: Moment,
    subjects: Collection[str] | None = None,
    *,
    known: Mapping[str, Entry] = MappingProxyType({}),
) -> dict[str, tuple[Relation, ...]]:
    """Return the relations that held at a moment, each once, by the uid of their source.

    Args:
        session: a transaction.
        environment: its name.
        moment: which time is asked about.
        subjects: uids of the sources that are meant; None: all.
        known: resources by uid, whose text the relations share.
    """
    statement = (
        select(type_coerce(col(FactRow.body), Text))
        .where(
            col(FactRow.environment) == environment,
            col(FactRow.kind) == FactKind.RELATION.value,
            *moment.holds(FactRow, of_some=subjects is not None),
        )
        .order_by(col(FactRow.id))
    )
    found: dict[str, dict[Relation, None]] = defaultdict(dict)
    uids = {uid: uid for uid in known}
    for (body,) in _rows(session, statement, col(FactRow.subject), subjects):
        relation = _relation(json.loads(body), uids)
        found[relation.source][relation] = None
    return {uid: tuple(relations) for uid, relations in found.items()}


def facts_at(session: Session, environment: str, moment: Moment) -> dict[FactKind, list[Fact]]:
    """Return outages and unreadable places at a moment, in the order in which they were learned."""
    statement = select(
        col(FactRow.kind), col(FactRow.source), col(FactRow.facet), type_coerce(col(FactRow.body), Text)
    ).where(
        col(FactRow.environment) == environment,
        # Named one by one: the relations beside them are many, and an index finds these.
        col(FactRow.kind).in_([kind.value for kind in FactKind if kind is not FactKind.RELATION]),
        *moment.holds(FactRow),
    )
    facts: dict[FactKind, list[Fact]] = defaultdict(list)
    for kind, source, facet, body in session.execute(statement.order_by(col(FactRow.id))):
        type_ = _TYPES.get(kind, str)
        facts[FactKind(kind)].append(Fact(source, facet, decode(type_, json.loads(body))))
    return facts


_STILL_HEARD = timedelta(minutes=1)
"""A source that is watched says at least every few seconds that nothing changed."""


def sources_at(
    session: Session, environment: str, moment: Moment, facts: Mapping[FactKind, Sequence[Fact]]
) -> list[SourceState]:
    """Return how well each source had been read by a moment; for a past one, no finer than that it had been read."""
    errors = {(o.source, o.facet): str(o.body) for o in facts.get(FactKind.OUTAGE, ())}
    partial = {(u.source, u.facet) for u in facts.get(FactKind.UNREADABLE, ()) if not u.body.is_bounded}
    gaps: dict[str, list[Gap]] = defaultdict(list)
    for fact in facts.get(FactKind.GAP, ()):
        gaps[fact.source].append(fact.body)
    by = moment.as_of if moment.known_at is None else min(moment.as_of, moment.known_at)
    statement = (
        select(
            col(SourceRow.name),
            col(SourceRow.facet),
            col(SourceRow.first_read_at),
            col(SourceRow.read_at),
            col(SourceRow.heard_at),
            col(SourceRow.told_until),
        )
        .where(col(SourceRow.environment) == environment)
        .order_by(col(SourceRow.name))
    )
    return [
        SourceState(
            name=name,
            facet=Facet(facet) if facet else None,
            read_at=_read_by(first, max(filter(None, (last, heard)), default=None), by),
            error=errors.get((name, facet), ""),
            is_partial=(name, facet) in partial,
            first_read_at=first,
            is_watched=heard is not None and by - heard < _STILL_HEARD and (name, facet) not in errors,
            told_until=told_until,
            gaps=tuple(gaps.get(name, ())) if not facet else (),
        )
        for name, facet, first, last, heard, told_until in session.execute(statement)
    ]


def history_at(
    session: Session, environment: str, moment: Moment, uid: str, facet: Facet, resource: Resource | None
) -> list[tuple[int, Version]]:
    """Return the versions of a facet that began by a moment, oldest first, each with its row's id.

    Their documents are empty objects: they stand elsewhere. At most the newest 500 are told.
    """
    begins = unindexed(col(VersionRow.valid_from))
    statement = (
        select(
            col(VersionRow.id),
            col(VersionRow.source),
            type_coerce(col(VersionRow.resource), Text),
            col(VersionRow.valid_from),
            col(VersionRow.valid_to),
            col(VersionRow.closed_at),
            col(VersionRow.last_seen),
            col(VersionRow.recorded_at),
            col(VersionRow.revision),
        )
        .where(
            col(VersionRow.environment) == environment,
            col(VersionRow.uid) == uid,
            col(VersionRow.facet) == facet.value,
            begins <= moment.as_of,
            *moment.was_known(col(VersionRow.recorded_at)),
        )
        .order_by(begins.desc(), col(VersionRow.recorded_at).desc(), col(VersionRow.id).desc())
        .limit(_MOST_VERSIONS)
    )
    found = []
    for id, source, stated, begun, ended, closed, seen, recorded, revision in session.execute(statement):
        if moment.is_later(revision, recorded):
            continue
        version = Version(
            resource=resource or decode(Resource, json.loads(stated)),
            facet=facet,
            body={},
            source=source,
            valid_from=begun,
            valid_to=moment.ended(ended, closed, revision),
            last_seen=moment.seen(seen, begun),
            recorded_at=recorded,
        )
        found.append((id, version))
    return found[::-1]


def documents_of(session: Session, ids: Sequence[int]) -> Iterator[tuple[int, int, str, str]]:
    """Yield (id, revision, origin as JSON, document as JSON) of version rows."""
    for some in _chunks(ids):
        held = and_(col(BlobRow.environment) == col(VersionRow.environment), col(BlobRow.hash) == col(VersionRow.blob))
        statement = (
            select(
                col(VersionRow.id),
                col(VersionRow.revision),
                type_coerce(col(VersionRow.origin), Text),
                col(BlobRow.body),
            )
            .join(BlobRow, held)
            .where(col(VersionRow.id).in_(some))
        )
        yield from (tuple(row) for row in session.execute(statement))


def changed_since(session: Session, environment: str, moment: Moment, since: datetime) -> list[str]:
    """Return the uids of the resources of which a version began or ended after a time and by a moment, in order."""
    statement = (
        select(col(VersionRow.uid))
        .where(
            col(VersionRow.environment) == environment,
            col(VersionRow.valid_from) <= moment.as_of,
            or_(col(VersionRow.valid_from) > since, col(VersionRow.valid_to) > since),
            *moment.was_known(col(VersionRow.recorded_at)),
            moment.was_written(),
        )
        .distinct()
    )
    return sorted(session.scalars(statement))


def gone_by(
    session: Session, environment: str, moment: Moment, present: Callable[[str], bool], uids: Collection[str] | None
) -> Iterator[Resource]:
    """Yield the resources that had existed before a moment and no longer did, ordered by uid.

    Args:
        session: a transaction.
        environment: its name.
        moment: which time is asked about.
        present: tells whether a resource exists at the moment.
        uids: which may be meant; None: all.
    """
    begins = col(VersionRow.valid_from) if uids is None else unindexed(col(VersionRow.valid_from))
    statement = (
        select(col(VersionRow.uid), type_coerce(col(VersionRow.resource), Text))
        .where(
            col(VersionRow.environment) == environment,
            begins <= moment.as_of,
            *moment.was_known(col(VersionRow.recorded_at)),
            moment.was_written(),
        )
        .order_by(col(VersionRow.uid), begins)
    )
    if uids is None:
        statement = statement.where(or_(col(VersionRow.valid_to).is_not(None), col(VersionRow.closed_at).is_not(None)))
    last = {uid: resource for uid, resource in _rows(session, statement, col(VersionRow.uid), uids) if not present(uid)}
    for uid in sorted(last):
        yield decode(Resource, json.loads(last[uid]))


def touched_after(session: Session, environment: str, revision: int) -> tuple[set[str], set[str], bool]:
    """Return what was written after a revision: uids of versions, subjects of relations, whether other facts were."""
    versions = select(col(VersionRow.uid)).where(
        col(VersionRow.environment) == environment, col(VersionRow.revision) > revision
    )
    facts = select(col(FactRow.kind), col(FactRow.subject)).where(
        col(FactRow.environment) == environment, col(FactRow.revision) > revision
    )
    subjects, has_others = set(), False
    for kind, subject in session.execute(facts.distinct()):
        if kind == FactKind.RELATION.value:
            subjects.add(subject)
        else:
            has_others = True
    return set(session.scalars(versions.distinct())), subjects, has_others


def differing_at(session: Session, environment: str, moment: Moment) -> tuple[set[str], set[str]]:
    """Return what may have been otherwise at a moment than it is now: uids of versions, subjects of relations."""
    versions = select(col(VersionRow.uid)).where(
        col(VersionRow.environment) == environment, or_(*moment.differs(VersionRow))
    )
    facts = select(col(FactRow.subject)).where(
        col(FactRow.environment) == environment,
        col(FactRow.kind) == FactKind.RELATION.value,
        or_(*moment.differs(FactRow)),
    )
    return set(session.scalars(versions.distinct())), set(session.scalars(facts.distinct()))


def _rows(
    session: Session, statement: Select[*tuple[Any, ...]], column: Any, values: Collection[str] | None
) -> Iterator[Any]:
    if values is None:
        yield from session.execute(statement.execution_options(yield_per=_ROWS))
        return
    for some in _chunks(sorted(values)):
        yield from session.execute(statement.where(column.in_(some)))


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


def _resource(text: str, known: Iterable[tuple[Resource, Held]]) -> Resource:
    """Return the identity that a row states; the one of another facet, where they are equal."""
    stated = _decoded(text)
    return next((resource for resource, _ in known if resource == stated), stated)


@lru_cache(maxsize=4_096)
def _decoded(text: str) -> Resource:
    resource = decode(Resource, json.loads(text))
    # Kinds, groups and namespaces are few; one object for each of them halves what a large estate takes.
    return replace(
        resource,
        kind=sys.intern(resource.kind),
        group=sys.intern(resource.group),
        namespace=None if resource.namespace is None else sys.intern(resource.namespace),
    )


def _relation(data: dict[str, Any], uids: dict[str, str]) -> Relation:
    relation = decode(Relation, data)
    return replace(
        relation,
        source=uids.setdefault(relation.source, relation.source),
        target=uids.setdefault(relation.target, relation.target),
        via=sys.intern(relation.via),
        detail=sys.intern(relation.detail),
    )


def _preferred(held: Held) -> tuple[str, float, float, int]:
    """The first source by name; of that one the version that began last, then the one learned last."""
    return held.source, -held.valid_from.timestamp(), -held.recorded_at.timestamp(), -held.id


def _read_by(first: datetime | None, last: datetime | None, by: datetime) -> datetime | None:
    if last is None or first is None or first > by:
        return None
    return min(last, by)
