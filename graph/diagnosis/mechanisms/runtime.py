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
    r"access denied for user|password authentication failed|authentication failed|invalid (username|user name|password|credentials)"
    r"|WRONGPASS|NOAUTH|login failed for user|role \"[^\"]+\" does not exist",
    re.IGNORECASE,
)
_TOO_MANY = re.compile(
    r"too many connections|too many clients|remaining connection slots|max number of clients|connection limit exceeded"
    r"|Connection is not available, request timed out|pool (is )?exhausted|QueuePool limit",
    re.IGNORECASE,
)
_READ_ONLY = re.compile(
    r"--(super-)?read-only option|read[- ]only transaction|database is (in )?read[- ]only|READONLY You can't write"
    r"|cannot execute \w+ in a read-only|ERROR 1290",
    re.IGNORECASE,
)
_NO_STORE = re.compile(
    r"communications link failure|could not connect to server|can't connect to (\w+ )?(mysql )?server|connection to server at",
    re.IGNORECASE,
)
_STORE_PORT = re.compile(r"(mysql|postgres|pg|db|database|redis|mongo|jdbc)\w*(port|url|addr|host)?", re.IGNORECASE)
_STORE_PORTS = frozenset({1433, 1521, 3306, 5432, 6379, 6432, 9042, 27017})


def runtime(scene: Scene) -> Iterator[Mechanism]:
    """Yield what makes containers that start fail."""
    for workload in scene.workloads:
        yield from _switched_off(scene, workload)
        yield from _memory(scene, workload)
        if not scene.works(workload) or restarts(scene, workload):
            yield from _complains(
                scene, workload, _PORT_IN_USE, "port_in_use", "can't listen: another process of its pod has the port."
            )
        yield from _store(scene, workload)


def _switched_off(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
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
                    yield Mechanism(
                        resource=workload.uid,
                        kind="oom_killed",
                        summary=f"A container of {workload.document.resource.display} was killed: it used more memory than its limit.",
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
    """Yield how a data store refuses a client. A client that restarts or is not ready cannot do without it."""
    is_down = not scene.works(workload)
    if is_down and _line(scene, workload.uid, _CREDENTIALS):
        yield from _complains(
            scene,
            workload,
            _CREDENTIALS,
            "store_credentials_refused",
            "is refused by its data store: wrong credentials.",
        )
    elif is_down and _line(scene, workload.uid, _NO_STORE):
        yield from _complains(scene, workload, _NO_STORE, "store_unreachable", "can't reach its data store.", 0.8)
    for pattern, kind, what in (
        (_TOO_MANY, "store_connections_exhausted", "gets no connection to its data store: all are in use."),
        (_READ_ONLY, "store_read_only", "may not write to its data store: it is read-only."),
    ):
        yield from _complains(scene, workload, pattern, kind, what, 0.9)
