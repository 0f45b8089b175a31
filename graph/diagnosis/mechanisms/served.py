"""Whether those who use a workload are served, whatever an alert says of its insides.

A check of what users feel (errors, latency, what comes through) tells of harm; one of a processor, of memory or of a
count of restarts tells of a reason that there may be. What is served needs evidence: as many ready pods as wanted, no
pod that is stuck, nothing that it still complains of, and a check of what users feel that is passed or work that is
seen to be done. See https://sre.google/sre-book/monitoring-distributed-systems/ on symptoms and causes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from graph.diagnosis.mechanisms.dependencies import has_passed, is_quiet
from graph.diagnosis.mechanisms.mechanism import Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.reference_health import is_ready
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, text
from graph.version import Document

_FELT = re.compile(
    r"latenc|p9\d|p50|duration|response|slow|error|5xx|fail|fault|reject|success|availab|apdex|\bslo\b|burn|budget"
    r"|\blag\b|behind|fresh|stale|delay|backlog|queue|dead.?letter|\bdlq\b|drop|timeout|throughput|quality|checkout"
    r"|uptime|synthetic|reachab",
    re.IGNORECASE,
)
"""Words of checks of what users feel."""
_INNER = re.compile(
    r"\bcpu|memory|\bmem\b|heap|\bgc\b|disk|restart|crash|pod|replica|node|\bhpa\b|evict|oom|thread|file desc"
    r"|log (volume|lines|count|rate)|error logs|image|pending|rollout|deployment|container|probe|unschedul"
    r"|connections? (count|used)|saturation|utili[sz]ation|usage",
    re.IGNORECASE,
)
"""Words of checks of what the platform itself shows, or of reasons that there may be for harm."""
_OF_CLIENT = re.compile(
    r"\b4(0\d|1\d|22|29)\b|bad request|invalid (input|request|payload|credentials)|validation (failed|error)"
    r"|unauthori[sz]ed|not found|client (error|closed|disconnect|cancel)",
    re.IGNORECASE,
)
"""What a client did wrong, and was told."""
_SEVERE = re.compile(r"\b(error|err|fatal|critical|crit|severe|panic|emerg|alert|exception|traceback)\b", re.IGNORECASE)
_STOPS = frozenset({"BackOff", "Failed", "FailedCreate", "FailedMount", "Evicted", "OOMKilling", "SystemOOM"})
_LATELY = timedelta(minutes=30)
"""A container that started again within this time may do so again."""


def is_felt(alarm: SymptomEvent) -> bool:
    """Whether a check watches what users feel."""
    return _FELT.search(alarm.text) is not None and _INNER.search(alarm.text) is None


def served(scene: Scene, workload: Workload) -> Sign | None:
    """What shows that a workload serves its users now; None where that is not known, or not so."""
    return scene.once(("served", workload.uid), lambda: _served(scene, workload))


def _served(scene: Scene, workload: Workload) -> Sign | None:
    if not scene.works(workload) or any(_is_stuck(scene, p) for p in scene.pods(workload.uid)):
        return None
    living = {workload.uid, *(p.resource.uid for p in scene.pods(workload.uid))}
    if any(e.resource in living and scene.is_fresh(e) for e in scene.events(workload.uid, *_STOPS)):
        return None
    checks = [e for e in scene.passed(workload.uid) if is_felt(e)]
    lines = list(scene.said(workload.uid, kind=ObservationKind.LOG, with_quiet=True))
    loud = [e for e in lines if not is_quiet(e) and scene.is_of_now(workload.uid, e)]
    bad = [e for e in loud if _complains(e, bool(checks))]
    if bad and not has_passed(bad, lines):
        return None
    work = [e for e in lines if is_quiet(e) and scene.is_fresh(e)]
    if any(is_felt(alarm) for alarm in scene.alarms(workload.uid)) and (loud or not checks or not work):
        return None  # An alarm about users stands, unless all else is well and it alone may be set too narrow.
    if checks:
        return Sign(text="A check of what its users feel is passed.", event=checks[0])
    return Sign(text="It goes on with its work and complains of nothing.", event=work[-1]) if work else None


def _complains(event: SymptomEvent, is_watched: bool) -> bool:
    """Whether a line speaks of trouble; where errors are watched and few, what clients did wrong is none."""
    if not _SEVERE.search(f"{event.reason} {event.text}"):
        return not is_watched
    return not (is_watched and _OF_CLIENT.search(event.text))


def _is_stuck(scene: Scene, pod: Document) -> bool:
    """Whether a pod should run and does not, or has started again lately."""
    if text(pod.body, "status", "phase") in ("Succeeded", "Failed"):
        return False
    for _, status in entries(pod.body, "status", "containerStatuses"):
        if text(status, "state", "waiting", "reason"):
            return True
        began = _time(text(status, "state", "running", "startedAt"))
        restarts = status.get("restartCount")
        if began is not None and isinstance(restarts, int) and restarts > 0 and scene.now - began < _LATELY:
            return True
    return is_ready(pod) is False


def _time(said: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
