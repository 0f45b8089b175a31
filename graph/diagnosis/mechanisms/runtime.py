"""Why running processes fail: memory, ports, data stores that refuse them, nothing left running."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.probes import restarts
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.reference_health import desired_replicas
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, text

_PORT_IN_USE = re.compile(
    r"address already in use|EADDRINUSE|port \d+ (is |was )?already in use|bind: address", re.IGNORECASE
)
_CREDENTIALS = re.compile(
    r"access denied for user|password authentication failed|authentication failed|invalid (username|user name"
    r"|password|credentials)"
    r"|WRONGPASS|NOAUTH|login failed for user|role \"[^\"]+\" does not exist",
    re.IGNORECASE,
)
_SERVER_FULL = re.compile(
    r"too many connections|too many clients|remaining connection slots|max number of clients|connection limit exceeded",
    re.IGNORECASE,
)
"""The data store itself says that it takes no more."""
_POOL_EMPTY = re.compile(
    r"Connection is not available, request timed out|pool (is )?exhausted|QueuePool limit"
    r"|timeout waiting for (idle )?conn",
    re.IGNORECASE,
)
"""The client's own pool is empty."""
_READ_ONLY = re.compile(
    r"--(super-)?read-only option|read[- ]only transaction|database is (in )?read[- ]only|READONLY You can't write"
    r"|cannot execute \w+ in a read-only|ERROR 1290",
    re.IGNORECASE,
)
_NO_STORE = re.compile(
    r"communications link failure|could not connect to server|can't connect to (\w+ )?(mysql )?server"
    r"|connection to server at",
    re.IGNORECASE,
)
_STORES = frozenset({1433, 1521, 3306, 5432, 6379, 6432, 9042, 27017})
"""Ports that data stores listen on by default."""
_STORE_IMAGE = re.compile(
    r"(^|/)(mysql|mariadb|postgres\w*|redis|valkey|mongo\w*|cassandra|xenon|percona|cockroach)", re.IGNORECASE
)


def runtime(scene: Scene) -> Iterator[Mechanism]:
    """Yield what makes containers that start fail."""
    for workload in scene.workloads:
        yield from _switched_off(workload)
        yield from _memory(scene, workload)
        if not scene.works(workload) or restarts(scene, workload):
            yield from _complains(
                scene, workload, _PORT_IN_USE, "port_in_use", "can't listen: another process of its pod has the port."
            )
        yield from _store(scene, workload)


def _switched_off(workload: Workload) -> Iterator[Mechanism]:
    if desired_replicas(workload.document) == 0 and workload.document.resource.kind in ("Deployment", "StatefulSet"):
        yield Mechanism(
            resource=workload.uid,
            kind="scaled_down",
            summary=f"{workload.document.resource.display} is scaled to zero.",
            signs=(Sign(text="It wants no pods.", uid=workload.uid, path="/spec/replicas"),),
            strength=0.9,
        )


def _memory(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    for pod in scene.pods(workload.uid):
        for index, status in entries(pod.body, "status", "containerStatuses"):
            for state in ("state", "lastState"):
                if text(status, state, "terminated", "reason") == "OOMKilled":
                    path = f"/status/containerStatuses/{index}/{state}/terminated"
                    name = workload.document.resource.display
                    yield Mechanism(
                        resource=workload.uid,
                        kind="oom_killed",
                        summary=f"A container of {name} was killed: its memory limit is too low.",
                        signs=(Sign(text="The kubelet says OOMKilled.", uid=pod.resource.uid, path=path),),
                    )
                    return


def _complains(
    scene: Scene, workload: Workload, pattern: re.Pattern[str], kind: str, what: str, strength: float = 0.95
) -> Iterator[Mechanism]:
    event = _line(scene, workload.uid, pattern)
    if event is not None:
        name = workload.document.resource.display
        sign = Sign(text=f"It says that it {what}", event=event)
        yield Mechanism(resource=workload.uid, kind=kind, summary=f"{name} {what}", signs=(sign,), strength=strength)


def _line(scene: Scene, uid: str, pattern: re.Pattern[str]) -> SymptomEvent | None:
    found = [e for e in scene.said(uid, kind=ObservationKind.LOG) if pattern.search(e.text)]
    return max(found, key=lambda e: (e.at.timestamp() if e.at else 0.0, e.count), default=None)


def _store(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    """Yield how a data store refuses a client. A client that does not get up can't do without it."""
    if is_store(workload):
        return
    is_down = not scene.works(workload)
    if is_down and _line(scene, workload.uid, _CREDENTIALS):
        what = "is refused by its data store: wrong credentials."
        yield from _complains(scene, workload, _CREDENTIALS, "store_credentials_refused", what)
    elif is_down and _line(scene, workload.uid, _NO_STORE):
        yield from _complains(
            scene,
            workload,
            _NO_STORE,
            "store_unreachable",
            "can't reach its data store: check its address and port.",
            0.8,
        )
    what = "gets no connection to its data store: its own pool is empty."
    yield from _complains(scene, workload, _POOL_EMPTY, "store_connections_exhausted", what, 0.8)
    for pattern, kind, what in (
        (_SERVER_FULL, "store_connections_exhausted", "takes no more connections"),
        (_READ_ONLY, "store_read_only", "is read-only"),
    ):
        event = _line(scene, workload.uid, pattern)
        if event is not None:
            yield _of_store(scene, workload, event, kind, what)


def is_store(workload: Workload) -> bool:
    """Whether a workload is a data store, by the ports and images of its containers."""
    for _, _, container in workload.containers():
        if _STORE_IMAGE.search(text(container, "image")):
            return True
        if any(port.get("containerPort") in _STORES for _, port in entries(container, "ports")):
            return True
    return False


def _of_store(scene: Scene, client: Workload, event: SymptomEvent, kind: str, what: str) -> Mechanism:
    """Blame the data store that a client means; the client itself when it can't be told which that is."""
    stores = [w for w in scene.everything if w.namespace == client.namespace and is_store(w)]
    named = [w for w in stores if w.document.resource.name in event.text]
    speaking = [w for w in stores if next(scene.said(w.uid), None) is not None]
    found = next((many[0] for many in (named, speaking, stores) if len(many) == 1), client)
    name = found.document.resource.display
    sign = Sign(text=f"{client.document.resource.display} says that its data store {what}.", event=event)
    summary = f"The data store {name} {what}; {client.document.resource.display} depends on it."
    return Mechanism(resource=found.uid, kind=kind, summary=summary, signs=(sign,), strength=0.9, stops=(client.uid,))
