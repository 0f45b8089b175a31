"""The evaluations of sources, in a small form: they run, and can tell right from wrong."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from pathlib import Path

import pytest

from evals import git_attribution, terraform
from evals.plain_fields import Thing, read
from tests.tools.adapters.sources import NOW, GitFolder, config_map

TERRAFORM = """\
resource "aws_s3_bucket" "logs" { # why
  bucket = "logs" # name
  tags = {
    team = "a"
  }
  policy = <<EOT
line
EOT
  list = [
    "x",
    "y",
  ]
  rule {
    id = 1
  }
  lifecycle {
    prevent_destroy = true
  }
}
"""


def test_the_plain_reader_reads_terraform() -> None:
    """Arguments, nested blocks, texts and lists of a block are read; what only steers Terraform is left out."""
    (fields,) = read("live/main.tf", TERRAFORM).values()
    assert read("live/main.tf", TERRAFORM).keys() == {Thing("aws_s3_bucket", "live", "logs")}
    assert fields == {
        ("bucket",): ('"logs"',),
        ("tags", "team"): ('"a"',),
        ("policy",): ("line",),
        ("list",): ('["x", "y"]',),
        ("rule", "id"): ("1",),
    }


def test_the_plain_reader_reads_manifests() -> None:
    """Each scalar of an object stands under its way."""
    assert read("a.yaml", config_map("a"))[Thing("ConfigMap", "shop", "a")][("data", "key")] == ("1",)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git, which the second reading asks")
def test_attribution_is_measured_commit_by_commit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A small history is told without a fault: changes, moves, removals, both languages."""
    git = GitFolder(tmp_path / "repo")
    git.commit({"live/a.yaml": config_map("a") + '  other: "x"\n', "live/main.tf": TERRAFORM}, at=NOW)
    git.commit({"live/a.yaml": config_map("a", "2"), "live/main.tf": TERRAFORM.replace('"y"', '"z"')}, at=NOW + HOUR)
    git.commit({"live/a.yaml": None, "moved/b.yaml": config_map("a", "3")}, at=NOW + 2 * HOUR)
    assert git_attribution._report(git_attribution.Repository(git.root), 10, 10) == 0
    printed = capsys.readouterr().out
    assert "right (commit, author, file and line): 15 = 100.00%" in printed
    assert "told, but not found by the plain reading: 0" in printed


HOUR = dt.timedelta(hours=1)


@pytest.mark.shared
def test_public_plans_and_states_are_read(
    shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every public plan and state is read, and no drift is missed or invented."""
    monkeypatch.setattr(sys, "argv", ["terraform", "--data", str(shared / "data/terraform")])
    assert terraform.main() == 0
    printed = capsys.readouterr().out
    assert "drift lists equal: 79 of 79" in printed
    (ours,) = [line for line in printed.splitlines() if "this product" in line]
    assert ours.split()[-6:] == ["79", "of", "79", "5", "0", "0"]
