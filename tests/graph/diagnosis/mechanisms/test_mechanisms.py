"""What a platform shows to be wrong is named with its reason; what only looks like it is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from graph.diagnosis.mechanisms.found import mechanisms
from graph.diagnosis.mechanisms.nodes import UNIT_STOPPED
from graph.diagnosis.mechanisms.scene import Scene
from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.evidence import SymptomEvent
from graph.resource import Facet
from graph.telemetry import Anomaly, Call, Check, Signal, Telemetry
from tests.graph.builders import k8s, manifest, service, workload
from tests.graph.diagnosis.mechanisms.scenes import NOW, POD, WEB, event, everything, found, line, node, pod, version_of

PENDING = pod("web", phase="Pending", ready=False, node="")
DOWN = pod("web", ready=False)
PORT = {"ports": [{"containerPort": 8080}]}
REFUSED = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."


def web(**rest: Any) -> Object:
    return workload("web", replicas=1, ready=0, **rest)


def probe(which: str, **target: Any) -> dict[str, Any]:
    return {**PORT, f"{which}Probe": {"periodSeconds": 10, "failureThreshold": 3, "initialDelaySeconds": 5, **target}}


def claim(**spec: Any) -> Object:
    return manifest("PersistentVolumeClaim", "data", spec=spec, status={"phase": "Pending"})


def volume(size: str = "10Gi", modes: tuple[str, ...] = ("ReadWriteOnce",), **spec: Any) -> Object:
    spec = {"capacity": {"storage": size}, "accessModes": list(modes), "storageClassName": "", **spec}
    return manifest("PersistentVolume", "pv", spec=spec, status={"phase": "Available"})


MOUNTS = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}
WAITS = event(POD, "FailedScheduling", "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
ASKED = {"storageClassName": "", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
PULL = 'Failed to pull image "reg.example/web:1": rpc error: code = Unknown desc = '
IMAGE = pod("web", ready=False, state={"waiting": {"reason": "ImagePullBackOff"}})
RESTARTED = pod("web", ready=False, restartCount=4, state={"waiting": {"reason": "CrashLoopBackOff"}})

CASES: dict[str, tuple[str, str, list[Object], list[SymptomEvent]]] = {
    "node selector": (
        "node_selector_mismatch",
        WEB,
        [web(pod={"nodeSelector": {"disk": "ssd"}}), PENDING, node("n1")],
        [event(POD, "FailedScheduling", REFUSED)],
    ),
    "node affinity": (
        "node_affinity_mismatch",
        WEB,
        [
            web(
                pod={
                    "affinity": {
                        "nodeAffinity": {
                            "requiredDuringSchedulingIgnoredDuringExecution": {
                                "nodeSelectorTerms": [
                                    {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}
                                ]
                            }
                        }
                    }
                }
            ),
            PENDING,
            node("n1", labels={"zone": "a"}),
        ],
        [event(POD, "FailedScheduling", REFUSED)],
    ),
    "cordoned": (
        "node_cordoned",
        WEB,
        [
            web(pod={"nodeSelector": {"kubernetes.io/hostname": "n1"}}),
            PENDING,
            node("n1", unschedulable=True),
            node("n2"),
        ],
        [event(POD, "FailedScheduling", "0/2 nodes are available: 1 node(s) were unschedulable.")],
    ),
    "taint": (
        "untolerated_taint",
        WEB,
        [web(), PENDING, node("n1", taints=[{"key": "gpu", "effect": "NoSchedule"}])],
        [event(POD, "FailedScheduling", "0/1 nodes are available: 1 node(s) had untolerated taint {gpu: }.")],
    ),
    "a process whose threads wait for each other": (
        "liveness_probe_unanswered",
        WEB,
        [web(), pod("web", ready=False, restartCount=4)],
        [
            event(POD, "Unhealthy", "Liveness probe failed: context deadline exceeded"),
            line(POD, "found a deadlock: worker-1 waits for a lock of worker-2"),
        ],
    ),
    "a variable whose value can't be read": (
        "bad_configuration",
        WEB,
        [web(), RESTARTED],
        [line(POD, 'env CACHE_TTL: unknown unit "minutes"')],
    ),
    "cpu": (
        "insufficient_cpu",
        WEB,
        [web(), PENDING, node("n1")],
        [event(POD, "FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.")],
    ),
    "anti-affinity": (
        "pod_anti_affinity_conflict",
        WEB,
        [web(), PENDING, node("n1")],
        [event(POD, "FailedScheduling", "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.")],
    ),
    "claim is larger": (
        "claim_capacity_mismatch",
        WEB,
        [web(pod=MOUNTS), PENDING, claim(**{**ASKED, "resources": {"requests": {"storage": "20Gi"}}}), volume()],
        [WAITS],
    ),
    "claim of another mode": (
        "claim_access_mode_mismatch",
        WEB,
        [web(pod=MOUNTS), PENDING, claim(**{**ASKED, "accessModes": ["ReadWriteMany"]}), volume()],
        [WAITS],
    ),
    "claim of another class": (
        "claim_class_mismatch",
        WEB,
        [web(pod=MOUNTS), PENDING, claim(**{**ASKED, "storageClassName": "fast"}), volume()],
        [WAITS],
    ),
    "claim selects": (
        "claim_selector_mismatch",
        WEB,
        [web(pod=MOUNTS), PENDING, claim(**{**ASKED, "selector": {"matchLabels": {"tier": "gold"}}}), volume()],
        [WAITS],
    ),
    "volume is taken": (
        "volume_already_claimed",
        WEB,
        [web(pod=MOUNTS), PENDING, claim(**ASKED), volume(claimRef={"namespace": "shop", "name": "other"})],
        [WAITS],
    ),
    "quota": (
        "quota_exceeded",
        k8s("ResourceQuota", "cpu"),
        [web(), manifest("ResourceQuota", "cpu", spec={})],
        [
            event(
                WEB,
                "FailedCreate",
                'Error creating: pods "web-1" is forbidden: exceeded quota: cpu, requested: requests.cpu=1, '
                "used: requests.cpu=4, limited: requests.cpu=4",
            )
        ],
    ),
    "service account": (
        "missing_service_account",
        WEB,
        [web(pod={"serviceAccountName": "web"})],
        [
            event(
                WEB,
                "FailedCreate",
                'Error creating: pods "web-" is forbidden: error looking up service account shop/web: '
                'serviceaccount "web" not found',
            )
        ],
    ),
    "image does not exist": ("bad_image", WEB, [web(), IMAGE], [event(POD, "Failed", PULL + "not found")]),
    "registry does not resolve": (
        "registry_unresolvable",
        WEB,
        [web(), IMAGE],
        [event(POD, "Failed", PULL + "dial tcp: lookup reg.example: no such host")],
    ),
    "registry refuses": (
        "registry_denied",
        WEB,
        [web(), IMAGE],
        [event(POD, "Failed", PULL + "failed to authorize: unexpected status: 401 Unauthorized")],
    ),
    "pull secret is missing": (
        "registry_denied",
        WEB,
        [web(), IMAGE],
        [
            event(POD, "FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (reg)"),
            event(POD, "Failed", PULL + "not found"),
        ],
    ),
    "secret is missing": (
        "missing_secret",
        WEB,
        [web(), pod("web", ready=False, state={"waiting": {"reason": "CreateContainerConfigError"}})],
        [event(POD, "Failed", 'Error: secret "web-db" not found')],
    ),
    "liveness asks a wrong port": (
        "liveness_probe_wrong_port",
        WEB,
        [web(container=probe("liveness", tcpSocket={"port": 9})), RESTARTED],
        [event(POD, "Unhealthy", "Liveness probe failed: dial tcp 10.0.0.1:9: connect: connection refused")],
    ),
    "readiness speaks HTTP to gRPC": (
        "readiness_probe_wrong_protocol",
        WEB,
        [web(container=probe("readiness", httpGet={"port": 8080, "path": "/"})), DOWN],
        [event(POD, "Unhealthy", 'Readiness probe failed: Get "http://10.0.0.1:8080/": malformed HTTP response "x"')],
    ),
    "liveness gives up at once": (
        "liveness_probe_too_early",
        WEB,
        [
            web(
                container=probe(
                    "liveness", tcpSocket={"port": 8080}, initialDelaySeconds=0, periodSeconds=1, failureThreshold=1
                )
            ),
            RESTARTED,
        ],
        [event(POD, "Unhealthy", "Liveness probe failed: dial tcp 10.0.0.1:8080: connect: connection refused")],
    ),
    "killed for memory": (
        "oom_killed",
        WEB,
        [web(), pod("web", ready=False, lastState={"terminated": {"reason": "OOMKilled", "exitCode": 137}})],
        [],
    ),
    "port is in use": (
        "port_in_use",
        WEB,
        [web(), RESTARTED],
        [line(POD, "listen tcp :8080: bind: address already in use")],
    ),
    "credentials": (
        "store_credentials_refused",
        WEB,
        [web(), RESTARTED],
        [line(POD, "java.sql.SQLException: Access denied for user 'web'@'10.0.0.9' (using password: YES)")],
    ),
    "the store is full": (
        "store_connections_exhausted",
        k8s("StatefulSet", "db"),
        [
            web(),
            DOWN,
            workload("db", kind="StatefulSet", image="mysql:8", container={"ports": [{"containerPort": 3306}]}),
        ],
        [line(POD, 'Data source rejected establishment of connection, message from server: "Too many connections"')],
    ),
    "the store is read-only": (
        "store_read_only",
        k8s("StatefulSet", "db"),
        [
            web(),
            DOWN,
            workload("db", kind="StatefulSet", image="mysql:8", container={"ports": [{"containerPort": 3306}]}),
        ],
        [line(POD, "The MySQL server is running with the --read-only option so it cannot execute this statement")],
    ),
    "scaled to zero": ("scaled_down", WEB, [workload("web", replicas=0, ready=0)], []),
    "selector matches nothing": (
        "selector_mismatch",
        k8s("Service", "web"),
        [workload("web", ready=2), service("web", selector={"app": "wbe"})],
        [],
    ),
    "protocol": (
        "protocol_mismatch",
        k8s("Service", "web"),
        [
            workload("web", container=PORT),
            manifest(
                "Service",
                "web",
                spec={"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080, "protocol": "UDP"}]},
            ),
        ],
        [],
    ),
    "kubelet stopped": (
        "kubelet_down",
        k8s("Node", "n1"),
        [workload("web"), pod("web"), node("n1")],
        [event(k8s("Node", "n1"), UNIT_STOPPED, "kubelet.service is inactive (dead)")],
    ),
    "runtime is gone": (
        "container_runtime_down",
        k8s("Node", "n1"),
        [web(), DOWN, node("n1")],
        [
            event(
                POD,
                "FailedCreatePodSandBox",
                "dial unix /run/containerd/containerd.sock: connect: no such file or directory",
            )
        ],
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_the_reason_is_named(name: str) -> None:
    """Kind and resource are those that have to be changed to end it."""
    kind, resource, objects, said = CASES[name]
    assert found(objects, said).get(kind) == resource


@pytest.mark.parametrize("name", list(CASES))
def test_names_mean_nothing(name: str) -> None:
    """With every name changed the answer is the same: no rule knows a name."""
    kind, resource, objects, said = CASES[name]
    renamed = [_renamed(o) for o in objects]
    events = [
        SymptomEvent(
            kind=e.kind, resource=_swap(e.resource), at=e.at, text=_swap(e.text), reason=e.reason, count=e.count
        )
        for e in said
    ]
    assert found(renamed, events).get(kind) == _swap(resource)


def _swap(text: str) -> str:
    return text.replace("web", "qzx").replace("shop", "vlm")


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {_swap(k): _renamed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(v) for v in value]
    return _swap(value) if isinstance(value, str) else value


HEALTHY: dict[str, tuple[list[Object], list[SymptomEvent]]] = {
    "a probe that failed while it started": (
        [workload("web", replicas=1, ready=1, container=probe("readiness", tcpSocket={"port": 8080})), pod("web")],
        [event(POD, "Unhealthy", "Readiness probe failed: connection refused", ago=200)],
    ),
    "an account that was made a moment later": (
        [workload("web", replicas=1, ready=1), pod("web")],
        [event(WEB, "FailedCreate", 'forbidden: serviceaccount "web" not found', ago=200)],
    ),
    "a control plane that keeps pods off": (
        [
            workload("web", replicas=1, ready=1),
            pod("web"),
            node("n1"),
            node("cp", labels={"node-role.kubernetes.io/control-plane": ""}, unschedulable=True),
        ],
        [],
    ),
    "a worker that logs an error now and then": (
        [workload("web", replicas=1, ready=1), pod("web")],
        [line(POD, "connection refused, retrying")],
    ),
    "a pod that is being deleted": (
        [
            workload("web", replicas=1, ready=1),
            pod("web"),
            {
                **pod("web", ready=False, state={"waiting": {"reason": "CrashLoopBackOff"}}),
                "metadata": {**pod("web")["metadata"], "name": "web-0", "deletionTimestamp": "2026-11-20T11:59:00Z"},
            },
        ],
        [],
    ),
}


@pytest.mark.parametrize("name", list(HEALTHY))
def test_what_works_is_not_blamed(name: str) -> None:
    """Noise of starts, roll-outs and retries is no mechanism."""
    objects, said = HEALTHY[name]
    assert found(objects, said) == {}


ROOM = {"priority": -10, "containers": [{"name": "app", "image": "registry.k8s.io/pause:3.9"}]}
NO_CPU = event(POD, "FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.")


@pytest.mark.parametrize(
    ("spec", "said", "is_room"),
    [
        pytest.param(ROOM, [], True, id="declared"),
        pytest.param({}, [line(WEB, "preempting web (image pause:3.9, priority -10)")], True, id="told"),
        pytest.param({**ROOM, "priority": 0}, [], False, id="as important as others"),
        pytest.param({**ROOM, "containers": [{"name": "app", "image": "web:1"}]}, [], False, id="has work to do"),
        pytest.param({}, [line(WEB, "preempting web (image web:1, priority -10)")], False, id="told to have work"),
    ],
)
def test_pods_that_only_hold_room_for_others_may_wait(spec: Object, said: list[SymptomEvent], *, is_room: bool) -> None:
    """Nothing is done by them, and all others come first: a node that is full is what they are for."""
    waiting = {**PENDING, "spec": {**PENDING["spec"], **spec}}
    assert bool(found([web(container={"image": ""}), waiting, node("n1")], [NO_CPU, *said])) is not is_room


def test_a_pod_that_waits_for_nodes_that_are_unwell_is_set_up_well() -> None:
    """The control plane taints nodes for their state: the pod has nothing to tolerate."""
    taint = {"key": "node.kubernetes.io/memory-pressure", "effect": "NoSchedule"}
    text = "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/memory-pressure: }."
    said = [event(POD, "FailedScheduling", text)]
    for nodes in ([node("n1", taints=[taint])], []):
        assert "untolerated_taint" not in found([web(), PENDING, *nodes], said)


def test_a_quota_without_room_explains_a_service_that_was_never_made() -> None:
    """A count that is used up, and something declared that does not exist."""
    quota = manifest("ResourceQuota", "count", spec={}, status={"hard": {"services": "1"}, "used": {"services": "1"}})
    live, declared = [workload("web", ready=2), quota], [service("web")]
    assert found(live, declared=declared) == {"quota_exceeded": k8s("ResourceQuota", "count")}


def test_a_port_that_nobody_declares_is_blamed_when_connections_fail() -> None:
    """Containers may listen on ports that they do not declare: a successful connection clears the Service."""
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 9999}]}
    objects = [workload("web", container=PORT), manifest("Service", "web", spec=spec)]

    def strength(is_open: bool) -> float:
        check = Check(source="", target=k8s("Service", "web"), port=80, is_open=is_open)
        graph = EnvironmentGraph(
            name="t", as_of=NOW, versions=[version_of(o, Facet.ACTUAL) for o in objects], relations=()
        )
        many = mechanisms(Scene(graph, Telemetry(checks=(check,))))
        return next(m.strength for m in many if m.kind == "port_mapping_mismatch")

    assert strength(False) == 1.0
    assert strength(True) < 0.5


def _slow(*names: str) -> tuple[Anomaly, ...]:
    return tuple(
        Anomaly(resource=k8s("Deployment", n), signal=Signal.LATENCY, metric="p90", usual=10.0, now=900.0)
        for n in names
    )


CALLS = tuple(
    Call(caller=k8s("Deployment", a), callee=k8s("Deployment", b))
    for a, b in (("edge", "cart"), ("edge", "pay"), ("edge", "mail"), ("cart", "db"), ("pay", "db"))
)


@pytest.mark.parametrize(
    ("slow", "origin"),
    [
        pytest.param(("edge", "cart", "db", "pay"), "db", id="everything above a slow callee is slow"),
        pytest.param(("edge", "cart", "pay", "mail"), "edge", id="everything that one caller asks looks slow"),
        pytest.param(("edge", "mail"), "mail", id="one callee and its caller"),
    ],
)
def test_the_origin_of_slowness_explains_who_is_slow_and_who_is_not(slow: tuple[str, ...], origin: str) -> None:
    """Trouble moves up to callers, and a slow network of a caller makes its callees look slow."""
    objects = [workload(n, replicas=1, ready=1) for n in ("edge", "cart", "pay", "mail", "db")]
    graph = EnvironmentGraph(name="t", as_of=NOW, versions=[version_of(o, Facet.ACTUAL) for o in objects], relations=())
    many = mechanisms(Scene(graph, Telemetry(calls=CALLS, anomalies=_slow(*slow))))
    best = max((m for m in many if m.kind == "network_delay"), key=lambda m: m.strength)
    assert best.resource == k8s("Deployment", origin)


def test_slowness_where_no_call_is_known_is_its_own() -> None:
    """Nothing tells of another place."""
    objects = [workload(n, replicas=1, ready=1) for n in ("cart", "mail")]
    many = everything(objects, telemetry=Telemetry(anomalies=_slow("cart")))
    assert [(m.kind, m.resource) for m in many if m.kind == "network_delay"] == [
        ("network_delay", k8s("Deployment", "cart"))
    ]


def test_slowness_that_no_place_explains_is_left_out() -> None:
    """Faster than usual is out of range, too, and no delay."""
    objects = [workload(n, replicas=1, ready=1) for n in ("edge", "cart")]
    call = Call(caller=k8s("Deployment", "edge"), callee=k8s("Deployment", "cart"))
    faster = Anomaly(resource=k8s("Deployment", "cart"), signal=Signal.LATENCY, metric="p90", usual=None, now=0.0)
    many = everything(objects, telemetry=Telemetry(calls=(call,), anomalies=(faster,)))
    assert not [m for m in many if m.kind == "network_delay"]


def test_a_slow_node_is_told_from_a_slow_caller_by_how_much_each_service_adds() -> None:
    """Each call that crosses the node adds the same: who waits for three such calls is three times as late."""
    homes = {"edge": "n1", "cart": "n2", "pay": "n3", "mail": "n2", "db": "n1"}
    objects = [workload(n, replicas=1, ready=1) for n in homes] + [node(n) for n in ("n1", "n2", "n3")]
    objects += [pod(of, node=where) for of, where in homes.items()]

    def best(**late: float) -> str:
        anomalies = [
            Anomaly(resource=k8s("Deployment", n), signal=Signal.LATENCY, metric="p90", usual=10.0, now=10.0 + more)
            for n, more in late.items()
        ]
        many = everything(objects, telemetry=Telemetry(calls=CALLS, anomalies=tuple(anomalies)))
        return max((m for m in many if m.kind.endswith("network_delay")), key=lambda m: m.strength).resource

    # edge and db live on n1: each call from edge, and each to db, crosses its border.
    assert best(edge=500.0, cart=200.0, pay=200.0, mail=100.0, db=100.0) == k8s("Node", "n1")
    assert best(edge=300.0, cart=100.0, pay=100.0, mail=100.0) == k8s("Deployment", "edge")


@pytest.mark.parametrize(("hours", "strength"), [pytest.param(3, 0.3, id="long ago"), pytest.param(0.2, 1.0, id="now")])
def test_a_container_that_has_run_since_its_end_for_long_is_no_trouble(hours: float, strength: float) -> None:
    """When it ended is not always told; it ended before it began to run again."""
    again = {"running": {"startedAt": (NOW - timedelta(hours=hours)).isoformat()}}
    ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    [one] = everything([web(), pod("web", restartCount=2, state=again, lastState=ended)])
    assert (one.kind, one.strength) == ("oom_killed", strength)


@pytest.mark.parametrize(
    ("reason", "text", "kinds"),
    [
        pytest.param("KEDAScaleTargetDeactivated", "Deactivated Deployment shop/web from 3 to 0", [], id="by KEDA"),
        pytest.param("ScaledDown", "queue is empty, scaled web to zero", [], id="for want of work"),
        pytest.param(
            "ScalingReplicaSet", "Scaled down replica set web-1 to 0 from 1", ["scaled_down"], id="by whomever"
        ),
    ],
)
def test_what_an_autoscaler_switched_off_for_want_of_work_is_meant_so(reason: str, text: str, kinds: list[str]) -> None:
    """The controller of a Deployment says that pods went, whoever asked for it."""
    assert list(found([workload("web", replicas=0, ready=0)], [event(WEB, reason, text)])) == kinds
