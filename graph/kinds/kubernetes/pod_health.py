"""Faults that the status of a pod states: waiting and terminated containers, scheduling, readiness."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from graph.document import Json, Object, pointer
from graph.fault import Fault, FaultSeverity
from graph.kinds.lenient import entries, mapping, text
from graph.version import Document

STARTING = frozenset({"ContainerCreating", "PodInitializing"})
"""Waiting reasons of every start. They are a fault only when a container that was up waits again."""

STATUS_LISTS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")

EXPLANATIONS = {
    "ImagePullBackOff": "its image can't be pulled",
    "ErrImagePull": "its image can't be pulled",
    "ErrImageNeverPull": "its image is not on the node and may not be pulled",
    "InvalidImageName": "the name of its image is malformed",
    "CrashLoopBackOff": "it keeps exiting after its start",
    "CreateContainerConfigError": "something its configuration refers to is missing",
    "CreateContainerError": "the runtime can't create it",
    "RunContainerError": "the runtime can't start it",
    "OOMKilled": "it used more memory than its limit",
}


def pod_faults(pod: Document) -> list[Fault]:
    """Return what the status of a pod reports; a pod that finished or is being deleted has no faults."""
    phase = text(pod.body, "status", "phase")
    if phase == "Succeeded" or mapping(pod.body, "metadata").get("deletionTimestamp"):
        return []
    found = [fault for name in STATUS_LISTS for fault in _containers(pod, name)]
    found += _failed(pod)
    for index, condition in entries(pod.body, "status", "conditions"):
        if condition.get("status") != "False":
            continue
        kind = condition.get("type")
        if kind == "PodScheduled":
            message = f"Pod {pod.resource.name} can't be scheduled."
            found.append(_from_condition(pod, index, condition, "Unschedulable", message))
        elif kind == "Ready" and not found and phase == "Running":
            reason = text(condition, "reason") or "NotReady"
            message = f"Pod {pod.resource.name} runs but is not ready."
            found.append(_from_condition(pod, index, condition, reason, message))
    return found


def when(value: Json) -> datetime | None:
    """Read a Kubernetes time (RFC 3339); None when it is none."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def _containers(pod: Document, field: str) -> Iterator[Fault]:
    for index, status in entries(pod.body, "status", field):
        waiting, terminated = mapping(status, "state", "waiting"), mapping(status, "state", "terminated")
        last = mapping(status, "lastState", "terminated")
        name = text(status, "name")
        if waiting:
            reason = text(waiting, "reason")
            if reason and (reason not in STARTING or status.get("restartCount")):
                since = when(last.get("finishedAt"))
                yield _container(pod, name, reason, waiting, ("status", field, index, "state", "waiting"), since)
        elif terminated and (terminated.get("exitCode") or terminated.get("signal")):
            reason, since = text(terminated, "reason") or "Error", when(terminated.get("finishedAt"))
            yield _container(pod, name, reason, terminated, ("status", field, index, "state", "terminated"), since)
        if last and text(last, "reason") == "OOMKilled":
            way = ("status", field, index, "lastState", "terminated")
            yield _container(pod, name, "OOMKilled", last, way, when(last.get("finishedAt")))


def _container(
    pod: Document, name: str, reason: str, state: Object, way: tuple[str | int, ...], since: datetime | None
) -> Fault:
    is_code = isinstance(state.get("exitCode"), int)
    why = EXPLANATIONS.get(reason) or (f"it exited with code {state['exitCode']}" if is_code else "it does not run")
    return Fault(
        uid=pod.resource.uid,
        reason=reason,
        message=f"Container {name} of pod {pod.resource.name} is in state {reason}: {why}.",
        path=pointer(*way),
        value=state,
        since=since,
        severity=FaultSeverity.DEGRADED if way[-2] == "lastState" else FaultSeverity.FAILING,
    )


def _failed(pod: Document) -> Iterator[Fault]:
    reason = text(pod.body, "status", "reason")
    if text(pod.body, "status", "phase") == "Failed":
        yield Fault(
            uid=pod.resource.uid,
            reason=reason or "Failed",
            message=f"Pod {pod.resource.name} failed" + (f" with reason {reason}." if reason else "."),
            path="/status/phase",
            value="Failed",
        )


def _from_condition(pod: Document, index: int, condition: Object, reason: str, message: str) -> Fault:
    return Fault(
        uid=pod.resource.uid,
        reason=reason,
        message=message,
        path=pointer("status", "conditions", index),
        value=condition,
        since=when(condition.get("lastTransitionTime")),
    )
