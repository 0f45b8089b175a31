"""Kustomizations: what is rendered, where it came from, and what is never run or fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.adapters.sources import GitFolder, config_map, inspect, write

BASE = {
    "base/kustomization.yaml": "resources: [cm.yaml]\n",
    "base/cm.yaml": "---\n" + config_map("settings"),
}


def named(path: Path) -> dict[str, tuple[str, int | None]]:
    snapshot = inspect(path).snapshot
    assert snapshot.unreadable == ()
    return {d.resource.display: (d.origin.file, d.origin.line) for d in snapshot.documents if d.origin}


def test_renders_the_kustomization_at_the_root_alone(tmp_path: Path) -> None:
    """A kustomization at the root says what is declared; its files are not read a second time."""
    write(
        tmp_path,
        {
            "kustomization.yaml": "resources: [cm.yaml]\nnamespace: other\nnamePrefix: my-\n",
            "cm.yaml": config_map("settings"),
            "unused.yaml": config_map("unused"),
        },
    )
    assert named(tmp_path) == {"other/ConfigMap/my-settings": ("cm.yaml", 1)}


def test_renders_what_nothing_else_builds_on(tmp_path: Path) -> None:
    """Of a tree of bases and overlays the overlays are rendered; plain files beside them are read."""
    write(
        tmp_path,
        {
            **BASE,
            "overlays/one/kustomization.yaml": "resources: [../../base]\nnamespace: one\n",
            "overlays/two/kustomization.yaml": (
                "resources: [../../base]\nnamespace: two\npatches: [{path: patch.yaml}]\n"
            ),
            "overlays/two/patch.yaml": config_map("settings", "patched"),
            "plain/cm.yaml": config_map("plain"),
        },
    )
    assert set(named(tmp_path)) == {"one/ConfigMap/settings", "two/ConfigMap/settings", "shop/ConfigMap/plain"}
    values = {d.resource.namespace: d.body["data"]["key"] for d in inspect(tmp_path).snapshot.documents}
    assert values == {"one": "1", "two": "patched", "shop": "1"}


def test_finds_the_source_of_a_generated_object(tmp_path: Path) -> None:
    """An object that the kustomization generates itself has the kustomization as its origin."""
    write(tmp_path, {"kustomization.yaml": "configMapGenerator: [{name: made, literals: [a=b]}]\n"})
    ((name, place),) = named(tmp_path).items()
    assert name.startswith("default/ConfigMap/made-")
    assert place == ("kustomization.yaml", None)


def test_renders_a_commit_of_a_bare_checkout(tmp_path: Path) -> None:
    """A kustomization in a commit is rendered without a checkout, with the commit of the source file as origin."""
    git = GitFolder(tmp_path / "repo")
    first = git.commit(dict(BASE))
    git.commit({"base/kustomization.yaml": "resources: [cm.yaml]\nnamespace: new\n"})
    (document,) = inspect(git.root, ref="HEAD").snapshot.documents
    assert document.resource.display == "new/ConfigMap/settings"
    assert document.origin is not None
    assert (document.origin.file, document.origin.commit) == ("base/cm.yaml", first)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("resources: [cm.yaml, missing.yaml]\n", "does not exist"),
        ("resources: [cm.yaml, ../outside]\n", "lies outside"),
        ("resources: [cm.yaml, /etc]\n", "lies outside"),
        ("resources: [cm.yaml, 'http://127.0.0.1:1/x.yaml']\n", "remote place"),
        ("resources: [cm.yaml, 'github.com/example/repo?ref=main']\n", "remote place"),
        ("resources: [cm.yaml]\nhelmCharts: [{name: x, repo: 'https://example.com'}]\n", "kustomize: "),
        ("resources: [cm.yaml]\nnoSuchField: 1\n", "kustomize: "),
        (
            'resources: [cm.yaml]\npatches: [{target: {kind: ConfigMap}, patch: \'[{"op": "remove", "path": "/x"}]\'}]',
            "kustomize: ",
        ),
    ],
    ids=["missing file", "parent", "absolute", "url", "git", "helm", "unknown field", "failing patch"],
)
def test_names_a_failed_kustomization_and_all_that_it_declares(tmp_path: Path, text: str, words: str) -> None:
    """Nothing that a broken kustomization declares passes for clean or for undeclared."""
    write(tmp_path, {"outside/cm.yaml": config_map("b"), "in/kustomization.yaml": text, "in/cm.yaml": config_map("a")})
    snapshot = inspect(tmp_path / "in").snapshot
    assert snapshot.documents == ()
    assert not snapshot.complete
    assert [u.resource.display if u.resource else None for u in snapshot.unreadable] == [None, "shop/ConfigMap/a"]
    assert all(words in u.reason for u in snapshot.unreadable)
    assert str(tmp_path) not in repr(snapshot.unreadable)


OVERLAY = {
    **BASE,
    "overlays/one/kustomization.yaml": "resources: [../../base]\nnamespace: one\n",
    "overlays/broken.yaml": "{{{",
    "neighbour/cm.yaml": config_map("neighbour"),
}


@pytest.mark.parametrize("path", ["overlays/one", "overlays/one/kustomization.yaml"])
def test_follows_an_overlay_to_the_base_it_builds_on(tmp_path: Path, path: str) -> None:
    """An overlay alone can be read, as `kubectl apply -k` has it; what lies beside its base is not looked at."""
    write(tmp_path, OVERLAY)
    snapshot = inspect(tmp_path / path).snapshot
    assert (snapshot.complete, snapshot.unreadable) == (True, ())
    assert named(tmp_path / path) == {"one/ConfigMap/settings": ("base/cm.yaml", 2)}


def test_knows_the_commit_of_a_base_outside_of_the_overlay(tmp_path: Path) -> None:
    """An overlay in git is read with its base, from the disk and from a commit, with the commit of each file."""
    git = GitFolder(tmp_path / "repo")
    first = git.commit(dict(OVERLAY))
    git.commit({"overlays/one/kustomization.yaml": "resources: [../../base]\nnamespace: new\n"})
    for ref in (None, "HEAD"):
        (document,) = inspect(git.root / "overlays/one", ref=ref).snapshot.documents
        assert document.resource.display == "new/ConfigMap/settings"
        assert document.origin is not None
        assert (document.origin.file, document.origin.commit) == ("base/cm.yaml", first)


def test_does_not_follow_an_overlay_out_of_its_repository(tmp_path: Path) -> None:
    """What a repository names outside of itself is not read, though it is a kustomization."""
    write(tmp_path, BASE)
    git = GitFolder(tmp_path / "repo")
    git.commit({"one/kustomization.yaml": "resources: [../../base]\n"})
    snapshot = inspect(git.root / "one").snapshot
    assert snapshot.documents == ()
    assert ["lies outside" in u.reason for u in snapshot.unreadable] == [True]


def test_runs_no_generator_program(tmp_path: Path) -> None:
    """An executable generator of a kustomization is not started."""
    program = f"#!/bin/sh\ntouch {tmp_path}/ran\n"
    write(
        tmp_path / "in",
        {
            "kustomization.yaml": "generators: [gen.yaml]\n",
            "gen.yaml": "apiVersion: x/v1\nkind: Gen\nmetadata:\n  name: g\n  annotations:\n"
            "    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n",
            "run.sh": program,
        },
    )
    (tmp_path / "in/run.sh").chmod(0o700)
    assert inspect(tmp_path / "in").snapshot.documents == ()
    assert not (tmp_path / "ran").exists()
