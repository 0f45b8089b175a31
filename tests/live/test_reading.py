"""What a real API server holds is read whole and compared as its authors meant it, whatever versions it serves."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from graph.drift import DriftReport, compare
from graph.kinds.kubernetes.parse import parse
from graph.version import Snapshot
from tests.live.conftest import Cluster, soon
from tools.adapters.kubernetes_api import KubernetesApi

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

Object = dict[str, Any]


def _read(cluster: Cluster) -> Snapshot:
    api = KubernetesApi("api", kubeconfig=cluster.kubectl.kubeconfig, cluster="real", salt=b"s", read_secrets=True)
    return api.read()


def _compared(cluster: Cluster, *bodies: Object) -> DriftReport:
    snapshot = _read(cluster)
    declared = [parse(body, cluster="real", default_namespace="shop", salt=b"s") for body in bodies]
    return compare(
        intended=declared,
        applied=None,
        actual=snapshot.documents,
        unreadable=snapshot.unreadable,
        only=frozenset(d.resource.uid for d in declared),
    )


def _paths(report: DriftReport) -> list[str]:
    return [f"{f.resource.kind}{f.path}" for f in report.findings]


def _deployment(name: str, **spec: object) -> Object:
    pod = {"containers": [{"name": "app", "image": "registry.example/app:1"}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


def _server_side(cluster: Cluster, manager: str, *bodies: Object) -> None:
    options = ("apply", "--server-side", f"--field-manager={manager}", "--validate=false", "-f", "-")
    cluster.run(*options, objects=bodies, by=cluster.deployer)


def test_every_kind_of_a_fresh_server_is_read(cluster: Cluster) -> None:
    """Whatever versions it serves: nothing of it is unreadable."""
    snapshot = _read(cluster)
    assert not snapshot.unreadable
    assert len({d.resource.kind for d in snapshot.documents}) > 10


def test_fields_of_several_managers(cluster: Cluster) -> None:
    """Each owns what it applied of one declaration: no finding; what somebody else takes from them is one."""
    declared = _deployment("shared", minReadySeconds=3, replicas=3)
    _server_side(cluster, "deploy-bot", _deployment("shared", minReadySeconds=3))
    part: Object = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": declared["metadata"]}
    _server_side(cluster, "capacity", part | {"spec": {"replicas": 3}})
    assert _paths(_compared(cluster, declared)) == []
    patch = '{"spec": {"minReadySeconds": 9}}'
    cluster.run("patch", "deployment", "shared", "-n", "shop", "-p", patch, "--field-manager=kubectl-edit")
    report = _compared(cluster, declared)
    assert _paths(report) == ["Deployment/spec/minReadySeconds"]
    assert report.findings[0].manager == "kubectl-edit"


def test_autoscaler_moves_replicas(cluster: Cluster) -> None:
    """Of what it scales; what nobody scales is drift."""
    served = cluster.kubectl.served()["autoscaling", "HorizontalPodAutoscaler"]
    bodies = [_deployment("scaled", replicas=2), _deployment("fixed", replicas=2)]
    for version in sorted(served):
        metrics: Object = {"targetCPUUtilizationPercentage": 70}
        if version != "autoscaling/v1":
            resource: Object = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
            if version.endswith("v2beta1"):
                resource = {"name": "cpu", "targetAverageUtilization": 70}
            metrics = {"metrics": [{"type": "Resource", "resource": resource}]}
        scaler = {
            "apiVersion": version,
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "scaled", "namespace": "shop"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"},
                "minReplicas": 2,
                "maxReplicas": 9,
                **metrics,
            },
        }
        cluster.apply(*bodies, scaler, by=cluster.deployer)
        assert _paths(_compared(cluster, *bodies, scaler)) == [], version
        for name in ("scaled", "fixed"):
            cluster.run("scale", "deployment", name, "--replicas=4", "-n", "shop")
        found = _compared(cluster, *bodies, scaler).findings
        assert [(f.resource.name, f.path) for f in found] == [("fixed", "/spec/replicas")], version
        cluster.run("delete", "hpa", "scaled", "-n", "shop")


WIDGET = {
    "apiVersion": "example.com/v1",
    "kind": "Gizmo",
    "metadata": {"name": "one", "namespace": "shop"},
    "spec": {"size": 2, "rules": [{"from": "a"}]},
}


def _definition() -> Object:
    rule = {"type": "object", "properties": {"from": {"type": "string"}, "mode": {"type": "string", "default": "any"}}}
    properties = {
        "size": {"type": "integer"},
        "color": {"type": "string", "default": "red"},
        "rules": {"type": "array", "items": rule},
    }
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gizmos.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Gizmo", "plural": "gizmos", "singular": "gizmo", "listKind": "GizmoList"},
            "versions": [version],
        },
    }


def test_custom_kind_with_defaults(cluster: Cluster) -> None:
    """The server fills in what the definition says, in entries of lists, too: no finding; an edit is one."""
    cluster.apply(_definition(), by=cluster.deployer)
    cluster.run("wait", "--for=condition=established", "crd/gizmos.example.com", "--timeout=30s")
    soon(lambda: cluster.deployer.run("apply", "-f", "-", objects=[WIDGET]).returncode == 0)
    assert '"mode":"any"' in cluster.run("get", "--raw", "/apis/example.com/v1/namespaces/shop/gizmos/one")
    assert _paths(_compared(cluster, _definition(), WIDGET)) == []
    cluster.run("patch", "gizmo", "one", "-n", "shop", "--type=merge", "-p", '{"spec": {"size": 5}}')
    assert _paths(_compared(cluster, _definition(), WIDGET)) == ["Gizmo/spec/size"]


def test_api_group_whose_server_is_away(cluster: Cluster) -> None:
    """It is a named gap, and all the rest is read."""
    body = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.nowhere.example.com"},
        "spec": {
            "group": "nowhere.example.com",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 10,
            "insecureSkipTLSVerify": True,
            "service": {"name": "nowhere", "namespace": "shop"},
        },
    }
    before = len(_read(cluster).documents)
    cluster.apply(body)
    try:
        soon(lambda: _read(cluster).unreadable)
        snapshot = _read(cluster)
        assert len(snapshot.documents) >= before
        assert [u.scopes for u in snapshot.unreadable] == [("k8s://real/nowhere.example.com/",)]
    finally:
        cluster.run("delete", "apiservice", "v1.nowhere.example.com")
    soon(lambda: not _read(cluster).unreadable)


def test_signing_request_in_the_version_that_is_served(cluster: Cluster, tmp_path: Path) -> None:
    """And CronJobs, budgets and slices in the oldest one, declared in it."""
    served = cluster.kubectl.served()
    bodies: list[Object] = [
        _of(served, "batch", "CronJob", "old", _cron()),
        _of(
            served, "policy", "PodDisruptionBudget", "old", {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}
        ),
    ]
    slices = _of(served, "discovery.k8s.io", "EndpointSlice", "old", None)
    slices |= {"addressType": "IPv4", "endpoints": [{"addresses": ["10.9.9.9"]}], "ports": [{"name": "a", "port": 80}]}
    cluster.apply(*bodies, slices, by=cluster.deployer)
    request = _request(tmp_path)
    spec = {"request": request, "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}
    signing = _of(served, "certificates.k8s.io", "CertificateSigningRequest", "old", spec)
    del signing["metadata"]["namespace"]
    cluster.apply(signing, by=cluster.deployer)
    assert _paths(_compared(cluster, *bodies, slices, signing)) == []
    newest = [b | {"apiVersion": b["apiVersion"].partition("/")[0] + "/v1"} for b in bodies]
    assert _paths(_compared(cluster, *newest, slices)) == []


def test_events_of_both_groups_are_told_once(cluster: Cluster) -> None:
    """The same objects are served by the core group and by `events.k8s.io`."""
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "seen.1", "namespace": "shop"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "example.com/tester",
        "reportingInstance": "tester-1",
        "action": "Looking",
        "reason": "Seen",
        "regarding": {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings", "namespace": "shop"},
        "note": "it was seen",
        "type": "Normal",
    }
    cluster.kubectl.run("create", "-f", "-", objects=[event])
    api = KubernetesApi("api", kubeconfig=cluster.kubectl.kubeconfig, cluster="real", salt=b"s")
    told = [s for s in api.symptoms(datetime(2025, 1, 1, tzinfo=UTC)) if s.text == "it was seen"]
    assert [s.resource for s in told] == ["k8s://real/core/ConfigMap/shop/settings"]


def _of(served: dict[tuple[str, str], set[str]], group: str, kind: str, name: str, spec: Object | None) -> Object:
    """An object in the oldest version that the server has."""
    version = max(served[group, kind], key=lambda v: ("beta" in v, v))
    body: Object = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}}
    return body if spec is None else body | {"spec": spec}


def _cron() -> Object:
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "registry.example/a:1"}]}
    return {"schedule": "0 3 * * *", "suspend": True, "jobTemplate": {"spec": {"template": {"spec": pod}}}}


def _request(folder: Path) -> str:
    command: Sequence[str] = (
        "openssl",
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "key",
        "-subj",
        "/CN=a",
    )
    made = subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return base64.b64encode(made.stdout).decode()
