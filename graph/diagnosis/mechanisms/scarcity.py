"""What a managed database runs out of, each judged by the one metric that shows it and those that say whether it hurts.

Metric names are those of Amazon RDS (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html). A
measure counts by how it ends: what came back to its range is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from graph.diagnosis.mechanisms.mechanism import Mechanism
from graph.diagnosis.mechanisms.readings import first, lasts, most, present, reading, sign, tail
from graph.resource import display_uid
from graph.telemetry import Series

_BUSY_PERCENT = 80.0
_SPENT_PERCENT = 95.0
_LAG_S = 60.0
_SWAPPED = 1e9
"""Bytes in swap from which a server works on its volume instead of in its memory."""
_FEW_CREDITS = 2.0
"""CPU credits that last for a minute or two of a whole processor."""
_LEFT = 0.15
"""Part of the most that was free, below which little is left."""
_GREW = 3.0
_SLOW_MS = 20.0
_SLOWER = 5.0
_LOADED = 0.7
"""Average active sessions for each virtual CPU from which sessions wait for CPU."""
_WAITING = 1.0
"""The same from which some session always waits."""
_MANY = 0.9
_FILLING = 0.75
"""Share of a limit from which one reading near the limit is no spike."""
_WRAPAROUND = 1.5e9
"""Age of the oldest transaction at which PostgreSQL is close to stopping, of about 2.1e9."""


WHAT = {
    "database_cpu_saturation": "uses almost all of its CPU",
    "database_cpu_credits_spent": "has spent its CPU credits, and its processor is held at its baseline",
    "database_storage_exhaustion": "is running out of storage",
    "database_memory_exhaustion": "is running out of memory",
    "database_replication_lag": "falls behind with replication",
    "database_connection_exhaustion": "is running out of connections",
    "database_io_saturation": "can't keep up with its reads and writes",
    "database_transaction_wraparound": "is running out of transaction ids",
}


def scarcities(uid: str, series: Mapping[str, Series]) -> Iterator[Mechanism]:
    """Yield what a database runs out of; each kind once for each metric that shows it."""
    for metric, kind, judge in _JUDGES:
        one = series.get(metric)
        found = judge(one, series) if one is not None and present(one).size else None
        if one is not None and found is not None:
            read = reading(one, found[1], float(np.median(tail(one))))
            summary = f"{display_uid(uid)} {WHAT[kind]}."
            yield Mechanism(resource=uid, kind=kind, summary=summary, signs=(sign(read),), strength=found[0])


def _cpu(one: Series, series: Mapping[str, Series]) -> tuple[float, float] | None:
    """A busy processor is trouble where sessions wait for it; a machine that is used well may run hot."""
    now = float(np.median(tail(one)))
    if now < _BUSY_PERCENT:
        return None
    load, cores = series.get("DBLoad"), series.get("vCPU")
    is_timed = any(m in series for m in ("CommitLatency", "ReadLatency", "WriteLatency"))
    # Where answers are timed and as fast as before, only sessions that do wait show that somebody is hurt.
    full = _WAITING if is_timed else _LOADED
    waits = load is not None and (cores is None or np.median(tail(load)) >= full * most(cores))
    slower = any(_has_slowed(series.get(m)) for m in ("CommitLatency", "ReadLatency", "WriteLatency", "Queries"))
    is_unknown = load is None and not is_timed
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


def _swap(one: Series, series: Mapping[str, Series]) -> tuple[float, float] | None:
    """Much that was written to swap, where free memory was not measured or is well below what it was."""
    now, free = float(np.median(tail(one))), series.get("FreeableMemory")
    is_short = free is None or lasts(free) <= 0.5 * most(free)
    return (0.8, first(one)) if now >= _SWAPPED and now >= _GREW * first(one) and is_short else None


def _lag(one: Series, _: Mapping[str, Series]) -> tuple[float, float] | None:
    """A replica far behind, or one that RDS calls stopped (-1); one that makes up for its lag is on its way."""
    now, furthest = float(np.median(tail(one))), most(one)
    if now < 0 <= first(one):
        return 0.9, first(one)
    catches_up = now <= furthest / 2 and lasts(one) <= now
    return (1.0, first(one)) if now >= _LAG_S and not catches_up else None


def _credits(one: Series, _: Mapping[str, Series]) -> tuple[float, float] | None:
    now = float(np.median(tail(one)))
    return (0.9, first(one)) if now <= _FEW_CREDITS and first(one) >= _GREW * max(now, _FEW_CREDITS) else None


def _connections(one: Series, series: Mapping[str, Series]) -> tuple[float, float] | None:
    now, before, limit = float(np.median(tail(one))), first(one), series.get("MaxConnections")
    if limit is not None:
        most_allowed = lasts(limit)
        is_full = now >= _MANY * most_allowed or (lasts(one) >= _MANY * most_allowed and now >= _FILLING * most_allowed)
        return (1.0, before) if is_full else None
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
    ("CPUCreditBalance", "database_cpu_credits_spent", _credits),
    ("FreeStorageSpace", "database_storage_exhaustion", _storage),
    ("FreeLocalStorage", "database_storage_exhaustion", _storage),
    ("FreeableMemory", "database_memory_exhaustion", _memory),
    ("SwapUsage", "database_memory_exhaustion", _swap),
    ("ReplicaLag", "database_replication_lag", _lag),
    ("DatabaseConnections", "database_connection_exhaustion", _connections),
    ("BurstBalance", "database_io_saturation", _balance),
    ("EBSIOBalance%", "database_io_saturation", _balance),
    ("EBSByteBalance%", "database_io_saturation", _balance),
    ("DiskQueueDepth", "database_io_saturation", _queue),
    ("WriteLatency", "database_io_saturation", _latency),
    ("ReadLatency", "database_io_saturation", _latency),
    ("MaximumUsedTransactionIDs", "database_transaction_wraparound", _age),
)
