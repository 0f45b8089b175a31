"""Nodes that went away with the pods on them, nodes that were taken out of service, and pods that are done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from graph.document import Object
from graph.evidence import SymptomEvent
from tests.graph.builders import k8s, manifest, workload
from tests.graph.diagnosis.mechanisms.scenes import NOW, WEB, event, everything, found, node, pod

LOST, NODE = k8s("Node", "n2", namespace=None), k8s("Node", "n1", namespace=None)
TAINTED = "0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: system}."
FULL = "0/1 nodes are available: 1 Insufficient cpu."


def at(minutes: float) -> str:
    return (NOW - timedelta(minutes=minutes)).isoformat()


def lost(name: str = "n2", *, status: str = "Unknown", ago: float = 15) -> Object:
    body = node(name)
    body["status"] = {"conditions": [{"type": "Ready", "status": status, "lastTransitionTime": at(ago)}]}
    return body


def waits(name: str = "web-2", *, made: float = 14, said: str = TAINTED) -> Object:
    """A pod without a node, made so many minutes ago."""
    body = pod("web", phase="Pending", ready=False, node="")
    body["metadata"] |= {"name": name, "uid": name, "creationTimestamp": at(made)}
    refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said}
    body["status"] = {"phase": "Pending", "conditions": [refused]}
    return body


def first(objects: list[Object], said: list[SymptomEvent] | None = None) -> tuple[str, str]:
    best = max(everything(objects, said or ()), key=lambda m: m.strength)
    return best.kind, best.resource


SPOT = event(LOST, "TerminatingOnSpotInterruption", "Spot interruption notice: will be reclaimed", ago=1000)
RETIRED = event(LOST, "InstanceStatus", "instance i-1 is scheduled for retirement", ago=1000)
SOME = [workload("web", replicas=2, ready=1), pod("web"), node("n1")]

LOSSES: dict[str, tuple[str, list[Object], list[SymptomEvent]]] = {
    "the provider reclaimed it": ("node_reclaimed", [*SOME, lost(), waits()], [SPOT]),
    "its hardware was retired": ("node_reclaimed", [*SOME, lost(), waits()], [RETIRED]),
    "it went silent, and the others are full": ("kubelet_down", [*SOME, lost(), waits(said=FULL)], []),
    "it says that it is not ready": ("node_not_ready", [*SOME, lost(status="False"), waits(said=FULL)], []),
    "when it went is told by an event": (
        "kubelet_down",
        [*SOME, lost(ago=15) | {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}, waits()],
        [event(LOST, "NodeNotReady", "Node n2 status is now: NodeNotReady", ago=900)],
    ),
    "the scheduler names the taint of lost nodes": (
        "kubelet_down",
        [
            *SOME,
            lost(ago=200),
            waits(made=60, said="1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }"),
        ],
        [],
    ),
}


@pytest.mark.parametrize("name", list(LOSSES))
def test_pods_that_lost_their_node_blame_it(name: str) -> None:
    """What the scheduler says of the nodes that are left follows from the loss."""
    kind, objects, said = LOSSES[name]
    assert first(objects, said) == (kind, LOST)


OTHERS: dict[str, tuple[str, list[Object]]] = {
    "they waited before it was lost": ("insufficient_cpu", [*SOME, lost(ago=15), waits(made=90, said=FULL)]),
    "they wait long after": ("insufficient_cpu", [*SOME, lost(ago=300), waits(made=20, said=FULL)]),
    "none of them ever had a node": (
        "untolerated_taint",
        [workload("web", replicas=1, ready=0), node("n1"), lost(), waits()],
    ),
    "no node was lost": ("insufficient_cpu", [*SOME, waits(said=FULL)]),
}


@pytest.mark.parametrize("name", list(OTHERS))
def test_pods_that_wait_for_other_reasons_do_not(name: str) -> None:
    """The scheduler's word in the status of a pod is as good as its event."""
    kind, objects = OTHERS[name]
    assert (kind, WEB) in {(m.kind, m.resource) for m in everything(objects) if m.strength >= 0.5}


def test_a_node_that_was_emptied_before_it_went_is_no_loss() -> None:
    """The autoscaler removes what it does not need; its pods run elsewhere."""
    down = event(LOST, "ScaleDown", "node removed by cluster autoscaler", ago=1000)
    assert found([workload("web", replicas=1, ready=1), pod("web"), node("n1"), lost()], [down]) == {}


def _done(of: str, phase: str = "Succeeded", **owner: Any) -> Object:
    body = manifest("Pod", of, metadata={"uid": of, "ownerReferences": [owner] if owner else []})
    body["spec"] = {"containers": [{"name": "app"}], "nodeName": "n1"}
    ready = {"type": "Ready", "status": "False", "reason": "PodCompleted"}
    body["status"] = {"phase": phase, "startTime": at(60), "conditions": [ready]}
    return body


JOB = manifest("Job", "report", spec={"template": {"spec": {"containers": [{"name": "app"}]}}, "completions": 1})
OF_JOB = {"apiVersion": "batch/v1", "kind": "Job", "name": "report", "controller": True}


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param([_done("batch-1"), _done("batch-2")], id="pods of nobody"),
        pytest.param([JOB, _done("report-1", **OF_JOB)], id="pods of a job"),
        pytest.param([JOB, _done("report-0", "Failed", **OF_JOB), _done("report-1", **OF_JOB)], id="at the second try"),
        pytest.param(
            [JOB | {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}], id="a job without its pods"
        ),
    ],
)
def test_pods_that_are_done_are_no_trouble(objects: list[Object]) -> None:
    """Not ready is what a finished pod is."""
    assert found([*objects, node("n1")]) == {}


def test_a_pod_of_nobody_that_failed_is_one() -> None:
    """Done is not the same as ended."""
    assert found([_done("batch-1", "Failed"), node("n1")]) != {}


def named(name: str, home: str, *, ready: bool) -> Object:
    """A pod of `web` by its own name."""
    body = pod("web", node=home, ready=ready)
    body["metadata"] |= {"name": name, "uid": name}
    return body


TOGETHER = [workload("web", replicas=4, ready=2), node("n1"), node("n2")]


@pytest.mark.parametrize(
    ("homes", "kinds"),
    [
        pytest.param(("n2", "n2", "n1", "n1"), ["node_unwell"], id="on one node only"),
        pytest.param(("n2", "n1", "n1", "n2"), [], id="on two nodes"),
        pytest.param(("n2", "n2", "n2", "n1"), [], id="not all on that node"),
    ],
)
def test_pods_that_fail_on_one_node_only_blame_it(homes: tuple[str, ...], kinds: list[str]) -> None:
    """Two of four fail; what pods that are made alike do not share is their node."""
    pods = [named(f"web-{i}", home, ready=i > 1) for i, home in enumerate(homes)]
    assert list(found([*TOGETHER, *pods])) == kinds


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        pytest.param("Terminating EC2 instance i-1 due to a scale-in policy", [], id="on purpose"),
        pytest.param("instance i-1 was stopped: host failure", ["node_reclaimed"], id="not on purpose"),
    ],
)
def test_an_instance_that_was_ended_on_purpose_is_no_loss(text: str, kinds: list[str]) -> None:
    """Both say that an instance ended."""
    said = [event(LOST, "InstanceEnded", text, ago=1000)]
    assert list(found([workload("web", replicas=1, ready=1), pod("web"), node("n1"), lost()], said)) == kinds
