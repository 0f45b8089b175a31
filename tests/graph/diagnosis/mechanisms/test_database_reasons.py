"""Managed databases that got worse for a reason: a setting, the volume beneath, what applications do, other servers."""

from __future__ import annotations

from typing import Any

import pytest

from graph.evidence import SymptomEvent
from tests.graph.diagnosis.mechanisms.test_databases import GIB, bump, kinds, ramp, told, wait


def step(before: float, after: float, *, at: int = 10, readings: int = 20) -> list[float]:
    """One level, then another from a reading on."""
    return [before] * at + [after] * (readings - at)


REASONS: dict[str, tuple[str, list[SymptomEvent], dict[str, Any]]] = {
    "a parameter was lowered and latency rose": (
        "database_setting_changed",
        [told("Updated parameter shared_buffers in parameter group pg16", "configuration change", ago=620)],
        {"ReadLatency": step(1, 12), "DBLoad": step(1, 9), "ReadIOPS": step(700, 5200)},
    ),
    "memory for each sort was raised and the server swaps": (
        "database_setting_changed",
        [told("Updated parameter work_mem to 524288 with apply method immediate", "configuration change", ago=620)],
        {"FreeableMemory": step(30 * GIB, GIB), "SwapUsage": step(8e7, 3e9), "CommitLatency": step(2, 20)},
    ),
    "the instance became smaller and CPU is short": (
        "database_setting_changed",
        [told("Finished applying modification to DB instance class", "configuration change", ago=640)],
        {"CPUUtilization": step(35, 98), "CommitLatency": step(2, 30), "CommitThroughput": step(100, 95)},
    ),
    "a security group lost its rule and clients are gone": (
        "database_setting_changed",
        [told("Security group sg-1 of DB instance was modified: ingress rule removed", "security", ago=610)],
        {"DatabaseConnections": step(120, 1)},
    ),
    "clients are gone and nothing else is known": (
        "database_cut_off",
        [],
        {"DatabaseConnections": step(120, 0), "CPUUtilization": step(30, 3)},
    ),
    "the provider reports a degraded volume": (
        "database_volume_degraded",
        [told("The storage volume of the DB instance is impaired; recovery is in progress.", ago=500)],
        {"WriteLatency": step(1, 240), "CommitLatency": step(2, 250), "WriteIOPS": step(600, 90)},
    ),
    "latency rose while the volume serves less": (
        "database_volume_degraded",
        [],
        {"ReadLatency": step(1, 160), "ReadIOPS": step(2200, 700), "DiskQueueDepth": step(0.1, 35)},
    ),
    "the hardware beneath is replaced": (
        "database_volume_degraded",
        [told("The underlying hardware of the DB instance failed and is replaced", "failure", ago=400)],
        {"CommitLatency": step(2, 300)},
    ),
    "row locks are held by a transaction that does nothing": (
        "database_transaction_left_open",
        [wait("Lock:transactionid", 11.0), wait("Lock:tuple", 2.0), wait("CPU", 0.2)],
        {"DBLoad": step(1, 14), "CPUUtilization": step(40, 12), "CommitThroughput": step(130, 30)},
    ),
    "the log tells of idle transactions": (
        "database_transaction_left_open",
        [told("PostgreSQL log: 61 sessions idle in transaction for more than 900 s", "database", ago=120)],
        {"DBLoad": step(1, 4)},
    ),
    "deadlocks": (
        "database_deadlock",
        [told("PostgreSQL log: ERROR: deadlock detected", "database", ago=60)],
        {"CommitThroughput": step(100, 40)},
    ),
    "rows that violate a constraint": (
        "bad_data",
        [told('PostgreSQL log: ERROR: null value in column "price" violates not-null constraint', "database", ago=60)],
        {},
    ),
    "text in another encoding": (
        "bad_data",
        [told('PostgreSQL log: ERROR: invalid byte sequence for encoding "UTF8": 0xe9', "database", ago=60)],
        {},
    ),
    "statements for another schema": (
        "database_statement_wrong",
        [told('PostgreSQL log: ERROR: column "tax_code" does not exist', "database", ago=60)],
        {},
    ),
    "sessions wait for a foreign server": (
        "foreign_server_slow",
        [wait("Extension:Extension", 8.0), wait("CPU", 0.5)],
        {"DBLoad": step(1, 9), "vCPU": [8.0]},
    ),
    "a foreign server can't be reached": (
        "foreign_server_failing",
        [told('PostgreSQL log: ERROR: could not connect to server "legacy_crm"', "database", ago=60)],
        {},
    ),
    "sorts spill to the volume": (
        "database_temporary_files",
        [wait("IO:BufFileWrite", 5.0), wait("IO:BufFileRead", 3.0)],
        {"DBLoad": step(1, 7), "CommitLatency": step(2, 9)},
    ),
    "checkpoints slow writes while more is written": (
        "database_overloaded",
        [wait("IO:DataFileSync", 2.0)],
        {"CommitLatency": step(2, 14), "TransactionLogsGeneration": step(4e6, 6e7)},
    ),
    "fewer transactions are served and nothing is busier": (
        "database_cut_off",
        [],
        {"CommitThroughput": step(120, 20)},
    ),
}


@pytest.mark.parametrize("name", list(REASONS))
def test_the_reason_stands_before_what_is_scarce(name: str) -> None:
    """What is scarce follows from it."""
    kind, said, measured = REASONS[name]
    assert kinds(said, **measured)[:1] == [kind]


OTHERWISE: dict[str, tuple[str, list[SymptomEvent], dict[str, Any]]] = {
    "more is asked since the change": (
        "database_replication_lag",
        [told("DB parameter group pg15 has been updated", "configuration change", ago=640)],
        {"ReplicaLag": step(2, 900), "TransactionLogsGeneration": step(4e6, 1e8)},
    ),
    "it was worse before the change": (
        "database_cpu_saturation",
        [told("Modified parameter group: work_mem = 64MB", "configuration change", ago=200)],
        {"CPUUtilization": step(30, 99, at=6), "CommitLatency": step(2, 30, at=6)},
    ),
    "the volume serves more and is slow": (
        "database_io_saturation",
        [],
        {"WriteLatency": step(1, 60), "WriteIOPS": step(600, 7000), "DiskQueueDepth": step(0.1, 30)},
    ),
    "the volume is full and therefore slow": (
        "database_storage_exhaustion",
        [],
        {"FreeStorageSpace": ramp(80 * GIB, 0), "WriteLatency": step(1, 80), "WriteIOPS": step(900, 50)},
    ),
    "row locks of a busy writer": (
        "database_lock_contention",
        [wait("Lock:tuple", 9.0), wait("CPU", 2.0)],
        {"DBLoad": step(1, 12), "CPUUtilization": step(30, 70), "CommitThroughput": step(100, 190)},
    ),
    "idle transactions take the last connections": (
        "database_connection_exhaustion",
        [told("PostgreSQL log: sessions idle in transaction", "database", ago=60)],
        {"DatabaseConnections": ramp(200, 499), "MaxConnections": [500.0]},
    ),
}


@pytest.mark.parametrize("name", list(OTHERWISE))
def test_a_reason_that_does_not_fit_is_not_taken(name: str) -> None:
    """Time, demand and room decide."""
    kind, said, measured = OTHERWISE[name]
    assert kinds(said, **measured)[:1] == [kind]


WELL: dict[str, tuple[list[SymptomEvent], dict[str, Any]]] = {
    "a setting changed and nothing got worse": (
        [told("DB parameter group pg15 has been updated", "configuration change", ago=600)],
        {},
    ),
    "some of the clients stopped for the night": (
        [],
        {"CommitThroughput": step(318, 120)},
    ),
    "a larger instance, less CPU": (
        [told("Finished applying modification to DB instance class", "configuration change", ago=600)],
        {"CPUUtilization": step(60, 25)},
    ),
    "a volume that recovered": (
        [
            told("A storage volume underlying the DB instance is degraded", ago=900),
            told("The volume has been restored and is healthy", ago=300),
        ],
        {"WriteLatency": bump(1, 200)},
    ),
    "a planned failover after which clients returned": (
        [
            told("Scheduled maintenance: Multi-AZ failover started", "maintenance", ago=700),
            told("Multi-AZ instance failover completed", "failover", ago=640),
        ],
        {"DatabaseConnections": [300.0] * 6 + [0.0] + [290.0] * 9},
    ),
    "a backup that reads": (
        [told("Backing up DB instance", "backup", ago=500)],
        {"ReadLatency": step(1, 5), "ReadIOPS": step(500, 4000)},
    ),
    "an hour that is as busy as each week": ([], {"CommitThroughput": [400.0] * 16, "CPUUtilization": [74.0] * 16}),
    "more traffic, served as fast as before": (
        [],
        {"CommitThroughput": step(100, 260), "DBLoad": step(1.2, 3.0), "vCPU": [8.0], "WriteIOPS": step(500, 1300)},
    ),
    "a batch that just ended": ([], {"DBLoad": [1.0] * 6 + [14.0] * 8 + [1.1, 1.0], "CommitLatency": bump(2, 40)}),
}


@pytest.mark.parametrize("name", list(WELL))
def test_changes_and_peaks_that_hurt_nobody_are_no_trouble(name: str) -> None:
    """An event by itself is none, and what came back is over."""
    said, measured = WELL[name]
    assert kinds(said, **measured) == []


def test_what_nobody_can_explain_stays_a_guess() -> None:
    """Trouble without mechanism is told with a low strength, never left out."""
    assert kinds([], CommitLatency=step(2, 16)) == ["database_overloaded"]
