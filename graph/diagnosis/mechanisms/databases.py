"""What goes wrong with managed databases, read from their metrics, their load by wait event, and their events.

Metric names are those of Amazon RDS (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html); event
categories those of its notifications; wait events those of Performance Insights for PostgreSQL and MySQL. A measure
counts by how it ends: what came back to its range is over.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from graph.diagnosis.mechanisms.alterations import alterations
from graph.diagnosis.mechanisms.failover import failovers
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.readings import first, lasts, most, present, reading, sign, tail
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.transactions import transactions
from graph.diagnosis.mechanisms.unexplained import unexplained
from graph.diagnosis.mechanisms.volumes import volumes
from graph.diagnosis.mechanisms.waits import waiting
from graph.evidence import SymptomEvent
from graph.resource import display_uid
from graph.telemetry import Series

_BUSY_PERCENT = 80.0
_SPENT_PERCENT = 95.0
_LAG_S = 60.0
_LEFT = 0.15
"""Part of the most that was free, below which little is left."""
_GREW = 3.0
_SLOW_MS = 20.0
_SLOWER = 5.0
_LOADED = 0.7
"""Average active sessions for each virtual CPU from which sessions wait for CPU."""
_CONNECTIONS = re.compile(r"(?P<used>\d+)\s*(?:of|/|out of)\s*(?P<most>\d+)")
_MANY = 0.9
_WRAPAROUND = 1.5e9
"""Age of the oldest transaction at which PostgreSQL is close to stopping, of about 2.1e9."""
_KNOWN = frozenset({"DatabaseConnections", "FreeStorageSpace", "ReplicaLag", "DBLoad", "CPUUtilization"})


def databases(scene: Scene) -> Iterator[Mechanism]:
    """Yield what is wrong with each database that was measured."""
    by_resource: dict[str, dict[str, Series]] = defaultdict(dict)
    for one in scene.telemetry.series:
        by_resource[one.resource].setdefault(one.metric, one)
    for uid, series in by_resource.items():
        if _KNOWN & series.keys() and not uid.startswith("k8s://"):
            yield from _of(scene, uid, series)


def _of(scene: Scene, uid: str, series: Mapping[str, Series]) -> Iterator[Mechanism]:
    """What is wrong with one database: reasons first, then what is scarce, which a reason may explain."""
    reasons = [m for family in _REASONS for m in family(scene, uid, series)]
    yield from reasons
    scarce = [*_scarce(uid, series), *waiting(scene, uid, series), *_announced(scene, uid, series)]
    is_explained = any(m.strength >= _GIVEN for m in reasons)
    for mechanism in scarce:
        yield replace(mechanism, strength=mechanism.strength * _EFFECT) if is_explained else mechanism
    if not reasons and not scarce:
        yield from unexplained(scene, uid, series)


_REASONS = (failovers, alterations, volumes, transactions)
_GIVEN = 0.8
"""Strength from which a reason explains what is scarce."""
_EFFECT = 0.6
"""What remains of a scarcity that has a reason: the part that it may be another trouble."""


_WHAT = {
    "database_cpu_saturation": "uses almost all of its CPU",
    "database_storage_exhaustion": "is running out of storage",
    "database_memory_exhaustion": "is running out of memory",
    "database_replication_lag": "falls behind with replication",
    "database_connection_exhaustion": "is running out of connections",
    "database_io_saturation": "can't keep up with its reads and writes",
    "database_transaction_wraparound": "is running out of transaction ids",
}


def _scarce(uid: str, series: Mapping[str, Series]) -> Iterator[Mechanism]:
    for metric, kind, judge in _JUDGES:
        one = series.get(metric)
        found = judge(one, series) if one is not None and present(one).size else None
        if one is not None and found is not None:
            read = reading(one, found[1], float(np.median(tail(one))))
            summary = f"{display_uid(uid)} {_WHAT[kind]}."
            yield Mechanism(resource=uid, kind=kind, summary=summary, signs=(sign(read),), strength=found[0])


def _cpu(one: Series, series: Mapping[str, Series]) -> tuple[float, float] | None:
    """A busy processor is trouble where sessions wait for it; a machine that is used well may run hot."""
    now = float(np.median(tail(one)))
    if now < _BUSY_PERCENT:
        return None
    load, cores = series.get("DBLoad"), series.get("vCPU")
    waits = load is not None and (cores is None or np.median(tail(load)) >= _LOADED * most(cores))
    slower = any(_has_slowed(series.get(m)) for m in ("CommitLatency", "ReadLatency", "WriteLatency", "Queries"))
    is_unknown = load is None and not any(m in series for m in ("CommitLatency", "ReadLatency", "WriteLatency"))
    if now >= _SPENT_PERCENT or waits or slower or is_unknown:
        return 0.9, first(one)
    return None


def _has_slowed(one: Series | None) -> bool:
    return one is not None and first(one) > 0 and float(np.median(tail(one))) >= 2 * first(one)


def _storage(one: Series, _: Mapping[str, Series]) -> tuple[float, float] | None:
    largest, now = most(one), lasts(one)
    if largest <= 0 or now >= first(one):
        return None
    per_reading = (first(one) - now) / max(1, present(one).size - 1)
    soon = now / per_reading < present(one).size
    return (1.0, first(one)) if now <= _LEFT * largest or (soon and now < largest / 2) else None


def _memory(one: Series, series: Mapping[str, Series]) -> tuple[float, float] | None:
    largest, now = most(one), float(np.median(tail(one)))
    swap = series.get("SwapUsage")
    swaps = swap is not None and first(swap) >= 0 and float(np.median(tail(swap))) >= _GREW * max(first(swap), 1e8)
    return (0.9, first(one)) if largest > 0 and (now <= _LEFT * largest or (swaps and now <= largest / 2)) else None


def _lag(one: Series, _: Mapping[str, Series]) -> tuple[float, float] | None:
    return (1.0, first(one)) if float(np.median(tail(one))) >= _LAG_S else None


def _connections(one: Series, series: Mapping[str, Series]) -> tuple[float, float] | None:
    now, before, limit = float(np.median(tail(one))), first(one), series.get("MaxConnections")
    if limit is not None:
        return (1.0, before) if now >= _MANY * lasts(limit) else None
    return (0.7, before) if before > 0 and now >= _GREW * before else None


def _queue(one: Series, _: Mapping[str, Series]) -> tuple[float, float] | None:
    now, before = float(np.median(tail(one))), first(one)
    return (0.6, before) if now >= max(10.0, _GREW * before) else None


def _latency(one: Series, _: Mapping[str, Series]) -> tuple[float, float] | None:
    now, before = float(np.median(tail(one))), first(one)
    # CloudWatch gives seconds; whoever exports it often converts to milliseconds.
    slow = _SLOW_MS / 1000 if one.unit.lower().startswith("second") else _SLOW_MS
    return (0.55, before) if now >= max(slow, _SLOWER * before) else None


def _balance(one: Series, _: Mapping[str, Series]) -> tuple[float, float] | None:
    now = float(np.median(tail(one)))
    return (0.9, first(one)) if now <= 10.0 and now <= first(one) else None


def _age(one: Series, _: Mapping[str, Series]) -> tuple[float, float] | None:
    return (0.9, first(one)) if lasts(one) >= _WRAPAROUND else None


_JUDGES = (
    ("CPUUtilization", "database_cpu_saturation", _cpu),
    ("FreeStorageSpace", "database_storage_exhaustion", _storage),
    ("FreeableMemory", "database_memory_exhaustion", _memory),
    ("ReplicaLag", "database_replication_lag", _lag),
    ("DatabaseConnections", "database_connection_exhaustion", _connections),
    ("BurstBalance", "database_io_saturation", _balance),
    ("EBSIOBalance%", "database_io_saturation", _balance),
    ("DiskQueueDepth", "database_io_saturation", _queue),
    ("WriteLatency", "database_io_saturation", _latency),
    ("ReadLatency", "database_io_saturation", _latency),
    ("MaximumUsedTransactionIDs", "database_transaction_wraparound", _age),
)

_ANNOUNCED = (
    (
        "database_storage_exhaustion",
        "FreeStorageSpace",
        re.compile(
            r"storage (space )?is (critically )?low|allocated storage\b.{0,60}\bexhausted|free storage (space|capacity)"
            r"|storage-full|no space left|could not extend file",
            re.IGNORECASE,
        ),
    ),
    (
        "database_replication_lag",
        "ReplicaLag",
        re.compile(
            r"replication (lag|has stopped|stopped|slot)|replica is .*behind|lag (has )?exceeded", re.IGNORECASE
        ),
    ),
    (
        "database_connection_exhaustion",
        "DatabaseConnections",
        re.compile(r"too many (connections|clients)|remaining connection slots|max_connections", re.IGNORECASE),
    ),
    (
        "database_memory_exhaustion",
        "FreeableMemory",
        re.compile(r"out of memory|low on memory|memory pressure|OOM", re.IGNORECASE),
    ),
    (
        "database_cpu_saturation",
        "CPUUtilization",
        re.compile(
            r"CPU (utilization )?(has been |is )?(above|exceeded|over) (8|9)\d|CPU (is )?saturat", re.IGNORECASE
        ),
    ),
)
"""What the provider announces, with the metric that would show it: where that was measured, the measure decides."""
_OVER = re.compile(
    r"recover|resolved|completed|has been increased|is available|caught up|back to normal|returned to|below|resumed"
    r"|cleared",
    re.IGNORECASE,
)


def _announced(scene: Scene, uid: str, series: Mapping[str, Series]) -> Iterator[Mechanism]:
    """Yield what the provider announced last and nothing measured, unless it announced its end as well."""
    events = sorted(scene.graph.symptoms(uid), key=lambda e: e.at.timestamp() if e.at else 0.0)
    for kind, metric, pattern in _ANNOUNCED:
        told = [i for i, e in enumerate(events) if pattern.search(e.text)]
        if told and metric not in series and not _is_over(events[told[-1] :]):
            yield Mechanism(
                resource=uid,
                kind=kind,
                summary=f"{display_uid(uid)} {_WHAT[kind]}, as its provider says; it was not measured.",
                signs=(Sign(text="The provider says so.", event=events[told[-1]]),),
                strength=0.7,
            )


def _is_over(events: Sequence[SymptomEvent]) -> bool:
    return any(_OVER.search(e.text) for e in events)


def stated_limit(texts: Sequence[str]) -> float | None:
    """The most connections that a text states as `490 of 500`; None when none does."""
    for text in texts:
        for found in _CONNECTIONS.finditer(text):
            if 0 < int(found["used"]) <= int(found["most"]):
                return float(found["most"])
    return None
