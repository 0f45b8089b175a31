"""Cases that are metrics, as tables for methods that know nothing of the product."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.baselines import FOLDER
from evals.baselines.__main__ import main, predictions
from evals.baselines.tables import TABLES, Column, Table, places
from evals.report import evaluate


def test_a_place_is_ranked_once_and_only_where_the_answer_can_be() -> None:
    """Its best measure tells; places that were not released are no answer."""
    table = Table(columns=(), before=(), since=(), candidates=("cart", "web"))
    ranked = [Column("db", "cpu"), Column("web", "cpu"), Column("cart", "cpu"), Column("web", "latency")]
    assert places(ranked, table) == ["web", "cart"]


@pytest.mark.shared
@pytest.mark.parametrize("name", list(TABLES))
def test_cases_are_cut_where_trouble_began(name: str, shared: Path) -> None:
    """There is something before and something since, in columns of the same number, and who calls whom."""
    table = TABLES[name](sorted((shared / "bench" / name / "cases").iterdir())[0])
    assert table.before
    assert table.since
    assert {len(row) for row in (*table.before, *table.since)} == {len(table.columns)}
    assert table.calls


@pytest.mark.shared
def test_what_a_method_answered_stands_in_the_report(shared: Path, tmp_path: Path) -> None:
    """Under its name, by the scorer of the set; here the method is the order of the plan."""
    data = shared / "bench" / "changerca"
    folders = sorted(p for p in (data / "cases").iterdir())
    lines = list(predictions("changerca", folders, TABLES["changerca"], lambda table: list(table.candidates)))
    file = tmp_path / FOLDER / "changerca" / "plan.jsonl"
    file.parent.mkdir(parents=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    file.write_text(text, encoding="utf-8")
    (tmp_path / "changerca.jsonl").write_text(text, encoding="utf-8")
    found = evaluate("changerca", data, tmp_path / "changerca.jsonl").baselines["plan, run here"]
    assert [s.name for s in found] == ["HR@1", "HR@3", "mean rank"]
    assert found[1].value > 0.5


def test_nothing_to_run_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Packages and sets that are absent are named."""
    assert main(["--data", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "skipped: petshop: there are no cases" in capsys.readouterr().out
