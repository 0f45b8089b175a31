"""Runs the measurements one after the other, and those from outside against a service of its own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from evals.running_service import command
from evals.scale.collect import measure_collect
from evals.scale.estate import Estate
from evals.scale.ingest import ENVIRONMENT, measure_ingest
from evals.scale.log import fill_log, measure_answers, measure_why, questions
from evals.scale.ports import Graphs
from evals.scale.resident import fill, measure_resident
from evals.scale.service import service
from evals.scale.timing import Times, cpu_s, resident_mb, stopwatch

PARTS = ("start", "ingest", "resident", "why", "collect")
_START_S = 120.0
_SETTLE_S = 180.0
_IDLE_CPU_S = 0.05
"""Of two seconds: less than what a comparison takes even on a busy machine, more than a look at a stream."""
_CLI_QUESTIONS = 8


def measure(
    part: str, graphs: Graphs, *, objects: int, events: int, rounds: int, again: list[str], data_dir: Path, url: str
) -> dict[str, Any]:
    """Run one measurement on an empty store, or one that an earlier run of the same size has filled.

    Args:
        part: one of PARTS.
        graphs: the store.
        objects: live objects of the estate.
        events: records of changes in the log.
        rounds: repetitions of each question.
        again: command line that fills the same store with the same estate, in a process of its own.
        data_dir: folder for the other files of a service over the store.
        url: of the store's database.
    """
    estate = Estate(objects=objects)
    if part == "start":
        return measure_start()
    if part == "ingest":
        return dict(measure_ingest(graphs, estate))
    if part == "collect":
        return measure_collect(estate, data_dir, url, rounds=rounds)
    figures: dict[str, Any] = {}
    if not graphs.revision(ENVIRONMENT):
        with stopwatch(figures, "fill"):
            subprocess.run([sys.executable, *again], check=True)  # noqa: S603  (our own command)
    if part == "resident":
        return figures | measure_resident(graphs, estate, rounds=rounds)
    end = datetime.now(UTC)
    figures |= fill_log(graphs, estate, events, end)
    asked = questions(estate, rounds)
    figures |= measure_why(graphs, asked, end - timedelta(minutes=5), end)
    empty = data_dir / "nothing"
    empty.mkdir(exist_ok=True)
    environment = {"name": ENVIRONMENT, "deployers": ["argocd"], "intended": [_manifests(empty)]}
    with service(data_dir, url, environment) as asked_one, httpx.Client(base_url=asked_one.server, timeout=60) as http:
        asked_one.await_ready(_START_S)

        def over_http(question: str) -> None:
            query = {"resource": question}
            headers = {"Authorization": f"Bearer {asked_one.token}"}
            http.get(f"/api/graph/{ENVIRONMENT}/why", params=query, headers=headers).raise_for_status()

        over_http(asked[0])
        figures["service_settled_cpu_s"] = _await_idle(asked_one.pid)
        before = cpu_s(asked_one.pid)
        figures |= measure_answers(over_http, asked, "why_http")
        figures["why_http_service_cpu_ms"] = round((cpu_s(asked_one.pid) - before) * 1000 / (len(asked) + 1), 2)
        figures["why_http_service_mb"] = resident_mb(asked_one.pid)
        cli = ["--server", asked_one.server, "--token", asked_one.token, "--json"]
        few = asked[:_CLI_QUESTIONS]
        figures |= measure_answers(lambda q: command(["why", q, *cli]), few, "why_cli_process")
    return figures


def fill_store(graphs: Graphs, objects: int) -> int:
    """Fill a store with the estate, as it was read some time ago."""
    return fill(graphs, Estate(objects=objects), datetime.now(UTC) - timedelta(hours=1))


def kept_beside(url: str) -> Path:
    """Return the folder of the keys that belong to a database which is used again, made when missing."""
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"plumbline-scale-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def measure_start() -> dict[str, Any]:
    """Measure how long the command takes to say what it can do."""
    times = Times()
    for _ in range(5):
        times.of(partial(command, ["--help"]))
    return times.told("help")


def _manifests(folder: Path) -> dict[str, str]:
    return {"type": "manifests", "path": str(folder), "name": "empty"}


def _await_idle(pid: int) -> float:
    """Wait until the first comparison of everything is over; return the processor seconds that it all took so far."""
    deadline, spent = time.monotonic() + _SETTLE_S, cpu_s(pid)
    while time.monotonic() < deadline:
        time.sleep(2)
        before, spent = spent, cpu_s(pid)
        if not spent - before > _IDLE_CPU_S:
            break
    return round(spent, 2)
