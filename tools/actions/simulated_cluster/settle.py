"""Lets the simulated controllers run until nothing moves any more, and writes what the systems then say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from tools.actions.simulated_cluster.controllers import (
    settle_autoscalers,
    settle_budgets,
    settle_endpoints,
    settle_secrets,
)
from tools.actions.simulated_cluster.events import expire
from tools.actions.simulated_cluster.monitoring import METRICS, TRACES, exported, traced
from tools.actions.simulated_cluster.store import EstateStore, stamp
from tools.actions.simulated_cluster.traffic import Reading, observe
from tools.actions.simulated_cluster.workloads import settle_workloads

_LOG_EVERY = timedelta(seconds=50)
_READING_EVERY = timedelta(minutes=1)
_EXPORTED = {
    "error_rate": "request_error_ratio",
    "latency_p99": "request_latency_p99_seconds",
    "requests_per_second": "requests_per_second",
    "memory_working_set": "memory_working_set_mib",
}
"""How the monitoring calls what the cluster measures."""


def settle(store: EstateStore, at: datetime, *, since: datetime | None = None) -> dict[str, Reading]:
    """Bring the cluster to rest, as if enough time for that had passed by `at`.

    Args:
        store: working copy of the estate.
        at: UTC; the time that new conditions, events and readings carry.
        since: UTC; when what is wrong now began: logs and metrics fill the time between. None: just now.

    Returns:
        How each workload does, by `NAMESPACE/KIND/NAME`.
    """
    control(store, since or at)
    if since:
        control(store, at)
    expire(store, at)
    readings = observe(store)
    for moment in _moments(since or at, at, _READING_EVERY):
        measure(store, readings, moment)
    for moment in _moments(since or at, at, _LOG_EVERY):
        _write_logs(store, readings, moment)
    store.runtime["unsettled"] = False
    return readings


def control(store: EstateStore, at: datetime) -> None:
    """Run every controller once, in the order in which they feed each other."""
    settle_secrets(store, at)
    settle_autoscalers(store, at)
    settle_workloads(store, at)
    settle_endpoints(store, at)
    settle_budgets(store)


def measure(store: EstateStore, readings: dict[str, Reading], at: datetime) -> None:
    """Write one reading of every metric of every workload, and a trace of a request through all of them."""
    for name, reading in readings.items():
        objective = store.behaviour["workloads"][name].get("objective", {})
        wobble = 1 + _jitter(name, at) / 20
        values = (
            ("error_rate", round(max(reading.error_rate, 0.001 * wobble), 4), "ratio"),
            ("latency_p99", round(reading.latency_p99_s * wobble, 3), "s"),
            ("requests_per_second", round(reading.requests_per_s * wobble, 2), "1/s"),
            ("memory_working_set", round(reading.memory_mib * wobble, 1), "MiB"),
        )
        for metric, value, unit in values:
            line = {"time": stamp(at), "resource": name, "metric": metric, "value": value, "unit": unit}
            limit = objective.get(metric)
            store.append("metrics.jsonl", line | ({"objective": limit} if limit is not None else {}))
        levels = {_EXPORTED[metric]: value for metric, value, _ in values}
        for record in exported(reading, levels, at):
            store.append(METRICS, record)
    for record in traced(readings, at):
        store.append(TRACES, record)


def _write_logs(store: EstateStore, readings: dict[str, Reading], at: datetime) -> None:
    for reading in readings.values():
        seen = set()
        for index, (pod, line) in enumerate(reading.problems):
            if line not in seen:
                seen.add(line)
                when = at + timedelta(seconds=index)
                store.log(reading.key.namespace, reading.key.name, at=when, pod=pod, text=line)


def _moments(first: datetime, last: datetime, step: timedelta) -> Iterator[datetime]:
    moment = first
    while moment < last:
        yield moment
        moment += step
    yield last


def _jitter(name: str, at: datetime) -> float:
    """A number between -1 and 1 that is the same for the same workload and minute."""
    return int(hashlib.sha256(f"{name}{stamp(at)}".encode()).hexdigest()[:4], 16) / 0x7FFF - 1
