"""Commits of application code, with what they change, bounded and without secrets."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from graph.change import ActorType
from graph.errors import NotFound
from tests.tools.adapters.sources import NOW, GitFolder
from tools.adapters.code_history import REACHES_BACK, CodeHistory

HOUR = dt.timedelta(hours=1)
POOL = "size = 20\ntimeout = 5\n"


@pytest.fixture
def git(tmp_path: Path) -> GitFolder:
    return GitFolder(tmp_path / "repo")


def test_a_commit_is_one_change_with_its_diff(git: GitFolder) -> None:
    """Author, time, message, id, files and the unified diff; tied to no resource."""
    git.commit({"orders/pool.py": POOL}, at=NOW - HOUR)
    second = git.commit({"orders/pool.py": POOL.replace("20", "2")}, message="Tidy the pool")
    (change,) = CodeHistory("code:orders", git.root).changes(NOW - HOUR / 2).changes
    assert (change.kind, change.uid, change.reference, change.summary) == ("commit", "", second, "Tidy the pool")
    assert change.earliest == change.latest == NOW
    assert change.actor is not None
    assert (change.actor.name, change.actor.type) == ("Ann", ActorType.HUMAN)
    assert change.files == ("orders/pool.py",)
    assert {"--- a/orders/pool.py", "+++ b/orders/pool.py", "-size = 20", "+size = 2"} <= set(change.diff.splitlines())


def test_new_and_removed_files_are_shown_as_such(git: GitFolder) -> None:
    """Of a new file everything is added, of a removed one everything is taken out."""
    git.commit({"a.py": "one\n"}, at=NOW - HOUR)
    git.commit({"a.py": None, "b.py": "two\n"})
    diff = CodeHistory("code", git.root).changes(NOW - HOUR / 2).changes[0].diff
    assert {"+++ /dev/null", "-one", "--- /dev/null", "+two"} <= set(diff.splitlines())


def test_without_a_time_the_last_two_weeks_are_told_oldest_first(git: GitFolder) -> None:
    """What has been in use for longer hardly breaks anything today."""
    for number, ago in enumerate((REACHES_BACK + 3 * HOUR, 3 * HOUR, 2 * HOUR)):
        git.commit({"a.py": f"{number}\n"}, at=NOW - ago, message=f"commit {number}")
    found = CodeHistory("code", git.root).changes(None).changes
    assert [c.summary for c in found] == ["commit 1", "commit 2"]


def test_secrets_binaries_and_endless_files_stay_out_of_the_diff(git: GitFolder) -> None:
    """A diff is text from outside: redacted and bounded."""
    git.commit({"a.py": "x\n"}, at=NOW - HOUR)
    git.commit({"key.txt": "password = hunter2hunter2\n", "b.bin": "\0\0\n", "huge.sql": "row\n" * 200_000})
    diff = CodeHistory("code", git.root).changes(NOW - HOUR / 2).changes[0].diff
    assert "hunter2" not in diff
    assert "redacted" in diff
    assert "b.bin" not in diff
    assert len(diff) < 31_000


def test_no_repository_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    """As of every source."""
    with pytest.raises(NotFound, match="no git repository"):
        CodeHistory("code", tmp_path).changes(None)
