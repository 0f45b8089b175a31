"""The evaluation sets, where their data is at hand: floors, agreement with the sets' own scorer, reproducibility."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evals.command import run_all, run_set
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
_MOST_CASES = 25
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
    data = _sample(bench / name, tmp_path / name)
    finished = run_set(name, data=data, out=out)
    assert [f.error for f in finished if f.error] == []
    result = evaluate(name, data, out)
    figure, floor = FLOORS[name]
    ours = next(s for s in summaries(result.scores) if s.name == figure)
    assert ours.value >= floor
    wrong = [s for s in result.scores if s.is_confidently_wrong]
    assert len(wrong) <= 0.05 * len(result.scores)
    theirs = _official(name, bench, data, out)[OFFICIAL.get(name, figure)]
    assert ours.value == pytest.approx(theirs.get("rate", theirs.get("mean")), abs=1e-3)


def _sample(data: Path, folder: Path) -> Path:
    """Return a set with at most about thirty of its cases, evenly chosen; all of them run by `plumbline eval`."""
    cases = sorted((data / "cases").iterdir())
    chosen = {c.name for c in cases[:: max(1, len(cases) // _MOST_CASES)]}
    (folder / "cases").mkdir(parents=True)
    for case in chosen:
        (folder / "cases" / case).symlink_to(data / "cases" / case)
    for other in (p for p in data.iterdir() if p.name not in ("cases", "truth.jsonl")):
        (folder / other.name).symlink_to(other)
    truths = (data / "truth.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "truth.jsonl").write_text("".join(t for t in truths if json.loads(t)["case"] in chosen), encoding="utf-8")
    return folder


def _official(name: str, bench: Path, data: Path, predictions: Path) -> dict[str, dict[str, float]]:
    command = [sys.executable, str(bench / "score.py"), name, "--truth", str(data / "truth.jsonl")]
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
    markdown, page = write_report([result], {"petshop": "skipped"}, tmp_path / "out")
    for text in (markdown.read_text(encoding="utf-8"), page.read_text(encoding="utf-8")):
        assert "petshop" in text
        assert "rule: latest release" in text
        assert "ChangeRCA (authors)" in text


def test_sets_without_cases_or_answers_are_named_and_the_others_run(bench: Path, tmp_path: Path) -> None:
    """A set without answers is run and not scored; one without cases fails the run, and no other set with it."""
    data, out = tmp_path / "data", tmp_path / "out"
    shutil.copytree(bench / "noise-bench", data / "noise-bench")
    (data / "noise-bench" / "truth.jsonl").unlink()
    lines, is_good = run_all(data, out)
    assert is_good
    assert any(line.startswith("no report:") and "truth.jsonl" in line for line in lines)
    shutil.copytree(bench / "blast-radius-bench", data / "blast-radius-bench")
    (data / "opensre" / "cases").mkdir(parents=True)
    (data / "opensre" / "truth.jsonl").write_text("", encoding="utf-8")
    lines, is_good = run_all(data, out)
    assert not is_good
    assert any(line.startswith("opensre: not run: no cases") for line in lines)
    assert (out / "noise-bench.jsonl").is_file()
    assert (out / "blast-radius-bench.jsonl").is_file()


def test_the_worst_failures_say_what_was_answered_and_what_was_right(bench: Path, tmp_path: Path) -> None:
    """Predictions that are wrong on purpose: each is told with its confidence, the right answer and why."""
    truth = [json.loads(x) for x in (bench / "opensre" / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    found = tmp_path / "opensre.jsonl"
    wrong = {"ranked": [{"category": "no | such", "score": 0.95}], "note": "a guess"}
    found.write_text("".join(json.dumps({"case": t["case"], **wrong}) + "\n" for t in truth), encoding="utf-8")
    markdown, page = write_report([evaluate("opensre", bench / "opensre", found)], {}, tmp_path / "out")
    text = markdown.read_text(encoding="utf-8")
    first = next(t for t in sorted(truth, key=lambda t: t["case"]))
    right = first["root_cause_category"]
    assert f"The {min(10, len(truth))} worst failures of {len(truth)}" in text
    why = "the right answer is not among the 1 that were given. It wrote: a guess"
    assert f"| opensre | `{first['case']}` | no / such | 0.95 | {right} | {why} |" in text
    assert "no / such" in page.read_text(encoding="utf-8")
