"""Incidents of EKS in the form of the set, written here: faults get their category, alarming healthy ones get none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evals.suites.opensre import SUITE

NOW = "2026-11-20T12:00:00Z"
OLD = "2026-11-20T08:00:00Z"


def pod(name: str = "api-7f9-a", *, ready: bool = True, phase: str = "Running", restarts: int = 0, **state: Any) -> Any:
    container = {"name": "api", "ready": ready, "restart_count": restarts, "state": state or {"running": True}}
    conditions = [{"type": "Ready", "status": "True" if ready else "False", "reason": "", "message": ""}]
    return {
        "name": name,
        "namespace": "shop",
        "phase": phase,
        "node_name": "node-1" if phase != "Pending" else None,
        "conditions": conditions,
        "containers": [container],
    }


def event(reason: str, message: str, *, on: str = "Pod/api-7f9-a", at: str = NOW, count: int = 5) -> Any:
    return {
        "reason": reason,
        "message": message,
        "involved_object": on,
        "last_time": at,
        "first_time": at,
        "count": count,
        "namespace": "shop",
        "type": "Warning",
    }


def log(message: str, *, status: str = "error", at: str = NOW) -> Any:
    return {"message": message, "status": status, "timestamp": at, "service": "api"}


def node(**rest: str) -> Any:
    quiet = {"ready": "True", "memory_pressure": "False", "disk_pressure": "False", "pid_pressure": "False"}
    return {"name": "node-1", **quiet, **rest}


def monitor(state: str, name: str = "[shop] api error rate", query: str = "") -> Any:
    return {"name": name, "overall_state": state, "message": "", "query": query, "type": "metric alert"}


def category(
    folder: Path,
    *,
    pods: list[Any],
    ready: int = 1,
    desired: int = 1,
    events: Sequence[Any] = (),
    logs: Sequence[Any] = (),
    nodes: list[Any] | None = None,
    monitors: Sequence[Any] = (),
    said: str = "",
) -> str:
    """Write a case, ask, and return the first category."""
    unavailable = desired - ready
    deployment = {"name": "api", "namespace": "shop", "desired": desired, "ready": ready, "available": ready}
    notes = {"summary": "api looks bad", "kube_namespace": "shop", "kube_deployment": "api"}
    files = {
        "alert": {"title": "[test] api", "commonLabels": {"alertname": "Bad"}, "commonAnnotations": notes},
        "context": {"namespace": "shop", "workload_name": "api"},
        "eks_deployments": {"deployments": [{**deployment, "unavailable": unavailable}]},
        "eks_pods": {"pods": pods},
        "eks_events": {"warning_events": [*events, event("Noise", "seen", on="Pod/other", at=NOW)]},
        "eks_node_health": {"nodes": [node()] if nodes is None else nodes},
        "datadog_logs": {"logs": [*logs, log("heartbeat", status="info")]},
        "datadog_monitors": {"monitors": list(monitors)},
        "eks_pod_logs": {"pod_name": "api-7f9-a", "namespace": "shop", "logs": said},
    }
    for name, body in files.items():
        (folder / f"{name}.json").write_text(json.dumps(body), encoding="utf-8")
    return str(SUITE.answer(SUITE.load(folder, {}), None)["ranked"][0]["category"])


CRASH = {"waiting": True, "reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "killed for memory": (
        "resource_exhaustion",
        {
            "pods": [pod(ready=False, restarts=6, **CRASH | {"message": "last terminated: reason=OOMKilled"})],
            "ready": 0,
        },
    ),
    "no node has room": (
        "resource_exhaustion",
        {
            "pods": [pod(ready=False, phase="Pending", waiting=True, reason="Pending")],
            "ready": 0,
            "events": [event("FailedScheduling", "0/1 nodes are available: 1 Insufficient memory.")],
        },
    ),
    "no node is tolerated": (
        "configuration_error",
        {
            "pods": [pod(ready=False, phase="Pending", waiting=True, reason="Pending")],
            "ready": 0,
            "events": [
                event("FailedScheduling", "0/1 nodes are available: 1 node(s) had untolerated taint {gpu: true}.")
            ],
        },
    ),
    "image does not exist": (
        "configuration_error",
        {
            "pods": [pod(ready=False, phase="Pending", waiting=True, reason="ImagePullBackOff")],
            "ready": 0,
            "events": [
                event("Failed", 'Failed to pull image "r.example/api:9": rpc error: code = NotFound desc = not found')
            ],
        },
    ),
    "a secret is missing": (
        "configuration_error",
        {
            "pods": [pod(ready=False, phase="Pending", waiting=True, reason="CreateContainerConfigError")],
            "ready": 0,
            "events": [event("Failed", 'Error: secret "api-db" not found')],
        },
    ),
    "a probe is wrong": (
        "configuration_error",
        {
            "pods": [pod(ready=False)],
            "ready": 0,
            "events": [event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404")],
        },
    ),
    "a setting is missing": (
        "configuration_error",
        {
            "pods": [pod(ready=False, restarts=5, **CRASH)],
            "ready": 0,
            "logs": [log("FATAL required environment variable DATABASE_URL is not set")],
        },
    ),
    "the code fails": (
        "code_defect",
        {
            "pods": [pod(ready=False, restarts=5, **CRASH)],
            "ready": 0,
            "logs": [log("panic: runtime error: invalid memory address or nil pointer dereference")],
        },
    ),
    "what it needs does not answer": (
        "dependency_failure",
        {
            "pods": [pod(ready=False, restarts=5, **CRASH)],
            "ready": 0,
            "logs": [log("dial tcp 10.0.0.9:9092: connect: connection refused")],
        },
    ),
    "names do not resolve": (
        "dependency_failure",
        {
            "pods": [pod(ready=False, restarts=5, **CRASH)],
            "ready": 0,
            "logs": [log("dial tcp: lookup orders.shop.svc on 10.100.0.10:53: server misbehaving")],
        },
    ),
    "a node is lost": (
        "infrastructure",
        {
            "pods": [pod(ready=False, phase="Unknown"), pod("api-7f9-b")],
            "desired": 2,
            "ready": 1,
            "nodes": [node(ready="Unknown", memory_pressure="Unknown")],
        },
    ),
    "the disk of a node is full": (
        "resource_exhaustion",
        {"pods": [pod(ready=False, phase="Failed")], "ready": 0, "nodes": [node(disk_pressure="True")]},
    ),
    "it wrote more than its disk allowance": (
        "resource_exhaustion",
        {
            "pods": [
                {
                    **pod("api-7f9-z", ready=False, phase="Failed"),
                    "reason": "Evicted",
                    "message": "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
                },
                pod(),
            ],
            "desired": 2,
            "events": [event("Evicted", "Container api exceeded its local ephemeral storage limit 1Gi.")],
        },
    ),
    "evicted pods are gone and only events tell": (
        "resource_exhaustion",
        {"pods": [pod()], "events": [event("Evicted", "The node was low on resource: ephemeral-storage.")]},
    ),
    "its threads wait for each other": (
        "code_defect",
        {
            "pods": [pod(ready=False, restarts=4)],
            "ready": 0,
            "events": [event("Unhealthy", "Liveness probe failed: context deadline exceeded", count=9)],
            "said": f"{NOW} INFO listening on :8080\n{NOW} WARN Found one Java-level deadlock: pool-1-thread-4\n",
        },
    ),
    "a process that was up stops to answer": (
        "code_defect",
        {
            "pods": [pod(ready=False, restarts=4)],
            "ready": 0,
            "events": [event("Unhealthy", "Liveness probe failed: context deadline exceeded", count=9)],
            "said": f"{NOW} INFO listening on :8080\n",
        },
    ),
    "a probe that never fitted": (
        "configuration_error",
        {
            "pods": [pod(ready=False, restarts=4)],
            "ready": 0,
            "events": [event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 404", count=9)],
        },
    ),
    "messages have another schema than before": (
        "data_quality",
        {
            "pods": [pod()],
            "logs": [log("could not deserialize record: unknown field taxRegion at offset 881")] * 4,
            "monitors": [monitor("Alert")],
        },
    ),
    "the network of pods is not set up": (
        "infrastructure",
        {
            "pods": [pod(ready=False, phase="Pending", waiting=True, reason="ContainerCreating")],
            "ready": 0,
            "events": [event("FailedCreatePodSandBox", 'plugin type="aws-cni" failed (add): add cmd: timed out')],
        },
    ),
    "what it calls answers with errors": (
        "dependency_failure",
        {
            "pods": [pod()],
            "logs": [log("GET https://rates.example/v1: 503 Service Unavailable")] * 3,
            "monitors": [monitor("Alert")],
        },
    ),
    "its exceptions trip a monitor": (
        "code_defect",
        {
            "pods": [pod()],
            "logs": [log("ERROR TypeError: undefined is not a function at price.js:31")] * 5,
            "monitors": [monitor("Alert")],
        },
    ),
    "a monitor is in alarm and nothing says why": (
        "code_defect",
        {"pods": [pod()], "monitors": [monitor("Alert")]},
    ),
    "it sheds load": (
        "resource_exhaustion",
        {"pods": [pod()], "logs": [log("ERROR worker pool exhausted, request rejected")] * 6},
    ),
    "its autoscaler reads no metrics": (
        "configuration_error",
        {
            "pods": [pod()],
            "events": [
                event("FailedGetResourceMetric", "unable to get metrics for cpu", on="HorizontalPodAutoscaler/api")
            ],
            "monitors": [monitor("Alert")],
        },
    ),
    "its autoscaler may add no more": (
        "resource_exhaustion",
        {
            "pods": [pod()],
            "events": [
                event(
                    "ScalingLimited",
                    "the desired replica count is more than the maximum replica count",
                    on="HorizontalPodAutoscaler/api",
                )
            ],
            "monitors": [monitor("Alert")],
        },
    ),
    "a batch was malformed some minutes before": (
        "data_quality",
        {
            "pods": [pod()],
            "logs": [log("318 of 320 rows rejected: column sku is empty", at="2026-11-20T11:52:00Z")],
            "monitors": [monitor("Alert")],
        },
    ),
    "a queue did not answer some minutes before": (
        "dependency_failure",
        {
            "pods": [pod()],
            "logs": [log("Connection to kafka-2:9092 could not be established", at="2026-11-20T11:52:00Z")],
            "monitors": [monitor("Alert")],
        },
    ),
    "it is not ready since its database is down": (
        "dependency_failure",
        {
            "pods": [pod(ready=False)],
            "ready": 0,
            "events": [event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", count=9)],
            "logs": [log("health: postgres ping failed: dial tcp 10.0.0.5:5432: connect: connection refused")] * 3,
        },
    ),
    "its password is refused while it runs": (
        "configuration_error",
        {
            "pods": [pod()],
            "logs": [log('FATAL: password authentication failed for user "api"', at="2026-11-20T11:54:00Z")] * 4,
            "monitors": [monitor("Alert")],
        },
    ),
    "its licence ran out": (
        "configuration_error",
        {
            "pods": [pod(ready=False, restarts=6, **CRASH)],
            "ready": 0,
            "logs": [log("license file expired on 2026-11-19, exiting")],
        },
    ),
    "its own pool is used up": (
        "resource_exhaustion",
        {
            "pods": [pod()],
            "logs": [log("HikariPool-1 - Connection is not available, pool exhausted, timed out after 30 s")] * 3,
            "monitors": [monitor("Alert")],
        },
    ),
    "a quota stops its ReplicaSet": (
        "resource_exhaustion",
        {
            "pods": [],
            "ready": 0,
            "events": [
                event(
                    "FailedCreate",
                    'pods "api-1" is forbidden: exceeded quota: q, requested: pods=1, used: pods=4, limited: pods=4',
                    on="ReplicaSet/api-7f9",
                )
            ],
        },
    ),
    "a quota is used up": (
        "resource_exhaustion",
        {
            "pods": [],
            "ready": 0,
            "events": [
                event(
                    "FailedCreate",
                    'pods "api-1" is forbidden: exceeded quota: q, requested: requests.cpu=1, used: requests.cpu=4, '
                    "limited: requests.cpu=4",
                    on="Deployment/api",
                )
            ],
        },
    ),
}


OLD_AND_NEW = [
    {**pod("api-7f9-a"), "start_time": OLD},
    {**pod("api-8aa-n", ready=False, restarts=5, **CRASH), "start_time": "2026-11-20T11:50:00Z"},
]
BACK_OFF = event("BackOff", "Back-off restarting failed container", on="Pod/api-8aa-n")
UNREADY = {
    "pods": [pod(ready=False)],
    "ready": 0,
    "events": [event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")],
}
FAULTS |= {
    "only pods of the new release do not find their peer": (
        "configuration_error",
        {
            "pods": OLD_AND_NEW,
            "desired": 2,
            "events": [BACK_OFF],
            "logs": [log("lookup rates.shop on 10.0.0.10:53: no such host")],
        },
    ),
    "only pods of the new release stumble over a message": (
        "code_defect",
        {
            "pods": OLD_AND_NEW,
            "desired": 2,
            "events": [BACK_OFF],
            "logs": [log("cannot deserialize record at offset 4711 of topic orders")],
        },
    ),
    "it complains of just what was set otherwise before": (
        "configuration_error",
        {
            "pods": [pod()],
            "logs": [
                log("flag intake.readonly turned on by the release bot", status="info", at="2026-11-20T11:50:00Z"),
                *[log("write refused: intake.readonly is set")] * 3,
            ],
            "monitors": [monitor("Alert")],
        },
    ),
    "it is not ready since its provider is down": (
        "dependency_failure",
        {
            **UNREADY,
            "logs": [log('circuit "paygate" OPEN: POST https://api.paygate.example -> 503', status="error")] * 2,
        },
    ),
    "its pods used more disk than they may, and the next one waits for their volume": (
        "resource_exhaustion",
        {
            "pods": [pod("api-7f9-b", ready=False, phase="Pending", waiting=True, reason="ContainerCreating")],
            "ready": 0,
            "events": [
                event("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 8Gi. "),
                event("FailedAttachVolume", 'Multi-Attach error for volume "pvc-1"', on="Pod/api-7f9-b"),
            ],
        },
    ),
    "it is not ready by its own fault": (
        "code_defect",
        {**UNREADY, "logs": [log("InvalidOperationException: Collection was modified at Cache.cs:52")] * 2},
    ),
}


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_fault_gets_its_category(name: str, tmp_path: Path) -> None:
    """From what the cluster shows, whatever the alert says."""
    expected, case = FAULTS[name]
    assert category(tmp_path, **case) == expected


GOING = {**pod("api-6c4-x", ready=False, restarts=3, **CRASH), "deletion_timestamp": NOW}
HEALTHY: dict[str, dict[str, Any]] = {
    "an old pod is being deleted": {"pods": [pod(), GOING]},
    "events of this morning": {"pods": [pod()], "events": [event("BackOff", "Back-off restarting", at=OLD)]},
    "it restarted once and runs": {
        "pods": [pod(restarts=1)],
        "logs": [log("connection refused, retrying", at=OLD)],
    },
    "a probe failed while it started": {
        "pods": [pod()],
        "events": [event("Unhealthy", "Readiness probe failed: connection refused", at=OLD, count=1)],
    },
    "it logs an error now and then": {"pods": [pod()], "logs": [log("timeout calling recommendations, served cached")]},
    "a rollout adds a pod": {"pods": [pod(), pod("api-8aa-n", ready=False)]},
    "an image was pulled at the second try": {
        "pods": [pod()],
        "events": [event("Failed", 'Failed to pull image "r.example/api:9": i/o timeout', at=OLD, count=1)],
    },
    "no event at all": {"pods": [pod()]},
    "its monitors are well": {"pods": [pod()], "monitors": [monitor("OK"), monitor("No Data")]},
    "errors that were followed by better news": {
        "pods": [pod()],
        "logs": [*[log("ERROR upstream timed out", at="2026-11-20T11:57:00Z")] * 5, log("upstream recovered")],
    },
    "a pod is moved to another node": {
        "pods": [pod(), pod("api-7f9-n")],
        "desired": 2,
        "ready": 2,
        "events": [event("TaintManagerEviction", "Marking for deletion Pod shop/api-7f9-a")],
    },
    "a new pod is being started": {
        "pods": [
            pod(),
            {
                **pod("api-8aa-n", ready=False, phase="Pending", waiting=True, reason="ContainerCreating"),
                "start_time": "2026-11-20T11:59:30Z",
            },
        ],
        "desired": 2,
        "ready": 1,
    },
    "pods of a job that are done": {
        "pods": [pod(), {**pod("report-1", ready=False, phase="Succeeded", terminated=True), "start_time": OLD}],
    },
    "evicted pods that nobody has deleted": {
        "pods": [
            pod(),
            {
                **pod("api-7f9-old", ready=False, phase="Failed"),
                "reason": "Evicted",
                "message": "low on resource: memory",
            },
        ],
    },
    "warnings while all is well": {
        "pods": [pod()],
        "logs": [log("DeprecationWarning: use v2 of the client", status="warn")] * 5,
    },
    "clients ask for what does not exist": {
        "pods": [pod()],
        "logs": [log("GET /x 404 not found", status="warn")] * 5,
    },
    "it is busy, and answers as usual": {
        "pods": [pod()],
        "monitors": [monitor("OK"), monitor("Alert", "[shop] api CPU above 80 %")],
    },
    "it restarted often, a week ago": {
        "pods": [pod(restarts=14)],
        "monitors": [monitor("OK"), monitor("Alert", "[shop] api container restarts")],
    },
    "it ranks below all others and gave way to one of them": {
        "pods": [pod("api-7f9-b", ready=False, phase="Pending", waiting=True, reason="Pending")],
        "ready": 0,
        "events": [
            event("Preempted", "Preempted by pod web-6d-x (priority 1000 > -10) on node node-1"),
            event("FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.", on="Pod/api-7f9-b"),
        ],
    },
    "its autoscaler is at the limit, and that suffices": {
        "pods": [pod()],
        "events": [event("ScalingLimited", "more than the maximum replica count", on="HorizontalPodAutoscaler/api")],
        "monitors": [monitor("OK"), monitor("Alert", "[shop] HPA at its maximum")],
    },
    "its node was drained before it went": {
        "pods": [pod()],
        "events": [event("NodeNotReady", "Node is not ready", on="Node/node-2")],
        "logs": [{**log("draining node-2 for an upgrade", status="info"), "service": "node-group"}],
        "nodes": [node(), {**node(ready="False"), "name": "node-2"}],
        "monitors": [monitor("OK")],
    },
    "its log has levels of one letter": {
        "pods": [pod()],
        "said": "2026-11-20 12:00:00 +0000 I [job] failed=0 error=0\nI1120 12:00:00.1 1 main.go:8] no error found\n"
        * 3,
    },
    "another service is in alarm": {
        "pods": [pod()],
        "monitors": [monitor("Alert", "[shop] mail errors", "sum:errors{service:mail} > 3")],
    },
    "what it says of itself is good": {
        "pods": [pod()],
        "said": f"{NOW} INFO handled 502 requests, 0 failed\n{NOW} INFO handled 504 requests, 0 failed\n",
    },
}


@pytest.mark.parametrize("name", list(HEALTHY))
def test_an_alarming_alert_on_a_healthy_workload_is_no_fault(name: str, tmp_path: Path) -> None:
    """What is over, expected or served in spite of it."""
    assert category(tmp_path, **HEALTHY[name]) == "healthy"
