"""A service of the product over the estate, run as a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from evals.running_service import end


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that was started."""

    pid: int
    server: str
    """Its address."""
    token: str
    """Of somebody who may read."""
    process: subprocess.Popen[bytes]
    log: Path

    def await_ready(self, within_s: float) -> None:
        """Wait until every source was read once.

        Raises:
            RuntimeError: it ended, or took too long.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.server}/readyz", timeout=60).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise RuntimeError(f"the service did not start:\n{self.log.read_text(errors='replace')[-2000:]}")


@contextmanager
def service(folder: Path, url: str, environment: Mapping[str, Any]) -> Iterator[Service]:
    """Start a service that governs one environment, and end it afterwards.

    Args:
        folder: for its files.
        url: of its database.
        environment: as the settings describe one.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "config.json"
    place = {"data_dir": str(folder), "database_url": url, "port": port}
    config.write_text(json.dumps({"environments": [environment], **place}))
    known = {**os.environ, "PLUMBLINE_CONFIG": str(config)}
    add = [sys.executable, "-m", "app.cli", "user", "add", f"scale-{port}", "--role", "viewer", "--json"]
    added = subprocess.run(add, env=known, check=True, capture_output=True, text=True)  # noqa: S603  (our own command)
    log = folder / "service.log"
    with log.open("wb") as output:
        up = [sys.executable, "-m", "app.cli", "up", "--no-executor"]
        process = subprocess.Popen(up, env=known, stdout=output, stderr=output)  # noqa: S603  (our own command)
    try:
        token = json.loads(added.stdout)["token"]
        yield Service(pid=process.pid, server=f"http://127.0.0.1:{port}", token=token, process=process, log=log)
    finally:
        end(process)
