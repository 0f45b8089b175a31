"""Releases in the form of the set, written here: who measured what, where a pod has two names."""

from __future__ import annotations

import json
from pathlib import Path

from evals.suites.changerca import SUITE
from graph.telemetry import Signal

BEGUN, DETECTED = 1_000_060, 1_000_240
HEAD = (
    "Time,Timestamp,SuccessRate,Latency,CPUUsageRate(%),MemoryUsageRate(%),NodeCpuUsageRate(%),NodeMemoryUsageRate(%)"
)


def write(folder: Path, pod: str, readings: dict[int, str]) -> None:
    rows = [f"t,{at},{percent},1,5,3,15,0.01" for at, percent in readings.items()]
    (folder / f"{pod}_web_cart.csv").write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")


def test_what_stands_under_the_name_of_a_replaced_pod_and_of_its_successor_is_of_the_successor(tmp_path: Path) -> None:
    """A reading that only the old name has is kept: nobody else tells it."""
    step = {
        "v1": 1,
        "v2": 1,
        "release_pod": ["cart-v2-b"],
        "delete_pod": ["cart-v1-a"],
        "release_complete_timestamp": BEGUN + 50,
    }
    plan = {"cart": {"release_time": BEGUN, "target_replica": 2, "process": {str(BEGUN): step}}}
    case = {"plan": plan, "detect_timestamp": DETECTED}
    (tmp_path / "case.json").write_text(json.dumps(case), encoding="utf-8")
    for name in ("source_success.csv", "destination_success.csv"):
        (tmp_path / name).write_text(f"time,timestamp,web_cart\nt,{BEGUN},100\n", encoding="utf-8")
    write(tmp_path, "cart-v1-a", {BEGUN - 60: "100", BEGUN: "100", BEGUN + 60: "90", BEGUN + 120: "0"})
    write(tmp_path, "cart-v2-b", {BEGUN + 60: "NaN", BEGUN + 121: "0"})
    told = {
        s.instance: dict(zip(s.times.tolist(), s.values.tolist(), strict=True))
        for s in SUITE.load(tmp_path, {}).telemetry.series
        if s.instance and s.signal is Signal.AVAILABILITY
    }
    assert told["cart-v1-a"] == {BEGUN - 60: 100.0, BEGUN: 100.0, BEGUN + 60: 90.0}
    assert told["cart-v2-b"][BEGUN + 121] == 0.0
