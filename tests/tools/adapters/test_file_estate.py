"""The reader of a file-backed estate: state, symptoms, and what it could not read."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from app.demo.build import DemoEstate
from graph.errors import Unreachable
from graph.evidence import ObservationKind
from graph.resource import Facet
from tests.demo_estates import NOW, built, copied, k8s, reader, tf
from tools.adapters.file_estate import FileEstate


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo that no test changes."""
    return built(tmp_path_factory.mktemp("pristine"))


@pytest.fixture
def demo(pristine: Path, tmp_path: Path) -> DemoEstate:
    """A demo of one's own."""
    return copied(pristine, tmp_path)


def test_cluster_and_cloud_come_in_one_snapshot(demo: DemoEstate) -> None:
    """Live objects and cloud resources are actual state of the same moment; Events are none."""
    snapshot = reader(demo).read()
    uids = {d.resource.uid for d in snapshot.documents}
    assert snapshot.facet is Facet.ACTUAL
    assert snapshot.complete
    assert snapshot.taken_at == NOW
    assert {k8s("Deployment", "cart", "apps"), tf("aws_kms_key.data"), "k8s://shop/core/Namespace/-/shop"} <= uids
    assert not any("/Event/" in uid for uid in uids)


def test_secret_values_do_not_travel(demo: DemoEstate) -> None:
    """Secrets keep their keys; values are hashes, and nothing of the secret store is in the snapshot."""
    snapshot = reader(demo).read()
    secret = next(d for d in snapshot.documents if d.resource.uid == k8s("Secret", "payments-provider"))
    assert set(secret.body["data"]) == {"PROVIDER_API_KEY", "PROVIDER_WEBHOOK_SECRET"}
    assert all(value.startswith("hmac-sha256:") for value in secret.body["data"].values())
    kept = yaml.safe_load((demo.estate / "secret-store.yaml").read_text())
    text = str([d.body for d in snapshot.documents])
    assert not any(value in text for entry in kept.values() for value in entry.values())


def test_broken_file_is_named_and_the_rest_is_read(demo: DemoEstate) -> None:
    """One file that can't be parsed, and one without a name, are unreadable; everything else is there."""
    before = reader(demo).read()
    folder = demo.estate / "kubernetes/shop/ConfigMap"
    (folder / "cart-config.yaml").write_text("apiVersion: v1\nkind: ConfigMap\ndata: [\n")
    (folder / "pricing-config.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n")
    snapshot = reader(demo).read()
    assert len(snapshot.documents) == len(before.documents) - 2
    named = {u.where: u for u in snapshot.unreadable}
    assert set(named) == {
        "kubernetes/shop/ConfigMap/cart-config.yaml",
        "kubernetes/shop/ConfigMap/pricing-config.yaml",
    }
    assert named["kubernetes/shop/ConfigMap/cart-config.yaml"].line is not None
    assert [u.resource.display if u.resource else "" for u in named.values()] == [
        "shop/ConfigMap/cart-config",
        "shop/ConfigMap/pricing-config",
    ]
    assert snapshot.complete
    resource = named["kubernetes/shop/ConfigMap/cart-config.yaml"].resource
    assert resource is not None
    assert snapshot.hides(resource.uid)
    assert resource.uid in {d.resource.uid for d in before.documents}


def test_missing_estate_is_unreachable(tmp_path: Path) -> None:
    """No directory is an outside error, not an empty environment."""
    source = FileEstate("x", tmp_path / "none", cluster="c", stack="s", salt=b"x", clock=lambda: NOW)
    with pytest.raises(Unreachable):
        source.read()
    with pytest.raises(Unreachable):
        source.symptoms(NOW)


def test_symptoms_are_ordered_and_recent(demo: DemoEstate) -> None:
    """Readings and lines after the given time come oldest first, tied to their workload."""
    since = NOW - timedelta(minutes=20)
    found = reader(demo).symptoms(since)
    assert found
    assert all(s.at is not None and s.at > since for s in found)
    assert [s.at for s in found] == sorted(s.at for s in found if s.at)
    latency = [s for s in found if s.resource == k8s("StatefulSet", "cart-store", "apps") and s.reason == "latency_p99"]
    assert latency
    assert all(s.kind is ObservationKind.METRIC and s.unit == "s" and s.value is not None for s in latency)
    assert "objective" in latency[0].text


def test_torn_last_line_is_left_out(demo: DemoEstate) -> None:
    """A line that is still being written is read the next time."""
    file = demo.estate / "logs/shop/cart.jsonl"
    before = len(reader(demo).symptoms(NOW - timedelta(hours=1)))
    with file.open("a") as stream:
        stream.write('{"time": "2026-11-20T11:59:00Z", "te')
    assert len(reader(demo).symptoms(NOW - timedelta(hours=1))) == before


def test_outage_of_logs_is_a_gap_of_its_workload(demo: DemoEstate) -> None:
    """Logs that can't be read are said to be missing, and are not given."""
    uid = k8s("Deployment", "cart", "apps")
    entry = {"what": "logs", "resource": "shop/Deployment/cart", "why": "the log store is away"}
    (demo.estate / "outages.yaml").write_text(yaml.safe_dump({"outages": [entry]}))
    snapshot = reader(demo).read()
    assert [(u.where, u.resource.uid if u.resource else "") for u in snapshot.unreadable] == [
        ("logs of shop/Deployment/cart", uid)
    ]
    found = [s for s in reader(demo).symptoms(NOW - timedelta(hours=1)) if s.resource == uid]
    assert {s.kind for s in found} == {ObservationKind.METRIC}


def test_sees_changes_between_two_readings(demo: DemoEstate) -> None:
    """One instance that reads again parses what changed, appeared or vanished."""
    source = reader(demo)
    before = {d.resource.uid for d in source.read().documents}
    folder = demo.estate / "kubernetes/shop/Service"
    body = yaml.safe_load((folder / "cart.yaml").read_text())
    (folder / "search.yaml").unlink()
    (folder / "new.yaml").write_text(yaml.safe_dump(body | {"metadata": body["metadata"] | {"name": "new"}}))
    after = {d.resource.uid for d in source.read().documents}
    assert before - after == {k8s("Service", "search")}
    assert after - before == {k8s("Service", "new")}


def test_lone_workload_log_is_tied_to_its_name(demo: DemoEstate) -> None:
    """A log whose workload is gone keeps a name to be found by."""
    shutil.copy(demo.estate / "logs/shop/cart.jsonl", demo.estate / "logs/shop/gone.jsonl")
    found = {s.resource for s in reader(demo).symptoms(NOW - timedelta(hours=1))}
    assert k8s("Deployment", "gone", "apps") in found
