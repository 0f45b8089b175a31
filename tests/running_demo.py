"""A service with the demo estate that really runs, as a process of its own, for tests from the outside."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from app.client import Client, connect
from app.demo.alerts import pagerduty
from app.demo.trigger import signed_headers, trigger_and_wait

_PATIENCE_S = 60.0

_Found = TypeVar("_Found")


@dataclass
class RunningDemo:
    """The running service and the incidents that were made to happen in it."""

    data_dir: Path
    base_url: str
    one_time_link: str
    """Of the approver."""
    credentials: dict[str, Any]
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)

    def client(self, role: str = "viewer") -> Client:
        """Return a client of the API."""
        return connect(data_dir=self.data_dir, role=role)

    def incident(self, name: str) -> str:
        """Return the id of the incident that a scenario makes, with its diagnosis; it happens when first asked for."""
        if name not in self.incidents:
            self.incidents[name] = trigger_and_wait(name, data_dir=self.data_dir)
        return str(self.incidents[name]["id"])

    def proposal(self, name: str, *, requester: str | None = None) -> str:
        """Return the id of the newest proposal of a scenario's incident, as soon as it has one (of that requester)."""
        incident, client = self.incident(name), self.client()

        def look() -> str | None:
            found = client.get(f"/api/incidents/{incident}")["proposals"]
            return next((str(p["id"]) for p in found if requester in (None, p["requester"])), None)

        return soon(look)

    def alert(self, title: str) -> str:
        """Deliver an alert with a title of one's own, and return the id of its incident once it is diagnosed."""
        now = datetime.now(UTC)
        sender, payload = pagerduty(title=title, service="pricing", urgency="low", created=now, now=now)
        body = json.dumps(payload).encode()
        client = self.client()
        secret = self.credentials["webhook_secrets"][sender]
        client.post_raw(f"/webhooks/{sender}", body, signed_headers(sender, body, secret))
        return soon(lambda: next((i["id"] for i in _listed(client) if i["title"] == title and i["diagnosis"]), None))


@contextmanager
def running_demo(folder: Path) -> Iterator[RunningDemo]:
    """Run a service in a folder; the KMS incident has happened in it."""
    data_dir, log = folder / "data", folder / "log"
    options = ["--data-dir", str(data_dir), "--port", "0", "--trigger", "kms-permission-removed"]
    command = [sys.executable, "-m", "app.cli", "up", "--demo", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        link = soon(lambda: _link(process, log))
        credentials = json.loads((data_dir / "credentials.json").read_text())
        made = RunningDemo(data_dir, link[1], link[2], credentials)
        made.incidents["kms-permission-removed"] = _listed(made.client())[0]
        yield made
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def soon(look: Callable[[], _Found | None]) -> _Found:
    """Look again and again until there is something to see."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come about in time")


def _link(process: subprocess.Popen[bytes], log: Path) -> re.Match[str] | None:
    assert process.poll() is None, f"the service ended:\n{log.read_text()[-2000:]}"
    return re.search(r"(http://\S+)(/login/\S+)", log.read_text())


def _listed(client: Client) -> list[dict[str, Any]]:
    return list(client.get("/api/incidents")["incidents"])
