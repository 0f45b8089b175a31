"""Managed databases by what was measured, waited for and announced: what is scarce, and what only looks like it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from graph.diagnosis.mechanisms.databases import stated_limit
from graph.evidence import ObservationKind, SymptomEvent
from graph.resource import service_uid
from graph.telemetry import Series, Signal, Telemetry
from tests.graph.diagnosis.mechanisms.scenes import NOW, everything

DB = service_uid(environment="t", name="orders-prod")
GIB = 1024.0**3


def series(metric: str, values: Sequence[float], unit: str = "") -> Series:
    begun = NOW - timedelta(minutes=len(values))
    times = np.array([(begun + timedelta(minutes=i)).timestamp() for i in range(len(values))])
    return Series(resource=DB, metric=metric, signal=Signal.OTHER, times=times, values=np.array(values), unit=unit)


def ramp(first: float, last: float, readings: int = 16) -> list[float]:
    return list(np.linspace(first, last, readings))


def bump(usual: float, peak: float) -> list[float]:
    """Up and back again."""
    return [usual] * 5 + [peak] * 5 + [usual] * 6


def wait(name: str, load: float) -> SymptomEvent:
    return SymptomEvent(
        kind=ObservationKind.METRIC, resource=DB, at=None, text=f"{name}: {load}", reason=name, value=load
    )


def told(text: str, category: str = "notification", *, ago: int = 300) -> SymptomEvent:
    at = NOW - timedelta(seconds=ago)
    return SymptomEvent(kind=ObservationKind.EVENT, resource=DB, at=at, text=text, reason=category)


QUIET = {
    "CPUUtilization": [22.0, 24.0, 21.0, 23.0] * 4,
    "DatabaseConnections": [90.0, 92.0, 88.0, 91.0] * 4,
    "FreeStorageSpace": [200 * GIB] * 16,
    "FreeableMemory": [30 * GIB, 31 * GIB] * 8,
    "ReplicaLag": [1.0, 1.2] * 8,
    "DiskQueueDepth": [0.1, 0.2] * 8,
    "CommitLatency": [2.0, 2.2] * 8,
    "WriteLatency": [1.0, 1.2] * 8,
    "SwapUsage": [8e7, 7e7] * 8,
    "MaximumUsedTransactionIDs": [2e8] * 16,
    "DBLoad": [1.5, 1.6] * 8,
}


def kinds(said: Sequence[SymptomEvent] = (), *, without: Sequence[str] = (), **measured: Any) -> list[str]:
    """Kinds that are found when the named metrics read like this, the others being quiet; surest first."""
    readings = {k: v for k, v in {**QUIET, **measured}.items() if k not in without}
    many = everything([], said, telemetry=Telemetry(series=tuple(series(k, v) for k, v in readings.items())))
    return [m.kind for m in sorted(many, key=lambda m: -m.strength)]


BROKE = [310.0] * 5 + [0.0, 0.0] + [300.0] * 9

FAULTS: dict[str, tuple[str, list[SymptomEvent], dict[str, Any]]] = {
    "CPU is spent": ("database_cpu_saturation", [], {"CPUUtilization": ramp(20, 99), "CommitLatency": ramp(2, 40)}),
    "CPU is busy and sessions wait": (
        "database_cpu_saturation",
        [],
        {"CPUUtilization": ramp(20, 88), "DBLoad": ramp(1, 14), "vCPU": [8.0]},
    ),
    "storage runs out": ("database_storage_exhaustion", [], {"FreeStorageSpace": ramp(100 * GIB, 4 * GIB)}),
    "storage will run out soon": ("database_storage_exhaustion", [], {"FreeStorageSpace": ramp(100 * GIB, 40 * GIB)}),
    "memory runs out": ("database_memory_exhaustion", [], {"FreeableMemory": ramp(30 * GIB, 1 * GIB)}),
    "memory is swapped": (
        "database_memory_exhaustion",
        [],
        {"FreeableMemory": ramp(30 * GIB, 8 * GIB), "SwapUsage": ramp(1e8, 4e9)},
    ),
    "connections reach the limit": (
        "database_connection_exhaustion",
        [],
        {"DatabaseConnections": ramp(120, 490), "MaxConnections": [500.0]},
    ),
    "connections multiply": ("database_connection_exhaustion", [], {"DatabaseConnections": ramp(100, 480)}),
    "a replica falls behind": ("database_replication_lag", [], {"ReplicaLag": ramp(2, 900)}),
    "the disk queue grows": ("database_io_saturation", [], {"DiskQueueDepth": ramp(0.2, 60)}),
    "writes are slow": ("database_io_saturation", [], {"WriteLatency": ramp(1, 90)}),
    "burst credits are spent": ("database_io_saturation", [], {"BurstBalance": ramp(90, 1)}),
    "transaction ids run out": ("database_transaction_wraparound", [], {"MaximumUsedTransactionIDs": ramp(1.4e9, 2e9)}),
    "a failover that clients felt": (
        "database_failover",
        [
            told("Multi-AZ instance failover started.", "failover"),
            told("Multi-AZ instance failover completed.", "failover"),
        ],
        {"DatabaseConnections": BROKE},
    ),
    "a crash that clients felt": (
        "database_failover",
        [told("DB instance restarted after a host failure", "availability")],
        {"DatabaseConnections": BROKE},
    ),
    "sessions wait for row locks": (
        "database_lock_contention",
        [wait("Lock:transactionid", 9.0), wait("CPU", 1.0)],
        {"DBLoad": ramp(1, 10), "vCPU": [8.0]},
    ),
    "sessions wait for metadata locks": (
        "database_lock_contention",
        [wait("wait/lock/metadata/sql/mdl", 6.0), wait("CPU", 1.0)],
        {"DBLoad": ramp(1, 9)},
    ),
}


@pytest.mark.parametrize("name", list(FAULTS))
def test_what_is_scarce_is_named(name: str) -> None:
    """By how the measure ends."""
    kind, said, measured = FAULTS[name]
    assert kinds(said, **measured)[:1] == [kind]


UNMEASURED: dict[str, tuple[str, list[SymptomEvent], list[str], dict[str, Any]]] = {
    "CPU, by what sessions wait for": (
        "database_cpu_saturation",
        [wait("CPU", 12.0), wait("IO:DataFileRead", 1.0)],
        ["CPUUtilization"],
        {"DBLoad": ramp(1, 14), "vCPU": [8.0]},
    ),
    "reads, by what sessions wait for": (
        "database_io_saturation",
        [wait("IO:DataFileRead", 11.0), wait("CPU", 2.0)],
        ["DiskQueueDepth"],
        {"DBLoad": ramp(1, 14), "vCPU": [8.0]},
    ),
    "storage, by what the provider says": (
        "database_storage_exhaustion",
        [told("The allocated storage for instance orders-prod has been exhausted.", "low storage")],
        ["FreeStorageSpace"],
        {},
    ),
    "lag, by what the provider says": (
        "database_replication_lag",
        [told("Read replica replication lag has exceeded 900 seconds.", "read replica")],
        ["ReplicaLag"],
        {},
    ),
    "connections, by what the server says": (
        "database_connection_exhaustion",
        [told("PostgreSQL log: FATAL: sorry, too many clients already", "database")],
        ["DatabaseConnections"],
        {},
    ),
    "a failover, with nothing measured": (
        "database_failover",
        [told("Multi-AZ instance failover completed.", "failover")],
        ["DatabaseConnections", "DBLoad", "CommitThroughput"],
        {},
    ),
}


@pytest.mark.parametrize("name", list(UNMEASURED))
def test_what_was_not_measured_is_told_by_others(name: str) -> None:
    """A metric that is missing is no metric that is fine."""
    kind, said, without, measured = UNMEASURED[name]
    assert kinds(said, without=without, **measured)[:1] == [kind]


HEALTHY: dict[str, tuple[list[SymptomEvent], dict[str, Any]]] = {
    "a processor that is used well by sessions that need not wait": (
        [],
        {"CPUUtilization": ramp(40, 84), "DBLoad": ramp(2, 6.2), "vCPU": [8.0]},
    ),
    "nothing happens": ([], {}),
    "CPU came back": ([], {"CPUUtilization": bump(22, 97)}),
    "a job uses the CPU and nobody waits": ([], {"CPUUtilization": [86.0] * 16, "vCPU": [8.0]}),
    "connections came back": ([], {"DatabaseConnections": bump(90, 480), "MaxConnections": [500.0]}),
    "many connections below the limit": ([], {"DatabaseConnections": ramp(90, 300), "MaxConnections": [5000.0]}),
    "storage was extended": (
        [
            told("DB instance free storage space is low.", "low storage", ago=900),
            told("Storage autoscaling completed."),
        ],
        {"FreeStorageSpace": [*ramp(30 * GIB, 3 * GIB, 10), *[200 * GIB] * 6]},
    ),
    "a replica caught up": ([], {"ReplicaLag": bump(1, 400)}),
    "latency came back": ([], {"WriteLatency": bump(1, 60), "DiskQueueDepth": bump(0.2, 50)}),
    "a failover that nobody felt": ([told("Multi-AZ instance failover completed.", "failover")], {}),
    "a backup": ([told("Backing up DB instance", "backup"), told("Finished DB instance backup", "backup")], {}),
    "locks without load": ([wait("Lock:relation", 0.9), wait("CPU", 0.3)], {"vCPU": [8.0]}),
    "load came back": ([wait("Lock:relation", 3.0), wait("CPU", 0.3)], {"DBLoad": bump(1.5, 20), "vCPU": [8.0]}),
}


@pytest.mark.parametrize("name", list(HEALTHY))
def test_what_is_over_or_in_its_range_is_not_blamed(name: str) -> None:
    """Alerts go on after the trouble is over, and busy is not broken."""
    said, measured = HEALTHY[name]
    assert kinds(said, **measured) == []


def test_an_announcement_that_was_measured_is_decided_by_the_measure() -> None:
    """The provider's words are older than the readings."""
    low = told("DB instance storage space is critically low", "low storage", ago=900)
    assert kinds([low]) == []
    assert kinds([low, told("DB instance is available")], without=["FreeStorageSpace"]) == []


def test_the_limit_of_connections_is_read_from_words() -> None:
    """Two numbers, the smaller first."""
    assert stated_limit(["at 490 of 500 connections"]) == 500.0
    assert stated_limit(["connections: 120/100", "no numbers"]) is None
