"""Why running processes fail: memory that does not suffice, or nobody left running."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.served import is_felt
from graph.diagnosis.mechanisms.stores import line
from graph.document import Object
from graph.kinds.kubernetes.reference_health import desired_replicas
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, text

_HEAP = re.compile(
    r"java\.lang\.OutOfMemoryError|JavaScript heap out of memory|fatal error: runtime: (cannot allocate|out of) memory"
    r"|\bMemoryError\b|std::bad_alloc|System\.OutOfMemoryException|Allowed memory size of \d+ bytes exhausted"
    r"|GC overhead limit exceeded|memory allocation of \d+ bytes failed",
    re.IGNORECASE,
)
_KILLED = 137
"""Exit code of a process that got SIGKILL."""
_LONG_AGO = timedelta(hours=1)
"""What was killed before that and has run since then is over."""


def runtime(scene: Scene) -> Iterator[Mechanism]:
    """Yield what makes containers that start fail."""
    for workload in scene.workloads:
        yield from _switched_off(scene, workload)
        yield from _memory(scene, workload)


_NO_WORK = r"\b(keda|autoscal\w*|knative|idle|queue|no (work|messages|jobs|traffic|requests))\b"
_IDLE = re.compile(
    rf"KEDAScaleTargetDeactivated|{_NO_WORK}.{{0,80}}\bto (0|zero)\b|\bto (0|zero)\b.{{0,80}}{_NO_WORK}", re.IGNORECASE
)
"""Autoscalers take the last pod away since there is nothing to do; other controllers only say that it went."""


def is_idle(scene: Scene, uid: str) -> bool:
    """Whether an autoscaler says that a workload wants no pods for want of work, and no user misses it."""
    said = any(_IDLE.search(f"{e.reason} {e.text}") for e in scene.said(uid, with_quiet=True))
    return said and not any(is_felt(alarm) for alarm in scene.alarms(uid))


def _switched_off(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    if is_idle(scene, workload.uid):
        return
    if desired_replicas(workload.document) == 0 and workload.document.resource.kind in ("Deployment", "StatefulSet"):
        yield Mechanism(
            resource=workload.uid,
            kind="scaled_down",
            summary=f"{workload.document.resource.display} is scaled to zero.",
            signs=(Sign(text="It wants no pods.", uid=workload.uid, path="/spec/replicas"),),
            strength=0.9,
        )


def _memory(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    name = workload.document.resource.display
    for pod in scene.pods(workload.uid):
        for path, ended, since in _ends(pod.body):
            strength = _strength(scene, workload, ended, since)
            if strength:
                says = text(ended, "reason") or f"exit code {ended.get('exitCode')}"
                yield Mechanism(
                    resource=workload.uid,
                    kind="oom_killed",
                    summary=f"A container of {name} was killed: its memory limit is too low.",
                    signs=(Sign(text=f"The kubelet says {says}.", uid=pod.resource.uid, path=path),),
                    strength=strength,
                )
                return
    event = line(scene, workload.uid, _HEAP)
    if event is not None:
        yield Mechanism(
            resource=workload.uid,
            kind="heap_exhausted",
            summary=f"A process of {name} finds no memory left.",
            signs=(Sign(text="It says so.", event=event),),
            strength=0.85 if not scene.works(workload) else 0.6,
        )


def _ends(pod: Object) -> Iterator[tuple[str, Object, str]]:
    """Yield (path, how it ended, since when it runs again) of containers that ended, now or before their last start."""
    for field in ("containerStatuses", "initContainerStatuses"):
        for index, status in entries(pod, "status", field):
            for state in ("state", "lastState"):
                if ended := mapping(status, state, "terminated"):
                    since = text(status, "state", "running", "startedAt")
                    yield f"/status/{field}/{index}/{state}/terminated", ended, since


def _strength(scene: Scene, workload: Workload, ended: Object, since: str) -> float:
    if text(ended, "reason") == "OOMKilled":
        return 0.3 if _is_over(scene, workload, text(ended, "finishedAt") or since) else 1.0
    is_killed = ended.get("exitCode") == _KILLED and not scene.works(workload)
    limited = any(mapping(c, "resources", "limits").get("memory") for _, _, c in workload.containers())
    # A failed liveness probe or a deletion ends a process that does not stop by itself in the same way.
    by_kubelet = [e for e in scene.events(workload.uid, "Killing", "Unhealthy") if scene.is_fresh(e)]
    if not is_killed or not limited or by_kubelet:
        return 0.0
    return 0.35 if any(c.get("livenessProbe") for _, _, c in workload.containers()) else 0.6


def _is_over(scene: Scene, workload: Workload, ended: str) -> bool:
    try:
        at = datetime.fromisoformat(ended)
    except ValueError:
        return False
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return scene.works(workload) and scene.now - at > _LONG_AGO
