"""The log of recorded changes and symptoms, asked for one resource or one interval at a time: it may hold millions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from sqlalchemy import Select, Text, select, type_coerce
from sqlmodel import col

from app.store.database import Database
from app.store.graph_moment import Moment
from app.store.rows.graph import ChangeRow, SymptomRow
from graph.change import Change
from graph.codec import decode
from graph.evidence import SymptomEvent
from graph.runs import RUN_KINDS

MOST_OF_ONE = 2_000
"""Newest records of one resource that an answer looks at."""
MOST_OF_ALL = 20_000
"""Newest records of an interval that an answer looks at."""
_LONGEST_RUN = timedelta(hours=24)
_SYMPTOMS_SINCE = timedelta(hours=24)
_SYMPTOMS = 5_000


class Log:
    """What one environment recorded up to a moment."""

    def __init__(self, database: Database, environment: str, moment: Moment) -> None:
        self._database = database
        self._environment = environment
        self._moment = moment

    def changes(self, uids: Collection[str]) -> Sequence[Change]:
        """Return the newest changes under any of these names, oldest first."""
        return self._read(self._selected().where(col(ChangeRow.uid).in_(sorted(uids))), MOST_OF_ONE)

    def all_changes(self, since: datetime | None) -> Sequence[Change]:
        """Return the newest changes, oldest first; those after `since`, where it is given."""
        statement = self._selected()
        return self._read(statement if since is None else statement.where(col(ChangeRow.latest) > since), MOST_OF_ALL)

    def runs(self, start: datetime, end: datetime) -> Sequence[Change]:
        """Return the runs of deployments that overlap an interval, oldest first."""
        statement = self._selected().where(
            col(ChangeRow.kind).in_(sorted(RUN_KINDS)),
            col(ChangeRow.latest) >= start,
            col(ChangeRow.latest) <= end + _LONGEST_RUN,
        )
        return [run for run in self._read(statement, MOST_OF_ALL) if (run.earliest or run.latest) <= end]

    @cached_property
    def symptoms(self) -> Mapping[str, Sequence[SymptomEvent]]:
        """What each resource said of itself lately, oldest first, by the name that it was said under."""
        statement = (
            select(type_coerce(col(SymptomRow.body), Text))
            .where(
                col(SymptomRow.environment) == self._environment,
                col(SymptomRow.at) <= self._moment.as_of,
                col(SymptomRow.at) > self._moment.as_of - _SYMPTOMS_SINCE,
                *self._moment.was_known(col(SymptomRow.recorded_at)),
            )
            .order_by(col(SymptomRow.at).desc(), col(SymptomRow.hash))
            .limit(_SYMPTOMS)
        )
        with self._database.reading() as session:
            bodies = session.scalars(statement).all()
        found: dict[str, list[SymptomEvent]] = defaultdict(list)
        for body in reversed(bodies):
            symptom = decode(SymptomEvent, json.loads(body))
            found[symptom.resource].append(symptom)
        return found

    def _selected(self) -> Select[str]:
        return select(type_coerce(col(ChangeRow.body), Text)).where(
            col(ChangeRow.environment) == self._environment,
            col(ChangeRow.latest) <= self._moment.as_of,
            col(ChangeRow.revision) <= self._moment.revision,
            *self._moment.was_known(col(ChangeRow.recorded_at)),
        )

    def _read(self, statement: Select[str], most: int) -> Sequence[Change]:
        newest = statement.order_by(col(ChangeRow.latest).desc(), col(ChangeRow.id)).limit(most)
        with self._database.reading() as session:
            bodies = session.scalars(newest).all()
        return in_order(decode(Change, json.loads(body)) for body in bodies)


def in_order(changes: Iterable[Change]) -> list[Change]:
    """Order changes by time, then by id, so that a repeated question has the same answer."""
    return sorted(changes, key=lambda c: (c.latest, c.id))
