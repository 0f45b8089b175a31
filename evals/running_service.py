"""A service of the product, run as a process of its own, as its users run it: over HTTP and by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_END_S = 30.0
_START_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningService:
    """A service with the demo estate."""

    data_dir: Path
    http: httpx.Client
    """Speaks as a viewer."""
    secrets: dict[str, str]
    """Webhook secrets by sender."""

    def trigger(self, scenario: str) -> None:
        """Make an incident of the demo happen, and have its alert delivered."""
        command(["demo", "trigger", scenario, "--data-dir", str(self.data_dir)])

    def get(self, path: str) -> Any:
        """GET a JSON document of the API."""
        response = self.http.get(path)
        response.raise_for_status()
        return response.json()


def command(arguments: list[str], *, codes: tuple[int, ...] = (0,)) -> str:
    """Run a `plumbline` command and return what it printed.

    Raises:
        RuntimeError: it ended with another exit code than `codes`.
    """
    done = subprocess.run(  # noqa: S603  (our own command)
        [sys.executable, "-m", "app.cli", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode not in codes:
        raise RuntimeError(f"plumbline {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def running_service() -> Iterator[RunningService]:
    """Start a service over a fresh demo estate, wait until it is ready, and end it afterwards."""
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
        data_dir, log = Path(folder) / "data", Path(folder) / "log"
        up = [sys.executable, "-m", "app.cli", "up", "--demo", "--data-dir", str(data_dir), "--port", "0"]
        with log.open("wb") as output:
            process = subprocess.Popen(up, stdout=output, stderr=output)  # noqa: S603  (our own command)
        try:
            known = _await_ready(process, data_dir / "credentials.json", log)
            headers = {"Authorization": f"Bearer {known['tokens']['viewer']}"}
            with httpx.Client(base_url=known["base_url"], headers=headers, timeout=30) as http:
                yield RunningService(data_dir=data_dir, http=http, secrets=known["webhook_secrets"])
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and see to it that it does."""
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _await_ready(process: subprocess.Popen[bytes], credentials: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        if credentials.is_file():
            known: dict[str, Any] = json.loads(credentials.read_text())
            try:
                if httpx.get(f"{known['base_url']}/readyz", timeout=5).is_success:
                    return known
            except httpx.TransportError:
                pass
        time.sleep(0.1)
    raise RuntimeError(f"the service did not start:\n{log.read_text(errors='replace')[-2000:]}")
