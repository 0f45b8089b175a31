"""Audit log lines as changes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from graph.change import ActorType
from graph.document import ABSENT, Object
from tools.adapters.kubernetes_audit import KubernetesAudit
from tools.ports import ChangeBatch

START = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def deployment(image: str, replicas: int = 1) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "cart",
            "namespace": "shop",
            "resourceVersion": image,
            "managedFields": [{"manager": image}],
        },
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "c", "image": image}]}}},
        "status": {"seen": image},
    }


def record(number: int, verb: str, *, response: Object | None = None, **more: object) -> Object:
    reference = {"resource": "deployments", "namespace": "shop", "name": "cart", "apiGroup": "apps", "apiVersion": "v1"}
    base: Object = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse",
        "auditID": f"id-{number}",
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {"username": "ann@example.com"},
        "sourceIPs": ["192.0.2.7"],
        "objectRef": reference,
        "responseStatus": {"code": 200},
        "stageTimestamp": (START + dt.timedelta(minutes=number)).isoformat(),
        "responseObject": response,
    }
    return base | more


def read(folder: Path, lines: Sequence[Object | str], since: dt.datetime | None = None) -> ChangeBatch:
    path = folder / "audit.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return KubernetesAudit("audit:demo", path, cluster="demo", deployers={"deployer"}, salt=b"salt").changes(since)


def test_tells_the_fields_between_two_known_bodies(tmp_path: Path) -> None:
    """A write changes what differs from the body before it; status and server fields are no content."""
    lines = [
        record(1, "create", response=deployment("a")),
        record(2, "patch", response=deployment("b"), requestObject={"spec": {}}),
    ]
    created, changed = read(tmp_path, lines).changes
    assert (created.path, created.before) == ("", ABSENT)
    assert (changed.path, changed.before, changed.after) == ("/spec/template/spec/containers/0/image", "a", "b")
    assert changed.uid == "k8s://demo/apps/Deployment/shop/cart"
    assert changed.earliest == changed.latest == START + dt.timedelta(minutes=2)
    assert changed.actor is not None
    assert (changed.actor.name, changed.actor.type, changed.actor.session) == (
        "ann@example.com",
        ActorType.HUMAN,
        "192.0.2.7",
    )
    assert read(tmp_path, lines, START + dt.timedelta(minutes=1)).changes == (changed,)


def test_tells_what_a_patch_sets_when_nothing_is_known_before(tmp_path: Path) -> None:
    """The leaves of a patch are told with their positions in the result."""
    patch = {"spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "c", "image": "b"}]}}}}
    changes = read(tmp_path, [record(1, "patch", response=deployment("b", 3), requestObject=patch)]).changes
    assert [(c.path, c.before, c.after, c.kind) for c in changes] == [
        ("/spec/replicas", ABSENT, 3, "scaling"),
        ("/spec/template/spec/containers/0/image", ABSENT, "b", "other"),
    ]


def test_scaling_to_nothing_is_told_as_zero(tmp_path: Path) -> None:
    """A server leaves the number out of a Scale where it is zero (1.20 and later); what comes after goes on from it."""
    reference = {**record(2, "patch")["objectRef"], "subresource": "scale"}
    scale = {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {},
    }
    lines = [
        record(1, "create", response=deployment("a", 2)),
        record(2, "patch", response=scale, objectRef=reference, requestObject={"spec": {"replicas": 0}}),
        record(3, "patch", response=deployment("b", 0), requestObject={"spec": {}}),
    ]
    _, scaled, updated = read(tmp_path, lines).changes
    assert (scaled.path, scaled.before, scaled.after, scaled.kind) == ("/spec/replicas", 2, 0, "scaling")
    assert (updated.path, updated.after) == ("/spec/template/spec/containers/0/image", "b")


def test_names_no_field_at_metadata_level(tmp_path: Path) -> None:
    """Without bodies only object and actor are known."""
    (change,) = read(tmp_path, [record(1, "update", level="Metadata")]).changes
    assert (change.uid, change.path, change.before, change.after) == (
        "k8s://demo/apps/Deployment/shop/cart",
        "",
        ABSENT,
        ABSENT,
    )


@pytest.mark.parametrize(
    "line",
    [
        record(1, "get"),
        record(1, "create", stage="RequestReceived"),
        record(1, "create", responseStatus={"code": 409}),
        record(1, "create", requestURI="/apis/apps/v1/namespaces/shop/deployments?dryRun=All"),
        record(1, "update", objectRef={"resource": "deployments", "name": "cart", "subresource": "status"}),
        record(1, "create", objectRef={"resource": "events", "name": "x"}),
        record(1, "update", objectRef={"resource": "leases", "name": "x"}),
        record(
            1,
            "create",
            user={"username": "system:serviceaccount:kube-system:replicaset-controller"},
            objectRef={"resource": "pods", "name": "x", "namespace": "shop"},
        ),
    ],
    ids=["read", "not complete", "failed", "dry run", "status", "event", "heartbeat", "controller's pod"],
)
def test_leaves_out_what_changes_no_state(tmp_path: Path, line: Object) -> None:
    """Reads, failures, dry runs and consequences are no changes."""
    assert read(tmp_path, [line]) == ChangeBatch(changes=(), gaps=())


@pytest.mark.parametrize(
    ("username", "kind"),
    [
        ("ann@example.com", ActorType.HUMAN),
        ("system:serviceaccount:argocd:controller", ActorType.AUTOMATION),
        ("deployer", ActorType.AUTOMATION),
        ("kubernetes-admin", ActorType.UNKNOWN),
    ],
)
def test_tells_people_from_programs_by_their_names(tmp_path: Path, username: str, kind: ActorType) -> None:
    """Only what a name says is claimed."""
    (change,) = read(tmp_path, [record(1, "delete", user={"username": username})]).changes
    assert change.actor is not None
    assert change.actor.type is kind


def test_a_person_who_evicts_a_pod_deleted_it(tmp_path: Path) -> None:
    """Draining a node makes evictions; what the control plane evicts follows from what was written before."""
    reference = {"resource": "pods", "namespace": "shop", "name": "cart-1", "subresource": "eviction"}
    by_hand = record(1, "create", objectRef=reference, responseStatus={"code": 201})
    own = record(2, "create", objectRef=reference, user={"username": "system:node:n1"}, responseStatus={"code": 201})
    (change,) = read(tmp_path, [by_hand, own]).changes
    assert (change.uid, change.summary) == ("k8s://demo/core/Pod/shop/cart-1", "evict shop/pods/cart-1")


@pytest.mark.parametrize(("verb", "removes"), [("delete", True), ("update", False)])
def test_a_removal_is_told_from_other_writes_without_any_body(tmp_path: Path, verb: str, removes: bool) -> None:
    """At the level Metadata the verb is all that there is."""
    (change,) = read(tmp_path, [record(1, verb, level="Metadata")]).changes
    assert (change.removes, change.before, change.after) == (removes, ABSENT, ABSENT)


def test_tells_who_opened_a_shell(tmp_path: Path) -> None:
    """An exec counts from its start: it stays open for as long as the shell."""
    reference = {"resource": "pods", "namespace": "shop", "name": "cart-1", "subresource": "exec"}
    line = record(1, "create", stage="ResponseStarted", objectRef=reference, responseStatus={"code": 101})
    (change,) = read(tmp_path, [line]).changes
    assert (change.uid, change.summary) == ("k8s://demo/core/Pod/shop/cart-1", "exec into a pod shop/pods/cart-1")


def test_keeps_no_value_of_a_secret(tmp_path: Path) -> None:
    """Neither bodies nor patches of Secrets let a value through."""
    reference = {"resource": "secrets", "namespace": "shop", "name": "s"}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "shop"},
        "data": {"p": "aHVudGVyMg=="},
    }
    patch = {"stringData": {"p": "hunter2"}}
    lines = [
        record(1, "patch", objectRef=reference, requestObject=patch),
        record(2, "patch", objectRef=reference, requestObject=patch, response=secret),
        record(3, "create", objectRef=reference, requestObject=secret | {"stringData": {"q": "hunter2"}}),
    ]
    changes = read(tmp_path, lines).changes
    assert len(changes) >= 3
    assert "hunter2" not in repr(changes)
    assert "aHVudGVyMg" not in repr(changes)


def test_reads_on_after_a_broken_line(tmp_path: Path) -> None:
    """Cut and strange lines are gaps with their numbers; the others count."""
    lines: list[Object | str] = [
        "garbage",
        "[]",
        record(3, "delete"),
        {**record(4, "delete"), "auditID": None},
        '{"auditID": "id-5", "ver',
    ]
    batch = read(tmp_path, lines)
    assert len(batch.changes) == 1
    assert [g.what for g in batch.gaps] == [
        "line 1 of audit.jsonl",
        "line 2 of audit.jsonl",
        "audit record on line 4",
        "line 5 of audit.jsonl",
    ]
    assert "cut off" in batch.gaps[-1].why


@pytest.mark.shared
def test_attributes_a_recorded_session(shared: Path) -> None:
    """In the log of a real server all edits by hand are found, each with its field and its person."""
    path = shared / "data/k8s-live/audit.jsonl.gz"
    batch = KubernetesAudit("audit", path, cluster="c", deployers={"deploy-pipeline"}, salt=b"s").changes(None)
    expected = json.loads((shared / "data/k8s-live/expected.json").read_text())["snapshots"]["live-1-edited.json.gz"]
    by_hand = [c for c in batch.changes if c.actor and c.actor.type is ActorType.HUMAN]
    assert batch.gaps == ()
    assert len(by_hand) == len(expected["drift"]) == 11
    for drift, change in zip(expected["drift"], by_hand, strict=True):
        namespace, kind, name = drift["resource"].split("/")
        assert change.uid.endswith(f"/{kind}/{namespace}/{name}")
        assert change.path.startswith(drift["pointer"])
    deployed = [c for c in batch.changes if c.actor and c.actor.name == "deploy-pipeline" and c.path]
    assert [c.path for c in deployed] == ["/spec/template/spec/containers/0/image"]
