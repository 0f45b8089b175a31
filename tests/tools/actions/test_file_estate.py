"""The writer of a file-backed estate: one version at a time, recorded, settled, and safe between processes."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.demo.build import DemoEstate
from graph.action import FieldEdit, observed_digest
from graph.document import ABSENT
from graph.errors import Conflict, Invalid, NotFound, Unexpected, Unreachable
from tests.demo_estates import CLUSTER, NOW, STACK, k8s, reader, store, target, tf
from tools.actions.file_estate import FileEstateTarget
from tools.actions.simulated_cluster.store import EstateStore
from tools.adapters.estate_files import lines

POLICY = "aws_iam_role_policy.payments"


def _version(demo: DemoEstate, uid: str) -> str:
    live = target(demo).read(uid)
    assert live is not None
    return live.version


def test_covers_its_own_cluster_and_stack_only(demo: DemoEstate) -> None:
    """Names of another cluster or stack, also with the same beginning, are not covered."""
    own = target(demo)
    assert own.covers(k8s("Service", "cart"))
    assert own.covers(tf(POLICY))
    assert not own.covers("k8s://shop-2/core/Service/shop/cart")
    assert not own.covers("tf://shop/aws_kms_key.data")


@pytest.mark.parametrize("uid", [k8s("Deployment", "cart", "apps"), tf(POLICY), k8s("NetworkPolicy", "cart-callers")])
def test_reads_the_same_state_as_the_collector(demo: DemoEstate, uid: str) -> None:
    """A plan made on what the collector read is bound to the digest that the executor sees."""
    collected = {d.resource.name: d.body for d in reader(demo).read().documents if d.resource.uid == uid}
    live = target(demo).read(uid)
    assert live is not None or not collected
    for body in collected.values():
        assert live is not None
        assert observed_digest(live.body) == observed_digest(body)


def test_absent_object_is_none(demo: DemoEstate) -> None:
    """What does not exist is told apart from what can't be read."""
    assert target(demo).read(k8s("Service", "nothing")) is None
    assert target(demo).read(tf("aws_s3_bucket.nothing")) is None


def test_stale_version_is_refused(demo: DemoEstate) -> None:
    """After somebody else's write the old version is a conflict, and nothing is changed."""
    uid = k8s("ConfigMap", "cart-config")
    old = _version(demo, uid)
    target(demo).set_fields(uid, [FieldEdit(path="/data/CART_TTL", before="336h", after="48h")], version=old)
    with pytest.raises(Conflict, match="changed since"):
        target(demo).set_fields(uid, [FieldEdit(path="/data/CART_TTL", before="48h", after="1h")], version=old)
    with pytest.raises(Conflict):
        target(demo).delete(uid, version=old)
    live = target(demo).read(uid)
    assert live is not None
    assert live.body["data"]["CART_TTL"] == "48h"


def test_other_value_than_decided_on_is_refused(demo: DemoEstate) -> None:
    """An edit names the value it replaces; another one there means that the decision is out of date."""
    uid = tf("aws_security_group.orders_db")
    edit = FieldEdit(path="/values/ingress/0", before=ABSENT, after={})
    with pytest.raises(Conflict, match="does not hold"):
        target(demo).set_fields(uid, [edit], version=_version(demo, uid))


def test_edit_inside_a_policy_text(demo: DemoEstate) -> None:
    """A pointer goes on into the JSON text of an attribute; the text stays a text and CloudTrail has it."""
    uid = tf(POLICY)
    statement = {"Effect": "Allow", "Action": "kms:ReEncryptFrom", "Resource": "*"}
    edit = FieldEdit(path="/values/policy/Statement/3", before=ABSENT, after=statement)
    target(demo).set_fields(uid, [edit], version=_version(demo, uid))
    live = target(demo).read(uid)
    assert live is not None
    assert json.loads(live.body["values"]["policy"])["Statement"][3] == statement
    record = list(lines(demo.estate / "audit/cloudtrail.jsonl"))[-1]
    assert record["eventName"] == "PutRolePolicy"
    assert record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "plumbline-executor"
    assert "kms:ReEncryptFrom" in record["requestParameters"]["policyDocument"]


def test_writes_are_audited_and_owned(demo: DemoEstate) -> None:
    """A write stands in the audit log under the executor's name, and the field belongs to it from then on."""
    uid = k8s("ConfigMap", "search-config")
    edit = FieldEdit(path="/data/RESULT_LIMIT", before="48", after="24")
    target(demo).set_fields(uid, [edit], version=_version(demo, uid))
    record = list(lines(demo.estate / "audit/kubernetes.jsonl"))[-1]
    assert record["user"]["username"] == "system:serviceaccount:plumbline:plumbline-executor"
    assert (record["verb"], record["stage"], record["level"]) == ("patch", "ResponseComplete", "RequestResponse")
    assert record["requestObject"] == {"data": {"RESULT_LIMIT": "24"}}
    live = target(demo).read(uid)
    assert live is not None
    owners = {e["manager"]: e["fieldsV1"] for e in live.body["metadata"]["managedFields"]}
    assert owners["plumbline-executor"] == {"f:data": {"f:RESULT_LIMIT": {}}}
    assert "f:RESULT_LIMIT" not in owners["deploy-bot"]["f:data"]


def test_create_and_delete(demo: DemoEstate) -> None:
    """A deleted object is gone, an object that exists can't be created, and a new one gets an identity of its own."""
    uid = k8s("NetworkPolicy", "cart-callers", "networking.k8s.io")
    live = target(demo).read(uid)
    assert live is not None
    with pytest.raises(Conflict):
        target(demo).create(uid, live.body)
    target(demo).delete(uid, version=live.version)
    assert target(demo).read(uid) is None
    with pytest.raises(NotFound):
        target(demo).delete(uid, version=live.version)
    with pytest.raises(Invalid):
        target(demo).create(k8s("NetworkPolicy", "other", "networking.k8s.io"), live.body)
    target(demo).create(uid, live.body)
    again = target(demo).read(uid)
    assert again is not None
    assert again.body["spec"] == live.body["spec"]
    assert again.body["metadata"]["uid"] != live.body["metadata"]["uid"]


def test_create_and_delete_in_the_cloud(demo: DemoEstate) -> None:
    """Cloud resources come and go through the cloud API."""
    uid = tf("aws_iam_role_policy.media")
    live = target(demo).read(uid)
    assert live is not None
    target(demo).delete(uid, version=live.version)
    assert list(lines(demo.estate / "audit/cloudtrail.jsonl"))[-1]["eventName"] == "DeleteRolePolicy"
    target(demo).create(uid, live.body)
    again = target(demo).read(uid)
    assert again is not None
    assert again.body["values"] == live.body["values"]


def test_restart_makes_new_pods_of_the_same_kind(demo: DemoEstate) -> None:
    """All pods are replaced, the image is the same, and the workload is healthy afterwards."""
    uid = k8s("Deployment", "cart", "apps")
    before = {k.name for k, _ in store(demo).of_kind("Pod") if k.name.startswith("cart-") and "store" not in k.name}
    target(demo).restart(uid, version=_version(demo, uid))
    after = {k.name for k, _ in store(demo).of_kind("Pod") if k.name.startswith("cart-") and "store" not in k.name}
    assert len(after) == len(before)
    assert not after & before
    assert target(demo).is_healthy(uid)


@pytest.mark.parametrize(
    ("act", "uid"),
    [
        (lambda t, u, v: t.restart(u, version=v), k8s("ConfigMap", "cart-config")),
        (lambda t, u, v: t.resync_secret(u, version=v), k8s("Deployment", "cart", "apps")),
    ],
    ids=["restart of a ConfigMap", "resync of a Deployment"],
)
def test_action_that_makes_no_sense_is_invalid(
    demo: DemoEstate, act: Callable[[FileEstateTarget, str, str], None], uid: str
) -> None:
    """What has no pods can't be restarted, what is no ExternalSecret can't be synced."""
    with pytest.raises(Invalid):
        act(target(demo), uid, _version(demo, uid))


def test_no_secret_value_is_written_anywhere(demo: DemoEstate) -> None:
    """A resync leaves no value of the secret store in logs, audit records or metrics."""
    uid = k8s("ExternalSecret", "payments-provider", "external-secrets.io")
    target(demo).resync_secret(uid, version=_version(demo, uid))
    values = [v for entry in store(demo).secrets.values() for v in entry.values()]
    for file in (*demo.estate.glob("audit/*.jsonl"), *demo.estate.glob("logs/*/*.jsonl")):
        assert not any(value in file.read_text() for value in values)


def test_settles_what_a_killed_writer_left(demo: DemoEstate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that reached the disk takes effect although its writer died before the controllers ran."""
    uid = k8s("Service", "search")
    monkeypatch.setattr("tools.actions.file_estate.settle", _die)
    edit = FieldEdit(path="/spec/selector/app.kubernetes.io~1name", before="search", after="nothing")
    with pytest.raises(KeyboardInterrupt):
        target(demo).set_fields(uid, [edit], version=_version(demo, uid))
    monkeypatch.undo()
    assert not target(demo).is_healthy(uid)


def test_missing_estate_is_unreachable(tmp_path: Path) -> None:
    """A path without an estate says what to do."""
    nowhere = FileEstateTarget(tmp_path / "none", cluster=CLUSTER, stack=STACK, actor="x")
    with pytest.raises(Unreachable, match="plumbline up --demo"):
        nowhere.read(k8s("Service", "cart"))


def test_broken_file_is_unexpected(demo: DemoEstate) -> None:
    """A file that can't be parsed is named, and nothing is written."""
    (demo.estate / "kubernetes/shop/Service/cart.yaml").write_text("a: [")
    with pytest.raises(Unexpected, match=r"cart\.yaml"):
        target(demo).read(k8s("Service", "cart"))


def test_concurrent_writers_lose_nothing(demo: DemoEstate) -> None:
    """Of several processes that decided on the same version exactly one writes; the others are told of the conflict."""
    uid = k8s("ConfigMap", "cart-config")
    version = _version(demo, uid)
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        answers = pool.starmap(_write, [(str(demo.estate), uid, version, str(i)) for i in range(3)])
    assert sorted(answers) == ["conflict", "conflict", "written"]
    live = target(demo).read(uid)
    assert live is not None
    assert live.body["data"]["CART_TTL"] == f"{answers.index('written')}h"
    assert not list(demo.estate.rglob("*.part"))


def test_times_come_from_the_clock(demo: DemoEstate) -> None:
    """Audit records carry the time that the clock gives."""
    later = NOW + timedelta(hours=3)
    own = FileEstateTarget(demo.estate, cluster=CLUSTER, stack=STACK, actor="x", clock=lambda: later)
    uid = k8s("ConfigMap", "cart-config")
    own.set_fields(uid, [FieldEdit(path="/data/CART_TTL", before="336h", after="1h")], version=_version(demo, uid))
    record = list(lines(demo.estate / "audit/kubernetes.jsonl"))[-1]
    assert datetime.fromisoformat(record["requestReceivedTimestamp"]).astimezone(UTC) == later


def _die(_store: EstateStore, _at: datetime) -> None:
    raise KeyboardInterrupt


def _write(estate: str, uid: str, version: str, value: str) -> str:
    own = FileEstateTarget(Path(estate), cluster=CLUSTER, stack=STACK, actor="w", clock=lambda: NOW)
    try:
        own.set_fields(uid, [FieldEdit(path="/data/CART_TTL", before="336h", after=f"{value}h")], version=version)
    except Conflict:
        return "conflict"
    return "written"
