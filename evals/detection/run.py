"""Makes changes out of band while a service watches, and notes when each became a drift event."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from evals.detection import estate
from evals.detection.estate import Injection
from evals.detection.service import AUDITED, POLLED, WATCHED, Service, service, workspace
from tools.actions.simulated_cluster.recorded import Write
from tools.actions.simulated_cluster.served import ServedCluster

ENVIRONMENTS = (WATCHED, AUDITED, POLLED)
_PATIENCE_S = 30.0
"""Beyond the interval: what no event tells of by then is missed."""


@dataclass(frozen=True, slots=True)
class Made:
    """A change that was made."""

    injection: Injection
    phase: str
    at: datetime
    """UTC"""


@dataclass(slots=True)
class Record:
    """Everything that one run saw."""

    made: list[Made] = field(default_factory=list)
    seen: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Events by environment, in order."""
    back_at: dict[str, datetime] = field(default_factory=dict)
    """When the service was ready again (UTC), by phase."""
    quiet: int = 0
    """Writes that are no drift."""


def run(*, changes: int, services: int, every_s: float, seed: int, is_sabotaged: bool = False) -> Record:
    """Run once.

    Args:
        changes: how many fields are changed by hand; in five phases.
        services: size of the estate: seven objects each.
        every_s: interval of polling, seconds.
        seed: of the order of changes.
        is_sabotaged: let the API server send no events, so that the watch is blind.
    """
    objects = estate.declared(services)
    chosen = estate.injections(objects, seed)[:changes]
    record = Record()
    with workspace() as folder:
        _write_declared(folder, objects)
        cluster = ServedCluster(audit=folder / "audit.jsonl", tell=_dump(folder), bookmark_every_s=2)
        for body in objects:
            with cluster.store.changed:
                cluster.api.apply(body, by=estate.DEPLOYER, at=datetime.now(UTC))
        with cluster.serve() as url, service(folder, url, port=_free_port(), every_s=every_s) as running:
            cluster.faults.is_mute = is_sabotaged
            with _listening(running, record):
                _phases(cluster, running, chosen, objects, record, seed=seed, patience_s=every_s + _PATIENCE_S)
    return record


def _phases(
    cluster: ServedCluster,
    running: Service,
    chosen: Sequence[Injection],
    objects: list[dict[str, Any]],
    record: Record,
    *,
    seed: int,
    patience_s: float,
) -> None:
    """Make the changes: in peace, with watches cut, with versions forgotten, with the service killed, in a burst."""
    share = -(-len(chosen) // 5)
    parts = [chosen[i : i + share] for i in range(0, len(chosen), share)]
    disturbances: list[tuple[str, Callable[[], None], float]] = [
        ("in peace", lambda: None, 0.5),
        ("watch cut", lambda: cluster.cut(in_the_middle_of_a_line=True), 0.5),
        ("too old", cluster.store.forget, 0.5),
        ("killed", running.kill, 0.02),
        ("burst", lambda: None, 0.0),
    ]
    for (phase, disturb, pause_s), part in zip(disturbances, parts, strict=False):
        record.quiet += estate.quiet_writes(cluster, objects, seed)
        for number, injection in enumerate(part):
            if number in (len(part) // 3, 2 * len(part) // 3) or (phase == "killed" and number == 0):
                disturb()
                if phase == "too old":
                    cluster.cut()
            record.made.append(Made(injection, phase, datetime.now(UTC)))
            injection.act(cluster)
            time.sleep(pause_s)
        if phase == "killed":
            running.start()
            record.back_at[phase] = datetime.now(UTC)
        _await_all(record, patience_s)


def _await_all(record: Record, patience_s: float) -> None:
    """Wait until every environment told of every change, or for as long as is reasonable."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and any(missed(record, e) for e in ENVIRONMENTS):
        time.sleep(0.2)
    time.sleep(1)  # what is invented may come late, too


def detected(record: Record, environment: str, made: Made) -> float | None:
    """Return the seconds from a change to its stored event; from the service's return, where that was away."""
    begun = max(made.at, record.back_at.get(made.phase, made.at))
    for event in record.seen.get(environment, ()):
        stored_at = datetime.fromisoformat(event["recorded_at"])
        is_told = event["kind"] in ("opened", "changed") and stored_at >= made.at
        if is_told and estate.is_expected(made.injection, event["resource"], event["path"]):
            return max(0.0, (stored_at - begun).total_seconds())
    return None


def missed(record: Record, environment: str) -> list[Made]:
    """Return the changes of which no event tells."""
    return [m for m in record.made if detected(record, environment, m) is None]


def invented(record: Record, environment: str) -> list[dict[str, Any]]:
    """Return the events that tell of no change that was made; closed ones are, as nothing was put right."""
    return [
        event
        for event in record.seen.get(environment, ())
        if event["kind"] == "closed"
        or (
            event["kind"] != "attributed"
            and not any(estate.is_expected(m.injection, event["resource"], event["path"]) for m in record.made)
        )
    ]


@contextmanager
def _listening(running: Service, record: Record) -> Iterator[None]:
    """Read the events of all environments meanwhile."""
    stop = threading.Event()

    def listen(environment: str) -> None:
        after = 0
        seen = record.seen.setdefault(environment, [])
        while not stop.is_set():
            try:
                events, after = running.events(environment, after)
            except httpx.HTTPError:
                events = []  # the service is away, as it is meant to be for a while
            seen.extend(dict(event) for event in events)
            stop.wait(0.5)

    threads = [threading.Thread(target=listen, args=(e,)) for e in ENVIRONMENTS]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _write_declared(folder: Path, objects: list[dict[str, Any]]) -> None:
    (folder / "declared").mkdir()
    (folder / "dump").mkdir()
    for number, body in enumerate(objects):
        (folder / "declared" / f"{number:04}-{body['kind'].lower()}.json").write_text(json.dumps(body))


def _dump(folder: Path) -> Callable[[Write], None]:
    """Keep a file for each object that exists, as a job that dumps a cluster does."""

    def tell(write: Write) -> None:
        body = write.body
        path = folder / "dump" / f"{body['kind']}-{body['metadata']['name']}.json"
        if write.type == "DELETED":
            path.unlink(missing_ok=True)
            return
        part = path.with_suffix(".part")
        part.write_text(json.dumps(body))
        part.replace(path)

    return tell


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
