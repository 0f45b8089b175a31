"""Commits that change what overlays and charts render: told in each, with the line that made it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from graph.change import Change
from graph.document import ABSENT
from tests.tools.adapters.sources import NOW, GitFolder, config_map
from tools.adapters.chart import ChartRelease
from tools.adapters.git_history import GitHistory

HOUR = dt.timedelta(hours=1)
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  template:
    spec:
      containers:
      - name: web
        image: web:1
      - name: side
        image: side:1
"""
TREE: dict[str, str | bytes | None] = {
    "base/kustomization.yaml": "resources: [web.yaml]\n",
    "base/web.yaml": DEPLOYMENT,
    "overlays/dev/kustomization.yaml": "resources: [../../base]\nnamespace: dev\n",
    "overlays/live/kustomization.yaml": (
        "resources: [../../base]\nnamespace: live\nnamePrefix: my-\npatches: [{path: scale.yaml}]\n"
    ),
    "overlays/live/scale.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 3\n",
    "plain/cm.yaml": config_map("plain"),
}


@pytest.fixture
def git(tmp_path: Path) -> GitFolder:
    folder = GitFolder(tmp_path / "repo")
    folder.commit(dict(TREE), at=NOW - HOUR)
    return folder


def history(git: GitFolder, *charts: ChartRelease) -> GitHistory:
    return GitHistory("git:test", git.root, cluster="demo", stack="shop", salt=b"salt", charts=charts)


def told(changes: tuple[Change, ...]) -> set[tuple[str, str, object, object, str]]:
    return {
        (
            "/".join(c.uid.split("/")[-2:]),
            c.path,
            c.before,
            c.after,
            f"{c.origin.file}:{c.origin.line}" if c.origin else "",
        )
        for c in changes
    }


def test_a_change_of_a_base_shows_in_each_overlay(git: GitFolder) -> None:
    """Each overlay that renders differently has the change under its own name, at the line of the base."""
    commit = git.commit({"base/web.yaml": DEPLOYMENT.replace("side:1", "side:2")})
    changes = history(git).changes(NOW - HOUR / 2).changes
    path = "/spec/template/spec/containers/1/image"
    assert told(changes) == {
        ("dev/web", path, "side:1", "side:2", "base/web.yaml:13"),
        ("live/my-web", path, "side:1", "side:2", "base/web.yaml:13"),
    }
    assert {c.reference for c in changes} == {commit}
    assert {c.origin.commit for c in changes if c.origin} == {commit}


def test_a_value_that_an_overlay_sets_is_its_own(git: GitFolder) -> None:
    """A change of a base that a patch hides shows only where it is not hidden; a patch shows in its overlay."""
    git.commit({"base/web.yaml": DEPLOYMENT.replace("replicas: 1", "replicas: 2")})
    patch = str(TREE["overlays/live/scale.yaml"]).replace("replicas: 3", "replicas: 5")
    git.commit({"overlays/live/scale.yaml": patch}, at=NOW + HOUR)
    assert told(history(git).changes(NOW - HOUR / 2).changes) == {
        ("dev/web", "/spec/replicas", 1, 2, "base/web.yaml:6"),
        ("live/my-web", "/spec/replicas", 3, 5, "overlays/live/scale.yaml:5"),
    }


def test_settings_of_a_kustomization_are_found(git: GitFolder) -> None:
    """An image that the kustomization sets changes the rendered field, at the line of the kustomization."""
    text = "resources: [../../base]\nnamespace: dev\nimages:\n- name: web\n  newTag: '7'\n"
    git.commit({"overlays/dev/kustomization.yaml": text})
    git.commit({"overlays/dev/kustomization.yaml": text.replace("'7'", "'8'")}, at=NOW + HOUR)
    path = "/spec/template/spec/containers/0/image"
    assert told(history(git).changes(NOW - HOUR / 2).changes) == {
        ("dev/web", path, "web:1", "web:7", "overlays/dev/kustomization.yaml:5"),
        ("dev/web", path, "web:7", "web:8", "overlays/dev/kustomization.yaml:5"),
    }


def test_a_moved_overlay_is_no_change(git: GitFolder) -> None:
    """Folders may be moved and renamed; what they render counts."""
    files = {path: text for path, text in TREE.items() if path.startswith("overlays/live/")}
    moved: dict[str, str | bytes | None] = dict.fromkeys(files)
    moved |= {path.replace("overlays/live", "overlays/production"): text for path, text in files.items()}
    git.commit(moved)
    assert history(git).changes(NOW - HOUR / 2).changes == ()


def test_an_overlay_comes_and_goes(git: GitFolder) -> None:
    """A new overlay makes its objects, and the one that is taken out takes them along; a base alone makes none."""
    git.commit({"overlays/test/kustomization.yaml": "resources: [../../base]\nnamespace: test\n"})
    git.commit({"overlays/test/kustomization.yaml": None}, at=NOW + HOUR)
    made, gone = history(git).changes(NOW - HOUR / 2).changes
    assert (made.uid, made.path, made.before) == ("k8s://demo/apps/Deployment/test/web", "", ABSENT)
    assert (gone.uid, gone.path, gone.after) == ("k8s://demo/apps/Deployment/test/web", "", ABSENT)
    assert gone.origin is not None
    assert gone.origin.file == "overlays/test/kustomization.yaml"


def test_all_of_a_history_is_told_once(git: GitFolder) -> None:
    """The first reading tells how everything came; plain files beside overlays are read as ever; nothing is twice."""
    reader = history(git)
    first = reader.changes(None)
    assert {c.uid.partition("demo/")[2] for c in first.changes} == {
        "apps/Deployment/dev/web",
        "apps/Deployment/live/my-web",
        "core/ConfigMap/shop/plain",
    }
    assert first.gaps == ()
    assert reader.changes(NOW).changes == ()


def test_an_overlay_that_fails_is_a_gap(git: GitFolder) -> None:
    """What can't be rendered is said; its files are then read as they are, so that nothing is lost."""
    git.commit({"overlays/dev/kustomization.yaml": "resources: [../../base, gone.yaml]\n"})
    git.commit({"base/web.yaml": DEPLOYMENT.replace("web:1", "web:2")}, at=NOW + HOUR)
    batch = history(git).changes(NOW + HOUR / 2)
    (gap,) = batch.gaps
    assert "overlays/dev/kustomization.yaml" in gap.what
    assert "does not exist" in gap.why
    assert ("live/my-web", "/spec/template/spec/containers/0/image", "web:1", "web:2", "base/web.yaml:11") in told(
        batch.changes
    )


def test_a_new_object_is_placed_where_it_is_declared(tmp_path: Path) -> None:
    """Of many files that came with one commit, the one that makes it, also where nothing in it bears its kind."""
    folder = GitFolder(tmp_path / "repo")
    generator = "resources: [a.yaml]\nconfigMapGenerator: [{name: settings, literals: [level=low]}]\n"
    folder.commit({"app/a.yaml": DEPLOYMENT, "app/kustomization.yaml": generator})
    places = {c.uid.split("/")[-3]: c.origin.file for c in history(folder).changes(None).changes if c.origin}
    assert places == {"Deployment": "app/a.yaml", "ConfigMap": "app/kustomization.yaml"}


def test_a_value_of_a_chart_shows_in_its_release(tmp_path: Path) -> None:
    """A chart is compared as each release renders it, at the line of the values or the template."""
    pytest.importorskip("helm_python", reason="needs the extra `helm`")
    folder = GitFolder(tmp_path / "repo")
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
        'data:\n  image: "web:{{ .Values.tag }}"\n  level: low\n'
    )
    files: dict[str, str | bytes | None] = {
        "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
        "chart/values.yaml": "other: 1\ntag: v1\n",
        "chart/templates/cm.yaml": template,
    }
    folder.commit(files, at=NOW - HOUR)
    folder.commit({"chart/values.yaml": "other: 1\ntag: v2\n"})
    folder.commit({"chart/templates/cm.yaml": template.replace("low", "high")}, at=NOW + HOUR)
    batch = history(folder, ChartRelease(chart="chart", name="live", namespace="shop")).changes(NOW - HOUR / 2)
    assert batch.gaps == ()
    assert told(batch.changes) == {
        ("shop/live", "/data/image", "web:v1", "web:v2", "chart/values.yaml:2"),
        ("shop/live", "/data/level", "low", "high", "chart/templates/cm.yaml:7"),
    }
