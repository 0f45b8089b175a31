"""Facts over intervals of time: relations, unreadable places, outages of sources. A set that is opened and closed.

What stands in the wanted set and not in the table is opened; what stands in the table and not in the wanted set is
closed. A row keeps when the fact held and when Plumbline learned of its two ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import update
from sqlmodel import Session, col

from app.store.rows.graph import FactRow
from app.store.upsert import insert_many
from graph.codec import encode
from graph.document import Json

_CHUNK = 500
"""Values in one IN list; SQLite's oldest limit is 999."""


class Stamp(NamedTuple):
    """What every row that a transaction touches is marked with."""

    at: datetime
    """UTC; when Plumbline learned it."""
    revision: int
    """Number of the write to the environment."""


class FactKind(StrEnum):
    RELATION = "relation"
    UNREADABLE = "unreadable"
    OUTAGE = "outage"
    """A source can't be read; the body is the reason."""
    GAP = "gap"
    """A source of changes has lost records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The facts that one source states in one facet."""

    environment: str
    kind: FactKind
    facet: str
    source: str


def _keep_nothing(_subject: str) -> bool:
    return False


def sync_facts(
    session: Session,
    scope: Scope,
    wanted: Iterable[tuple[str, object]],
    *,
    at: datetime,
    stamp: Stamp,
    keep: Callable[[str], bool] = _keep_nothing,
    subjects: Collection[str] | None = None,
) -> bool:
    """Make `wanted` what holds from `at` on.

    Args:
        session: the transaction.
        scope: whose facts.
        wanted: (subject, fact) pairs.
        at: UTC; when it was seen to be so.
        stamp: of the transaction.
        keep: tells by their subject which facts hold on although they are not wanted.
        subjects: whose facts `wanted` is about; facts of others hold on. None: everybody's.

    Returns:
        Whether anything was opened or closed.
    """
    known = {row.hash: row for row in _current(session, scope, subjects)}
    new = {}
    for subject, fact in wanted:
        body = encode(fact)
        new[content_hash([subject, body])] = (subject, body)
    gone = [row.id for key, row in known.items() if key not in new and not keep(row.subject)]
    for start in range(0, len(gone), _CHUNK):
        closed = update(FactRow).where(col(FactRow.id).in_(gone[start : start + _CHUNK]))
        session.execute(closed.values(valid_to=at, closed_at=stamp.at, revision=stamp.revision))
    opened = [key for key in new if key not in known]
    rows = [_opened(scope, key, *new[key], at=at, stamp=stamp) for key in opened]
    insert_many(session, FactRow, rows)
    return bool(gone or opened)


def content_hash(content: Json) -> str:
    """SHA-256 of a JSON value whose text is ASCII, so that any text of outside can be hashed."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class _Known(NamedTuple):
    """A fact that holds."""

    id: int
    subject: str
    hash: str


def _current(session: Session, scope: Scope, subjects: Collection[str] | None) -> Iterator[_Known]:
    statement = sqlalchemy.select(col(FactRow.id), col(FactRow.subject), col(FactRow.hash)).where(
        col(FactRow.environment) == scope.environment,
        col(FactRow.kind) == scope.kind.value,
        col(FactRow.facet) == scope.facet,
        col(FactRow.source) == scope.source,
        col(FactRow.valid_to).is_(None),
    )
    if subjects is None:
        yield from (_Known(*row) for row in session.execute(statement))
        return
    named = sorted(subjects)
    for start in range(0, len(named), _CHUNK):
        some = statement.where(col(FactRow.subject).in_(named[start : start + _CHUNK]))
        yield from (_Known(*row) for row in session.execute(some))


def _opened(scope: Scope, key: str, subject: str, body: Json, *, at: datetime, stamp: Stamp) -> Mapping[str, Any]:
    return {
        "environment": scope.environment,
        "kind": scope.kind.value,
        "facet": scope.facet,
        "source": scope.source,
        "subject": subject,
        "hash": key,
        "body": body,
        "valid_from": at,
        "recorded_at": stamp.at,
        "revision": stamp.revision,
    }
