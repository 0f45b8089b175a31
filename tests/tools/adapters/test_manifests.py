"""State read from files: what is found, where it stands, and what is said of the rest."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from graph.errors import NotFound
from graph.resource import Facet
from tests.tools.adapters.sources import GitFolder, config_map, inspect, write


def places(path: Path, **more: object) -> dict[str, tuple[str, int | None]]:
    documents = inspect(path, **more).snapshot.documents  # type: ignore[arg-type]
    return {d.resource.display: (d.origin.file, d.origin.line) for d in documents if d.origin}


def test_finds_each_object_with_its_file_and_line(tmp_path: Path) -> None:
    """YAML streams, lists, JSON and gzip give the same kind of documents, each with its place."""
    items = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}],
    }
    write(
        tmp_path,
        {
            "a/two.yaml": "# head\n---\n" + config_map("a") + "---\n" + config_map("b"),
            "list.yml": "apiVersion: v1\nkind: List\nitems:\n"
            + "- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: c}\n",
            "dump.json": json.dumps(items),
            "packed.yaml.gz": gzip.compress(config_map("d").encode()),
            "readme.md": "apiVersion: v1",
        },
    )
    assert places(tmp_path) == {
        "shop/ConfigMap/a": ("a/two.yaml", 3),
        "shop/ConfigMap/b": ("a/two.yaml", 11),
        "default/ConfigMap/c": ("list.yml", 4),
        "Namespace/n": ("dump.json", 1),
        "shop/ConfigMap/d": ("packed.yaml.gz", 1),
    }


def test_leaves_out_files_that_are_no_manifests_and_counts_them(tmp_path: Path) -> None:
    """Values files, workflows and settings of tools are neither state nor faults."""
    write(
        tmp_path,
        {
            "values.yaml": "image: x\n",
            "ci.yml": "on: push\njobs: {}\n",
            "kind.yaml": "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n",
            "kubeconfig.yaml": "apiVersion: v1\nkind: Config\nusers: []\n",
            ".github/workflow.yaml": "{{{",
            "cm.yaml": config_map("a"),
        },
    )
    reading = inspect(tmp_path)
    assert (len(reading.snapshot.documents), reading.snapshot.unreadable, reading.skipped) == (1, (), 4)


@pytest.mark.parametrize(
    ("name", "content", "words", "resource"),
    [
        ("dup.yaml", config_map("a") + "data: {}\n", "stands twice", "shop/ConfigMap/a"),
        ("cut.yaml", config_map("a") + "  other: [1,\n", "while parsing", "shop/ConfigMap/a"),
        (
            "tpl.yaml",
            config_map("a") + "  x: {{ .Values.x }}\n",
            "a template that was not rendered",
            "shop/ConfigMap/a",
        ),
        ("bin.yaml", b"\x00\x01\x02", "binary data", None),
        ("deep.yaml", "a: " + "[" * 10_000, "nested deeper", None),
        ("noname.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", "metadata.name", None),
        ("gen.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", "generateName", None),
        ("x.json", '{"apiVersion": "v1", ', "not JSON", None),
    ],
    ids=["duplicate key", "cut", "template", "binary", "deep", "no name", "generated name", "json"],
)
def test_names_what_it_cannot_read_and_reads_the_rest(
    tmp_path: Path, name: str, content: str | bytes, words: str, resource: str | None
) -> None:
    """A broken file is named with its reason, and with the resource it declares where that shows."""
    write(tmp_path, {name: content, "good.yaml": config_map("good")})
    snapshot = inspect(tmp_path).snapshot
    (fault,) = snapshot.unreadable
    assert fault.where == name
    assert words in fault.reason
    assert (fault.resource.display if fault.resource else None) == resource
    assert [d.resource.name for d in snapshot.documents] == ["good"]
    assert snapshot.complete == (resource is not None)


def test_refuses_a_file_that_is_too_large(tmp_path: Path) -> None:
    """A YAML file beyond the limit is named, not read."""
    write(tmp_path, {"big.yaml": config_map("a") + "#" * (21 * 2**20), "good.yaml": config_map("good")})
    (fault,) = inspect(tmp_path).snapshot.unreadable
    assert (fault.where, fault.reason) == ("big.yaml", "larger than 20 MiB")


def test_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    """Links that lead out, or nowhere, are named; a link within the folder doubles nothing."""
    write(tmp_path, {"outside/secret.yaml": config_map("secret"), "in/cm.yaml": config_map("a")})
    for name, target in {
        "out.yaml": "../outside/secret.yaml",
        "folder": "../outside",
        "dead.yaml": "gone",
        "same.yaml": "cm.yaml",
    }.items():
        (tmp_path / "in" / name).symlink_to(target)
    snapshot = inspect(tmp_path / "in").snapshot
    assert [d.resource.name for d in snapshot.documents] == ["a"]
    assert {u.where for u in snapshot.unreadable} == {"out.yaml", "folder", "dead.yaml"}


def test_waits_for_no_pipe(tmp_path: Path) -> None:
    """Files that are no regular files are left alone."""
    write(tmp_path, {"cm.yaml": config_map("a")})
    os.mkfifo(tmp_path / "pipe.yaml")
    assert len(inspect(tmp_path).snapshot.documents) == 1


def test_declared_twice_is_declared_by_nobody(tmp_path: Path) -> None:
    """Two different declarations of one object are a fault of both places; two equal ones are one."""
    write(
        tmp_path,
        {
            "a.yaml": config_map("a"),
            "b.yaml": config_map("a", "2"),
            "c.yaml": config_map("c"),
            "d.yaml": config_map("c"),
        },
    )
    snapshot = inspect(tmp_path).snapshot
    assert [d.resource.name for d in snapshot.documents] == ["c"]
    assert [u.reason for u in snapshot.unreadable] == ["declared twice with different content: a.yaml:1 and b.yaml:1"]


def test_observed_twice_is_the_later_one(tmp_path: Path) -> None:
    """Of two dumps of one object the later one holds."""
    write(tmp_path, {"1.yaml": config_map("a"), "2.yaml": config_map("a", "2")})
    snapshot = inspect(tmp_path, facet=Facet.ACTUAL).snapshot
    assert [d.body["data"]["key"] for d in snapshot.documents] == ["2"]
    assert snapshot.unreadable == ()


def test_keeps_no_value_of_a_secret(tmp_path: Path) -> None:
    """Neither a readable nor a broken Secret lets its value through."""
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  p: hunter2secret\n"
    write(tmp_path, {"ok.yaml": text, "broken.yaml": text.replace("s}", "t}") + "  p: hunter2secret\n"})
    reading = inspect(tmp_path)
    assert len(reading.snapshot.unreadable) == 1
    assert "hunter2" not in repr(reading)


def test_says_that_there_is_nothing(tmp_path: Path) -> None:
    """A path that does not exist is an error, an empty folder is not."""
    with pytest.raises(NotFound, match="check the path"):
        inspect(tmp_path / "gone")
    assert inspect(tmp_path).snapshot.documents == ()


def test_tells_the_last_commit_of_each_file(tmp_path: Path) -> None:
    """In a work tree each origin has the commit that last touched the file, none where the file differs from it."""
    git = GitFolder(tmp_path / "repo")
    first = git.commit({"k8s/a.yaml": config_map("a"), "k8s/b.yaml": config_map("b")})
    second = git.commit({"k8s/b.yaml": config_map("b", "2")})
    write(git.root, {"k8s/c.yaml": config_map("c")})
    reading = inspect(git.root / "k8s")
    commits = {d.resource.name: d.origin.commit for d in reading.snapshot.documents if d.origin}
    assert commits == {"a": first, "b": second, "c": None}
    write(git.root, {"k8s/a.yaml": config_map("a", "9")})
    assert inspect(git.root / "k8s").uncommitted == ("a.yaml", "c.yaml")


def test_reads_a_commit_instead_of_the_disk(tmp_path: Path) -> None:
    """With a ref the committed files count, whatever lies on the disk."""
    git = GitFolder(tmp_path / "repo")
    first = git.commit({"a.yaml": config_map("a", "old")})
    git.commit({"a.yaml": config_map("a", "new")})
    write(git.root, {"a.yaml": config_map("a", "edited")})
    values = [
        inspect(git.root, ref=ref).snapshot.documents[0].body["data"]["key"] for ref in (None, "HEAD", first, "master")
    ]
    assert values == ["edited", "new", "old", "new"]
    with pytest.raises(NotFound, match="no branch, tag or commit 'gone'"):
        inspect(git.root, ref="gone")


def test_reads_one_file_of_any_name(tmp_path: Path) -> None:
    """A file that is named itself is read whatever its name."""
    write(tmp_path, {"manifest": config_map("a"), "other.yaml": config_map("b")})
    assert list(places(tmp_path / "manifest")) == ["shop/ConfigMap/a"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("path", "objects"),
    [
        ("data/app-manifests/microservices-demo/release", 35),
        ("data/app-manifests/microservices-demo/kustomize/base", 35),
        ("data/k8s-live/live-0-untouched.json.gz", None),
    ],
    ids=["release", "kustomize", "dump"],
)
def test_reads_public_applications(shared: Path, path: str, objects: int | None) -> None:
    """Real manifests are read without a fault."""
    snapshot = inspect(shared / path).snapshot
    assert snapshot.unreadable == ()
    assert snapshot.complete
    assert objects is None or len(snapshot.documents) == objects


@pytest.mark.shared
def test_reads_an_estate(shared: Path) -> None:
    """All 1,202 Kubernetes objects and all Terraform resource blocks of a production estate are found."""
    snapshot = inspect(shared / "data/gitops-estate/head").snapshot
    platforms = [d.resource.platform.value for d in snapshot.documents]
    repeated = [u for u in snapshot.unreadable if "count or for_each" in u.reason]
    assert platforms.count("kubernetes") == 1202
    assert len(repeated) == len(snapshot.unreadable)
    assert platforms.count("terraform") > 880


OBJECTS = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": n}} for n in ("a", "b")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\n".join(json.dumps(o) for o in OBJECTS), id="one document a line"),
        pytest.param("\n\n".join(json.dumps(o, indent=1) for o in OBJECTS), id="documents one after another"),
        pytest.param(json.dumps(OBJECTS), id="array"),
    ],
)
def test_reads_json_as_tools_put_it_together(tmp_path: Path, text: str) -> None:
    """Dumps of several commands in one file, and the bare items of a list, are read like a list."""
    write(tmp_path, {"dump.json": text})
    snapshot = inspect(tmp_path).snapshot
    assert [d.resource.name for d in snapshot.documents] == ["a", "b"]
    assert snapshot.complete


def test_names_the_document_at_which_a_stream_of_json_breaks(tmp_path: Path) -> None:
    """What stands before a broken document of a stream is read; the rest is not taken for absent."""
    write(tmp_path, {"dump.json": json.dumps(OBJECTS[0], indent=1) + "\n" + json.dumps(OBJECTS[1])[:-1] + "\n"})
    snapshot = inspect(tmp_path).snapshot
    assert [d.resource.name for d in snapshot.documents] == ["a"]
    assert [(u.where, u.line) for u in snapshot.unreadable] == [("dump.json", 9)]
    assert not snapshot.complete


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kind: ConfigMap\nmetadata: {name: a}\n", "apiVersion is missing"),
        ("apiVersion: v1\nmetadata: {name: a}\n", "kind is missing"),
    ],
)
def test_names_a_manifest_without_its_type(tmp_path: Path, text: str, reason: str) -> None:
    """An object that lacks only its apiVersion or its kind is a mistake, not some other file."""
    write(tmp_path, {"cm.yaml": text})
    reading = inspect(tmp_path)
    assert [(u.where, u.line, u.reason) for u in reading.snapshot.unreadable] == [("cm.yaml", 1, reason)]


@pytest.mark.parametrize(
    ("files", "is_state"),
    [
        ({}, False),
        ({"dump.yaml": ""}, False),
        ({"values.yaml": "image: x\n"}, False),
        ({"dump.json": '{"apiVersion": "v1", "kind": "List", "items": []}'}, True),
        ({"main.tf": "module x { source = './x' }\n"}, True),
        ({"cm.yaml": "{{{"}, True),
    ],
    ids=["no file", "empty file", "values", "empty list", "terraform", "unreadable"],
)
def test_tells_an_empty_answer_from_no_answer(tmp_path: Path, files: dict[str, str | bytes], is_state: bool) -> None:
    """A list without entries says that nothing exists; a folder without state says nothing."""
    write(tmp_path, files)
    assert inspect(tmp_path).is_state is is_state
