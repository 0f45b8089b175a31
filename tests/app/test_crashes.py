"""A service killed with -9 loses no alert that it acknowledged, and runs no approved action twice.

Real processes of the real command, over a demo estate, with signed deliveries from several threads at once.
PLUMBLINE_CRASH_ROUNDS says how often the service is killed at a random moment (1 when absent).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.client import connect, credentials
from app.demo.alerts import alertmanager, pagerduty
from app.demo.trigger import signed_headers, trigger_and_wait
from app.senders import SENDERS
from graph.document import Object
from graph.errors import PlumblineError
from tests.app.installations import EXECUTOR_USER, template
from tools.adapters.delivery import Ignored
from tools.adapters.estate_files import lines

_ROUNDS = int(os.environ.get("PLUMBLINE_CRASH_ROUNDS", "1"))
_PATIENCE_S = 60.0
_WORKLOADS = ("checkout", "catalog", "payments", "cart", "orders", "search", "media", "pricing")

_POINTS = ("delivery.stored", "delivery.joined", "step.diagnose")
"""Where the service is killed for certain: before its answer, between alert and look, in an investigation."""


# Real processes start several times; each wait has a deadline of its own.
pytestmark = pytest.mark.timeout(120 + 120 * (1 + _ROUNDS))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def data_dir(pristine: Path, tmp_path: Path) -> Path:
    shutil.copytree(pristine, tmp_path / "data")
    return tmp_path / "data"


def test_killed_service_loses_no_acknowledged_alert(data_dir: Path) -> None:
    """Each acknowledged delivery is an alert of exactly one incident, and each incident gets a diagnosis.

    The executor of a killed service ends, too: it must not act beside the next one.
    """
    sender = _Sender(data_dir)
    for number, failpoint in enumerate(_POINTS):
        with _service(data_dir, failpoint=f"{failpoint}=exit") as process:
            sender.deliver(_alerts(number, 2), until=process)
            assert process.wait(_PATIENCE_S) == -signal.SIGKILL, f"it did not die at {failpoint}"
    for number in range(_ROUNDS):
        with _service(data_dir) as process:
            moment = random.uniform(0.05, 1.5)
            killer = threading.Timer(moment, process.kill)
            killer.start()
            children = _children(process.pid)
            sender.deliver(_alerts(len(_POINTS) + number, 8), until=process)
            assert process.wait(_PATIENCE_S) == -signal.SIGKILL
            killer.join()
            _await_ends(children)
    assert sender.acknowledged, "nothing was ever acknowledged, so nothing was shown"
    with _service(data_dir):
        _await(lambda: _all_diagnosed(data_dir, sender.acknowledged), "a diagnosis of each acknowledged alert")
        joined = Counter(key for _, keys in _incidents(data_dir) for key in keys)
        assert {key: joined[key] for key in sender.acknowledged} == dict.fromkeys(sender.acknowledged, 1)
        assert set(joined) <= sender.sent
        report = connect(data_dir=data_dir, role="viewer").get("/api/audit/verify")
        assert report["ok"], report


def test_killed_in_the_middle_of_its_work_the_fix_happens_once(data_dir: Path) -> None:
    """The executor dies after its write; the one that follows sees that it was done, and does not do it again."""
    with _service(data_dir, failpoint="effect.written=exit"):
        incident = trigger_and_wait("bad-image-rollout", data_dir=data_dir)
        id = _approve(data_dir, incident["id"])
        client = connect(data_dir=data_dir, role="viewer")
        _await(lambda: client.get(f"/api/proposals/{id}")["status"] in _ENDED, f"an end of {id}")
        ended = client.get(f"/api/proposals/{id}")
    assert (ended["status"], _writes(data_dir)) == ("succeeded", 1), ended
    assert "was not recorded" in ended["outcome"]


_ENDED = frozenset({"succeeded", "rolled_back", "refused", "failed"})


class _Sender:
    """Alert senders that repeat what was not acknowledged."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        """Keys of alerts whose delivery was answered with 202."""

    def deliver(self, alerts: Mapping[str, tuple[str, Object]], *, until: subprocess.Popen[bytes]) -> None:
        """Deliver all at once, each by a thread of its own, until it is taken or the service is dead."""
        self.sent.update(alerts)
        threads = [
            threading.Thread(target=self._deliver, args=(key, sender, body, until))
            for key, (sender, body) in alerts.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _deliver(self, key: str, sender: str, payload: Object, process: subprocess.Popen[bytes]) -> None:
        body = json.dumps(payload).encode()
        headers = signed_headers(sender, body, credentials(self._data_dir)["webhook_secrets"][sender])
        client = connect(data_dir=self._data_dir, role="viewer")
        while process.poll() is None:
            try:
                client.post_raw(f"/webhooks/{sender}", body, headers)
            except PlumblineError:
                time.sleep(0.02)
            else:
                self.acknowledged.add(key)
                return


def _alerts(round: int, count: int) -> dict[str, tuple[str, Object]]:
    """Make alerts about several workloads from two senders, by key."""
    now = datetime.now(UTC)
    made: dict[str, tuple[str, Object]] = {}
    for number in range(count):
        name = _WORKLOADS[number % len(_WORKLOADS)]
        if number % 2:
            sender, body = alertmanager(
                name=f"Slow{number}",
                labels={"namespace": "shop", "deployment": name, "severity": "warning", "round": str(round)},
                summary=f"{name} is slow",
                description="",
                expression="up",
                started=now,
            )
        else:
            title = f"{name} fails, round {round} number {number}"
            sender, body = pagerduty(title=title, service=name, urgency="high", created=now, now=now)
        alerts = SENDERS[sender].parse(json.dumps(body).encode(), received_at=now)
        assert not isinstance(alerts, Ignored)
        made[alerts[0].key] = (sender, body)
    return made


@contextmanager
def _service(data_dir: Path, *, failpoint: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Run a service until the end of the block, in whatever way it ends."""
    command = [sys.executable, "-m", "app.cli", "up", "--demo", "--data-dir", str(data_dir), "--port", "0"]
    environment = {**os.environ, "PLUMBLINE_FAILPOINT": failpoint}
    (data_dir / "credentials.json").unlink(missing_ok=True)
    with (data_dir.parent / "service.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            _await(lambda: _answers(data_dir) or process.poll() is not None, "a service that answers")
            # What the service before left is taken up at once, so that an armed one may be dead already.
            alive = process.poll() is None or (failpoint and process.returncode == -signal.SIGKILL)
            assert alive, (data_dir.parent / "service.log").read_text()[-3000:]
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(data_dir: Path) -> bool:
    if not (data_dir / "credentials.json").is_file():
        return False
    try:
        connect(data_dir=data_dir, role="viewer").get("/healthz")
    except PlumblineError:
        return False
    return True


def _incidents(data_dir: Path) -> Sequence[tuple[Object, set[str]]]:
    """All incidents, each with the keys of its alerts."""
    client = connect(data_dir=data_dir, role="viewer")
    found = [client.get(f"/api/incidents/{row['id']}") for row in client.get("/api/incidents", limit=200)["incidents"]]
    return [(incident, {alert["key"] for alert in incident["alerts"]}) for incident in found]


def _all_diagnosed(data_dir: Path, keys: set[str]) -> bool:
    incidents = _incidents(data_dir)
    known = {key for _, each in incidents for key in each}
    return keys <= known and all(incident["diagnosis"] for incident, _ in incidents)


def _approve(data_dir: Path, incident: str) -> str:
    approver = connect(data_dir=data_dir, role="approver")

    def pending() -> list[Any]:
        proposals = approver.get(f"/api/incidents/{incident}")["proposals"]
        return [p for p in proposals if p["status"] == "pending"]

    _await(lambda: bool(pending()), "a proposal")
    proposal = approver.get(f"/api/proposals/{pending()[0]['id']}")
    approver.post(f"/api/proposals/{proposal['id']}/approve", {"digest": proposal["digest"]})
    return str(proposal["id"])


def _writes(data_dir: Path) -> int:
    records = lines(Path(credentials(data_dir)["estate"]) / "audit" / "kubernetes.jsonl")
    return sum(1 for r in records if isinstance(r, dict) and r["user"]["username"] == EXECUTOR_USER)


def _children(pid: int) -> list[int]:
    """Processes that any thread of a process started; none where the system does not tell."""
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for file in tasks.glob("*/children") for child in file.read_text().split()]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _await_ends(pids: Sequence[int]) -> None:
    _await(lambda: not any(_lives(pid) for pid in pids), "the end of the executor")


def _await(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.1)
