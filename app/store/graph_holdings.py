"""What sources of an environment hold now, read in parts, and which of it is new: from this relations are found."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Text, and_, func, or_, select, type_coerce, update
from sqlmodel import Session, col, exists

from app.store.database import Database
from app.store.graph_facts import FactKind, Stamp
from app.store.graph_views import revision_of
from app.store.rows.graph import BlobRow, FactRow, VersionRow
from graph.codec import decode
from graph.document import Json, Object
from graph.parts import Sayer, Stated
from graph.resource import Facet, Platform, Resource
from graph.version import Document

_CHUNK: Final = 500
"""Values in one IN list; SQLite's oldest limit is 999."""
_ROWS: Final = 5_000
"""Rows that are read at once."""
_STATED_NOWHERE: Final = frozenset({"status"})
_STATED_NOWHERE_METADATA: Final = frozenset({"managedFields"})
"""Half of what an observed object holds, from which no relation follows."""


class Mark(NamedTuple):
    """How far an environment was looked at."""

    revision: int
    version: int
    """Greatest id of a version's row."""


class News(NamedTuple):
    """What is new of an environment."""

    mark: Mark
    touched: Collection[tuple[Sayer, str]] | None
    """Who says something else of which resource, by uid; None: everything is new."""


class Holdings:
    """What environments hold, of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def news(self, environment: str, since: Mark | None) -> News:
        """Return of which resources a version began or ended after a mark, and the mark to go on from.

        A body whose insignificant part was replaced is not told of.
        """
        with self._database.reading() as session:
            revision = revision_of(session, environment)
            if since is not None and since.revision == revision:
                return News(since, ())
            mark = Mark(revision, session.scalar(select(func.max(col(VersionRow.id)))) or 0)
            if since is None:
                return News(mark, None)
            statement = select(col(VersionRow.source), col(VersionRow.facet), col(VersionRow.uid)).where(
                col(VersionRow.environment) == environment,
                col(VersionRow.revision) > since.revision,
                or_(col(VersionRow.id) > since.version, col(VersionRow.valid_to).is_not(None)),
            )
            rows = session.execute(statement)
            return News(mark, {((source, Facet(facet)), uid) for source, facet, uid in rows})

    def uids(self, environment: str) -> Iterator[str]:
        """Yield the uids of all that exists."""
        statement = select(col(VersionRow.uid)).where(
            col(VersionRow.environment) == environment, col(VersionRow.valid_to).is_(None)
        )
        with self._database.reading() as session:
            yield from session.scalars(statement.distinct().execution_options(yield_per=_ROWS))

    def stated(self, environment: str, uids: Sequence[str]) -> list[Stated]:
        """Return what every source says of some resources, without what states no relation."""
        held = and_(col(BlobRow.environment) == col(VersionRow.environment), col(BlobRow.hash) == col(VersionRow.blob))
        resource = type_coerce(col(VersionRow.resource), Text)
        statement = (
            select(col(VersionRow.source), col(VersionRow.facet), resource, col(BlobRow.body))
            .join(BlobRow, held)
            .where(col(VersionRow.environment) == environment, col(VersionRow.valid_to).is_(None))
        )
        found = []
        with self._database.reading() as session:
            for start in range(0, len(uids), _CHUNK):
                some = statement.where(col(VersionRow.uid).in_(uids[start : start + _CHUNK]))
                for source, facet, identity, body in session.execute(some.execution_options(yield_per=_CHUNK)):
                    found.append(Stated(source, Facet(facet), _document(json.loads(identity), json.loads(body))))
        return found


def close_relations_of_gone(session: Session, environment: str, stamp: Stamp) -> None:
    """End the relations of resources that the source which states them no longer has."""
    held = exists().where(
        col(VersionRow.environment) == environment,
        col(VersionRow.facet) == col(FactRow.facet),
        col(VersionRow.source) == col(FactRow.source),
        col(VersionRow.uid) == col(FactRow.subject),
        col(VersionRow.valid_to).is_(None),
    )
    ended = update(FactRow).where(
        col(FactRow.environment) == environment,
        col(FactRow.kind) == FactKind.RELATION.value,
        col(FactRow.valid_to).is_(None),
        ~held,
    )
    values = {"valid_to": stamp.at, "closed_at": stamp.at, "revision": stamp.revision}
    session.execute(ended.values(**values).execution_options(synchronize_session=False))


def _document(identity: Json, body: Object) -> Document:
    resource = decode(Resource, identity)
    if resource.platform is not Platform.KUBERNETES:
        return Document(resource=resource, body=body)
    kept = {key: value for key, value in body.items() if key not in _STATED_NOWHERE}
    if isinstance(metadata := kept.get("metadata"), Mapping):
        kept["metadata"] = {key: value for key, value in metadata.items() if key not in _STATED_NOWHERE_METADATA}
    return Document(resource=resource, body=kept)
