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

from graph.diagnosis.mechanisms.alterations import alterations
from graph.diagnosis.mechanisms.chains import chained
from graph.diagnosis.mechanisms.failover import failovers
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.networks import networks
from graph.diagnosis.mechanisms.scarcity import WHAT, scarcities
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.transactions import transactions
from graph.diagnosis.mechanisms.unexplained import unexplained
from graph.diagnosis.mechanisms.volumes import volumes
from graph.diagnosis.mechanisms.waits import waiting
from graph.evidence import SymptomEvent
from graph.resource import display_uid
from graph.telemetry import Series

_CONNECTIONS = re.compile(r"(?P<used>\d+)\s*(?:of|/|out of)\s*(?P<most>\d+)")
_LIMIT = re.compile(r"max_connections\b[^.;]{0,60}?(?:\bto|=|\bis|:|->)\s*'?(?P<most>\d+)\b", re.IGNORECASE)
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
    scarce = [*scarcities(uid, series), *waiting(scene, uid, series), *_announced(scene, uid, series)]
    found = chained([*reasons, *scarce], series)
    reasons, scarce = found[: len(reasons)], found[len(reasons) :]
    yield from reasons
    is_explained = any(m.strength >= _GIVEN for m in reasons)
    for mechanism in scarce:
        yield replace(mechanism, strength=mechanism.strength * _EFFECT) if is_explained else mechanism
    if not found:
        yield from unexplained(scene, uid, series)


_REASONS = (failovers, alterations, networks, volumes, transactions)
_GIVEN = 0.8
"""Strength from which a reason explains what is scarce."""
_EFFECT = 0.6
"""What remains of a scarcity that has a reason: the part that it may be another trouble."""


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
                summary=f"{display_uid(uid)} {WHAT[kind]}, as its provider says; it was not measured.",
                signs=(Sign(text="The provider says so.", event=events[told[-1]]),),
                strength=0.7,
            )


def _is_over(events: Sequence[SymptomEvent]) -> bool:
    return any(_OVER.search(e.text) for e in events)


def stated_limit(texts: Sequence[str]) -> float | None:
    """The most connections that texts state, as `490 of 500` or as a setting of `max_connections`; None when none does.

    Of several settings the last one that is told is in force.
    """
    for text in texts:
        for found in _CONNECTIONS.finditer(text):
            if 0 < int(found["used"]) <= int(found["most"]):
                return float(found["most"])
    told = [float(found["most"]) for text in texts for found in _LIMIT.finditer(text)]
    return told[-1] if told else None
