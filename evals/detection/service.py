"""A service over the measured cluster, run as a process of its own, that can be killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from evals.running_service import command
from tools.actions.simulated_cluster.served import TOKEN

_START_S = 120.0
WATCHED, AUDITED, POLLED = "watched", "audited", "polled"
"""Names of the three environments: the same cluster, seen in three ways."""


@dataclass(slots=True)
class Service:
    """The service; `start` and `kill` may alternate."""

    folder: Path
    config: Path
    port: int
    token: str
    _process: subprocess.Popen[bytes] | None = None
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        self._client = httpx.Client(base_url=self.address, headers=headers, timeout=30)

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            RuntimeError: it does not become ready.
        """
        log = self.folder / "log"
        arguments = ["up", "--no-executor", "--data-dir", str(self.folder / "data"), "--port", str(self.port)]
        environment = {**os.environ, "PLUMBLINE_CONFIG": str(self.config)}
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  (our own command)
                [sys.executable, "-m", "app.cli", *arguments], stdout=output, stderr=output, env=environment
            )
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if self._client.get("/readyz").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"the service did not start:\n{log.read_text(errors='replace')[-3000:]}")

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._client.close()

    @property
    def address(self) -> str:
        """URL of the service."""
        return f"http://127.0.0.1:{self.port}"

    def events(self, environment: str, after: int) -> tuple[Sequence[Mapping[str, Any]], int]:
        """Return drift events after a number, and the number to go on from."""
        response = self._client.get(f"/api/graph/{environment}/drift-events", params={"after": after, "limit": 200})
        response.raise_for_status()
        body = response.json()
        return body["events"], body["next"]


@contextmanager
def service(folder: Path, api: str, *, port: int, every_s: float) -> Iterator[Service]:
    """Configure a service over the cluster at `api`, whose declarations, audit log and dump stand in `folder`."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(_kubeconfig(api)))
    config = folder / "plumbline.json"
    config.write_text(json.dumps(_config(folder, kubeconfig, every_s)))
    data = folder / "data"
    token = json.loads(command(["user", "add", "eve", "--role", "viewer", "--data-dir", str(data), "--json"]))["token"]
    made = Service(folder=folder, config=config, port=port, token=token)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder for one run."""
    with tempfile.TemporaryDirectory(prefix="plumbline-detection-") as folder:
        yield Path(folder)


def _config(folder: Path, kubeconfig: Path, every_s: float) -> dict[str, Any]:
    declared = [{"type": "manifests", "path": str(folder / "declared")}]
    dump = [{"type": "manifests", "path": str(folder / "dump")}]
    audit = [{"type": "kubernetes_audit", "path": str(folder / "audit.jsonl")}]
    live = [{"type": "kubernetes", "kubeconfig": str(kubeconfig)}]
    common = {"cluster": "shop", "intended": declared, "deployers": ["system:serviceaccount:ci:deploy-bot"]}
    return {
        "collect_every_s": every_s,
        "environments": [
            {"name": WATCHED, **common, "actual": live, "changes": audit},
            {"name": AUDITED, **common, "actual": dump, "changes": audit},
            {"name": POLLED, **common, "actual": dump},
        ],
    }


def _kubeconfig(api: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "shop",
        "contexts": [{"name": "shop", "context": {"cluster": "shop", "user": "reader"}}],
        "clusters": [{"name": "shop", "cluster": {"server": api}}],
        "users": [{"name": "reader", "user": {"token": TOKEN}}],
    }
