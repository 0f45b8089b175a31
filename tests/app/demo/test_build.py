"""The demo estate is complete, believable, free of drift, and cheap to ask for again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import hcl2
import pytest
import yaml
from dulwich.repo import Repo

from app.demo import terraform
from app.demo.build import DemoEstate, build, environment_config, reset
from app.demo.scenarios import SCENARIOS
from app.demo.sources import history, shop_files, shop_text
from app.settings import EnvironmentSettings
from app.sources import build_sources
from graph.drift import compare
from graph.resource import Facet
from tests.demo_estates import NOW, reader, store


def _snapshot(root: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in root.rglob("*") if p.is_file()}


def test_building_again_changes_nothing(demo: DemoEstate) -> None:
    """A second build into the same directory leaves every file as it is."""
    before = _snapshot(demo.root)
    build(demo.root.parent, now=NOW.replace(year=2027))
    assert _snapshot(demo.root) == before


def test_unfinished_build_is_begun_anew(demo: DemoEstate) -> None:
    """What a killed build left behind is replaced, not trusted."""
    (demo.root / "built").unlink()
    (demo.estate / "kubernetes" / "shop" / "Service" / "cart.yaml").unlink()
    build(demo.root.parent, now=NOW)
    assert (demo.estate / "kubernetes" / "shop" / "Service" / "cart.yaml").exists()


def test_same_time_gives_the_same_estate(pristine: Path, tmp_path: Path) -> None:
    """The build is deterministic, down to uids and commit ids."""
    build(tmp_path, now=NOW)
    for name in ("runtime.json", "metrics.jsonl", "audit/kubernetes.jsonl", "audit/deployments.jsonl"):
        assert (tmp_path / "demo/estate" / name).read_text() == (pristine / "demo/estate" / name).read_text()
    heads = {Repo(str(root / "demo/repo")).head() for root in (pristine, tmp_path)}
    assert len(heads) == 1


def test_history_is_of_several_weeks_and_people(demo: DemoEstate) -> None:
    """The repository has 25 to 45 commits over six weeks, by people and a bot, and ends in what ships."""
    with Repo(str(demo.repo)) as repo:
        commits = [entry.commit for entry in repo.get_walker()]
        status = Repo(str(demo.repo)).open_index()
        assert set(status) == {path.encode() for path in shop_files() if path != "cloud.yaml"} | {
            b"terraform/plan.json"
        }
    authors = Counter(c.author.decode().partition(" <")[0] for c in commits)
    assert 25 <= len(commits) <= 45
    assert len(authors) >= 5
    assert authors["deploy-bot"] >= 10
    assert 35 <= (commits[0].author_time - commits[-1].author_time) / 86400 <= 45
    assert any(c.message.startswith(b"Revert") for c in commits)
    for path, text in shop_files().items():
        assert path == "cloud.yaml" or (demo.repo / path).read_text() == text


def test_shop_has_at_least_twelve_services(demo: DemoEstate) -> None:
    """The issue asks for a dozen services and one of each important kind."""
    kinds = Counter(key.kind for key in store(demo).objects)
    assert kinds["Deployment"] + kinds["StatefulSet"] >= 12
    assert kinds.keys() >= {"CronJob", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress", "NetworkPolicy"}
    assert kinds.keys() >= {"ExternalSecret", "Secret", "ReplicaSet", "Pod", "EndpointSlice", "StatefulSet"}


def test_fresh_estate_has_no_drift_and_no_symptom(demo: DemoEstate) -> None:
    """Intended, applied and actual state agree, everything is read, and nothing complains."""
    config = environment_config(demo.root.parent)
    sources = build_sources(EnvironmentSettings(**config), salt=b"pepper", clock=lambda: NOW)
    facets = {source.facet: source.read() for source in sources.states}
    assert all(not snapshot.unreadable for snapshot in facets.values())
    report = compare(
        intended=facets[Facet.INTENDED].documents,
        applied=facets[Facet.APPLIED].documents,
        actual=facets[Facet.ACTUAL].documents,
    )
    assert report.findings == ()
    assert report.not_comparable == ()
    said = [s for s in reader(demo).symptoms(NOW.replace(hour=0)) if "level=error" in s.text or "fatal" in s.text]
    assert said == []


def test_every_change_source_can_be_read(demo: DemoEstate) -> None:
    """Commits, audit records, CloudTrail and deployments all give changes and no gap."""
    config = EnvironmentSettings(**environment_config(demo.root.parent))
    sources = build_sources(config, salt=b"pepper", clock=lambda: NOW)
    for source in sources.changes:
        batch = source.changes(None)
        assert batch.changes, source.name
        assert batch.gaps == (), source.name


def test_old_revisions_are_kept(demo: DemoEstate) -> None:
    """A Deployment that was released before has ReplicaSets to go back to, numbered by revision."""
    sets = [b for k, b in store(demo).objects.items() if k.kind == "ReplicaSet" and k.name.startswith("checkout-")]
    revisions = sorted(int(s["metadata"]["annotations"]["deployment.kubernetes.io/revision"]) for s in sets)
    assert len(revisions) >= 3
    assert [s["spec"]["replicas"] for s in sets].count(0) == len(sets) - 1


def test_reset_brings_everything_back(demo: DemoEstate) -> None:
    """After any incident, reset restores estate, repository and state byte for byte."""
    parts = [p for part in (demo.estate, demo.repo, demo.state.parent) for p in sorted(part.rglob("*")) if p.is_file()]
    before = {p: p.read_bytes() for p in parts if p.name != "index"}
    SCENARIOS["bad-image-rollout"].inject(demo.estate, NOW)
    SCENARIOS["cause-unknown"].inject(demo.estate, NOW)
    reset(demo)
    assert {p: p.read_bytes() for p in before} == before
    assert not (demo.estate / "outages.yaml").exists()


def test_terraform_text_and_attributes_agree() -> None:
    """What the HCL says literally is what the provider is said to answer."""
    found = terraform.resources(shop_files())
    declared: dict[str, dict[str, object]] = {}
    for path, text in shop_files().items():
        if path.endswith(".tf"):
            for block in hcl2.loads(text).get("resource", []):
                for kind, named in block.items():
                    for name, body in named.items():
                        declared[f"{kind}.{name}".replace('"', "")] = body
    assert set(declared) == set(found)
    for address, body in declared.items():
        for attribute, value in body.items():
            if isinstance(value, bool | int) and not attribute.startswith("__"):
                assert found[address]["values"][attribute] == value, (address, attribute)
            if isinstance(value, str) and "$" not in value and "." not in value:
                assert str(found[address]["values"][attribute]) == value.strip('"'), (address, attribute)


def test_every_need_names_configuration_that_exists() -> None:
    """The physics refer to keys that the manifests really set."""
    documents = [d for p, t in shop_files().items() if p.startswith("kubernetes/") for d in yaml.safe_load_all(t)]
    data = {d["metadata"]["name"]: d["data"] for d in documents if d["kind"] == "ConfigMap"}
    for name, rules in yaml.safe_load(shop_text("behaviour.yaml"))["workloads"].items():
        config = data[f"{name.rpartition('/')[2]}-config"]
        for need in rules.get("needs", []):
            for field in ("config", "call", "database"):
                assert field not in need or need[field] in config, (name, need)


@pytest.mark.parametrize("commit", history(NOW), ids=lambda c: c.message.partition("\n")[0][:40])
def test_every_commit_is_well_formed(commit: object) -> None:
    """Manifests and policies parse at every point of the history, and the plan can be rendered."""
    tree = commit.tree  # type: ignore[attr-defined]
    for path in commit.changed:  # type: ignore[attr-defined]
        if path.startswith("kubernetes/"):
            assert all(d["metadata"]["name"] for d in yaml.safe_load_all(tree[path]))
    json.loads(terraform.plan(tree, at="2026-11-20T12:00:00Z"))
