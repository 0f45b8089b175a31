"""Writes to a live cluster take effect on the very object that was looked at, once, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from graph.action import Action, ActionKind, FieldEdit, observed_digest
from graph.document import ABSENT, Object
from graph.errors import Conflict, Invalid, NotAllowed, NotFound, PlumblineError, Refused, Unreachable
from tests.fakes.kubernetes_api import FakeKubernetesApi
from tests.fakes.kubernetes_writes import WritableKubernetesApi
from tools.actions.kubernetes import KubernetesTarget
from tools.adapters.kubernetes_api import KubernetesApi

CONFIG = "k8s://prod/core/ConfigMap/shop/settings"
CART = "k8s://prod/apps/Deployment/shop/cart"
NAMESPACE = "k8s://prod/core/Namespace/-/shop"
EXTERNAL = "k8s://prod/external-secrets.io/ExternalSecret/shop/login"


def body(kind: str, name: str, *, api_version: str = "v1", namespace: str | None = "shop", **more: object) -> Object:
    metadata = {"name": name, "uid": f"uid-of-{name}", "resourceVersion": "7", "generation": 1}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": metadata | ({"namespace": namespace} if namespace else {}),
        **more,
    }


@pytest.fixture
def cluster() -> WritableKubernetesApi:
    return WritableKubernetesApi(
        FakeKubernetesApi(
            objects=[
                body("Namespace", "shop", namespace=None),
                body("ConfigMap", "settings", data={"timeout": "1s"}),
                body("Secret", "login", data={"password": "aHVudGVyMg=="}),
                body(
                    "Deployment",
                    "cart",
                    api_version="apps/v1",
                    spec={"replicas": 2, "template": {"metadata": {}, "spec": {"containers": []}}},
                    status={"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
                ),
                body("ExternalSecret", "login", api_version="external-secrets.io/v1", spec={}),
            ]
        )
    )


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "prod",
                "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "executor"}}],
                "clusters": [{"name": "prod", "cluster": {"server": "http://cluster.test"}}],
                "users": [{"name": "executor", "user": {"token": "right-token"}}],
            }
        )
    )
    path.chmod(0o600)
    return path


@pytest.fixture
def target(cluster: WritableKubernetesApi, kubeconfig: Path) -> KubernetesTarget:
    return KubernetesTarget(kubeconfig=kubeconfig, context=None, cluster="prod", transport=cluster.transport)


def _version(target: KubernetesTarget, uid: str) -> str:
    live = target.read(uid)
    assert live is not None
    return live.version


SETS = FieldEdit(path="/data/timeout", before="1s", after="5s")

WRITES: dict[str, tuple[str, Callable[[KubernetesTarget, str], None]]] = {
    "set_fields": (CONFIG, lambda t, v: t.set_fields(CONFIG, [SETS], version=v)),
    "delete": (CONFIG, lambda t, v: t.delete(CONFIG, version=v)),
    "restart": (CART, lambda t, v: t.restart(CART, version=v)),
    "resync_secret": (EXTERNAL, lambda t, v: t.resync_secret(EXTERNAL, version=v)),
}
EVERY_WRITE = pytest.mark.parametrize(("uid", "write"), WRITES.values(), ids=WRITES)


def test_covers_its_own_cluster_only(target: KubernetesTarget) -> None:
    """The name of the cluster in a uid decides."""
    assert target.covers(CONFIG)
    assert not target.covers("k8s://production/core/ConfigMap/shop/settings")
    assert not target.covers("tf://prod/aws_iam_role.a")


def test_reads_what_the_collector_reads(
    target: KubernetesTarget, cluster: WritableKubernetesApi, kubeconfig: Path
) -> None:
    """Both see the same state, or every approved plan would be refused as changed."""
    reader = KubernetesApi(
        "api", kubeconfig=kubeconfig, context=None, cluster="prod", salt=b"s", transport=cluster.transport
    )
    seen = {d.resource.uid: observed_digest(d.body) for d in reader.read().documents}
    for uid in (CONFIG, CART, NAMESPACE):
        live = target.read(uid)
        assert live is not None
        assert observed_digest(live.body) == seen[uid]


@pytest.mark.parametrize(
    "uid", [CONFIG.replace("settings", "other"), CART.replace("cart", "..%2F..%2Fetc")], ids=["missing", "odd name"]
)
def test_missing_object_is_none(target: KubernetesTarget, uid: str) -> None:
    """What does not exist is told apart from what can't be read."""
    assert target.read(uid) is None


def test_unknown_kind_is_not_found(target: KubernetesTarget) -> None:
    """A kind that the server does not have is no missing object."""
    with pytest.raises(NotFound, match="no kind 'Gadget'"):
        target.read("k8s://prod/example.com/Gadget/shop/a")


def test_secrets_are_out_of_reach(target: KubernetesTarget) -> None:
    """Neither read nor written, whatever the kubeconfig allows."""
    with pytest.raises(NotAllowed):
        target.read("k8s://prod/core/Secret/shop/login")
    with pytest.raises(NotAllowed):
        target.delete("k8s://prod/core/Secret/shop/login", version="uid-of-login/7")


def test_sets_fields_and_nothing_else(target: KubernetesTarget, cluster: WritableKubernetesApi) -> None:
    """The object is the one before with the new value, one write."""
    before = target.read(CONFIG)
    assert before is not None
    target.set_fields(CONFIG, [SETS, FieldEdit(path="/data/new", before=ABSENT, after="x")], version=before.version)
    after = cluster.object("ConfigMap", "settings")
    assert after is not None
    assert after["data"] == {"timeout": "5s", "new": "x"}
    assert after["metadata"]["uid"] == "uid-of-settings"
    assert cluster.writes == [("PUT", "/api/v1/namespaces/shop/configmaps/settings")]


def test_field_that_leads_nowhere_is_invalid(target: KubernetesTarget, cluster: WritableKubernetesApi) -> None:
    """An edit through a scalar is refused, not a crash of the executor."""
    edit = FieldEdit(path="/data/timeout/seconds", before=ABSENT, after="5")
    with pytest.raises(Invalid):
        target.set_fields(CONFIG, [edit], version=_version(target, CONFIG))
    assert not cluster.writes


def test_restart_marks_the_pods_and_rolls(target: KubernetesTarget, cluster: WritableKubernetesApi) -> None:
    """A new generation has to be rolled out before the workload is healthy again."""
    assert target.is_healthy(CART)
    target.restart(CART, version=_version(target, CART))
    cart = cluster.object("Deployment", "cart")
    assert cart is not None
    assert "kubectl.kubernetes.io/restartedAt" in cart["spec"]["template"]["metadata"]["annotations"]
    assert cart["spec"]["replicas"] == 2
    assert not target.is_healthy(CART)
    cart["status"]["observedGeneration"] = cart["metadata"]["generation"]
    assert target.is_healthy(CART)


def test_resync_touches_the_external_secret_only(target: KubernetesTarget, cluster: WritableKubernetesApi) -> None:
    """The operator is asked; no value passes through here."""
    target.resync_secret(EXTERNAL, version=_version(target, EXTERNAL))
    external = cluster.object("ExternalSecret", "login")
    assert external is not None
    assert "force-sync" in external["metadata"]["annotations"]
    assert cluster.writes == [("PATCH", "/apis/external-secrets.io/v1/namespaces/shop/externalsecrets/login")]


def test_creates_what_is_missing(target: KubernetesTarget, cluster: WritableKubernetesApi) -> None:
    """And a second creation is a conflict."""
    uid = CONFIG.replace("settings", "fresh")
    fresh = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fresh", "namespace": "shop"}, "data": {}}
    target.create(uid, fresh)
    assert target.read(uid) is not None
    with pytest.raises(Conflict):
        target.create(uid, fresh)
    assert len(cluster.writes) == 1


def test_object_is_created_in_the_version_it_is_declared_in(
    target: KubernetesTarget, cluster: WritableKubernetesApi
) -> None:
    """Its fields are those of that version; in a version that is not served they would be dropped silently."""
    old = body("CronJob", "old", api_version="batch/v1beta1", spec={})
    cluster.reading.objects += [body("CronJob", "new", api_version="batch/v1", spec={}), old]
    uid = "k8s://prod/batch/CronJob/shop/fresh"
    fresh = {"kind": "CronJob", "metadata": {"name": "fresh", "namespace": "shop"}, "spec": {}}
    with pytest.raises(Invalid, match="batch/v2alpha1, which the cluster does not serve: declare it as batch/v1"):
        target.create(uid, fresh | {"apiVersion": "batch/v2alpha1"})
    target.create(uid, fresh | {"apiVersion": "batch/v1beta1"})
    assert cluster.writes == [("POST", "/apis/batch/v1beta1/namespaces/shop/cronjobs")]


def test_object_is_found_after_an_upgrade_of_the_cluster(
    target: KubernetesTarget, cluster: WritableKubernetesApi
) -> None:
    """A version that is served no more does not make its objects missing."""
    uid = "k8s://prod/batch/CronJob/shop/report"
    report = body("CronJob", "report", api_version="batch/v1beta1", spec={})
    cluster.reading.objects.append(report)
    assert target.read(uid) is not None
    report["apiVersion"] = "batch/v1"
    live = target.read(uid)
    assert live is not None
    assert live.body["apiVersion"] == "batch/v1"


def test_object_of_two_groups_is_seen_as_the_service_sees_it(
    target: KubernetesTarget, cluster: WritableKubernetesApi, kubeconfig: Path
) -> None:
    """The service takes the group that comes first; another version would look like another state."""
    reader = KubernetesApi(
        "api", kubeconfig=kubeconfig, context=None, cluster="prod", salt=b"s", transport=cluster.transport
    )
    for api_version in ("extensions/v1beta1", "networking.k8s.io/v1"):
        cluster.reading.objects.append(body("Ingress", "web", api_version=api_version, spec={}))
    uid = "k8s://prod/networking.k8s.io/Ingress/shop/web"
    seen = {d.resource.uid: d.body["apiVersion"] for d in reader.read().documents}
    live = target.read(uid)
    assert live is not None
    assert live.body["apiVersion"] == seen[uid] == "extensions/v1beta1"


@EVERY_WRITE
def test_changed_object_is_not_written(
    target: KubernetesTarget, cluster: WritableKubernetesApi, uid: str, write: Callable[[KubernetesTarget, str], None]
) -> None:
    """The server compares the version that was looked at; a change in between wins."""
    version = _version(target, uid)
    _, _, kind, _, name = uid.removeprefix("k8s://").split("/")
    with cluster.changed_by_somebody(kind, name) as found:
        found["metadata"]["labels"] = {"touched": "yes"}
    with pytest.raises(Conflict):
        write(target, version)
    assert not cluster.writes


@EVERY_WRITE
def test_object_made_again_under_the_same_name_is_not_written(
    target: KubernetesTarget, cluster: WritableKubernetesApi, uid: str, write: Callable[[KubernetesTarget, str], None]
) -> None:
    """It is another object, even if its content is equal."""
    version = _version(target, uid)
    _, _, kind, _, name = uid.removeprefix("k8s://").split("/")
    with cluster.changed_by_somebody(kind, name) as found:
        found["metadata"]["uid"] = "another"
    with pytest.raises(Conflict):
        write(target, version)
    assert not cluster.writes


def test_change_between_look_and_write_is_seen_by_the_server(
    target: KubernetesTarget, cluster: WritableKubernetesApi, kubeconfig: Path
) -> None:
    """Also in the last moment, after the target's own look: the write itself carries the version."""
    version = _version(target, CONFIG)
    inner = cluster.transport

    def meddle(request: object) -> object:
        if request.method == "PUT":  # type: ignore[attr-defined]
            with cluster.changed_by_somebody("ConfigMap", "settings") as found:
                found["data"]["timeout"] = "9s"
        return inner.handler(request)  # type: ignore[arg-type]

    import httpx

    racing = KubernetesTarget(
        kubeconfig=kubeconfig,
        context=None,
        cluster="prod",
        transport=httpx.MockTransport(meddle),  # type: ignore[arg-type]
    )
    with pytest.raises(Conflict):
        racing.set_fields(CONFIG, [SETS], version=version)
    assert cluster.object("ConfigMap", "settings")["data"] == {"timeout": "9s"}  # type: ignore[index]


@EVERY_WRITE
@pytest.mark.parametrize(
    ("fate", "error", "effects"),
    [("request", Unreachable, 0), ("answer", Unreachable, 1), ("503", Unreachable, 0), ("422", Invalid, 0)],
    ids=["request lost", "answer lost", "unavailable", "not accepted"],
)
def test_write_is_sent_once(
    target: KubernetesTarget,
    cluster: WritableKubernetesApi,
    uid: str,
    write: Callable[[KubernetesTarget, str], None],
    fate: str,
    error: type[PlumblineError],
    effects: int,
) -> None:
    """A write without an answer is never repeated; whether it happened is for the caller to see."""
    version = _version(target, uid)
    cluster.lost = [fate]
    with pytest.raises(error):
        write(target, version)
    assert len(cluster.writes) == effects
    assert not cluster.lost


def test_missing_permission_names_what_is_missing(target: KubernetesTarget, cluster: WritableKubernetesApi) -> None:
    """A 403 is told as such, with the server's reason."""
    cluster.denied_verbs = frozenset({"PUT"})
    with pytest.raises(Refused, match="cannot PUT"):
        target.set_fields(CONFIG, [SETS], version=_version(target, CONFIG))


@pytest.mark.parametrize(
    ("status", "is_healthy"),
    [
        ({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, True),
        ({"observedGeneration": 0, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, False),
        ({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 2}, False),
        ({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}, False),
        ({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 2}, False),
        ({}, False),
    ],
    ids=["rolled out", "not seen yet", "old pod left", "not available", "old revision", "no status"],
)
def test_health_is_a_complete_rollout(
    target: KubernetesTarget, cluster: WritableKubernetesApi, status: Object, is_healthy: bool
) -> None:
    """Of the newest generation, on every pod, with no old one left."""
    cart = cluster.object("Deployment", "cart")
    assert cart is not None
    cart["status"] = status
    assert target.is_healthy(CART) is is_healthy


@pytest.mark.parametrize(
    ("spec", "status", "is_healthy"),
    [
        ({}, {"updatedReplicas": 2, "readyReplicas": 2}, True),
        ({}, {"updatedReplicas": 2, "readyReplicas": 1}, False),
        ({}, {"updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 1}, False),
        ({"minReadySeconds": 9}, {"updatedReplicas": 2, "readyReplicas": 2}, False),
        ({}, {"updatedReplicas": 1, "readyReplicas": 2}, False),
        ({"updateStrategy": {"rollingUpdate": {"partition": 1}}}, {"updatedReplicas": 1, "readyReplicas": 2}, True),
        ({"updateStrategy": {"rollingUpdate": {"partition": 1}}}, {"updatedReplicas": 0, "readyReplicas": 2}, False),
    ],
    ids=["1.20", "1.20 not ready", "1.22", "not for long", "old pod", "held back", "not even the others"],
)
def test_health_of_a_stateful_set(
    target: KubernetesTarget, cluster: WritableKubernetesApi, spec: Object, status: Object, is_healthy: bool
) -> None:
    """Servers before 1.22 count no available pods, and a partition holds pods back on purpose."""
    common = {"observedGeneration": 1, "replicas": 2}
    cluster.reading.objects.append(
        body("StatefulSet", "db", api_version="apps/v1", spec={"replicas": 2, **spec}, status=common | status)
    )
    assert target.is_healthy("k8s://prod/apps/StatefulSet/shop/db") is is_healthy


ACTIONS = {
    "set": Action(kind=ActionKind.SET_FIELDS, target=CONFIG, edits=(SETS,)),
    "create": Action(
        kind=ActionKind.CREATE_OBJECT,
        target=CONFIG.replace("settings", "new"),
        body={
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "new", "namespace": "shop"},
            "data": {"timeout": "5s"},
        },
    ),
    "restart": Action(kind=ActionKind.RESTART_WORKLOAD, target=CART),
}


def _rehearsed(target: KubernetesTarget, action: Action) -> Object | None:
    live = target.read(action.target)
    return target.rehearse(action, version=live.version if live else "")


@pytest.mark.parametrize("name", ACTIONS)
def test_rehearsal_tells_what_the_server_would_make_of_it(
    target: KubernetesTarget, cluster: WritableKubernetesApi, name: str
) -> None:
    """The very write that would follow, and nothing is written."""
    cluster.minor = "32+"
    before = json.dumps(cluster.reading.objects)
    foreseen = _rehearsed(target, ACTIONS[name])
    assert foreseen is not None
    is_restarted = "restartedAt" in json.dumps(foreseen)
    assert is_restarted if name == "restart" else foreseen["data"] == {"timeout": "5s"}
    assert len(cluster.rehearsals) == 1
    assert (cluster.writes, json.dumps(cluster.reading.objects)) == ([], before)


@pytest.mark.parametrize("minor", ["", "17", "?"], ids=["unknown", "too old", "no number"])
def test_server_that_may_not_know_rehearsals_is_not_asked(
    target: KubernetesTarget, cluster: WritableKubernetesApi, minor: str
) -> None:
    """It would not see that this is one, and act."""
    cluster.minor = minor
    assert [_rehearsed(target, action) for action in ACTIONS.values()] == [None] * 3
    assert (cluster.writes, cluster.rehearsals) == ([], [])


@pytest.mark.parametrize(
    "action",
    [
        Action(kind=ActionKind.DELETE_OBJECT, target=CONFIG),
        Action(kind=ActionKind.RESYNC_SECRET, target=EXTERNAL),
        Action(
            kind=ActionKind.SET_FIELDS,
            target=EXTERNAL,
            edits=(FieldEdit(path="/spec/refreshInterval", before=ABSENT, after="1h"),),
        ),
    ],
    ids=["delete", "resync", "kind of another program"],
)
def test_what_cannot_be_rehearsed_safely_is_not(
    target: KubernetesTarget, cluster: WritableKubernetesApi, action: Action
) -> None:
    """Another program may serve the kind, and options of a deletion stand in its body."""
    cluster.minor = "32"
    assert _rehearsed(target, action) is None
    assert (cluster.writes, cluster.rehearsals) == ([], [])


def test_webhook_that_knows_no_rehearsal_hinders_nothing(
    target: KubernetesTarget, cluster: WritableKubernetesApi
) -> None:
    """Any other objection is passed on with the server's words."""
    cluster.minor = "32"
    cluster.objection = 'admission webhook "a.example.com" does not support dry run'
    assert _rehearsed(target, ACTIONS["set"]) is None
    cluster.objection = 'admission webhook "a.example.com" denied the request: too short'
    with pytest.raises(Invalid, match="too short"):
        _rehearsed(target, ACTIONS["set"])
