"""Databases in which one trouble leads to others: the first of the chain is named, whatever is loudest."""

from __future__ import annotations

from typing import Any

import pytest

from graph.evidence import SymptomEvent
from tests.graph.diagnosis.mechanisms.test_database_reasons import step
from tests.graph.diagnosis.mechanisms.test_databases import GIB, kinds, ramp, told, wait


def late(before: float, after: float, *, at: int) -> list[float]:
    """A level, and from a reading on a slope to another."""
    return [before] * at + ramp(before, after, 20 - at)


PARAMETER = told(
    "Updated to use DBParameterGroup pg15-v7. Parameter max_connections changed from 500 to 100 (apply method: "
    "pending-reboot).",
    "configuration change",
    ago=1100,
)
RESTART = [
    told("DB instance shutdown", "availability", ago=960),
    told("DB instance restarted", "availability", ago=900),
]
FULL = told("DB instance has exhausted its allocated storage. Instance state is storage-full.", "failure", ago=500)
ZONE = told("Network connectivity to the DB instance is impaired by an event in its Availability Zone.", "failure")
OUT_OF_MEMORY = [
    told("DB instance is low on memory. Free memory is below 1% of total.", "low memory", ago=640),
    told("DB instance restarted", "availability", ago=480),
]

CHAINS: dict[str, tuple[str, list[SymptomEvent], dict[str, Any]]] = {
    "memory runs out, and the volume is read instead": (
        "database_memory_exhaustion",
        [wait("IO:BufFileWrite", 4.6), wait("CPU", 4.4)],
        {
            "FreeableMemory": [*ramp(29 * GIB, 1 * GIB, 12), *[0.1 * GIB] * 8],
            "SwapUsage": late(8e7, 7e9, at=10),
            "ReadLatency": step(1, 24, at=12),
            "ReadIOPS": [1900.0] * 20,
            "DiskQueueDepth": step(0.1, 8.5, at=12),
            "DBLoad": ramp(2, 12, 20),
            "vCPU": [8.0],
        },
    ),
    "memory is swapped": (
        "database_memory_exhaustion",
        [],
        {
            "FreeableMemory": ramp(20 * GIB, 7 * GIB, 20),
            "SwapUsage": ramp(8e7, 6e9, 20),
            "WriteLatency": step(1, 60, at=14),
            "WriteIOPS": [900.0] * 20,
        },
    ),
    "the server was killed for want of memory, and started again": (
        "database_memory_exhaustion",
        OUT_OF_MEMORY,
        {
            "FreeableMemory": [*ramp(30 * GIB, 0.2 * GIB, 12), *[25 * GIB] * 8],
            "DatabaseConnections": [200.0] * 12 + [0.0] + [190.0] * 7,
        },
    ),
    "a parameter took the memory": (
        "database_setting_changed",
        [
            told(
                "Parameter work_mem changed from 4MB to 512MB (apply method: immediate)",
                "configuration change",
                ago=1000,
            )
        ],
        {"FreeableMemory": late(28 * GIB, 0.5 * GIB, at=5), "SwapUsage": late(8e7, 5e9, at=12)},
    ),
    "a parameter was changed, and a restart put it in force": (
        "database_setting_changed",
        [PARAMETER, *RESTART],
        {"DatabaseConnections": [265.0] * 5 + [0.0] + [97.0] * 14, "CPUUtilization": [30.0] * 5 + [5.0] + [12.0] * 14},
    ),
    "storage is full, and nothing is written any more": (
        "database_storage_exhaustion",
        [FULL],
        {"FreeStorageSpace": [*ramp(6 * GIB, 0, 12), *[0.0] * 8], "CommitThroughput": step(200, 0.5, at=12)},
    ),
    "storage is full, and the server starts again and again": (
        "database_storage_exhaustion",
        [
            FULL,
            told("DB instance restarted", "availability", ago=300),
            told("Recovery of the DB instance", "recovery", ago=280),
        ],
        {
            "FreeStorageSpace": [*ramp(6 * GIB, 0, 10), *[0.0] * 10],
            "DatabaseConnections": [180.0] * 14 + [0.0, 0.0] + [40.0] * 4,
        },
    ),
    "temporary files fill the local storage": (
        "database_storage_exhaustion",
        [wait("IO:BufFileWrite", 6.0)],
        {"FreeLocalStorage": ramp(60 * GIB, 0.5 * GIB, 20), "DBLoad": ramp(1, 7, 20)},
    ),
    "CPU credits are spent, and the processor is held at its baseline": (
        "database_cpu_credits_spent",
        [wait("CPU", 9.0)],
        {
            "CPUCreditBalance": [*ramp(120, 0, 10), *[0.0] * 10],
            "CPUUtilization": step(65, 20),
            "CommitLatency": step(2, 40),
            "DBLoad": step(1, 10),
        },
    ),
    "CPU is spent, and sessions pile up": (
        "database_cpu_saturation",
        [wait("CPU", 14.0)],
        {
            "CPUUtilization": step(30, 99, at=6),
            "DBLoad": step(1, 15, at=6),
            "DatabaseConnections": late(100, 497, at=10),
            "MaxConnections": [500.0],
            "ReplicaLag": late(1, 300, at=12),
        },
    ),
    "sessions wait for a lock, and pile up": (
        "database_lock_contention",
        [wait("Lock:relation", 40.0), wait("CPU", 1.0)],
        {
            "DBLoad": step(1, 42, at=6),
            "DatabaseConnections": late(100, 497, at=9),
            "MaxConnections": [500.0],
        },
    ),
    "I/O credits are spent, and sessions pile up": (
        "database_io_saturation",
        [wait("IO:DataFileRead", 20.0)],
        {
            "EBSIOBalance%": [*ramp(60, 0, 8), *[0.0] * 12],
            "ReadLatency": step(1, 38, at=8),
            "DBLoad": step(1, 21, at=8),
            "DatabaseConnections": late(100, 497, at=10),
            "MaxConnections": [500.0],
        },
    ),
    "a leak of connections comes first, and CPU follows": (
        "database_connection_exhaustion",
        [wait("Client:ClientRead", 9.0)],
        {
            "DatabaseConnections": [*ramp(100, 497, 10), *[498.0] * 10],
            "MaxConnections": [500.0],
            "CPUUtilization": step(20, 97, at=14),
        },
    ),
    "the network of its zone fails": (
        "database_network_impaired",
        [ZONE],
        {
            "DatabaseConnections": [180.0] * 8 + [60.0] + [5.0] * 11,
            "CPUUtilization": step(24, 2, at=8),
            "NetworkReceiveThroughput": step(4e6, 8e3, at=8),
            "CommitThroughput": step(120, 0.4, at=8),
        },
    ),
    "clients stay away after a failover": (
        "database_failover",
        [told("Multi-AZ instance failover completed", "failover", ago=560)],
        {"DatabaseConnections": step(200, 3)},
    ),
    "its volume can't be decrypted": (
        "database_cut_off",
        [told("The instance is in inaccessible-encryption-credentials state", "failure", ago=400)],
        {"DatabaseConnections": step(200, 0, at=12)},
    ),
    "the provider caps what a volume may do, and more is asked": (
        "database_io_saturation",
        [wait("IO:DataFileRead", 9.0)],
        {
            "ReadIOPS": [*ramp(1200, 3000, 8), *[3000.0] * 12],
            "ReadLatency": late(1, 45, at=8),
            "DiskQueueDepth": late(0.3, 70, at=8),
            "DBLoad": late(1, 11, at=8),
        },
    ),
    "sessions of MySQL wait for a mutex": (
        "database_lock_contention",
        [wait("wait/synch/mutex/innodb/trx_sys_mutex", 9.0)],
        {"DBLoad": step(1, 14, at=7), "vCPU": [4.0]},
    ),
    "connections rise to their limit at the very end": (
        "database_connection_exhaustion",
        [wait("Client:ClientRead", 5.0)],
        {"DatabaseConnections": late(120, 492, at=8), "MaxConnections": [500.0]},
    ),
    "credentials were rotated, and pools dry up": (
        "database_setting_changed",
        [told("Master credentials were rotated", "configuration change", ago=610)],
        {"DatabaseConnections": late(180, 1, at=10)},
    ),
    "replication has stopped, which RDS writes as -1": (
        "database_replication_lag",
        [told("Replication for the Read Replica has stopped.", "read replica")],
        {"ReplicaLag": step(1, -1)},
    ),
    "a parameter waits for a restart, and something else is short": (
        "database_cpu_saturation",
        [PARAMETER],
        {"CPUUtilization": step(30, 99, at=6), "DBLoad": step(1, 14, at=6), "vCPU": [8.0]},
    ),
}


@pytest.mark.parametrize("name", list(CHAINS))
def test_the_first_of_a_chain_is_named(name: str) -> None:
    """By what began first, and by what leads to what."""
    kind, said, measured = CHAINS[name]
    assert kinds(said, **measured)[:1] == [kind]


@pytest.mark.parametrize("name", ["a parameter was changed, and a restart put it in force"])
def test_a_restart_that_applies_a_change_is_no_failover(name: str) -> None:
    """It was wanted, and what it put in force is what hurts."""
    _, said, measured = CHAINS[name]
    assert "database_failover" not in kinds(said, **measured)


WELL: dict[str, tuple[list[SymptomEvent], dict[str, Any]]] = {
    "the evening is quiet": (
        [],
        {
            "CommitThroughput": ramp(120, 25, 20),
            "CPUUtilization": ramp(24, 7, 20),
            "DBLoad": ramp(1.6, 0.3, 20),
            "NetworkReceiveThroughput": ramp(4e6, 9e5, 20),
        },
    ),
    "an autoscaled client gave back connections": (
        [],
        {"DatabaseConnections": ramp(180, 60, 20), "CommitThroughput": ramp(120, 50, 20)},
    ),
    "a new replica catches up": (
        [told("Read replica orders-prod-replica-1 created. Replaying changes.", "creation", ago=1100)],
        {"ReplicaLag": ramp(900, 90, 20)},
    ),
    "another database of the zone is hit": ([ZONE], {}),
    "the network failed and is back": (
        [ZONE, told("Network connectivity to the DB instance has been restored.", ago=60)],
        {"DatabaseConnections": [180.0] * 8 + [5.0] * 4 + [175.0] * 8},
    ),
    "a cache of pages fills": ([], {"FreeableMemory": ramp(30 * GIB, 14 * GIB, 20)}),
    "a queue on the disk while it is as fast as ever": ([], {"DiskQueueDepth": step(0.4, 5)}),
    "credits are used and there are plenty": (
        [],
        {"CPUCreditBalance": ramp(500, 300, 20), "BurstBalance": ramp(99, 60, 20)},
    ),
    "few credits on a machine that earns as many as it uses": ([], {"CPUCreditBalance": [30.0] * 20}),
    "a restart for an upgrade in its window": (
        [
            told("Applying minor version upgrade in the maintenance window", "maintenance", ago=900),
            told("DB instance restarted", "availability", ago=800),
        ],
        {"DatabaseConnections": [180.0] * 6 + [0.0] + [176.0] * 13},
    ),
}


@pytest.mark.parametrize("name", list(WELL))
def test_less_work_and_what_passes_are_no_trouble(name: str) -> None:
    """Nobody is hurt by it."""
    said, measured = WELL[name]
    assert kinds(said, **measured) == []
