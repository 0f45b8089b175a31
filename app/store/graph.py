"""The history of environment graphs: what sources said is recorded, and any time can be asked for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import delete, func, update
from sqlmodel import Session, col, select

from app.store.clock import Clock, utc_now
from app.store.database import Database
from app.store.graph_facts import FactKind, Scope, Stamp, content_hash, sync_facts
from app.store.graph_holdings import Holdings, close_relations_of_gone
from app.store.graph_readings import next_reading, remember_reading
from app.store.graph_versions import (
    Read,
    Recorded,
    Significant,
    confirm_versions,
    current_ids,
    joined,
    record_delta,
    record_versions,
)
from app.store.graph_views import Views, revision_of
from app.store.rows.graph import ChangeRow, EnvironmentRow, SourceRow, SymptomRow
from app.store.upsert import insert_many_or_nothing, insert_or_nothing
from graph.change import Change
from graph.codec import encode
from graph.document import Json
from graph.environment import EnvironmentGraph
from graph.evidence import Gap, SymptomEvent
from graph.packed import identities, portions
from graph.parts import Sayer
from graph.relation import Relation
from graph.resource import Facet
from graph.version import Delta, Document, Snapshot, Unreadable

_MOST_GAPS = 200
"""Gaps of one stream that are kept, newest ones."""

_AT_ONCE = 5_000
"""Documents that are stored in one transaction: on SQLite everybody else who writes waits for its end."""

SYMPTOMS_KEPT_FOR = timedelta(days=7)
SYMPTOMS_KEPT = 20_000
"""For one environment; a chatty log must not fill the disk."""


def whole_body(document: Document) -> Json:
    """Everything is significant."""
    return document.body


class GraphStore:
    """All environments. Nothing is overwritten; versions are closed, and the newest of their statuses are kept."""

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._views = Views(database, clock)
        self.holdings = Holdings(database)

    def record(
        self,
        environment: str,
        snapshot: Snapshot,
        relations: Sequence[Relation] | None,
        *,
        significant: Significant = whole_body,
    ) -> Recorded:
        """Store what one source said at one time.

        A snapshot that is older than what is known adds to the past only, and its relations are not used. A large one
        is stored in several transactions; until the last one, its source counts as read when it was read before.

        Args:
            environment: name of the environment; made when it is new.
            snapshot: what the source said.
            relations: edges that the snapshot's documents state; None: they are as they were, or `relate` follows.
            significant: returns the part of a document whose change makes a new version.
        """
        *before, last = portions(snapshot.documents, _AT_ONCE)
        recorded = [self._record_portion(environment, snapshot, some, significant) for some in before]
        with self._database.session() as session:
            stamp = self._write(session, environment)
            source = self._source(session, environment, snapshot.source, snapshot.facet)
            read = _read(session, source, snapshot.taken_at)
            new = record_versions(session, environment, snapshot, last, significant, read=read, stamp=stamp)
            if not read.is_after(snapshot.taken_at):
                self._record_condition(session, environment, snapshot, stamp)
                if relations is not None:
                    self._record_relations(session, environment, snapshot, relations, stamp)
                if snapshot.complete:
                    remember_reading(session, source, snapshot.taken_at)
            source.first_read_at = min(source.first_read_at or snapshot.taken_at, snapshot.taken_at)
            if snapshot.complete:
                source.read_at = max(source.read_at or snapshot.taken_at, snapshot.taken_at)
            source.error = ""
            session.add(source)
        return joined([*recorded, new])

    def _record_portion(
        self, environment: str, snapshot: Snapshot, documents: Sequence[Document], significant: Significant
    ) -> Recorded:
        """Store a part of what a source said, in a transaction of its own, so that others need not wait for long."""
        said = Delta(facet=snapshot.facet, source=snapshot.source, at=snapshot.taken_at, documents=documents)
        with self._database.session() as session:
            stamp = self._write(session, environment)
            source = self._source(session, environment, snapshot.source, snapshot.facet)
            read = _read(session, source, snapshot.taken_at)
            return record_delta(session, environment, said, significant, read=read, stamp=stamp)

    def confirm(self, environment: str, snapshot: Snapshot, since: datetime) -> bool:
        """Store that a source says all that it said at a time (UTC), if nobody has stored anything else of it since.

        Returns:
            Whether that is so; otherwise the snapshot has to be recorded.
        """
        with self._database.reading() as session:
            if not self._is_as_at(session, environment, snapshot, since):
                return False
            ids = current_ids(session, environment, snapshot)
        for start in range(0, len(ids), _AT_ONCE):
            with self._database.session() as session:
                confirm_versions(session, ids[start : start + _AT_ONCE], snapshot.taken_at)
        with self._database.session() as session:
            if not self._is_as_at(session, environment, snapshot, since):
                return False
            self._write(session, environment)
            source = self._source(session, environment, snapshot.source, snapshot.facet)
            remember_reading(session, source, snapshot.taken_at)
            source.read_at = snapshot.taken_at
            session.add(source)
        return True

    def _is_as_at(self, session: Session, environment: str, snapshot: Snapshot, at: datetime) -> bool:
        source = self._source(session, environment, snapshot.source, snapshot.facet)
        return source.read_at == at and source.heard_at is None and not source.error

    def record_delta(
        self,
        environment: str,
        delta: Delta,
        relations: Mapping[str, Sequence[Relation]],
        *,
        significant: Significant = whole_body,
    ) -> Recorded:
        """Store what one source says has changed since it was read; it costs as much as the delta is large.

        Args:
            environment: name of the environment.
            delta: what changed. One that is older than what is known adds to the past only.
            relations: by the uid of their source, all that the source states now; a resource that is gone states
                none. Those of uids that are not in it stay as they are.
            significant: as for `record`.
        """
        with self._database.session() as session:
            stamp = self._write(session, environment)
            source = self._source(session, environment, delta.source, delta.facet)
            read = _read(session, source, delta.at)
            recorded = record_delta(session, environment, delta, significant, read=read, stamp=stamp)
            if not read.is_after(delta.at):
                scope = _scope(environment, FactKind.RELATION, delta.facet, delta.source)
                stated = [(uid, relation) for uid, many in relations.items() for relation in many]
                subjects = {*relations, *delta.gone}
                sync_facts(session, scope, stated, at=delta.at, stamp=stamp, subjects=subjects)
                outage = _scope(environment, FactKind.OUTAGE, delta.facet, delta.source)
                sync_facts(session, outage, [], at=delta.at, stamp=stamp)
                if delta.unreadable is not None:
                    hidden = _scope(environment, FactKind.UNREADABLE, delta.facet, delta.source)
                    sync_facts(session, hidden, _places(delta.unreadable), at=delta.at, stamp=stamp)
            source.first_read_at = source.first_read_at or delta.at
            source.heard_at = max(source.heard_at or delta.at, delta.at)
            source.error = ""
            session.add(source)
        return recorded

    def relate(self, environment: str, relations: Mapping[Sayer, Mapping[str, Sequence[Relation]]]) -> None:
        """Store the relations that sources state now, by the uid of their source; those of other uids stay.

        Relations follow from all documents together, so they may change without any news of the resource itself.
        """
        with self._database.session() as session:
            stamp = self._write(session, environment)
            rows = session.exec(select(SourceRow).where(SourceRow.environment == environment, SourceRow.facet != ""))
            known = [at for row in rows for at in (row.read_at, row.heard_at) if at is not None]
            for (source, facet), stated in relations.items():
                wanted = [(uid, relation) for uid, many in stated.items() for relation in many]
                scope = _scope(environment, FactKind.RELATION, facet, source)
                at = max(known, default=stamp.at)
                sync_facts(session, scope, wanted, at=at, stamp=stamp, subjects=stated.keys())

    def forget_relations_of_gone(self, environment: str) -> None:
        """End the relations of resources that are gone, where a process was ended before it did."""
        with self._database.session() as session:
            close_relations_of_gone(session, environment, self._write(session, environment))

    def source_failed(self, environment: str, source: str, facet: Facet | None, error: str, at: datetime) -> None:
        """Remember that a source could not be read at `at` (UTC); what is known of it stays, as old as it is."""
        with self._database.session() as session:
            stamp = self._write(session, environment)
            row = self._source(session, environment, source, facet)
            row.error = error
            session.add(row)
            scope = _scope(environment, FactKind.OUTAGE, facet, source)
            sync_facts(session, scope, [("", error)], at=at, stamp=stamp)

    def source_read(
        self,
        environment: str,
        source: str,
        at: datetime,
        *,
        told_until: datetime | None = None,
        gaps: Sequence[Gap] | None = None,
    ) -> None:
        """Remember that a source of changes or symptoms was read at `at` (UTC).

        Args:
            environment: name of the environment.
            source: name of the source.
            at: UTC; when.
            told_until: UTC; time of the newest record of a stream.
            gaps: what the stream has lost; None: as it was known before.
        """
        with self._database.session() as session:
            stamp = self._write(session, environment)
            row = self._source(session, environment, source, None)
            row.error, row.first_read_at, row.read_at = "", row.first_read_at or at, at
            row.told_until = told_until or row.told_until
            session.add(row)
            sync_facts(session, _scope(environment, FactKind.OUTAGE, None, source), [], at=at, stamp=stamp)
            if gaps is not None:
                lost = [(gap.what, gap) for gap in gaps[-_MOST_GAPS:]]
                sync_facts(session, _scope(environment, FactKind.GAP, None, source), lost, at=at, stamp=stamp)

    def record_changes(self, environment: str, changes: Sequence[Change]) -> int:
        """Store changes; those whose ids are known are left as they are. Return how many were new."""
        with self._database.session() as session:
            known = _known(session, ChangeRow, environment, col(ChangeRow.latest), [c.latest for c in changes])
            unknown = [c for c in reversed(changes) if c.id not in known]
            if not unknown:
                return 0
            stamp = self._write(session, environment)
            rows = {c.id: _change_row(environment, c, stamp) for c in unknown}
            return insert_many_or_nothing(session, ChangeRow, list(rows.values()))

    def record_symptoms(self, environment: str, symptoms: Sequence[SymptomEvent]) -> int:
        """Store symptoms, each once, and drop those too old or too many to keep. Return how many were new."""
        now = self._clock()
        found = {_symptom_hash(symptom): symptom for symptom in symptoms}
        with self._database.session() as session:
            times = [symptom.at or now for symptom in symptoms]
            known = _known(session, SymptomRow, environment, col(SymptomRow.at), times)
            rows = [
                {
                    "environment": environment,
                    "hash": key,
                    "at": symptom.at or now,
                    "recorded_at": now,
                    "body": encode(symptom),
                }
                for key, symptom in found.items()
                if key not in known
            ]
            new = insert_many_or_nothing(session, SymptomRow, rows)
            if new:
                self._write(session, environment)
                self._forget_symptoms(session, environment, now)
        return new

    def load(
        self, environment: str, *, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> EnvironmentGraph:
        """Return the environment at one time.

        Args:
            environment: its name; an unknown one gives an empty graph.
            as_of: UTC; the time that is asked about; now by default.
            known_at: UTC; use only what Plumbline had learned by then; everything by default.

        Returns:
            The graph. Its versions, relations, unreadable places, changes and symptoms are those of `as_of`; for a
            past time, `read_at` of its sources is no finer than that they had been read by then. Identities and
            relations are in memory; documents, history and changes are read when they are asked for.
        """
        if as_of is None and known_at is None:
            return self._views.newest(environment)
        return self._views.at(environment, as_of, known_at)

    def revision(self, environment: str) -> int:
        """Return a number that grows with every write to an environment; 0 for an unknown one."""
        with self._database.reading() as session:
            return revision_of(session, environment)

    def environments(self) -> list[str]:
        """Return the names of all environments that something is known of, in order."""
        with self._database.reading() as session:
            return list(session.exec(select(EnvironmentRow.name).order_by(EnvironmentRow.name)))

    def _record_relations(
        self, session: Session, environment: str, snapshot: Snapshot, relations: Sequence[Relation], stamp: Stamp
    ) -> None:
        stated = [(r.source, r) for r in relations]
        listed = {resource.uid for resource in identities(snapshot.documents)}
        scope = _scope(environment, FactKind.RELATION, snapshot.facet, snapshot.source)
        sync_facts(
            session,
            scope,
            stated,
            at=snapshot.taken_at,
            stamp=stamp,
            keep=lambda uid: uid not in listed and snapshot.hides(uid),
        )

    def _record_condition(self, session: Session, environment: str, snapshot: Snapshot, stamp: Stamp) -> None:
        places = _places(snapshot.unreadable)
        for kind, wanted in ((FactKind.UNREADABLE, places), (FactKind.OUTAGE, [])):
            scope = _scope(environment, kind, snapshot.facet, snapshot.source)
            sync_facts(session, scope, wanted, at=snapshot.taken_at, stamp=stamp)

    def _write(self, session: Session, environment: str) -> Stamp:
        """Count a write; one writer of an environment waits for the other here, so revisions commit in order."""
        session.execute(insert_or_nothing(session, EnvironmentRow(name=environment, revision=0)))
        counted = update(EnvironmentRow).where(col(EnvironmentRow.name) == environment)
        session.execute(counted.values(revision=col(EnvironmentRow.revision) + 1))
        return Stamp(self._clock(), revision_of(session, environment))

    def _source(self, session: Session, environment: str, name: str, facet: Facet | None) -> SourceRow:
        key = (environment, name, facet.value if facet else "")
        found = session.get(SourceRow, key)
        return found or SourceRow(environment=key[0], name=key[1], facet=key[2])

    def _forget_symptoms(self, session: Session, environment: str, now: datetime) -> None:
        mine = col(SymptomRow.environment) == environment
        session.execute(delete(SymptomRow).where(mine, col(SymptomRow.at) < now - SYMPTOMS_KEPT_FOR))
        count = session.exec(select(func.count()).select_from(SymptomRow).where(mine)).one()
        if count > SYMPTOMS_KEPT:
            oldest = select(SymptomRow.hash).where(mine).order_by(col(SymptomRow.at)).limit(count - SYMPTOMS_KEPT)
            session.execute(delete(SymptomRow).where(mine, col(SymptomRow.hash).in_(oldest)))


def _read(session: Session, source: SourceRow, at: datetime) -> Read:
    """Return how far a source is known, to which something is added that was so at a time (UTC)."""
    read = Read(source.read_at, source.heard_at)
    return read._replace(next_read_at=next_reading(session, source, at)) if read.is_after(at) else read


def _change_row(environment: str, change: Change, stamp: Stamp) -> Mapping[str, Any]:
    return {
        "environment": environment,
        "id": change.id,
        "uid": change.uid,
        "kind": change.kind,
        "latest": change.latest,
        "recorded_at": stamp.at,
        "revision": stamp.revision,
        "body": encode(change),
    }


@lru_cache(maxsize=SYMPTOMS_KEPT)
def _symptom_hash(symptom: SymptomEvent) -> str:
    """Return the hash of what a symptom says; sources repeat what they said for hours."""
    return content_hash(encode(symptom))


def _known(
    session: Session, table: type[ChangeRow] | type[SymptomRow], environment: str, at: Any, times: Sequence[datetime]
) -> Set[str]:
    """Return the keys of the rows from the interval that `times` span, so that most repeats need no insert."""
    if not times:
        return frozenset()
    key = col(ChangeRow.id) if table is ChangeRow else col(SymptomRow.hash)
    rows = select(key).where(col(table.environment) == environment, at >= min(times), at <= max(times))
    return set(session.exec(rows))


def _places(unreadable: Sequence[Unreadable]) -> list[tuple[str, Unreadable]]:
    return [("" if u.resource is None else u.resource.uid, u) for u in unreadable]


def _scope(environment: str, kind: FactKind, facet: Facet | None, source: str) -> Scope:
    return Scope(environment=environment, kind=kind, facet=facet.value if facet else "", source=source)
