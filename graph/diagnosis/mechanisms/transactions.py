"""Transactions that applications leave open or let wait for each other, and data that a database refuses.

Sessions that wait for the row locks of a busy writer show load; those that wait while the database does less and less
wait for somebody who does nothing: a transaction that was begun and never ended.
See https://www.postgresql.org/docs/current/monitoring-stats.html#WAIT-EVENT-LOCK-TABLE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from graph.diagnosis.mechanisms.levels import Shift, fell, grew
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.readings import lasts
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import SymptomEvent
from graph.resource import display_uid
from graph.telemetry import Series

_ROW_LOCKS = ("Lock:transactionid", "Lock:tuple", "wait/lock/innodb")
_SHARE = 0.4
_LESS = 0.75
_MANY = 0.9
"""Share of the connections that are allowed from which their lack is what hurts."""
_SAID = (
    (
        "database_transaction_left_open",
        "keeps transactions that their application does not end",
        re.compile(r"idle[- ]in[- ]transaction|long[- ]running (idle )?transaction|transaction .{0,40}left open", re.I),
    ),
    (
        "database_deadlock",
        "breaks deadlocks between transactions of its application",
        re.compile(r"deadlock detected|deadlock found", re.I),
    ),
    (
        "bad_data",
        "refuses data that does not fit",
        re.compile(
            r"violates (not-null|check|foreign key|unique|exclusion) constraint|duplicate key value"
            r"|invalid byte sequence|invalid input syntax|could not convert|has no equivalent in encoding"
            r"|(value|integer|numeric|date/time field).{0,40}out of range|value too long for type"
            r"|null value in column|Duplicate entry|invalid page in block|checksum (mismatch|verification failed)"
            r"|corrupt(ed)? (row|data|index|page)|missing chunk number|malformed (row|record|json|array)"
            r"|invalid input value for enum|Incorrect string value|data (format|type) mismatch",
            re.I,
        ),
    ),
    (
        "foreign_server_failing",
        "waits for another server that does not answer",
        re.compile(
            r"could not connect to server \"|foreign (server|data wrapper|table)\b.{0,80}(slow|time|fail|unreach|refus)"
            r"|(postgres_fdw|dblink)\b.{0,60}(fail|could not|time|slow)|aws_(lambda|s3)\b.{0,60}(fail|time|error)",
            re.I,
        ),
    ),
    (
        "database_statement_wrong",
        "is asked statements that do not fit its schema",
        re.compile(
            r"(column|relation|function|operator) .{0,80}does not exist|syntax error at or near|Unknown column"
            r"|doesn't exist|ambiguous column",
            re.I,
        ),
    ),
)
_OVER = re.compile(r"resolved|cleared|recovered|no (longer|further)|terminated|back to normal|ended", re.IGNORECASE)


def transactions(scene: Scene, uid: str, series: Mapping[str, Series]) -> Iterator[Mechanism]:
    """Yield what applications do wrong with a database, and data that it refuses."""
    waits = [e for e in scene.graph.symptoms(uid) if e.value is not None]
    events = sorted(
        (e for e in scene.graph.symptoms(uid) if e.value is None), key=lambda e: e.at.timestamp() if e.at else 0.0
    )
    idle = _held_by_nobody(waits, series)
    if idle is not None:
        top = max((e for e in waits if e.reason.startswith(_ROW_LOCKS)), key=lambda e: e.value or 0.0)
        signs = (Sign(text="Most sessions wait for locks of rows.", event=top), idle.sign)
        yield _mechanism(uid, "database_transaction_left_open", _SAID[0][1], signs, 0.9)
    for kind, what, pattern in _SAID:
        told = [i for i, e in enumerate(events) if pattern.search(e.text)]
        if told and not any(_OVER.search(e.text) for e in events[told[-1] :]) and not _lacks_connections(series):
            yield _mechanism(uid, kind, what, (Sign(text="Its log says so.", event=events[told[-1]]),), 0.65)


def _held_by_nobody(waits: list[SymptomEvent], series: Mapping[str, Series]) -> Shift | None:
    """What the database does less of while sessions wait for locks of rows; None where it works as much as before."""
    total = sum(e.value or 0.0 for e in waits)
    mine = sum(e.value or 0.0 for e in waits if e.reason.startswith(_ROW_LOCKS))
    if total <= 0 or mine < _SHARE * total or grew(series.get("DBLoad")) is None:
        return None
    quieter = [fell(series.get(m), to=_LESS) for m in ("CPUUtilization", "CommitThroughput", "WriteIOPS")]
    measured = [s for s in quieter if s is not None]
    return measured[0] if len(measured) >= 2 or quieter[0] is not None else None


def _lacks_connections(series: Mapping[str, Series]) -> bool:
    used, limit = series.get("DatabaseConnections"), series.get("MaxConnections")
    return used is not None and limit is not None and lasts(used) >= _MANY * lasts(limit)


def _mechanism(uid: str, kind: str, what: str, signs: tuple[Sign, ...], strength: float) -> Mechanism:
    return Mechanism(resource=uid, kind=kind, summary=f"{display_uid(uid)} {what}.", signs=signs, strength=strength)
