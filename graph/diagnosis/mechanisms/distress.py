"""Workloads in trouble that no mechanism explains: the weakest guess, so that nobody calls them healthy.

What complains, and of what, tells in which direction to look: what they may use, the platform beneath, what they
depend on, their settings, their data, their own code. It says so with a low strength.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

from graph.diagnosis.mechanisms.dependencies import has_passed, is_quiet
from graph.diagnosis.mechanisms.directions import WHAT, votes
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import MONITOR, Scene
from graph.diagnosis.mechanisms.scheduling import holds_room
from graph.diagnosis.mechanisms.served import served
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.reference_health import is_ready
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, text
from graph.version import Document

_STRENGTH = 0.4
_SETTLED = timedelta(minutes=10)
"""A pod that is not ready after this time is not on its way."""
_MANY_LINES = 3
_STUCK = frozenset(
    {"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "RunContainerError", "CreateContainerError"}
)
_EXPECTED = frozenset(
    {"TaintManagerEviction", "NodeSchedulable", "NodeNotSchedulable", "ScaleDown", "Preempted", "Killing", "Noise"}
)
"""Reasons by which the platform says what it does on purpose."""
_WARNS = re.compile(r"\bwarn(ing)?\b", re.IGNORECASE)
"""What a process warns of while it works, and nothing is in alarm, hurts nobody yet."""
_BAD_LINE = re.compile(r"\b(error|fatal|critical|severe|panic|exception|fail(ed|ure|s)?|warn(ing)?)\b", re.IGNORECASE)


def distress(scene: Scene, explained: Collection[str]) -> Iterator[Mechanism]:
    """Yield a weak mechanism for each workload that is in trouble and whose uid is not among the explained."""
    for workload in scene.workloads:
        if workload.uid in explained or holds_room(scene, workload):
            continue
        events = [e for e in scene.said(workload.uid, kind=ObservationKind.EVENT) if _is_bad(scene, e)]
        lines = _lines(scene, workload)
        if _is_in_trouble(scene, workload, events, lines):
            yield _mechanism(workload, *_direction([*events, *lines]), [*events, *lines])


def _is_bad(scene: Scene, event: SymptomEvent) -> bool:
    return scene.is_fresh(event) and event.reason not in _EXPECTED


def _lines(scene: Scene, workload: Workload) -> list[SymptomEvent]:
    """Fresh lines that complain and were not followed by better news."""
    said = scene.said(workload.uid, kind=ObservationKind.LOG, with_quiet=True)
    fresh = [e for e in said if scene.is_of_now(workload.uid, e)]
    bad = [e for e in fresh if _BAD_LINE.search(f"{e.reason} {e.text}") and not is_quiet(e)]
    return [] if has_passed(bad, fresh) else bad


def _is_in_trouble(scene: Scene, workload: Workload, events: list[SymptomEvent], lines: list[SymptomEvent]) -> bool:
    if not scene.works(workload):
        return bool(events or lines) or any(_is_stuck(scene, p) for p in scene.pods(workload.uid))
    if served(scene, workload) is not None:
        return False
    errors = sum(e.count for e in lines if not _WARNS.search(e.reason or e.text))
    return any(e.reason == MONITOR for e in events) or errors >= _MANY_LINES


def _is_stuck(scene: Scene, pod: Document) -> bool:
    """Whether a pod is not ready and will not be without anybody's doing."""
    states = {text(s, "state", "waiting", "reason") for _, s in entries(pod.body, "status", "containerStatuses")}
    if text(pod.body, "status", "phase") == "Succeeded":
        return False
    return bool(states & _STUCK) or (is_ready(pod) is False and _age(scene, pod) >= _SETTLED)


def _age(scene: Scene, pod: Document) -> timedelta:
    try:
        begun = datetime.fromisoformat(text(pod.body, "status", "startTime"))
    except ValueError:
        return timedelta(0)
    return scene.now - (begun if begun.tzinfo else begun.replace(tzinfo=UTC))


def _direction(said: list[SymptomEvent]) -> tuple[str, str]:
    """Return (kind, what it does) that most complaints speak of; of nothing when none tells."""
    found = votes(e for e in said if e.reason != MONITOR)
    return (found.kind, WHAT[found.kind]) if found.kind else ("failing_unexplained", "fails without saying why")


def _mechanism(workload: Workload, kind: str, what: str, said: list[SymptomEvent]) -> Mechanism:
    signs = tuple(Sign(text="It is complained of now.", event=e) for e in said[-3:])
    return Mechanism(
        resource=workload.uid,
        kind=kind,
        summary=f"{workload.document.resource.display} {what}.",
        signs=signs or (Sign(text="It does not have its pods.", uid=workload.uid, path="/status"),),
        strength=_STRENGTH,
        is_guess=True,
    )
