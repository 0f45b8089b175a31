"""Which trouble of a database leads to which: the first of a chain stays, what follows from it becomes less.

A server without memory swaps, so its volume is slow; a full volume stops writes and ends the server; sessions that are
slow for whatever reason pile up until connections are short, and replicas fall behind. The other way round none of
this happens, so what began first decides between two that could each be the cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from graph.diagnosis.mechanisms.levels import fell, grew
from graph.diagnosis.mechanisms.mechanism import Mechanism
from graph.telemetry import Series

_SLOW = frozenset({"database_connection_exhaustion", "database_replication_lag"})
"""What any slowness leads to."""
_LEADS_TO = {
    "database_storage_exhaustion": _SLOW | {"database_failover", "database_io_saturation"},
    "database_memory_exhaustion": _SLOW
    | {"database_failover", "database_volume_degraded", "database_io_saturation", "database_cpu_saturation"},
    "database_cpu_credits_spent": _SLOW | {"database_cpu_saturation"},
    "database_cpu_saturation": _SLOW,
    "database_io_saturation": _SLOW,
    "database_lock_contention": _SLOW,
    "foreign_server_slow": _SLOW,
    "database_connection_exhaustion": frozenset({"database_memory_exhaustion"}),
}
_SHOWN_BY = {
    "database_storage_exhaustion": (("FreeStorageSpace", 0.5), ("FreeLocalStorage", 0.5)),
    "database_memory_exhaustion": (("FreeableMemory", 0.5), ("SwapUsage", 2.0)),
    "database_cpu_credits_spent": (("CPUCreditBalance", 0.5),),
    "database_cpu_saturation": (("CPUUtilization", 1.3),),
    "database_io_saturation": (
        ("BurstBalance", 0.5),
        ("EBSIOBalance%", 0.5),
        ("EBSByteBalance%", 0.5),
        ("ReadLatency", 2.0),
        ("WriteLatency", 2.0),
        ("DiskQueueDepth", 2.0),
    ),
    "database_volume_degraded": (("ReadLatency", 2.0), ("WriteLatency", 2.0)),
    "database_lock_contention": (("DBLoad", 2.0),),
    "foreign_server_slow": (("DBLoad", 2.0),),
    "database_connection_exhaustion": (("DatabaseConnections", 1.3),),
    "database_replication_lag": (("ReplicaLag", 2.0),),
}
"""The measures that show each, with the multiple of its usual level at which one has left it."""
_LEAST = 0.5
"""Strength from which a trouble explains others."""
_LEFT = 0.6
"""What remains of the strength of one that follows from another: the part that it may be a second trouble."""
_SLACK_S = 90.0
"""Readings are of whole minutes, so two that begin together may be one reading apart."""


def chained(found: Sequence[Mechanism], series: Mapping[str, Series]) -> list[Mechanism]:
    """Return the troubles of one database, those that follow from another of them with less strength."""
    began = {m.kind: _began(m.kind, series) for m in found}
    causes = [m for m in found if m.strength >= _LEAST]
    return [
        replace(m, strength=m.strength * _LEFT) if any(_leads(c.kind, m.kind, began) for c in causes) else m
        for m in found
    ]


def _leads(cause: str, effect: str, began: Mapping[str, float | None]) -> bool:
    """Whether one could lead to the other, and began no later; one that was there from the beginning was first."""
    if effect not in _LEADS_TO.get(cause, ()):
        return False
    first, then = began[cause], began[effect]
    return first is None or then is None or first <= then + _SLACK_S


def _began(kind: str, series: Mapping[str, Series]) -> float | None:
    """Seconds since 1970-01-01 UTC at which the first of its measures left its level; None when none was seen to."""
    return min(_left(series, _SHOWN_BY.get(kind, ())), default=None)


def _left(series: Mapping[str, Series], measures: Iterable[tuple[str, float]]) -> Iterable[float]:
    for metric, factor in measures:
        one = series.get(metric)
        shift = grew(one, by=factor) if factor > 1 else fell(one, to=factor)
        if shift is not None:
            yield shift.since
