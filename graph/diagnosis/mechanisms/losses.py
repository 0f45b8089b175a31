"""Nodes that went away, and the pods that lost their home with them.

Pods of a lost node are made anew and may find no other place: what the scheduler then says of the nodes that are left
was true before and hurt nobody. A node that was taken away on purpose, with all its work moved, is no loss.
Sources: https://kubernetes.io/docs/concepts/architecture/nodes/#condition and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from graph.diagnosis.mechanisms.scene import Scene
from graph.document import Object
from graph.evidence import SymptomEvent
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, text
from graph.version import Document

_TOOK = re.compile(
    r"spot.{0,20}interrupt|reclaim|rebalance recommendation|instance .{0,60}(terminat|stopp|retire|fail|impair"
    r"|unhealthy)|scheduled (event|retirement|maintenance)|host .{0,30}(fail|maintenance|error)|power"
    r"|system status check|preempt(ed|ion) by the provider|hardware",
    re.IGNORECASE,
)
_WANTED = re.compile(
    r"scal(e|ed|ing)[- ]?(down|in)\b|desired capacity|(rolling|node ?group|ami|kubelet|version) (update|upgrade"
    r"|replace\w*)"
    r"|removing node|underutili[sz]ed|consolidat|drain(ed|ing)|marked .{0,20}to be deleted|cordon"
    r"|NodeNotSchedulable|DisruptionTerminating|DisruptionBlocked|empty node",
    re.IGNORECASE,
)
_WITHIN = timedelta(minutes=30)
"""A pod that began to wait this soon after a node was lost may have lived there."""
_SKEW = timedelta(minutes=1)
_GONE_TAINT = re.compile(r"node\.kubernetes\.io/(unreachable|not-ready)")


class Loss(NamedTuple):
    """A node that does not answer, and what was said of it."""

    node: Document
    at: datetime | None
    """UTC; None where nothing tells when."""
    taken: SymptomEvent | None
    """What says that the provider took it away."""
    is_wanted: bool
    """The platform took it out of service on purpose."""


def losses(scene: Scene) -> tuple[Loss, ...]:
    """The nodes that are lost now."""
    return scene.once(("losses", ""), lambda: tuple(_losses(scene)))


def _losses(scene: Scene) -> Iterator[Loss]:
    for node in scene.live.of("Node"):
        ready = next((c for _, c in entries(node.body, "status", "conditions") if c.get("type") == "Ready"), None)
        if ready is None or ready.get("status") not in ("False", "Unknown"):
            continue
        said = list(scene.said(node.resource.uid, with_quiet=True))
        down = [e.at for e in said if e.at is not None and "NotReady" in e.reason]
        wanted = [e for e in said if _WANTED.search(f"{e.reason} {e.text}")]
        taken = next((e for e in said if e not in wanted and _TOOK.search(f"{e.reason} {e.text}")), None)
        is_wanted = taken is None and bool(wanted)
        at = _time(text(ready, "lastTransitionTime")) or max(down, default=None) or (taken.at if taken else None)
        yield Loss(node, at, taken, is_wanted)


def homeless(scene: Scene, workload: Workload, waiting: Sequence[Document]) -> Loss | None:
    """The lost node because of which pods of a workload wait for another; None where they wait for other reasons."""
    for loss in losses(scene):
        if any(_lost_home(loss, pod) for pod in waiting) and _ran_before(scene, workload, waiting):
            return loss
    return None


def _lost_home(loss: Loss, pod: Document) -> bool:
    if any(_GONE_TAINT.search(text(c, "message")) for _, c in entries(pod.body, "status", "conditions")):
        return True
    made = _time(text(pod.body, "metadata", "creationTimestamp")) or _time(text(pod.body, "status", "startTime"))
    return loss.at is not None and made is not None and loss.at - _SKEW <= made <= loss.at + _WITHIN


def _ran_before(scene: Scene, workload: Workload, waiting: Sequence[Document]) -> bool:
    """Whether other pods of the workload have a node: what it asks for can be met."""
    names = {p.resource.uid for p in waiting}
    return any(p.resource.uid not in names and text(p.body, "spec", "nodeName") for p in scene.pods(workload.uid))


def refusal(pod: Object) -> tuple[str, int] | None:
    """What the scheduler left in the status of a pod, and the position of that condition; None without."""
    for index, condition in entries(pod, "status", "conditions"):
        if (
            condition.get("type") == "PodScheduled"
            and condition.get("status") == "False"
            and text(condition, "message")
        ):
            return text(condition, "message"), index
    return None


def _time(said: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
