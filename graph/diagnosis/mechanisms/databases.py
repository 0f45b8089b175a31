"""What goes wrong with managed databases, read from their metrics and events.

Metric names are those of Amazon RDS (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html); event
categories those of its notifications. A measure counts by how it ends: what came back to its range is over.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.saturation import told
from graph.diagnosis.mechanisms.scene import Scene
from graph.resource import display_uid
from graph.telemetry import Anomaly, Floats, Series

_TAIL = 0.25
"""Share of a series, from its end, that stands for the present."""
_BUSY_PERCENT = 80.0
_LAG_S = 60.0
_LEFT = 0.15
"""Part of the most that was free, below which little is left."""
_GREW = 3.0
_CONNECTIONS = re.compile(r"(?P<used>\d+)\s*(?:of|/|out of)\s*(?P<most>\d+)")
_MANY = 0.9
_NONE = 0.02


def databases(scene: Scene) -> Iterator[Mechanism]:
    """Yield what is wrong with each database that was measured."""
    by_resource: dict[str, dict[str, Series]] = defaultdict(dict)
    for one in scene.telemetry.series:
        by_resource[one.resource].setdefault(one.metric, one)
    for uid, series in by_resource.items():
        if "DatabaseConnections" in series or "FreeStorageSpace" in series or "ReplicaLag" in series:
            yield from _failover(scene, uid, series)
            yield from _scarce(uid, series)


def _failover(scene: Scene, uid: str, series: dict[str, Series]) -> Iterator[Mechanism]:
    """An interruption that the provider reports, where the load shows that it was one."""
    events = [e for e in scene.graph.symptoms(uid) if e.reason in ("failover", "failure", "recovery")]
    dip = next((s for s in (series.get("DatabaseConnections"), series.get("DBLoad")) if s and _broke(s)), None)
    inside = [e for e in events if dip is None or e.at is None or e.at.timestamp() >= float(dip.times[0]) - 60]
    if inside and dip is not None:
        low = int(np.argmin(dip.values))
        reading = _reading(dip, float(np.median(dip.values)), float(dip.values[low]))
        yield Mechanism(
            resource=uid,
            kind="database_failover",
            summary=f"{display_uid(uid)} failed over to another host, and connections broke off meanwhile.",
            signs=(Sign(text="The provider reports a failover.", event=inside[0]), _sign(reading)),
        )


def _broke(series: Series) -> bool:
    values = series.values[np.isfinite(series.values)]
    return values.size > 2 and float(np.median(values)) > 0 and float(values.min()) <= _NONE * float(np.median(values))


def _scarce(uid: str, series: dict[str, Series]) -> Iterator[Mechanism]:
    name = display_uid(uid)
    for metric, kind, what in (
        ("CPUUtilization", "database_cpu_saturation", "uses almost all of its CPU"),
        ("FreeStorageSpace", "database_storage_exhaustion", "is running out of storage"),
        ("FreeableMemory", "database_memory_exhaustion", "is running out of memory"),
        ("ReplicaLag", "database_replication_lag", "falls behind with replication"),
        ("DatabaseConnections", "database_connection_exhaustion", "is running out of connections"),
        ("DiskQueueDepth", "database_io_saturation", "can't keep up with its reads and writes"),
    ):
        one = series.get(metric)
        if one is None:
            continue
        found = _JUDGES[metric](one, series)
        if found is not None:
            strength, usual = found
            reading = _reading(one, usual, float(np.median(_present(one.values))))
            yield Mechanism(
                resource=uid, kind=kind, summary=f"{name} {what}.", signs=(_sign(reading),), strength=strength
            )


def _present(values: Floats) -> Floats:
    measured = values[np.isfinite(values)]
    return measured[-max(1, int(measured.size * _TAIL)) :]


def _cpu(one: Series, _: dict[str, Series]) -> tuple[float, float] | None:
    now = float(np.median(_present(one.values)))
    return (0.9, float(one.values[0])) if now >= _BUSY_PERCENT else None


def _storage(one: Series, _: dict[str, Series]) -> tuple[float, float] | None:
    most, now = float(np.nanmax(one.values)), float(_present(one.values)[-1])
    is_falling = now < float(one.values[0])
    if most <= 0 or not is_falling:
        return None
    per_reading = (float(one.values[0]) - now) / max(1, one.values.size - 1)
    soon = per_reading > 0 and now / per_reading < one.values.size
    return (1.0, float(one.values[0])) if now <= _LEFT * most or (soon and now < most / 2) else None


def _memory(one: Series, _: dict[str, Series]) -> tuple[float, float] | None:
    most, now = float(np.nanmax(one.values)), float(np.median(_present(one.values)))
    return (0.9, float(one.values[0])) if most > 0 and now <= _LEFT * most else None


def _lag(one: Series, _: dict[str, Series]) -> tuple[float, float] | None:
    now = float(np.median(_present(one.values)))
    return (1.0, float(one.values[0])) if now >= _LAG_S else None


def _connections(one: Series, series: dict[str, Series]) -> tuple[float, float] | None:
    now, first = float(np.median(_present(one.values))), float(one.values[0])
    limit = series.get("MaxConnections")
    if limit is not None and limit.values.size and now >= _MANY * float(limit.values[-1]):
        return 1.0, first
    return (0.7, first) if first > 0 and now >= _GREW * first else None


def _queue(one: Series, _: dict[str, Series]) -> tuple[float, float] | None:
    now, first = float(np.median(_present(one.values))), float(one.values[0])
    return (0.6, first) if now >= max(10.0, _GREW * first) else None


_JUDGES = {
    "CPUUtilization": _cpu,
    "FreeStorageSpace": _storage,
    "FreeableMemory": _memory,
    "ReplicaLag": _lag,
    "DatabaseConnections": _connections,
    "DiskQueueDepth": _queue,
}


def stated_limit(texts: Sequence[str]) -> float | None:
    """The most connections that a text states as `490 of 500`; None when none does."""
    for text in texts:
        for found in _CONNECTIONS.finditer(text):
            if 0 < int(found["used"]) <= int(found["most"]):
                return float(found["most"])
    return None


def _reading(series: Series, usual: float, now: float) -> Anomaly:
    return Anomaly(
        resource=series.resource,
        signal=series.signal,
        metric=series.metric,
        usual=usual,
        now=now,
        unit=series.unit,
    )


def _sign(anomaly: Anomaly) -> Sign:
    text = f"{anomaly.metric} is {anomaly.now:g}" + (f", before {anomaly.usual:g}." if anomaly.usual else ".")
    return Sign(text=text, event=told(anomaly))
