"""Reading again: what did not change is not parsed anew, and what did change is never missed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from graph.errors import Invalid
from graph.packed import packed
from graph.resource import Facet
from tests.tools.adapters.sources import NOW, GitFolder, config_map, write
from tools.adapters.hcl import read_hcl
from tools.adapters.manifests import ManifestSource

HEREDOC = 'resource "null_resource" "a" {\n  text = <<EOT\nresource "x" "y" {\nEOT\n}\n'


def source(path: Path) -> ManifestSource:
    return ManifestSource(
        "git:test", path, facet=Facet.INTENDED, cluster="demo", stack="shop", salt=b"salt", clock=lambda: NOW
    )


def test_unchanged_file_gives_the_same_documents(tmp_path: Path) -> None:
    """It is not parsed again: what was packed of it is used once more."""
    write(tmp_path, {"a.yaml": config_map("a"), "b.yaml": config_map("b")})
    reader = source(tmp_path)
    first = packed(reader.read().documents)
    (tmp_path / "b.yaml").write_text(config_map("b") + "  more: x\n")
    second = packed(reader.read().documents)
    assert first != second
    same = [one.bundle is other.bundle for one, other in zip(first.pieces, second.pieces, strict=True)]
    assert same == [True, False]


def test_change_is_seen_though_size_and_time_stay(tmp_path: Path) -> None:
    """What a file holds decides, not what its folder says of it."""
    path = write(tmp_path, {"a.yaml": config_map("a")}) / "a.yaml"
    reader = source(tmp_path)
    before, stat = reader.read(), path.stat()
    path.write_text(config_map("z"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert [d.resource.name for d in before.documents] == ["a"]
    assert [d.resource.name for d in reader.read().documents] == ["z"]
    path.write_text("apiVersion: [")
    assert reader.read().unreadable
    path.unlink()
    assert reader.read().documents == ()


def test_new_commit_renews_the_origins(tmp_path: Path) -> None:
    """The commits that were found for one HEAD hold for that one only."""
    git = GitFolder(tmp_path)
    first = git.commit({"a.yaml": config_map("a"), "b.yaml": config_map("b")})
    reader = source(tmp_path)
    assert {d.origin.commit for d in reader.read().documents if d.origin} == {first}
    second = git.commit({"b.yaml": config_map("b") + "  more: x\n"})
    commits = {d.resource.name: d.origin.commit for d in reader.read().documents if d.origin}
    assert commits == {"a": first, "b": second}


@pytest.mark.parametrize("before", ["", "# head\n", 'variable "x" {}\n'], ids=["nothing", "comment", "block"])
def test_reads_blocks_one_by_one_with_their_lines(before: str) -> None:
    """Each block stands where it stands in the file."""
    text = before + 'resource "a" "b" {\n  x = 1\n}\n\nmodule "m" {\n  source = "./m"\n}\n'
    found = read_hcl(text)
    assert [(r.type, r.name, r.line, r.values) for r in found.resources] == [
        ("a", "b", before.count("\n") + 1, {"x": 1})
    ]
    assert [(m.name, m.source) for m in found.modules] == [("m", "./m")]


def test_text_that_looks_like_a_block_is_text() -> None:
    """A heredoc may hold what begins like a resource."""
    (found,) = read_hcl(HEREDOC).resources
    assert (found.name, found.line, found.values) == ("a", 1, {"text": 'resource "x" "y" {\n'})


def test_error_after_a_heredoc_is_told_with_its_line() -> None:
    """The line counts from the start of the file."""
    with pytest.raises(Invalid) as caught:
        read_hcl(HEREDOC + 'resource "c" "d" {\n  x = = 1\n}\n')
    assert caught.value.line == 7
