"""A whole case of a spread, as the set delivers it: shared things in any field, single log lines beside forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evals.suites.blast_radius_bench import SUITE


def at(minute: int) -> str:
    return f"2026-05-06T10:{minute:02}:00Z"


def case(folder: Path) -> Path:
    """Two writers of a topic are late, since its broker flushes each message; one of them keeps `desk` waiting."""
    data = folder / "workdir"
    data.mkdir(parents=True)
    readings = ["timestamp,service,metric,value"]
    for minute in range(0, 48, 4):
        levels = [
            ("bus:broker-2", "fsync_ms_p99", 4 if minute < 16 else 900),
            ("orders", "publish_p99_ms", 20 if minute < 20 else 4000),
            ("refunds", "outbox_rows", 12 if minute < 20 else 900 * minute),
            ("desk", "error_rate_pct", 0.2 if minute < 28 else 30),
        ]
        readings += [f"{at(minute)},{name},{metric},{value}" for name, metric, value in levels]
    (data / "metrics.csv").write_text("\n".join(readings) + "\n")
    services: list[Any] = [
        {"name": "orders", "topics": {"orders.paid": "bus:broker-2"}},
        {"name": "refunds", "topics": {"refunds.made": "bus:broker-2"}},
        "desk",
    ]
    edges = [{"from": "desk", "to": "orders", "call_rate_rps": 40}]
    (data / "service_map.json").write_text(json.dumps({"services": services, "edges": edges}))
    lines = [
        {"timestamp": at(30), "service": "desk", "severity_text": "ERROR", "msg": "orders: deadline exceeded"},
        {"timestamp": at(31), "service": "desk", "severity_text": "INFO", "msg": "page served"},
    ]
    (data / "logs.ndjson").write_text("\n".join(json.dumps(line) for line in lines))
    alert = {"service": "desk", "metric": "error_rate_pct", "fired_at": at(40), "summary": "desk fails"}
    (data / "alert.json").write_text(json.dumps(alert))
    return folder


def test_a_shared_thing_is_found_in_a_field_that_maps_names_to_it(tmp_path: Path) -> None:
    answer = SUITE.answer(SUITE.load(case(tmp_path), {}), None)
    found = {(step["from"], step["to"]) for step in answer["propagation"]}
    assert answer["origin"] == "bus:broker-2"
    assert found == {("bus:broker-2", "orders"), ("bus:broker-2", "refunds"), ("orders", "desk")}


def test_single_lines_that_tell_of_an_error_are_heard(tmp_path: Path) -> None:
    world = SUITE.load(case(tmp_path), {})
    assert [line.text for line in world.telemetry.logs] == ["orders: deadline exceeded"]
