"""Hostile and broken input: named, counted, bounded in time and memory, and the rest goes on.

Each source is read in a process of its own, so that what it took can be told.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph.evidence import Gap
from tests.tools.adapters import hostile
from tools.adapters.file_estate import FileEstate
from tools.adapters.json_lines import MOST_GAPS, read_lines

MOST_SECONDS, MOST_MEGABYTES = 40, 900
"""Of processor time and of memory, an interpreter with all its modules included; it takes a tenth and two thirds."""


def test_hostile_files_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    """Each bad file is named with its reason, once, in bounded time and memory; what is fine is read."""
    pytest.importorskip("helm_python", reason="needs the extra `helm`")
    answer = hostile.measured("files", hostile.files(tmp_path / "tree"))
    assert answer["seconds"] < MOST_SECONDS
    assert answer["megabytes"] < MOST_MEGABYTES
    assert sorted(answer["read"]) == [
        "aws_s3_bucket.good",
        "shop/ConfigMap/good",
        "shop/ConfigMap/many",
        "shop/ConfigMap/wide",
        "shop/Whatever/x",
    ]
    reasons = dict(answer["not read"])
    expected = {
        "bomb.yaml": "aliases stand for more than",
        "bomb.yaml.gz": "when unpacked",
        "binary.yaml": "not utf-8 text",
        "circle.yaml": "leads nowhere",
        "chart/Chart.yaml": "was not rendered",
        "composed/compose.yaml": "aliases stand for more than",
        "base/kustomization.yaml": "kustomize",
        "cut.json": "not JSON",
        "cut.json.gz": "cut short",
        "deep.json": "nested deeper",
        "deep.yaml": "nested deeper",
        "device.yaml": "leads out",
        "digits.json": "digits",
        "huge.json": "more than 10000000 values",
        "huge.yaml": "larger than 20 MiB",
        "out.yaml": "leads out",
        "plain16.yaml": "binary data",
        "stack/deep.tf": "not HCL",
        "stack/large.tf": "larger than 512 KiB",
        "twice.yaml": "stands twice",
        "zeros.yaml": "binary data",
    }
    assert reasons.keys() == expected.keys()
    assert [path for path, words in expected.items() if words not in reasons[path]] == []


def test_hostile_commits_are_named_and_the_rest_is_told(tmp_path: Path) -> None:
    """A tree that stands for billions of files, large blobs and broken documents are gaps; other changes are told."""
    answer = hostile.measured("git", hostile.git(tmp_path / "repo"))
    assert answer["seconds"] < MOST_SECONDS
    assert answer["megabytes"] < MOST_MEGABYTES
    assert answer["read"].count("k8s://demo/core/ConfigMap/shop/a") == 2
    said = [(what.partition(" changed ")[2], why) for what, why in answer["not read"]]
    assert ("in the rest of its files", "it changes more than 20000 files") in said
    assert ("in large.yaml", "larger than 5 MiB") in said
    assert {what for what, _ in said} >= {"in bomb.yaml", "in twice.yaml", "in deep.tf", "in a.yaml"}


def test_hostile_logs_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    """A line that is cut, not text, or endless is a gap; a file of rubbish is counted; records beside them are read."""
    answer = hostile.measured("lines", hostile.lines(tmp_path / "logs"))
    assert answer["seconds"] < MOST_SECONDS
    assert answer["megabytes"] < MOST_MEGABYTES
    assert answer["read"] == [1, 3, 1]
    reasons = dict(answer["not read"])
    for what, words in {
        "line 2 of a.jsonl": "not JSON",
        "line 4 of a.jsonl": "no object",
        "line 5 of a.jsonl": "stands twice",
        "line 6 of a.jsonl": "cut off in the middle",
        f"{50_000 - MOST_GAPS} more lines of binary.log": "none of them",
        "line 1 of deep.jsonl": "nested deeper",
        "line 1 of line.jsonl": "longer than",
        "line 1 of packed.jsonl.gz": "longer than",
        "the records in out.jsonl": "link out of the folder",
        "the records in wide.jsonl": "UTF-16",
    }.items():
        assert words in reasons[what], what
    assert sum("binary.log" in what for what in reasons) == MOST_GAPS + 1


def test_a_cut_line_takes_its_neighbours_along_in_no_way(tmp_path: Path) -> None:
    """An audit line that was cut in half, and grew together with the next one, is one gap."""
    event = json.dumps({"auditID": "a", "stage": "ResponseComplete"})
    (tmp_path / "audit.jsonl").write_text(f"{event}\n{event[:20]}{event}\n{event}\n{event[:9]}")
    found = list(read_lines(tmp_path / "audit.jsonl"))
    assert [isinstance(one, Gap) for one in found] == [False, True, False, True]


def test_a_hostile_estate_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    """A dump of a cluster may hold anything: a bomb, a link out, rubbish; the objects beside them are read."""
    folder = tmp_path / "kubernetes" / "shop" / "ConfigMap"
    folder.mkdir(parents=True)
    good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good, namespace: shop}\n"
    (folder / "good.yaml").write_text(good)
    (folder / "bomb.yaml").write_text(good + hostile.BOMB)
    (folder / "deep.yaml").write_text("[" * 100_000)
    (folder / "binary.yaml").write_bytes(b"\xff\x00" * 100)
    (folder / "twice.yaml").write_text(good + "kind: Secret\n")
    (folder / "large.yaml").write_bytes(b"# x\n" * (5 * 2**20))
    (folder / "out.yaml").symlink_to("/etc/passwd")
    estate = FileEstate("estate", tmp_path, cluster="c", stack="s", salt=b"salt", clock=lambda: hostile.NOW)
    snapshot = estate.read()
    assert [d.resource.name for d in snapshot.documents] == ["good"]
    reasons = {u.where.rpartition("/")[2]: u.reason for u in snapshot.unreadable}
    assert {name: words in reasons[name] for name, words in _ESTATE.items()} == dict.fromkeys(_ESTATE, True)


_ESTATE = {
    "bomb.yaml": "aliases",
    "deep.yaml": "nested deeper",
    "binary.yaml": "not utf-8",
    "twice.yaml": "stands twice",
    "large.yaml": "larger than 16 MiB",
    "out.yaml": "leads out",
}
