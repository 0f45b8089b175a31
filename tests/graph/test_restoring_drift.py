"""Drift, plan, drift again: what a plan restores no longer differs, and nothing else changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from graph.action import ActionKind
from graph.document import Object, get, put
from graph.drift import compare_graph
from graph.environment import EnvironmentGraph
from graph.remediation import revert_plan
from graph.resource import Facet
from tests.graph.builders import NOW, EstateBuilder, cloud, k8s, manifest, service, workload
from tools.actions.holding import holds

_POD = "/spec/template/spec"
_APP = f"{_POD}/containers/0"
_STATEMENTS = [
    {"Sid": "queue", "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["arn:aws:sqs:eu-west-1:1:q"]},
    {"Sid": "key", "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": ["arn:aws:kms:eu-west-1:1:key/k"]},
]


def _cart() -> Object:
    return workload(
        "cart",
        env={"A": "1", "B": "2", "C": "3"},
        container={
            "ports": [{"name": "http", "containerPort": 8080}, {"name": "admin", "containerPort": 9000}],
            "resources": {"limits": {"memory": "128Mi"}},
            "volumeMounts": [{"name": "cfg", "mountPath": "/cfg"}],
        },
        pod={"volumes": [{"name": "cfg", "configMap": {"name": "cart"}}], "serviceAccountName": "cart"},
    )


def _set(path: str, value: Any) -> Callable[[Object], Object]:
    return lambda body: put(body, path, value)


def _drop(path: str) -> Callable[[Object], Object]:
    def change(body: Object) -> Object:
        parent, _, last = path.rpartition("/")
        holder = copy.deepcopy(get(body, parent))
        del holder[int(last) if isinstance(holder, list) else last]
        return put(body, parent, holder)

    return change


def _policy(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


_NETWORK = manifest(
    "NetworkPolicy",
    "cart",
    spec={
        "podSelector": {"matchLabels": {"app": "cart"}},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 8080, "protocol": "TCP"}]},
            {"from": [{"podSelector": {"matchLabels": {"app": "probe"}}}]},
        ],
    },
)


_CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}
_QUEUE = {
    "type": "External",
    "external": {
        "metric": {"name": "queue", "selector": {"matchLabels": {"q": "a"}}},
        "target": {"type": "AverageValue", "averageValue": "30"},
    },
}
_SLOWLY = {"scaleDown": {"stabilizationWindowSeconds": 60}}


def _scaler(version: str, **spec: Any) -> Object:
    body = manifest("HorizontalPodAutoscaler", "cart", spec={"minReplicas": 2, "maxReplicas": 5, **spec})
    return {**body, "apiVersion": f"autoscaling/{version}"}


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        pytest.param(_scaler("v2", metrics=[_CPU]), _scaler("v1", targetCPUUtilizationPercentage=9), id="share"),
        pytest.param(
            _scaler("v1", targetCPUUtilizationPercentage=60),
            _scaler("v2", metrics=[put(copy.deepcopy(_CPU), "/resource/target/averageUtilization", 9)]),
            id="share, declared in the older version",
        ),
        pytest.param(
            _scaler("v1", targetCPUUtilizationPercentage=60), _scaler("v1", targetCPUUtilizationPercentage=9), id="both"
        ),
        pytest.param(
            _scaler("v2", metrics=[_CPU, _QUEUE]),
            put(
                _scaler("v1", targetCPUUtilizationPercentage=60),
                "/metadata/annotations",
                {
                    "autoscaling.alpha.kubernetes.io/metrics": json.dumps(
                        [
                            {
                                "type": "External",
                                "external": {
                                    "metricName": "queue",
                                    "metricSelector": {"matchLabels": {"q": "a"}},
                                    "targetAverageValue": "9",
                                },
                            }
                        ]
                    )
                },
            ),
            id="metric in an annotation",
        ),
        pytest.param(
            _scaler("v2", metrics=[_CPU, _QUEUE]), _scaler("v1", targetCPUUtilizationPercentage=60), id="metric removed"
        ),
        pytest.param(
            _scaler("v2", metrics=[_CPU], behavior=_SLOWLY),
            put(
                _scaler("v1", targetCPUUtilizationPercentage=60),
                "/metadata/annotations",
                {
                    "autoscaling.alpha.kubernetes.io/behavior": json.dumps(
                        {"ScaleDown": {"StabilizationWindowSeconds": 1}, "ScaleUp": None}
                    ),
                    "example.com/note": "mine",
                },
            ),
            id="behaviour",
        ),
        pytest.param(_scaler("v2", metrics=[_CPU]), _scaler("v1", maxReplicas=9), id="range and share"),
    ],
)
def test_an_autoscaler_is_restored_in_the_version_that_is_served(declared: Object, live: Object) -> None:
    """Servers before 1.23 keep it in a form without metrics; what is written there must mean what was declared."""
    done = live
    for _ in range(3):
        graph = _graph(declared, done)
        findings = compare_graph(graph).findings
        if not findings:
            break
        plan = revert_plan(graph, findings[0], None, now=NOW, drift=findings)
        assert plan is not None
        for edit in plan.action.edits:
            assert get(done, edit.path) == edit.before
            done = put(done, edit.path, edit.after)
        for check in plan.verification:
            if check.path:
                assert holds(done, check.path, check.value)
    assert done != live
    assert compare_graph(_graph(declared, done)).findings == ()
    assert done["spec"].keys() <= live["spec"].keys() | declared["spec"].keys() | {"targetCPUUtilizationPercentage"}
    assert ("metrics" in done["spec"]) is (done["apiVersion"] == "autoscaling/v2")
    notes = get(live, "/metadata/annotations/example.com~1note")
    assert get(done, "/metadata/annotations/example.com~1note") == notes


@pytest.mark.parametrize(
    ("declared", "change"),
    [
        pytest.param(_cart(), _set(f"{_APP}/image", "registry.example/app:2.0"), id="image"),
        pytest.param(_cart(), _set("/spec/replicas", 0), id="replicas"),
        pytest.param(_cart(), _set(f"{_APP}/env/1/value", "9"), id="variable changed"),
        pytest.param(_cart(), _drop(f"{_APP}/env/1"), id="variable removed"),
        pytest.param(_cart(), _drop(f"{_APP}/env"), id="all variables removed"),
        pytest.param(_cart(), _drop(f"{_APP}/ports/0"), id="port removed"),
        pytest.param(_cart(), _set(f"{_APP}/resources/limits/memory", "16Mi"), id="limit"),
        pytest.param(_cart(), _drop(f"{_APP}/resources"), id="limits removed"),
        pytest.param(_cart(), _drop(f"{_APP}/volumeMounts/0"), id="mount removed"),
        pytest.param(_cart(), _set(f"{_POD}/serviceAccountName", "other"), id="service account"),
        pytest.param(service("cart"), _set("/spec/selector/app", "kart"), id="selector"),
        pytest.param(service("cart"), _set("/spec/ports/0/targetPort", 1), id="target port"),
        pytest.param(manifest("ConfigMap", "c", data={"a": "1"}), _set("/data/a", "2"), id="key changed"),
        pytest.param(manifest("ConfigMap", "c", data={"a": "1", "b": "2"}), _drop("/data/a"), id="key removed"),
        pytest.param(_NETWORK, _drop("/spec/ingress/0"), id="rule removed"),
        pytest.param(_NETWORK, _set("/spec/ingress/0/ports/0/port", 9), id="rule changed"),
        pytest.param(
            cloud("aws_iam_role_policy.cart", role="cart", policy=_policy(*_STATEMENTS)),
            _set("/values/policy", _policy(_STATEMENTS[0])),
            id="statement removed",
        ),
        pytest.param(
            cloud("aws_iam_role_policy.cart", role="cart", policy=_policy(_STATEMENTS[0])),
            _set("/values/policy", _policy(*_STATEMENTS)),
            id="statement added",
        ),
        pytest.param(
            cloud(
                "aws_security_group.db", ingress=[{"from_port": 5432, "to_port": 5432, "cidr_blocks": ["10.0.0.0/8"]}]
            ),
            _set("/values/ingress", []),
            id="firewall rule removed",
        ),
        pytest.param(cloud("aws_kms_key.k", is_enabled=True), _set("/values/is_enabled", False), id="key disabled"),
    ],
)
def test_a_plan_leaves_no_drift_and_its_rollback_restores_what_was_there(
    declared: Object, change: Callable[[Object], Object]
) -> None:
    """For each way to change an object by hand."""
    actual = change(copy.deepcopy(declared))
    graph = _graph(declared, actual)
    findings = compare_graph(graph).findings
    assert findings
    done = actual
    for finding in findings:
        plan = revert_plan(_graph(declared, done), finding, None, now=NOW, drift=findings)
        assert plan is not None
        assert plan.action.kind is ActionKind.SET_FIELDS
        before = done
        for edit in plan.action.edits:
            assert get(done, edit.path) == edit.before
            done = put(done, edit.path, edit.after)
        undone = done
        for edit in plan.rollback[0].edits:
            undone = put(undone, edit.path, edit.after)
        assert undone == before
        if not compare_graph(_graph(declared, done)).findings:
            break
    assert compare_graph(_graph(declared, done)).findings == ()


def _graph(declared: Object, actual: Object) -> EnvironmentGraph:
    estate = EstateBuilder()
    estate.add(declared)
    estate.put(Facet.ACTUAL, actual)
    return estate.graph()


def test_what_another_person_added_next_to_the_drift_stays() -> None:
    """Only the drifted field is written."""
    actual = put(put(_cart(), f"{_APP}/image", "registry.example/app:2.0"), "/metadata/annotations", {"note": "mine"})
    graph = _graph(_cart(), actual)
    finding = next(f for f in compare_graph(graph).findings if f.path.endswith("image"))
    plan = revert_plan(graph, finding, None, now=NOW)
    assert plan is not None
    assert [e.path for e in plan.action.edits] == [f"{_APP}/image"]
    assert plan.action.target == k8s("Deployment", "cart")
