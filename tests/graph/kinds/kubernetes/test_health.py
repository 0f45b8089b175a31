"""Faults of Kubernetes objects: what is claimed, where it was read, and what is not claimed."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from graph.document import get
from graph.fault import Fault, FaultSeverity
from graph.kinds.kubernetes.health import faults
from graph.kinds.kubernetes.parse import expand, parse
from graph.version import Document
from tests.graph.kinds.kubernetes.objects import app, deployment, pod, read, service, uid

READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
UNREADY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]}


def reasons(*documents: Document) -> list[str]:
    return [f.reason for f in faults(documents)]


def container(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"phase": "Running", "containerStatuses": [{"name": "main", "state": state, **more}]}


def test_every_fault_cites_what_it_was_read_from() -> None:
    """The pointer of a fault leads to the value it carries."""
    web = deployment("web", metadata={"uid": "1"}, container={"envFrom": [{"secretRef": {"name": "gone"}}]}, replicas=2)
    web.body["status"] = {"observedGeneration": 1, "conditions": [{"type": "Available", "status": "False"}]}
    documents = [
        web,
        read("Secret", "other"),
        pod("web-a", status=container({"waiting": {"reason": "CrashLoopBackOff"}})),
        service("web", target="http"),
        read("PersistentVolumeClaim", "disk", status={"phase": "Pending"}),
    ]
    bodies = {d.resource.uid: d.body for d in documents}
    found = faults(documents)
    assert len(found) >= 6
    for fault in found:
        if fault.reason != "NotReady":
            assert get(bodies[fault.uid], fault.path) == fault.value


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(container({"waiting": {"reason": "ImagePullBackOff"}}), ["ImagePullBackOff"], id="image"),
        pytest.param(
            container({"waiting": {"reason": "CreateContainerConfigError"}}),
            ["CreateContainerConfigError"],
            id="config",
        ),
        pytest.param(container({"waiting": {"reason": "ContainerCreating"}}), [], id="starting"),
        pytest.param(
            container({"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": {"reason": "OOMKilled"}}),
            ["CrashLoopBackOff", "OOMKilled"],
            id="memory",
        ),
        pytest.param(container({"terminated": {"exitCode": 1, "reason": "Error"}}), ["Error"], id="exited"),
        pytest.param(container({"terminated": {"exitCode": 0, "reason": "Completed"}}), [], id="completed"),
        pytest.param(container({"running": {}}, lastState={"terminated": {"exitCode": 1}}), [], id="recovered"),
        pytest.param(
            {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False"}]},
            ["Unschedulable"],
            id="unschedulable",
        ),
        pytest.param({"phase": "Pending"}, [], id="pending-without-a-word"),
        pytest.param(UNREADY, ["ContainersNotReady"], id="not-ready"),
        pytest.param({"phase": "Failed", "reason": "Evicted"}, ["Evicted"], id="evicted"),
        pytest.param({"phase": "Succeeded", "conditions": UNREADY["conditions"]}, [], id="finished"),
        pytest.param(READY, [], id="ready"),
        pytest.param({}, [], id="silent"),
    ],
)
def test_pods(status: dict[str, Any], expected: list[str]) -> None:
    """A pod's own words become faults; a start or an end in order does not."""
    assert reasons(pod("web-a", status=status)) == expected


def test_a_pod_on_its_way_out_has_no_fault() -> None:
    """A pod that is being deleted is unready on purpose."""
    assert reasons(pod("web-a", status=UNREADY, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})) == []


def test_since_is_what_the_platform_says() -> None:
    """The time of a condition is its last transition, in UTC."""
    condition = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T01:00:00+01:00"}
    [found] = faults([pod("web-a", status={"phase": "Running", "conditions": [condition]})])
    assert found.since == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "replicas", "expected"),
    [
        pytest.param({"observedGeneration": 1, "readyReplicas": 2}, 2, [], id="ready"),
        pytest.param({"observedGeneration": 1, "readyReplicas": 1}, 2, [FaultSeverity.DEGRADED], id="partly"),
        pytest.param({"observedGeneration": 1}, 2, [FaultSeverity.FAILING], id="none"),
        pytest.param({"observedGeneration": 1}, 0, [], id="scaled-to-zero"),
        pytest.param({}, 2, [], id="no-status"),
    ],
)
def test_replicas(status: dict[str, Any], replicas: int, expected: list[FaultSeverity]) -> None:
    """Fewer ready pods than wanted is a fault; no status is no claim, and zero is a wish."""
    assert [f.severity for f in faults([deployment("web", replicas=replicas, status=status)])] == expected


def test_plain_manifests_claim_nothing_about_pods() -> None:
    """A dump without status shows no fault where nothing is missing."""
    job = read("Pod", "test-a", spec={"containers": [{"name": "c", "image": "x"}]})
    assert reasons(deployment("web", replicas=3), service("web"), job) == []


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([pod("web-a", status=READY)], [], id="ready"),
        pytest.param([pod("web-a", status=READY), pod("web-b", status=UNREADY)], ["ContainersNotReady"], id="one-left"),
        pytest.param([pod("web-a", status=UNREADY)], ["NoReadyPods", "ContainersNotReady"], id="none-ready"),
        pytest.param([pod("api-a", status=READY)], ["NoPods"], id="none"),
        pytest.param([pod("web-a", status={})], [], id="silent"),
    ],
)
def test_service_without_ready_pods(pods: list[Document], expected: list[str]) -> None:
    """A Service fails when all pods behind it say that they are not ready, or none runs in a live cluster."""
    assert reasons(service("web"), deployment("web"), *pods) == expected


def test_selector_that_matches_nothing() -> None:
    """A Service whose selector fits neither pods nor templates beside it."""
    [found] = faults([service("web"), deployment("api")])
    assert (found.uid, found.reason, found.path) == (uid("Service", "web"), "SelectorMatchesNothing", "/spec/selector")
    assert reasons(service("web"), deployment("web", namespace="other")) == []


def test_service_of_a_workload_scaled_to_zero() -> None:
    """Nobody wants pods there."""
    assert reasons(service("web"), deployment("web", replicas=0), pod("api-a", status=READY)) == []


def test_named_target_port_that_nobody_has() -> None:
    """A port by name must be a port of some container behind the Service."""
    web = deployment("web", container={"ports": [{"name": "http", "containerPort": 80}]})
    assert reasons(service("web", target="http"), web) == []
    [found] = faults([service("web", target="grpc"), web])
    assert (found.reason, found.path, found.value) == ("MissingTargetPort", "/spec/ports/0/targetPort", "grpc")


def env(kind: str, name: str, key: str = "k", *, optional: bool = False) -> dict[str, Any]:
    field = {"Secret": "secretKeyRef", "ConfigMap": "configMapKeyRef"}[kind]
    return {"env": [{"name": "X", "valueFrom": {field: {"name": name, "key": key, "optional": optional}}}]}


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        pytest.param(deployment("web", container=env("Secret", "there")), [], id="there"),
        pytest.param(deployment("web", container=env("Secret", "gone")), ["MissingSecret"], id="secret"),
        pytest.param(deployment("web", container=env("Secret", "gone", optional=True)), [], id="optional"),
        pytest.param(deployment("web", container=env("Secret", "there", "q")), ["MissingSecretKey"], id="secret-key"),
        pytest.param(deployment("web", container=env("ConfigMap", "gone")), ["MissingConfigMap"], id="config"),
        pytest.param(deployment("web", container=env("ConfigMap", "there", "q")), ["MissingConfigMapKey"], id="key"),
        pytest.param(deployment("web", container=env("Secret", "gone"), replicas=0), [], id="scaled-to-zero"),
        pytest.param(deployment("web", serviceAccountName="gone"), ["MissingServiceAccount"], id="account"),
        pytest.param(deployment("web", serviceAccountName="default"), [], id="default-account"),
        pytest.param(deployment("web", imagePullSecrets=[{"name": "gone"}]), [], id="pull-secret"),
    ],
)
def test_missing_references(workload: Document, expected: list[str]) -> None:
    """What a pod needs to start must exist, with the key it asks for."""
    there = [read("Secret", "there", data={"k": "dg=="}), read("ConfigMap", "there", data={"k": "v"})]
    found = faults([workload, *there, read("ServiceAccount", "web")])
    assert [f.reason for f in found] == expected
    assert all(f.uid == app("web") and f.target for f in found)


def test_nothing_is_missed_where_nothing_of_its_kind_is_shown() -> None:
    """Secrets that nobody may read are not missing, and a Secret without contents shows no keys."""
    web = deployment("web", container=env("Secret", "gone"))
    assert reasons(web) == []
    assert reasons(deployment("web", container=env("Secret", "there")), read("Secret", "there")) == []


def test_a_dump_without_namespaces_may_be_applied_anywhere() -> None:
    """A workload that names no namespace may belong where the object that it uses is."""
    body = deployment("web", container=env("ConfigMap", "conf")).body
    body = {**body, "metadata": {"name": "web"}}
    web = parse(body, cluster="demo", salt=b"salt")
    documents = [web, read("ConfigMap", "conf"), read("ConfigMap", "x", namespace="default")]
    assert reasons(*documents) == []


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            read("Job", "j", api="batch/v1", status={"conditions": [{"type": "Failed", "status": "True"}]}),
            ["JobFailed"],
            id="job",
        ),
        pytest.param(
            read(
                "HorizontalPodAutoscaler",
                "h",
                api="autoscaling/v2",
                status={"conditions": [{"type": "AbleToScale", "status": "False", "reason": "FailedGetScale"}]},
            ),
            ["FailedGetScale"],
            id="autoscaler",
        ),
        pytest.param(
            read(
                "HorizontalPodAutoscaler",
                "h",
                api="autoscaling/v2",
                status={"conditions": [{"type": "ScalingActive", "status": "False", "reason": "ScalingDisabled"}]},
            ),
            [],
            id="autoscaler-off",
        ),
        pytest.param(read("PersistentVolumeClaim", "p", status={"phase": "Bound"}), [], id="bound"),
        pytest.param(read("PersistentVolumeClaim", "p", status={"phase": "Lost"}), ["ClaimLost"], id="lost"),
        pytest.param(
            read(
                "Node",
                "n",
                status={"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]},
            ),
            ["NodeStatusUnknown"],
            id="node",
        ),
    ],
)
def test_other_kinds(document: Document, expected: list[str]) -> None:
    """Conditions and phases of the other kinds."""
    assert reasons(document) == expected


@pytest.mark.shared
@pytest.mark.parametrize(
    "path",
    [
        "microservices-demo/release/kubernetes-manifests.yaml",
        "opentelemetry-demo/2024-02-20-6f38f5f4.yaml",
        "opentelemetry-demo/2025-10-07-59c9b2ca.yaml",
    ],
)
def test_public_manifests_have_no_faults(shared: Path, path: str) -> None:
    """Plain manifests of applications that work show nothing wrong."""
    bodies = yaml.safe_load_all((shared / "data/app-manifests" / path).read_text())
    assert faults([parse(b, cluster="c", salt=b"s") for body in bodies if body for b in expand(body)]) == []


@pytest.mark.shared
def test_edits_of_a_live_cluster_show(shared: Path) -> None:
    """A changed selector and a deleted ServiceAccount are faults of the edited dump and not of the untouched one."""

    def read_dump(name: str) -> dict[tuple[str, str], Fault]:
        body = json.loads(gzip.decompress((shared / "data/k8s-live" / name).read_bytes()))
        found = faults([parse(b, cluster="c", salt=b"s") for b in expand(body)])
        return {(f.reason, f.uid.rsplit("/", 1)[-1]): f for f in found}

    before, after = read_dump("live-0-untouched.json.gz"), read_dump("live-1-edited.json.gz")
    new = {key for key in after.keys() - before.keys() if key[0] not in ("NoReadyPods", "NotReady")}
    assert new == {
        ("SelectorMatchesNothing", "productcatalogservice"),
        ("MissingServiceAccount", "shippingservice"),
    }
