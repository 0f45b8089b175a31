"""The evaluation sets, where their data is at hand: floors, agreement with the sets' own scorer, reproducibility."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evals.command import run_set
from evals.figures import summaries
from evals.report import evaluate, write_report
from graph.errors import Invalid

pytestmark = pytest.mark.shared

FLOORS = {
    "cloud-opsbench": ("A@1", 0.75),
    "root-cause-bench": ("pass", 0.60),
    "blast-radius-bench": ("graded", 0.68),
    "noise-bench": ("graded", 0.85),
    "changerca": ("HR@1", 0.88),
    "petshop": ("top-1", 0.73),
    "opensre": ("category", 0.70),
}
"""Headline figure of each set and the least that is accepted."""
OFFICIAL = {"cloud-opsbench": "A@1_alias", "petshop": "top1"}
"""Where the sets' own scorer has another name for the figure."""


@pytest.fixture
def bench(shared: Path) -> Path:
    folder = shared / "bench"
    if not folder.is_dir():
        pytest.skip("the evaluation sets are not at hand")
    return folder


@pytest.mark.parametrize("name", list(FLOORS))
def test_a_set_reaches_its_floor_and_both_scorers_agree(name: str, bench: Path, tmp_path: Path) -> None:
    """Every case has a line, none failed, and our figure is the one that the set's own scorer gives."""
    out = tmp_path / "predictions.jsonl"
    finished = run_set(name, data=bench / name, out=out)
    assert [f.error for f in finished if f.error] == []
    result = evaluate(name, bench / name, out)
    figure, floor = FLOORS[name]
    ours = next(s for s in summaries(result.scores) if s.name == figure)
    assert ours.value >= floor
    wrong = [s for s in result.scores if s.is_confidently_wrong]
    assert len(wrong) <= 0.05 * len(result.scores)
    theirs = _official(name, bench, out)[OFFICIAL.get(name, figure)]
    assert ours.value == pytest.approx(theirs.get("rate", theirs.get("mean")), abs=1e-3)


def _official(name: str, bench: Path, predictions: Path) -> dict[str, dict[str, float]]:
    command = [sys.executable, str(bench / "score.py"), name, "--truth", str(bench / name / "truth.jsonl")]
    done = subprocess.run([*command, "--predictions", str(predictions)], capture_output=True, check=True, text=True)
    metrics: dict[str, dict[str, float]] = json.loads(done.stdout)["metrics"]
    return metrics


def test_two_runs_give_the_same_bytes_but_for_the_clock(bench: Path, tmp_path: Path) -> None:
    """Nothing random, no order of hashing, no state of an earlier case."""
    runs = []
    for name in ("one", "two"):
        finished = run_set("blast-radius-bench", data=bench / "blast-radius-bench", out=tmp_path / name)
        kept = [{k: v for k, v in f.prediction.items() if k not in ("elapsed_s", "parse_s")} for f in finished]
        runs.append(json.dumps(kept, sort_keys=True))
    assert runs[0] == runs[1]


def test_a_case_that_cannot_be_read_is_a_line_with_its_error(bench: Path, tmp_path: Path) -> None:
    """One bad case neither ends the run nor goes missing."""
    data = tmp_path / "set"
    shutil.copytree(bench / "noise-bench", data)
    broken = sorted((data / "cases").iterdir())[0]
    (broken / "workdir" / "pages.json").write_text("{", encoding="utf-8")
    finished = run_set("noise-bench", data=data, out=tmp_path / "out.jsonl")
    assert len(finished) == len(list((data / "cases").iterdir()))
    assert [f.case for f in finished if f.error] == [broken.name]


def test_an_incomplete_run_is_no_report(bench: Path, tmp_path: Path) -> None:
    """A case without a prediction is an error, not a better figure."""
    out = tmp_path / "changerca.jsonl"
    run_set("changerca", data=bench / "changerca", out=out)
    out.write_text("".join(out.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    with pytest.raises(Invalid, match="have no prediction"):
        evaluate("changerca", bench / "changerca", out)


def test_the_report_names_what_is_absent_and_shows_baselines(bench: Path, tmp_path: Path) -> None:
    """Markdown and HTML say the same, and plain rules stand beside the product."""
    run_set("changerca", data=bench / "changerca", out=tmp_path / "changerca.jsonl")
    result = evaluate("changerca", bench / "changerca", tmp_path / "changerca.jsonl")
    markdown, page = write_report([result], ["petshop"], tmp_path / "out")
    for text in (markdown.read_text(encoding="utf-8"), page.read_text(encoding="utf-8")):
        assert "petshop" in text
        assert "rule: latest release" in text
        assert "ChangeRCA (authors)" in text
