"""Following files that are still being written: every line once, whatever happens to the file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from graph.errors import NotFound
from graph.evidence import Gap
from tools.adapters.followed_lines import FollowedLines
from tools.adapters.json_lines import Line


def values(followed: FollowedLines) -> list[object]:
    """Values of `n` that are new, and the reasons of gaps."""
    return [line.value["n"] if isinstance(line, Line) else line.why for line in followed.news()]


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_each_look_gives_what_was_added(tmp_path: Path) -> None:
    """At first everything, then only what is new."""
    path = tmp_path / "audit.log"
    add(path, '{"n":1}\n{"n":2}\n')
    followed = FollowedLines(path)
    assert values(followed) == [1, 2]
    assert values(followed) == []
    add(path, '{"n":3}\n')
    assert values(followed) == [3]


def test_half_a_line_is_given_once_it_is_whole(tmp_path: Path) -> None:
    """A writer may be cut off anywhere, and go on later."""
    path = tmp_path / "audit.log"
    add(path, '{"n":1}\n{"n"')
    followed = FollowedLines(path)
    assert values(followed) == [1]
    assert values(followed) == []
    add(path, ":2}\n")
    assert values(followed) == [2]


def test_rotated_file_is_read_to_its_end(tmp_path: Path) -> None:
    """What was written before the rename and after the last look is not lost."""
    path = tmp_path / "audit.log"
    add(path, '{"n":1}\n')
    followed = FollowedLines(path)
    assert values(followed) == [1]
    add(path, '{"n":2}\n')
    path.rename(tmp_path / "audit-2026.log")
    add(path, '{"n":3}\n')
    assert values(followed) == [2, 3]


def test_line_that_was_cut_by_rotation_is_counted(tmp_path: Path) -> None:
    """Its rest will never come."""
    path = tmp_path / "audit.log"
    add(path, '{"n":1}\n{"n"')
    followed = FollowedLines(path)
    assert values(followed) == [1]
    path.rename(tmp_path / "audit-2026.log")
    add(path, '{"n":3}\n')
    assert [v if isinstance(v, int) else "cut off" in str(v) for v in values(followed)] == [True, 3]


def test_truncated_file_is_a_gap_and_read_from_its_start(tmp_path: Path) -> None:
    """As `copytruncate` does it: what was written in between is lost, and that is said."""
    path = tmp_path / "audit.log"
    add(path, '{"n":1}\n{"n":2}\n')
    followed = FollowedLines(path)
    assert values(followed) == [1, 2]
    path.write_text('{"n":3}\n')
    found = values(followed)
    assert found[-1] == 3
    assert "truncated" in str(found[0])


def test_bad_and_long_lines_are_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Each with its number."""
    path = tmp_path / "audit.log"
    add(path, '{"n":1}\nnonsense\n{"n":"' + "x" * 3_000_000 + '"}\n{"n":4}\n')
    found = list(FollowedLines(path, max_line_bytes=2**20).news())
    assert [f.what for f in found if isinstance(f, Gap)] == ["line 2 of audit.log", "line 3 of audit.log"]
    assert [f.value["n"] for f in found if isinstance(f, Line)] == [1, 4]


def test_last_line_without_a_break_is_given_when_nothing_follows(tmp_path: Path) -> None:
    """As files of CloudTrail end."""
    path = tmp_path / "trail.json"
    path.write_text('{"n":1}')
    followed = FollowedLines(path)
    assert [values(followed), values(followed), values(followed), values(followed)] == [[], [], [1], []]


def test_folder_gives_new_files_and_what_is_added_to_old_ones(tmp_path: Path) -> None:
    """A file that is renamed is not read again; a packed one is read when it appears."""
    add(tmp_path / "a.jsonl", '{"n":1}\n')
    followed = FollowedLines(tmp_path)
    assert values(followed) == [1]
    (tmp_path / "a.jsonl").rename(tmp_path / "old.jsonl")
    add(tmp_path / "a.jsonl", '{"n":2}\n')
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(b'{"n":3}\n'))
    add(tmp_path / "old.jsonl", '{"n":4}\n')
    assert values(followed) == [2, 3, 4]
    assert values(followed) == []


def test_missing_file_is_named(tmp_path: Path) -> None:
    """It may come later."""
    followed = FollowedLines(tmp_path / "audit.log")
    with pytest.raises(NotFound, match=r"audit\.log"):
        list(followed.news())
    add(tmp_path / "audit.log", '{"n":1}\n')
    assert values(followed) == [1]
