"""Deliveries that were answered with 202 are in the database after `kill -9`; and this check can fail."""

from __future__ import annotations

import dataclasses
import os
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from multiprocessing.context import ForkServerContext
from pathlib import Path

import httpx
import pytest
import uvicorn

from app.main import create_app
from app.settings import Settings
from app.store.inbox import Inbox, Receipt
from app.wiring import Service, open_store
from tests.processes import killable

_SECRET = "s3cret"
_SENDERS = 8
_ROUNDS = int(os.environ.get("PLUMBLINE_CRASH_ROUNDS", "1"))


class AckFirst(Inbox):
    """A deliberately broken inbox: says thank you, and stores a moment later."""

    def receive(
        self, *, sender: str, key: str, body: bytes, headers: Mapping[str, str], received_at: datetime
    ) -> Receipt:
        def store() -> None:
            time.sleep(0.1)
            Inbox.receive(self, sender=sender, key=key, body=body, headers=headers, received_at=received_at)

        threading.Thread(target=store, daemon=True).start()
        return Receipt(delivery_id=1, is_new=False)


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    return killable()


@pytest.mark.parametrize("round", range(_ROUNDS))
def test_acknowledged_deliveries_survive(tmp_path: Path, processes: ForkServerContext, round: int) -> None:
    """No delivery that got its 202 is missing, and none is stored twice."""
    acknowledged, stored = _kill_while_delivering(tmp_path, processes, Inbox)
    assert len(acknowledged) > 20, "too few to show anything"
    assert acknowledged <= set(stored)
    assert len(stored) == len(set(stored))


def test_acknowledging_before_storing_is_noticed(tmp_path: Path, processes: ForkServerContext) -> None:
    """The same check finds losses of an inbox that acknowledges first."""
    acknowledged, stored = _kill_while_delivering(tmp_path, processes, AckFirst)
    assert acknowledged - set(stored)


def serve_webhooks(data_dir: Path, listener: socket.socket, inbox: type[Inbox]) -> None:
    """Serve the webhooks alone, with an inbox of the given sort; no worker reads what is stored."""
    settings = _settings(data_dir)
    store = open_store(settings)
    services = dataclasses.replace(Service(settings, store).services, inbox=inbox(store.database, store.jobs))
    config = uvicorn.Config(create_app(services), log_level="error", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


def _kill_while_delivering(
    data_dir: Path, processes: ForkServerContext, inbox: type[Inbox]
) -> tuple[set[str], list[str]]:
    """Return the bodies that were acknowledged before the kill, and those that are stored after it."""
    store = open_store(_settings(data_dir))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/webhooks/opsgenie"
        process = processes.Process(target=serve_webhooks, args=(data_dir, listener, inbox))
        process.start()
    acknowledged: set[str] = set()

    def deliver(sender: int) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {_SECRET}"}, timeout=10) as client:
            for number in range(10_000):
                body = f'{{"action": "Create", "alert": {{"alertId": "{sender}-{number}", "message": "m"}}}}'
                try:
                    answer = client.post(url, content=body)
                except httpx.TransportError:
                    return
                if answer.status_code == 202:
                    acknowledged.add(body)

    with ThreadPoolExecutor(_SENDERS) as pool:
        senders = [pool.submit(deliver, n) for n in range(_SENDERS)]
        deadline = time.monotonic() + 20
        while len(acknowledged) < 40 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
        for sender in senders:
            sender.result()
    process.join()
    with store.database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT body FROM deliveries").fetchall()
    store.database.dispose()
    return acknowledged, [bytes(row[0]).decode() for row in rows]


def _settings(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, webhooks={"opsgenie_secrets": [_SECRET]})  # type: ignore[arg-type]
