"""Servers of other versions: what they drop, complete and rename is no drift, and what people change is."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml

from graph.document import ABSENT, get, put
from graph.kinds.kubernetes.defaults import known_defaults
from graph.kinds.kubernetes.versions import DATA, newest_minor
from tests.graph.kinds.kubernetes.build import found, managed, objects, report

Object = dict[str, Any]


def one(text: str) -> Object:
    body: Object = yaml.safe_load(text)
    return body


def services(*names: str) -> list[Object]:
    return [
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": n}, "spec": {}}
        for n in names
    ]


NEW = ("v1.apps", "v1.policy", "v2.autoscaling", "v1.flowcontrol.apiserver.k8s.io", "v1.resource.k8s.io")


@pytest.mark.parametrize(
    ("names", "minor"),
    [
        ((), None),
        (("v1.batch",), None),
        (NEW, None),
        (("v1.apps", "v1beta1.extensions"), 20),
        ((*NEW[:3], "v1beta3.flowcontrol.apiserver.k8s.io"), 28),
        (NEW[:4], 33),
    ],
    ids=["nothing seen", "not all seen", "recent", "oldest", "in between", "almost recent"],
)
def test_bounds_the_version_by_the_groups_that_are_served(names: tuple[str, ...], minor: int | None) -> None:
    """Retired groups that are there, and newer ones that are not, bound it from above; without a list nothing does."""
    assert newest_minor(names) == minor


JOB = one("""
apiVersion: batch/v1
kind: Job
metadata: {name: j, namespace: shop}
spec:
  completionMode: Indexed
  backoffLimitPerIndex: 1
  template: {spec: {restartPolicy: Never, containers: [{name: j, image: "j:1"}]}}
""")


def test_a_field_that_an_old_server_dropped_is_not_comparable() -> None:
    """It is drift on a server that has the field, or may have it."""
    live = put(put(copy.deepcopy(JOB), "/spec/completionMode", ABSENT), "/spec/backoffLimitPerIndex", ABSENT)
    old = report([JOB], [live, *services("v1.apps", "v1beta1.extensions")])
    assert found(old) == []
    assert {(f.path, f.verdict.value, f.rule) for f in old.tolerated if f.resource.kind == "Job"} == {
        ("/spec/backoffLimitPerIndex", "not_comparable", "N24"),
        ("/spec/completionMode", "not_comparable", "N24"),
    }
    assert len(report([JOB], [live, *services(*NEW)]).findings) == 2
    assert len(report([JOB], [live]).findings) == 2


DECLARED = one("""
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 5
  metrics:
  - {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 0.5Gi}}}
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}
  - type: Pods
    pods: {metric: {name: rps, selector: {matchLabels: {a: b}}}, target: {type: AverageValue, averageValue: "1"}}
  - type: Object
    object: {describedObject: {kind: Ingress, name: main}, metric: {name: hits}, target: {type: Value, value: 2k}}
  - {type: External, external: {metric: {name: queue}, target: {type: AverageValue, averageValue: "30"}}}
  behavior: {scaleDown: {stabilizationWindowSeconds: 60}}
""")
OLD_METRICS = [
    {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "512Mi"}},
    {"type": "Pods", "pods": {"metricName": "rps", "selector": {"matchLabels": {"a": "b"}}, "targetAverageValue": "1"}},
    {
        "type": "Object",
        "object": {"target": {"kind": "Ingress", "name": "main"}, "metricName": "hits", "targetValue": "2000"},
    },
    {"type": "External", "external": {"metricName": "queue", "targetAverageValue": "30"}},
]
OLD_BEHAVIOR = {
    "ScaleUp": None,
    "ScaleDown": {
        "StabilizationWindowSeconds": 60,
        "SelectPolicy": "Max",
        "Policies": [{"Type": "Percent", "Value": 100, "PeriodSeconds": 15}],
    },
}


def as_v1() -> Object:
    """The same autoscaler as a server shows it that prefers autoscaling/v1."""
    prefix = "autoscaling.alpha.kubernetes.io/"
    books = {
        f"{prefix}metrics": json.dumps(OLD_METRICS),
        f"{prefix}behavior": json.dumps(OLD_BEHAVIOR),
        f"{prefix}conditions": "[]",
    }
    spec = {k: DECLARED["spec"][k] for k in ("scaleTargetRef", "maxReplicas")}
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {**DECLARED["metadata"], "annotations": books},
        "spec": {**spec, "minReplicas": 1, "targetCPUUtilizationPercentage": 60},
    }


def as_v2beta1() -> Object:
    cpu = {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 60}}
    spec = {**DECLARED["spec"], "metrics": [*OLD_METRICS, cpu]}
    return {**DECLARED, "apiVersion": "autoscaling/v2beta1", "spec": spec}


VERSIONS = {"v1": as_v1, "v2beta1": as_v2beta1, "v2beta2": lambda: {**DECLARED, "apiVersion": "autoscaling/v2beta2"}}


@pytest.mark.parametrize("build", VERSIONS.values(), ids=VERSIONS.keys())
def test_an_autoscaler_is_the_same_in_every_version(build: Any) -> None:
    """Metrics and behaviour in annotations, in older forms and in another order say the same, in either direction."""
    assert found(report([DECLARED], [build()])) == []
    assert found(report([build()], [DECLARED])) == []


def test_a_changed_metric_in_an_annotation_is_found() -> None:
    """What changed inside the annotation is named where the declaration has it."""
    live = as_v1()
    metrics = copy.deepcopy(OLD_METRICS)
    metrics[0]["resource"]["targetAverageValue"] = "1Gi"  # type: ignore[index]
    live["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/metrics"] = json.dumps(metrics)
    (finding,) = report([DECLARED], [live]).findings
    assert finding.path == "/spec/metrics/0/resource/target/averageValue"


LIMITS = one("""
apiVersion: v1
kind: LimitRange
metadata: {name: l, namespace: shop}
spec:
  limits:
  - {type: Container, max: {cpu: "2"}, min: {cpu: 10m, memory: 8Mi}, default: {memory: 64Mi}}
  - {type: Pod, max: {cpu: "4"}}
""")


def test_limits_are_completed_one_by_one() -> None:
    """The highest amount becomes the default, the default the request; a completed amount that differs is found."""
    live = put(copy.deepcopy(LIMITS), "/spec/limits/0/default", {"cpu": "2", "memory": "64Mi"})
    live = put(live, "/spec/limits/0/defaultRequest", {"cpu": "2", "memory": "64Mi"})
    assert found(report([LIMITS], [live])) == []
    changed = put(copy.deepcopy(live), "/spec/limits/0/defaultRequest/memory", "1Mi")
    assert [p for p, _ in found(report([LIMITS], [changed]))] == ["/spec/limits/0/defaultRequest/memory"]


ALONE = one("""
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec:
  tolerations: [{key: special, operator: Exists}]
  containers: [{name: p, image: "p:1", resources: {limits: {cpu: "1", memory: 64Mi}, requests: {cpu: 100m}}}]
""")


def test_a_pod_is_completed_by_limits_and_tolerations() -> None:
    """Each limit without a request is one, and each Pod tolerates a failed node for five minutes."""
    live = put(copy.deepcopy(ALONE), "/spec/containers/0/resources/requests/memory", "64Mi")
    for reason in ("not-ready", "unreachable"):
        added = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        live["spec"]["tolerations"].append({"key": f"node.kubernetes.io/{reason}", **added})
    assert found(report([ALONE], [live])) == []
    live["spec"]["tolerations"][0]["key"] = "other"
    assert [p for p, _ in found(report([ALONE], [live]))] == ["/spec/tolerations/0/key"]


@pytest.mark.parametrize(("amount", "count"), [("2000m", 0), ("3", 1)])
def test_a_limit_range_sizes_the_pods_of_its_namespace(amount: str, count: int) -> None:
    """A Pod without sizes gets exactly those, and a note of it; other sizes are somebody's."""
    bare = put(copy.deepcopy(ALONE), "/spec/containers/0/resources", ABSENT)
    sizes = {"limits": {"cpu": amount, "memory": "64Mi"}, "requests": {"cpu": amount, "memory": "64Mi"}}
    live = put(copy.deepcopy(bare), "/spec/containers/0/resources", sizes)
    live["metadata"]["annotations"] = {"kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu, memory"}
    assert len(report([bare, LIMITS], [live, LIMITS]).findings) == count


def test_an_explicit_zero_gets_the_default_where_the_server_can_not_tell_it_from_none() -> None:
    """A target port of 0 is the port, a period of 0 the default one; zero replicas stay zero."""
    web, service, *_ = objects()
    zeros = put(copy.deepcopy(service), "/spec/ports/1/targetPort", 0)
    assert found(report([zeros], [put(copy.deepcopy(service), "/spec/ports/1/targetPort", 53)])) == []
    probe = "/spec/template/spec/containers/0/readinessProbe/timeoutSeconds"
    assert found(report([put(copy.deepcopy(web), probe, 0)], [put(copy.deepcopy(web), probe, 1)])) == []
    none = put(copy.deepcopy(web), "/spec/replicas", 0)
    assert found(report([none], [put(copy.deepcopy(web), "/spec/replicas", 1)])) == [
        ("/spec/replicas", "out_of_band_change")
    ]


DEFINITION = one("""
apiVersion: apiextensions.k8s.io/v1beta1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  version: v1
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  subresources: {status: {}}
  additionalPrinterColumns: [{name: Size, type: integer, JSONPath: .spec.size}]
  validation: {openAPIV3Schema: {type: object}}
""")


def test_a_definition_of_v1beta1_is_that_of_v1() -> None:
    """What it keeps once stands in each version."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
        "schema": {"openAPIV3Schema": {"type": "object"}},
    }
    kept = {k: v for k, v in DEFINITION["spec"].items() if k in ("group", "scope", "names")}
    live = {**DEFINITION, "apiVersion": "apiextensions.k8s.io/v1", "spec": {**kept, "versions": [version]}}
    assert found(report([DEFINITION], [live])) == []


def test_what_only_the_api_server_wrote_is_its_own() -> None:
    """Flow schemas that it keeps for itself are nobody's unmanaged objects; one that a person made is."""
    own, ours = (
        {"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema", "metadata": {"name": n}, "spec": {}}
        for n in ("catch-all", "ours")
    )
    fields: Object = {"f:spec": {}}
    seen = [managed(own, ("api-priority-and-fairness-config-producer-v1", fields)), ours]
    assert report([ours], seen).findings == ()
    extra = managed({**own, "metadata": {"name": "mine"}}, ("kubectl-create", fields))
    assert [f.verdict.value for f in report([ours], [*seen, extra]).findings] == ["unmanaged"]


def test_every_default_is_recorded_with_what_it_rests_on() -> None:
    """The file has exactly the rows of the table, each with a source, most with the words of the API description."""
    recorded = json.loads((DATA / "default_evidence.json").read_text())
    assert recorded.keys() == {f"{kind}.{field}" for kind, field, _ in known_defaults()}
    for kind, field, value in known_defaults():
        row = recorded[f"{kind}.{field}"]
        assert row["source"]
        assert row["value"] == value or get(row, "/value") is None
    assert sum(row["source"].startswith("API description") for row in recorded.values()) > 100
