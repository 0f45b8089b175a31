"""Files of cases as strangers deliver them: zipped, cut off, of the wrong shape, absent, in another order."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from evals.command import run_set
from evals.run import Finished
from evals.suites import SETS
from evals.suites.files import read_json, read_lines, read_object, read_rows, read_table
from graph.errors import Invalid


@pytest.mark.parametrize("is_zipped", [False, True], ids=["plain", "zipped"])
def test_a_file_is_read_in_either_form(tmp_path: Path, is_zipped: bool) -> None:
    """The name is the same but for `.gz`, and a byte order mark is no content."""
    text = "\ufeff" + json.dumps({"a": 1})
    path = tmp_path / "case.json"
    if is_zipped:
        path.with_name("case.json.gz").write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    assert read_json(path) == {"a": 1}


def test_absent_is_empty_unless_it_is_needed(tmp_path: Path) -> None:
    """What a case may lack is empty; what it can't be answered without is an error that says so."""
    path = tmp_path / "none.json"
    assert (read_object(path), read_rows(path), read_table(path)) == ({}, [], [])
    with pytest.raises(Invalid, match=r"none\.json: the file is missing"):
        read_object(path, needs=("service",))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": ', "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "can't be read"),
        (b'[{"b": 1}, 3]', "entry 2: an object was expected, not int"),
        (b'[{"c": 1}]', "entry 1: the field 'b' is missing"),
        (b'"text"', "a list of objects was expected, not str"),
        (b"[" * 100_000, "not JSON"),
    ],
    ids=["cut off", "blank", "binary", "no object", "no field", "no list", "nested too deep"],
)
def test_what_is_broken_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    """The error names the file and the entry."""
    path = tmp_path / "rows.json"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=said) as error:
        read_rows(path, needs=("b",))
    assert "rows.json" in str(error.value)


def test_a_zipped_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    """Half an archive is no shorter file."""
    zipped = gzip.compress(json.dumps(list(range(1000))).encode())
    (tmp_path / "rows.json.gz").write_bytes(zipped[: len(zipped) // 2])
    with pytest.raises(Invalid, match=r"rows\.json\.gz: can't be read"):
        read_json(tmp_path / "rows.json")


def test_a_row_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    """The rest of the table counts; a table of other columns is an error."""
    path = tmp_path / "metrics.csv"
    path.write_text("time,value\n1,2\n3", encoding="utf-8")
    assert read_table(path, needs=("time",)) == [{"time": "1", "value": "2"}]
    with pytest.raises(Invalid, match="the column 'service' is missing"):
        read_table(path, needs=("service",))


@pytest.fixture
def bench(shared: Path) -> Path:
    if not (shared / "bench").is_dir():
        pytest.skip("the evaluation sets are not at hand")
    return shared / "bench"


@pytest.mark.shared
@pytest.mark.parametrize("name", list(SETS))
def test_form_names_and_order_of_files_change_no_answer(name: str, bench: Path, tmp_path: Path) -> None:
    """Cases under other ids, zipped, with lists in another order and with files nobody knows, get the same answers."""
    if not (bench / name).is_dir():
        pytest.skip(f"{name} is not at hand")
    plain, other = tmp_path / "plain", tmp_path / "other"
    for folder in (bench / name).iterdir():
        if folder.name in ("labels.json", "scenarios"):
            for target in (plain, other):
                target.mkdir(exist_ok=True)
                (target / folder.name).symlink_to(folder)
    chosen = sorted((bench / name / "cases").iterdir())[:3]
    for number, case in enumerate(chosen):
        shutil.copytree(case, plain / "cases" / f"{number}")
        shutil.copytree(case, other / "cases" / f"{number} ünïcode")
        _disguise(other / "cases" / f"{number} ünïcode", random.Random(number))
    before = [_answer(f) for f in run_set(name, data=plain, out=tmp_path / "plain.jsonl")]
    after = [_answer(f) for f in run_set(name, data=other, out=tmp_path / "other.jsonl")]
    assert before == after
    assert not any("error" in answer for answer in before)


@pytest.mark.shared
@pytest.mark.parametrize("name", list(SETS))
def test_a_case_without_files_is_an_error_and_never_an_answer(name: str, tmp_path: Path) -> None:
    """Nothing seen is not healthy."""
    (tmp_path / "set" / "cases" / "empty").mkdir(parents=True)
    (case,) = run_set(name, data=tmp_path / "set", out=tmp_path / "out.jsonl")
    assert str(Path("cases") / "empty") in case.error
    assert case.prediction["abstained"] is True


def _answer(finished: Finished) -> dict[str, Any]:
    return {k: v for k, v in finished.prediction.items() if k not in ("case", "elapsed_s", "parse_s")}


def _disguise(folder: Path, random: random.Random) -> None:
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        if path.suffix == ".gz":
            path.unlink()
            path.with_suffix("").write_bytes(gzip.decompress(data))
            continue
        if path.suffix == ".json" and path.name != "traces.json":
            data = json.dumps(_shuffled(json.loads(data), random)).encode()
        path.unlink()
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(data))
    (folder / "NOTES.bin").write_bytes(b"\xff\x00")


def _shuffled(content: Any, random: random.Random) -> Any:
    """Lists of objects in another order: rows, not readings, whose times stand in a list beside them."""
    if isinstance(content, list):
        rows = [_shuffled(row, random) for row in content]
        if rows and all(isinstance(row, dict) for row in rows):
            random.shuffle(rows)
        return rows
    if isinstance(content, dict):
        return {key: _shuffled(value, random) for key, value in content.items()}
    return content


def test_a_line_that_is_no_object_is_named(tmp_path: Path) -> None:
    """Blank lines are none; an absent file has none."""
    path = tmp_path / "logs.ndjson"
    assert read_lines(path) == []
    path.write_text('{"a": 1}\n\n{"a": 2}\n')
    assert read_lines(path) == [{"a": 1}, {"a": 2}]
    path.write_text('{"a": 1}\n[2]\n')
    with pytest.raises(Invalid, match=r"logs\.ndjson:2"):
        read_lines(path)
