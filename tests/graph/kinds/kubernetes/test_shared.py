"""The comparison against real objects of public projects: recorded clusters, published pairs, whole estates."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.drift.server import Object, serve
from graph.document import Json
from graph.drift import DriftReport, Finding, compare
from graph.kinds.kubernetes.parse import expand, parse
from graph.version import Document
from tests.graph.kinds.kubernetes.alterations import altered, choose

pytestmark = pytest.mark.shared

ALTERATIONS = int(os.environ.get("PLUMBLINE_ALTERATIONS", "80"))
"""How many random alterations are tried in each setting."""


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(bodies: list[Any]) -> list[Document]:
    return [parse(o, cluster="c", salt=b"test") for body in bodies if body for o in expand(body)]


def load(path: Path) -> list[Object]:
    if path.suffix == ".json":
        return [json.loads(path.read_text())]
    return [o for body in yaml.load_all(path.read_bytes(), Loader=LOADER) if body for o in expand(body)]


def pair_ids() -> list[str]:
    root = Path(os.environ.get("PLUMBLINE_SHARED", Path(__file__).resolve().parents[5] / "shared"))
    folder = root / "data" / "k8s-diff-pairs"
    return sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else ["absent"]


@pytest.mark.parametrize("name", pair_ids())
def test_agrees_with_published_pairs(shared: Path, name: str) -> None:
    """Each pair has the published verdict: every required place, nothing else, additions apart."""
    folder = shared / "data" / "k8s-diff-pairs" / name
    expected = json.loads((folder / "expected.json").read_text())
    config, live = (load(folder / expected["files"][side]) for side in ("config", "live"))
    result = compare(intended=read(config), applied=None, actual=read(live))
    ignored = expected.get("ignore_rules", [])
    findings = [f for f in result.findings if f.path not in ignored]
    assert bool(findings) is expected["drift"]
    for entry in expected["required"]:
        assert any(is_inside(f, entry) for f in findings), entry
    for finding in findings:
        assert any(is_inside(finding, entry) for entry in expected["required"] + expected["allowed"]), finding
    assert result.not_comparable == ()


def is_inside(finding: Finding, entry: Object) -> bool:
    places = [entry[p] for p in ("config_pointer", "live_pointer") if p in entry]
    paths = {finding.path, finding.actual_path or finding.path}
    return any(path == place or path.startswith(place + "/") for place in places for path in paths)


def live_cases() -> list[tuple[str, str, str]]:
    return [
        ("live-0-untouched.json.gz", "manifest.yaml", "live-0-untouched.json.gz"),
        ("live-1-edited.json.gz", "manifest.yaml", "live-1-edited.json.gz"),
        ("live-2-deployed.json.gz", "manifest-2.yaml", "live-1-edited.json.gz"),
    ]


@pytest.mark.parametrize(("dump", "manifest", "listed"), live_cases())
def test_finds_exactly_the_edits_on_a_real_cluster(shared: Path, dump: str, manifest: str, listed: str) -> None:
    """An untouched cluster is clean; an edited one has exactly the listed drifts with their verdicts."""
    folder = shared / "data" / "k8s-live"
    actual = [json.loads(gzip.decompress((folder / dump).read_bytes()))]
    result = compare(intended=read(load(folder / manifest)), applied=None, actual=read(actual))
    expected = json.loads((folder / "expected.json").read_text())["snapshots"][listed]["drift"]
    left = list(result.findings)
    for drift in expected:
        match = next(f for f in left if f.resource.display == drift["resource"] and f.path.startswith(drift["pointer"]))
        left.remove(match)
        assert match.verdict == drift["verdict"]
        assert match.severity == drift.get("severity", "normal")
    assert left == []
    assert result.not_comparable == ()


def boutique(shared: Path) -> list[Object]:
    return load(shared / "data/app-manifests/microservices-demo/release/kubernetes-manifests.yaml")


SETTINGS = {
    "bare copy": (lambda body: body, False),
    "defaulted": (serve, False),
    "with last-applied": (lambda body: serve(body, annotate=True), False),
    "altered before defaulting": (serve, True),
}


@pytest.mark.parametrize(("setup", "is_early"), SETTINGS.values(), ids=SETTINGS.keys())
def test_finds_every_alteration_of_an_application(shared: Path, setup: Any, is_early: bool) -> None:
    """Of many random single alterations each is found alone, in its object, at its place."""
    bodies = boutique(shared)
    intended, base = read(bodies), read([setup(body) for body in bodies])
    assert compare(intended=intended, applied=None, actual=base).findings == ()
    for number, alteration in choose(bodies, ALTERATIONS, seed=2):
        body = bodies[number]
        changed = setup(altered(body, alteration)) if is_early else altered(setup(body), alteration)
        actual = [*base[:number], *read([changed]), *base[number + 1 :]]
        result = compare(intended=intended, applied=None, actual=actual)
        assert len(result.findings) == 1, (alteration, result.findings)
        (finding,) = result.findings
        assert finding.resource == intended[number].resource
        assert finding.verdict == "out_of_band_change"
        place = alteration.path.removesuffix("/+")
        assert finding.path == place or (place != alteration.path and finding.path.startswith(place + "/"))


def estates(shared: Path) -> Iterator[list[Object]]:
    for path in sorted((shared / "data/app-manifests/opentelemetry-demo").glob("*.yaml")):
        yield load(path)
    yield boutique(shared)
    everything: dict[str, Object] = {}
    for path in sorted((shared / "data/gitops-estate/head").rglob("*.y*ml")):
        for body in load(path):
            everything[parse(body, cluster="c", salt=b"test").resource.uid] = body
    yield list(everything.values())


def test_sees_no_drift_in_representation(shared: Path) -> None:
    """Defaults, key order, order of keyed lists and other spellings of quantities change nothing in whole estates."""
    chooser = random.Random(3)
    for bodies in estates(shared):
        intended = read(bodies)
        for change in (serve, lambda body: respelled(serve(body), chooser)):
            result = compare(intended=intended, applied=None, actual=read([change(body) for body in bodies]))
            assert result.findings == ()
            assert result.resources == len(bodies)


KEYED = {"containers", "env", "volumes", "volumeMounts", "ports", "imagePullSecrets"}
QUANTITIES = {"128Mi": "134217728", "64Mi": "65536Ki", "100m": "0.1", "200m": "0.20", "1Gi": "1024Mi", "1": "1000m"}


def respelled(value: Json, chooser: random.Random, field: str = "") -> Any:
    """Return the value with keys and keyed lists in another order and quantities spelled another way."""
    if isinstance(value, dict):
        keys = list(value)
        chooser.shuffle(keys)
        if field in ("limits", "requests"):
            return {k: QUANTITIES.get(value[k], value[k]) for k in keys}
        return {k: respelled(value[k], chooser, k) for k in keys}
    if isinstance(value, list):
        items = [respelled(item, chooser) for item in value]
        if field in KEYED and all(isinstance(item, dict) and ("name" in item) for item in items):
            chooser.shuffle(items)
        return items
    return value


def test_finds_alterations_in_an_estate(shared: Path) -> None:
    """A label or a workload field altered anywhere in a large estate is the only finding."""
    for bodies in estates(shared):
        intended, base = read(bodies), read([serve(body) for body in bodies])
        for number, alteration in choose(bodies, max(10, ALTERATIONS // 20), seed=5):
            actual = [*base[:number], *read([altered(serve(bodies[number]), alteration)]), *base[number + 1 :]]
            result: DriftReport = compare(intended=intended, applied=None, actual=actual)
            assert [f.resource for f in result.findings] == [intended[number].resource], alteration


COLD = """
import sys, time, yaml
from graph.drift import compare
from graph.kinds.kubernetes.parse import parse
with open(sys.argv[1]) as manifest:
    bodies = [b for b in yaml.load_all(manifest, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader)) if b]
facets = [[parse(b, cluster="c", salt=b"x") for b in bodies] for _ in range(2)]
facets[1][0].body["metadata"]["labels"] = {}
compare(intended=facets[0], applied=None, actual=facets[1])
print(time.process_time())
"""


def test_compares_an_application_quickly_from_a_cold_start(shared: Path) -> None:
    """A new process imports, reads the schema and compares an application within 1.5 s of processor time."""
    manifest = shared / "data/app-manifests/microservices-demo/release/kubernetes-manifests.yaml"
    root = Path(__file__).resolve().parents[4]
    run = subprocess.run(
        [sys.executable, "-c", COLD, str(manifest)], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    assert float(run.stdout) < 1.5
