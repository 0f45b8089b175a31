"""What the executor does to a real API server: it acts once, sees what the server made of it, and undoes it."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import pytest

from graph.action import Action, ActionKind, Check, CheckKind, FieldEdit, Plan, Risk, observed_digest
from graph.document import ABSENT, get
from graph.drift import compare_graph
from graph.environment import EnvironmentGraph
from graph.errors import Conflict, Invalid, Refused
from graph.remediation import revert_plan
from graph.resource import Facet
from tests.graph.builders import EstateBuilder
from tests.live.conftest import Cluster, soon
from tools.actions.execution import Outcome, OutcomeStatus, Pace, execute
from tools.actions.kubernetes import KubernetesTarget, _Write
from tools.adapters.kubernetes_api import KubernetesApi

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

Object = dict[str, Any]

CART = "k8s://real/apps/Deployment/shop/cart"
CONFIG = "k8s://real/core/ConfigMap/shop/settings"


def workload(kind: str, name: str, **spec: object) -> Object:
    container = {"name": "app", "image": f"registry.example/{name}:1", "ports": [{"containerPort": 80}]}
    container["resources"] = {"requests": {"cpu": "1000m", "memory": "0.5Gi"}}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


def config(**data: str) -> Object:
    metadata = {"name": "settings", "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.fixture
def target(cluster: Cluster) -> KubernetesTarget:
    return KubernetesTarget(kubeconfig=cluster.writing, context=None, cluster="real")


@pytest.fixture
def cart(cluster: Cluster, target: KubernetesTarget) -> Object:
    """A Deployment that has rolled out."""
    cluster.run("delete", "deployment", "cart", "-n", "shop", "--ignore-not-found")
    cluster.apply(workload("Deployment", "cart", replicas=2))
    soon(lambda: target.is_healthy(CART))
    return _live(target, CART)


def _live(target: KubernetesTarget, uid: str) -> Object:
    live = target.read(uid)
    assert live is not None
    return live.body


def _run(target: KubernetesTarget, action: Action, *, checks: tuple[Check, ...] = (), **more: Any) -> Outcome:
    """Execute an action as a plan that was made on what is there now."""
    live = target.read(action.target)
    values: dict[str, Any] = {
        "environment": "real",
        "action": action,
        "title": "a test",
        "reason": "a test",
        "preconditions": (),
        "verification": (*_effects(action), *checks),
        "verify_within_s": 15.0,
        "rollback": _undo(action),
        "observed": observed_digest(live.body) if live else "",
        "observed_at": None,
        "risk": Risk.LOW,
    }
    pace = Pace(monotonic=time.monotonic, sleep=time.sleep)
    return execute(Plan(**(values | more)), target, note=lambda step, detail: None, pace=pace)


def _effects(action: Action) -> list[Check]:
    kinds = {True: CheckKind.FIELD_ABSENT, False: CheckKind.FIELD_EQUALS}
    return [
        Check(kind=kinds[e.after is ABSENT], target=action.target, path=e.path, value=e.after) for e in action.edits
    ]


def _undo(action: Action) -> tuple[Action, ...]:
    back = tuple(FieldEdit(path=e.path, before=e.after, after=e.before) for e in reversed(action.edits))
    return (Action(kind=ActionKind.SET_FIELDS, target=action.target, edits=back),) if back else ()


def _sets(uid: str, path: str, before: object, after: object) -> Action:
    return Action(kind=ActionKind.SET_FIELDS, target=uid, edits=(FieldEdit(path=path, before=before, after=after),))


NEVER = Check(kind=CheckKind.FIELD_EQUALS, target=CART, path="/metadata/labels/never", value="there")

EDITS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "a number": ("/spec/replicas", lambda before: 3),
    "a list whose entries the server completes": (
        "/spec/template/spec/containers",
        lambda before: [
            *before,
            {"name": "side", "image": "registry.example/side:2", "ports": [{"containerPort": 81}]},
        ],
    ),
    "a quantity that the server respells": (
        "/spec/template/spec/containers/0/resources",
        lambda before: {"requests": {"cpu": "2000m", "memory": "1024Mi"}},
    ),
    "a field that goes back to its default": (
        "/spec/template/spec/terminationGracePeriodSeconds",
        lambda before: ABSENT,
    ),
    "a new object": ("/spec/template/spec/securityContext", lambda before: {"runAsUser": 1000}),
    "an annotation": ("/metadata/annotations/example.com~1note", lambda before: "yes"),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("is_good", [True, False], ids=["verified", "rolled back"])
def test_what_the_server_makes_of_a_value_is_that_value(
    cluster: Cluster, target: KubernetesTarget, cart: Object, name: str, is_good: bool
) -> None:
    """Completed and respelled it is verified, and it is found again when it has to be undone."""
    path, change = EDITS[name]
    before = get(cart, path)
    checks = () if is_good else (NEVER,)
    outcome = _run(target, _sets(CART, path, before, change(before)), checks=checks, verify_within_s=3.0)
    assert outcome.status is (OutcomeStatus.SUCCEEDED if is_good else OutcomeStatus.ROLLED_BACK), outcome.detail
    if not is_good:
        assert get(_live(target, CART), path) == before


def test_status_that_is_written_all_the_time_is_no_conflict(
    cluster: Cluster, target: KubernetesTarget, cart: Object
) -> None:
    """Another version, and the same object: controllers report a few times a second."""
    stop = Event()

    def meddle() -> None:
        number = 0
        while not stop.wait(0.4):
            number += 1
            cluster.node._patch(
                "/apis/apps/v1/namespaces/shop/deployments/cart/status",
                {"status": {"conditions": [{"type": "Meddled", "status": "True", "message": str(number)}]}},
            )

    thread = Thread(target=meddle)
    thread.start()
    try:
        outcomes = [_run(target, _sets(CART, "/spec/replicas", 2 + n, 3 + n)) for n in range(5)]
    finally:
        stop.set()
        thread.join()
    assert [o.status for o in outcomes] == [OutcomeStatus.SUCCEEDED] * 5, outcomes


def test_change_by_somebody_else_wins(cluster: Cluster, target: KubernetesTarget) -> None:
    """The server compares the version."""
    cluster.apply(config(timeout="1s"))
    live = target.read(CONFIG)
    assert live is not None
    cluster.run("patch", "configmap", "settings", "-n", "shop", "-p", '{"data": {"timeout": "9s"}}')
    with pytest.raises(Conflict):
        target._send(_Write("PUT", target._path(CONFIG), live.body))
    with pytest.raises(Conflict):
        target.delete(CONFIG, version=live.version)
    assert _live(target, CONFIG)["data"] == {"timeout": "9s"}


def test_missing_permission_is_told_at_once(cluster: Cluster, target: KubernetesTarget, cart: Object) -> None:
    """Nothing is waited for, and the server's reason is passed on."""
    cluster.run("create", "namespace", "other")
    cluster.run("create", "configmap", "settings", "-n", "other", "--from-literal=a=b")
    admin = KubernetesTarget(kubeconfig=cluster.kubectl.kubeconfig, context=None, cluster="real")
    uid = CONFIG.replace("/shop/", "/other/")
    live = admin.read(uid)
    assert live is not None
    with pytest.raises(Refused):
        target.read(uid)
    quota = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l", "namespace": "shop"}}
    with pytest.raises(Refused, match="cannot create resource"):
        target.create("k8s://real/core/LimitRange/shop/l", quota)
    begun = time.monotonic()
    gone = Check(kind=CheckKind.OBJECT_ABSENT, target=CART)
    removal = Action(kind=ActionKind.DELETE_OBJECT, target=CART)
    outcome = _run(target, removal, checks=(gone,), verify_within_s=100.0)
    assert outcome.status is OutcomeStatus.REFUSED
    assert "cannot delete resource" in outcome.detail
    assert time.monotonic() - begun < 20
    assert _live(target, CART)["metadata"]["uid"] == cart["metadata"]["uid"]


def test_value_that_the_server_does_not_accept(cluster: Cluster, target: KubernetesTarget, cart: Object) -> None:
    """It is refused with the server's words, and nothing was done."""
    outcome = _run(target, _sets(CART, "/spec/replicas", 2, -1))
    assert outcome.status is OutcomeStatus.REFUSED
    assert "spec.replicas" in outcome.detail
    assert _live(target, CART)["spec"]["replicas"] == 2


def test_webhook_that_does_not_answer(cluster: Cluster, target: KubernetesTarget) -> None:
    """Its rehearsal failed, which is told with the reason: nothing was begun."""
    cluster.apply(config(timeout="1s"))
    hook = {
        "name": "no.example.com",
        "clientConfig": {"url": "https://127.0.0.1:9/hook"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    body = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    cluster.apply(body | {"metadata": {"name": "no"}, "webhooks": [hook]})
    try:
        time.sleep(2)
        outcome = _run(target, _sets(CONFIG, "/data/timeout", "1s", "5s"), verify_within_s=2.0)
    finally:
        cluster.run("delete", "validatingwebhookconfiguration", "no")
    assert outcome.status is OutcomeStatus.REFUSED
    assert "no.example.com" in outcome.detail
    assert _live(target, CONFIG)["data"] == {"timeout": "1s"}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_restart_rolls_every_pod(cluster: Cluster, target: KubernetesTarget, kind: str) -> None:
    """And the workload is healthy when all of them run the newest template."""
    name, uid = f"rolls-{kind.lower()}", f"k8s://real/apps/{kind}/shop/rolls-{kind.lower()}"
    more: Object = {} if kind == "DaemonSet" else {"replicas": 2}
    cluster.apply(workload(kind, name, **more | ({"serviceName": name} if kind == "StatefulSet" else {})))
    soon(lambda: target.is_healthy(uid))
    before = {p["metadata"]["uid"] for p in cluster.get("pods")["items"] if p["metadata"]["labels"]["app"] == name}
    healthy = Check(kind=CheckKind.HEALTHY, target=uid)
    outcome = _run(
        target, Action(kind=ActionKind.RESTART_WORKLOAD, target=uid), checks=(healthy,), verify_within_s=90.0
    )
    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.detail
    after = [p for p in cluster.get("pods")["items"] if p["metadata"]["labels"]["app"] == name]
    assert not before & {p["metadata"]["uid"] for p in after if not p["metadata"].get("deletionTimestamp")}
    cluster.run("delete", kind.lower(), name, "-n", "shop")


def test_object_is_made_in_the_version_it_is_declared_in(cluster: Cluster, target: KubernetesTarget) -> None:
    """Where the server has that version; else it is refused, for its fields would be lost."""
    uid = "k8s://real/autoscaling/HorizontalPodAutoscaler/shop/cart"
    admin = KubernetesTarget(kubeconfig=cluster.kubectl.kubeconfig, context=None, cluster="real")
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 7}},
    }
    spec = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"}, "maxReplicas": 4}
    body = {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "cart", "namespace": "shop"}}
    served = sorted(cluster.kubectl.served()["autoscaling", "HorizontalPodAutoscaler"])
    for version in served:
        if version not in ("autoscaling/v2beta2", "autoscaling/v2"):
            continue
        admin.create(uid, body | {"apiVersion": version, "spec": spec | {"metrics": [metric]}})
        raw = f"/apis/{version}/namespaces/shop/horizontalpodautoscalers/cart"
        assert '"averageUtilization":7' in cluster.run("get", "--raw", raw)
        live = admin.read(uid)
        assert live is not None
        admin.delete(uid, version=live.version)
        soon(lambda: admin.read(uid) is None)
    with pytest.raises(Invalid, match="does not serve"):
        admin.create(uid, body | {"apiVersion": "autoscaling/v9", "spec": spec})


def test_declared_object_comes_and_goes(cluster: Cluster, target: KubernetesTarget) -> None:
    """Created as declared; undone, it is gone again."""
    uid = CONFIG.replace("settings", "fresh")
    body = config(a="b") | {"metadata": {"name": "fresh", "namespace": "shop"}}
    action = Action(kind=ActionKind.CREATE_OBJECT, target=uid, body=body)
    exists = Check(kind=CheckKind.OBJECT_EXISTS, target=uid)
    undo = (Action(kind=ActionKind.DELETE_OBJECT, target=uid),)
    assert _run(target, action, checks=(exists, NEVER), rollback=undo, verify_within_s=2.0).status is (
        OutcomeStatus.ROLLED_BACK
    )
    assert target.read(uid) is None
    assert _run(target, action, checks=(exists,), rollback=undo).status is OutcomeStatus.SUCCEEDED
    gone = Check(kind=CheckKind.OBJECT_ABSENT, target=uid)
    removal = Action(kind=ActionKind.DELETE_OBJECT, target=uid)
    assert _run(target, removal, checks=(gone,), rollback=()).status is OutcomeStatus.SUCCEEDED


def test_executor_sees_what_the_service_sees(cluster: Cluster, target: KubernetesTarget, cart: Object) -> None:
    """Of every object, or each approved plan on it would be refused as changed."""
    reader = KubernetesApi("api", kubeconfig=cluster.kubectl.kubeconfig, cluster="real", salt=b"s")
    admin = KubernetesTarget(kubeconfig=cluster.kubectl.kubeconfig, context=None, cluster="real")
    documents = [d for d in reader.read().documents if d.resource.kind not in ("Secret", "Node", "Lease", "OpenAPI")]
    differing = []
    for document in documents:
        live = admin.read(document.resource.uid)
        if live is None or observed_digest(live.body) != observed_digest(document.body):
            differing.append(document.resource.uid)
    assert not differing
    assert {d.resource.kind for d in documents} >= {"Deployment", "ReplicaSet", "Pod", "ClusterRole", "Namespace"}


def test_rehearsal_changes_nothing(cluster: Cluster, target: KubernetesTarget, cart: Object) -> None:
    """And shows what the server would make of the write, completed and respelled."""
    path = "/spec/template/spec/containers/0/resources"
    action = _sets(CART, path, get(cart, path), {"requests": {"cpu": "2000m"}})
    live = target.read(CART)
    assert live is not None
    foreseen = target.rehearse(action, version=live.version)
    assert foreseen is not None
    assert get(foreseen, path) == {"requests": {"cpu": "2"}}
    new = config(a="b") | {"metadata": {"name": "rehearsed", "namespace": "shop"}}
    uid = CONFIG.replace("settings", "rehearsed")
    assert target.rehearse(Action(kind=ActionKind.CREATE_OBJECT, target=uid, body=new), version="") is not None
    assert target.rehearse(Action(kind=ActionKind.RESTART_WORKLOAD, target=CART), version=live.version) is not None
    time.sleep(1)
    now = target.read(CART)
    assert now is not None
    assert now.body["spec"] == live.body["spec"]
    assert now.body["metadata"]["generation"] == live.body["metadata"]["generation"]
    assert target.read(uid) is None


def test_autoscaler_is_restored_in_the_version_that_is_served(cluster: Cluster) -> None:
    """Whichever it is declared in: after a change by hand the server holds again what was declared."""
    target = KubernetesTarget(kubeconfig=cluster.kubectl.kubeconfig, context=None, cluster="demo")
    uid = "k8s://demo/autoscaling/HorizontalPodAutoscaler/shop/restored"
    cpu, less = (
        {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": share}},
        }
        for share in (60, 9)
    )
    waiting = {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "5"}}
    queue = {"type": "Pods", "pods": waiting}
    declared: Object = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "restored", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "restored"},
            "minReplicas": 2,
            "maxReplicas": 5,
            "metrics": [cpu, queue],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
        },
    }
    served = cluster.kubectl.served()["autoscaling", "HorizontalPodAutoscaler"]
    written = next(v for v in ("autoscaling/v2", "autoscaling/v2beta2") if v in served)
    cluster.apply(declared | {"apiVersion": written}, by=cluster.deployer)
    changed = copy.deepcopy(declared) | {"apiVersion": written}
    changed["spec"]["metrics"] = [less]
    changed["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] = 1
    cluster.run("replace", "--field-manager=kubectl-edit", "-f", "-", objects=(changed,))

    def graph() -> EnvironmentGraph:
        estate = EstateBuilder()
        estate.add(declared)
        estate.put(Facet.ACTUAL, _live(target, uid))
        return estate.graph()

    for _ in range(3):
        findings = compare_graph(graph()).findings
        if not findings:
            break
        plan = revert_plan(graph(), findings[0], None, now=datetime.now(UTC), drift=findings)
        assert plan is not None
        outcome = _run(target, plan.action, rollback=plan.rollback)
        assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.detail
    assert compare_graph(graph()).findings == ()
    held = json.loads(cluster.run("get", "--raw", f"/apis/{written}/namespaces/shop/horizontalpodautoscalers/restored"))
    by_type = {m["type"]: m for m in held["spec"]["metrics"]}
    assert by_type == {"Resource": cpu, "Pods": queue}
    assert held["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 60
    cluster.run("delete", "hpa", "restored", "-n", "shop")
