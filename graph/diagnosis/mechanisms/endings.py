"""Pods that the platform ends, and work that it gives up.

Sources: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/ and
https://kubernetes.io/docs/concepts/workloads/controllers/job/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, text

_LOW = re.compile(
    r"low on resource: (?P<what>[\w.-]+)|exceed\w* (its|the|total) .{0,60}(?P<limit>ephemeral|emptyDir|limit)"
)


def endings(scene: Scene) -> Iterator[Mechanism]:
    """Yield evictions and jobs that failed for good."""
    for workload in scene.workloads:
        for pod in scene.pods(workload.uid):
            if text(pod.body, "status", "reason") == "Evicted" and not _is_leftover(scene, workload):
                found = _LOW.search(text(pod.body, "status", "message"))
                why = f": its node ran out of {found['what']}" if found and found["what"] else ""
                yield Mechanism(
                    resource=workload.uid,
                    kind="evicted",
                    summary=f"Pods of {workload.document.resource.display} were evicted{why}.",
                    signs=(Sign(text="The kubelet evicted it.", uid=pod.resource.uid, path="/status"),),
                    strength=0.7 if not scene.works(workload) else 0.3,
                )
                break
        else:
            yield from _evicted_lately(scene, workload)
    for job in scene.live.of("Job"):
        for index, condition in entries(job.body, "status", "conditions"):
            if condition.get("type") == "Failed" and condition.get("status") == "True":
                reason = text(condition, "reason") or "Failed"
                yield Mechanism(
                    resource=scene.workload(job.resource.uid),
                    kind="job_failed",
                    summary=f"Job {job.resource.name} was given up: {reason}.",
                    signs=(Sign(text="The job says so.", uid=job.resource.uid, path=f"/status/conditions/{index}"),),
                    strength=0.6,
                )


def _is_leftover(scene: Scene, workload: Workload) -> bool:
    """Whether evicted pods are only remembered: their workload has all that it wants, and no eviction is of now."""
    return scene.works(workload) and not any(scene.is_fresh(e) for e in scene.events(workload.uid, "Evicted"))


def _evicted_lately(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    """Evictions of pods of which only the event is left."""
    events = [e for e in scene.events(workload.uid, "Evicted") if scene.is_fresh(e)]
    if events:
        found = next((m for e in events if (m := _LOW.search(e.text)) and m["limit"]), None)
        why = ": they used more of the disk than they may" if found else ""
        yield Mechanism(
            resource=workload.uid,
            kind="evicted",
            summary=f"Pods of {workload.document.resource.display} were evicted{why}.",
            signs=(Sign(text="The kubelet evicted it.", event=events[0]),),
            # Its own limit says why, and what else the successors complain of, such as a volume still in use, follows.
            strength=0.9 if found else 0.7,
        )
