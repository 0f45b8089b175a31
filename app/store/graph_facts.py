"""Facts over intervals of time: relations, unreadable places, outages of sources. A set that is opened and closed.

What stands in the wanted set and not in the table is opened; what stands in the table and not in the wanted set is
closed. A row keeps when the fact held and when Plumbline learned of its two ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
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


class FactKind(StrEnum):
    RELATION = "relation"
    UNREADABLE = "unreadable"
    OUTAGE = "outage"
    """A source can't be read; the body is the reason."""


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
    recorded_at: datetime,
    keep: Callable[[str], bool] = _keep_nothing,
) -> bool:
    """Make `wanted` what holds from `at` on.

    Args:
        session: the transaction.
        scope: whose facts.
        wanted: (subject, fact) pairs.
        at: UTC; when it was seen to be so.
        recorded_at: UTC; now.
        keep: tells by their subject which facts hold on although they are not wanted.

    Returns:
        Whether anything was opened or closed.
    """
    known = {row.hash: row for row in _current(session, scope)}
    new = {}
    for subject, fact in wanted:
        body = encode(fact)
        new[content_hash([subject, body])] = (subject, body)
    gone = [row.id for key, row in known.items() if key not in new and not keep(row.subject)]
    if gone:
        closed = update(FactRow).where(col(FactRow.id).in_(gone))
        session.execute(closed.values(valid_to=at, closed_at=recorded_at))
    opened = [key for key in new if key not in known]
    rows = [_opened(scope, key, *new[key], at=at, recorded_at=recorded_at) for key in opened]
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


def _current(session: Session, scope: Scope) -> Iterable[_Known]:
    rows = session.execute(
        sqlalchemy.select(col(FactRow.id), col(FactRow.subject), col(FactRow.hash)).where(
            col(FactRow.environment) == scope.environment,
            col(FactRow.kind) == scope.kind.value,
            col(FactRow.facet) == scope.facet,
            col(FactRow.source) == scope.source,
            col(FactRow.valid_to).is_(None),
        )
    )
    return [_Known(*row) for row in rows]


def _opened(
    scope: Scope, key: str, subject: str, body: Json, *, at: datetime, recorded_at: datetime
) -> Mapping[str, Any]:
    return {
        "environment": scope.environment,
        "kind": scope.kind.value,
        "facet": scope.facet,
        "source": scope.source,
        "subject": subject,
        "hash": key,
        "body": body,
        "valid_from": at,
        "recorded_at": recorded_at,
    }
