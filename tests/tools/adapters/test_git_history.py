"""Commits as changes of resources."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from pathlib import Path

import pytest
from dulwich import porcelain

from graph.change import ActorType, Change
from graph.document import ABSENT
from graph.errors import NotFound
from tests.tools.adapters.sources import NOW, GitFolder, config_map
from tools.adapters.git_history import GitHistory

HOUR = dt.timedelta(hours=1)


def history(path: Path, **more: object) -> GitHistory:
    return GitHistory("git:test", path, cluster="demo", stack="shop", salt=b"salt", **more)  # type: ignore[arg-type]


def told(changes: tuple[Change, ...]) -> list[tuple[str, str, object, object]]:
    return [(c.uid.rpartition("/")[2], c.path, c.before, c.after) for c in changes]


@pytest.fixture
def git(tmp_path: Path) -> GitFolder:
    return GitFolder(tmp_path / "repo")


def test_tells_each_changed_field_with_its_commit(git: GitFolder) -> None:
    """A commit gives one change for each field, with values, author, time, message and id."""
    git.commit({"a.yaml": config_map("a") + "---\n" + config_map("b")}, at=NOW - HOUR)
    second = git.commit({"a.yaml": config_map("a", "2") + "---\n" + config_map("b")}, message="Raise a\n\nWhy.")
    (change,) = history(git.root).changes(NOW - HOUR / 2).changes
    assert (change.uid, change.path) == ("k8s://demo/core/ConfigMap/shop/a", "/data/key")
    assert (change.before, change.after) == ("1", "2")
    assert (change.earliest, change.latest) == (NOW, NOW)
    assert change.actor is not None
    assert (change.actor.name, change.actor.type) == ("Ann", ActorType.HUMAN)
    assert (change.summary, change.reference, change.kind) == ("Raise a", second, "commit")


def test_tells_creation_and_deletion_of_a_resource(git: GitFolder) -> None:
    """A resource that comes or goes is one change of the whole."""
    git.commit({"a.yaml": config_map("a")})
    git.commit({"a.yaml": None, "b.yaml": config_map("b")})
    changes = history(git.root).changes(None).changes
    assert [(name, path, before is ABSENT, after is ABSENT) for name, path, before, after in told(changes)] == [
        ("a", "", True, False),
        ("a", "", False, True),
        ("b", "", True, False),
    ]


def test_sees_no_change_in_a_move_or_in_formatting(git: GitFolder) -> None:
    """Moving, joining and reformatting files changes nothing; an edit on the way is told."""
    git.commit({"a.yaml": config_map("a"), "b.yaml": config_map("b")})
    joined = (
        "# all\n---\n"
        + config_map("b", "9")
        + "---\n"
        + json.dumps(
            {
                "kind": "ConfigMap",
                "data": {"key": "1"},
                "metadata": {"namespace": "shop", "name": "a"},
                "apiVersion": "v1",
            }
        )
    )
    git.commit({"a.yaml": None, "b.yaml": None, "k8s/all.yaml": joined}, at=NOW + HOUR)
    assert told(history(git.root).changes(NOW).changes) == [("b", "/data/key", "1", "9")]


def test_names_bots_and_declared_deployers_as_automation(git: GitFolder) -> None:
    """Only an author who is neither a bot nor a declared deployer is a person."""
    authors = ["Ann <ann@example.com>", "renovate[bot] <x@example.com>", "Release <release@example.com>"]
    for number, author in enumerate(authors):
        git.commit({"a.yaml": config_map("a", str(number))}, author=author)
    changes = history(git.root, deployers={"release@example.com"}).changes(None).changes
    assert [c.actor.type.value for c in changes if c.actor] == ["human", "automation", "automation"]


def test_keeps_no_value_of_a_secret(git: GitFolder) -> None:
    """The history shows that a Secret changed, not to what."""
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: VALUE}\n"
    git.commit({"s.yaml": text.replace("VALUE", "hunter2secret")})
    git.commit({"s.yaml": text.replace("VALUE", "other7secret")})
    changes = history(git.root).changes(None).changes
    assert changes[-1].path == "/stringData/p"
    assert str(changes[-1].after).startswith("hmac-sha256:")
    assert "hunter2" not in repr(changes)
    assert "other7" not in repr(changes)


def test_names_a_commit_it_cannot_read(git: GitFolder) -> None:
    """A broken version of a file is a gap in what is known, before and after it."""
    for text in (config_map("a"), config_map("a") + "  x: [\n", config_map("a", "2")):
        git.commit({"a.yaml": text, "b.yaml": config_map("b", str(len(text)))})
    batch = history(git.root).changes(None)
    assert len(batch.gaps) == 2
    assert "a.yaml" in batch.gaps[0].what
    assert [name for name, *_ in told(batch.changes)] == ["a", "b", "b", "b"]


def test_tells_terraform_changes_with_expressions(git: GitFolder) -> None:
    """Literal values and expressions of resource blocks and module calls are told by address."""
    text = (
        'resource "aws_sqs_queue" "q" {\n  name = "a"\n  arn = var.x\n}\nmodule "m" {\n  source = "x"\n  size = 1\n}\n'
    )
    git.commit({"main.tf": text})
    git.commit({"main.tf": text.replace("var.x", "var.y").replace("size = 1", "size = 2")}, at=NOW + HOUR)
    assert sorted(told(history(git.root).changes(NOW).changes), key=str) == [
        ("aws_sqs_queue.q", "/expressions/~1arn", "${var.x}", "${var.y}"),
        ("module.m", "/values/size", 1, 2),
    ]


def test_a_merge_tells_nothing_of_its_own(git: GitFolder) -> None:
    """What a branch changed is told by the commit on the branch, not again by the merge."""
    first = git.commit({"a.yaml": config_map("a"), "b.yaml": config_map("b")})
    porcelain.branch_create(str(git.root), "side", first)
    git.commit({"a.yaml": config_map("a", "2")}, message="main")
    porcelain.checkout(str(git.root), "side")
    git.commit({"b.yaml": config_map("b", "2")}, message="side", at=NOW + HOUR)
    porcelain.checkout(str(git.root), "master")
    porcelain.merge(str(git.root), "side", message=b"Merge", author=b"Ann <a@x>", committer=b"Ann <a@x>")
    changes = history(git.root).changes(NOW - HOUR).changes[2:]
    assert [(name, c.summary) for c, (name, *_) in zip(changes, told(changes), strict=True)] == [
        ("a", "main"),
        ("b", "side"),
    ]


def test_says_that_there_is_no_repository(tmp_path: Path) -> None:
    """A folder without version control is an error that says so; a repository without commits has no changes."""
    (tmp_path / "empty").mkdir()
    assert history(GitFolder(tmp_path / "fresh").root).changes(None).changes == ()
    with pytest.raises(NotFound, match="in no git repository"):
        history(tmp_path / "empty").changes(None)


@pytest.mark.shared
def test_follows_a_production_history(shared: Path, tmp_path: Path) -> None:
    """Each change of a real history carries the author and the time that git records for its commit."""
    bundle = shared / "data/gitops-estate/history.bundle"
    # dulwich 1.2 can't unpack the offset deltas of a bundle, so the program makes the clone.
    subprocess.run(["git", "clone", "-q", str(bundle), str(tmp_path / "estate")], check=True)
    known = [
        json.loads(line) for line in (shared / "data/gitops-estate/history_commits.jsonl").read_text().splitlines()
    ]
    commits = {c["commit"]: (c["author"], dt.datetime.fromisoformat(c["commit_date"])) for c in known}
    since = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    changes = history(tmp_path / "estate").changes(since).changes
    assert len(changes) > 200
    assert [c for c in changes if c.actor is None or (c.actor.name, c.latest) != commits[c.reference]] == []


def test_names_the_line_of_each_change(git: GitFolder) -> None:
    """The line is that of the new value in its file, that of the old one for what is gone, inside long texts too."""
    text = config_map("a") + '  gone: "1"\n  script: |\n    one\n    two\n    three\n'
    git.commit(
        {"a.yaml": "# head\n---\n" + text, "main.tf": 'resource "t" "n" {\n  size = 1\n  list = [\n    1,\n  ]\n}\n'}
    )
    new = text.replace('  gone: "1"\n', "").replace("two", "2").replace('key: "1"', 'key: "5"\n  extra: x')
    git.commit(
        {
            "a.yaml": "---\n" + new,
            "main.tf": '# new\n\nresource "t" "n" {\n# at the margin\n  size = 2\n  list = [\n    1,\n    2,\n  ]\n}\n',
        },
        at=NOW + HOUR,
    )
    places = {c.path: (c.origin.file, c.origin.line) for c in history(git.root).changes(NOW).changes if c.origin}
    assert places == {
        "/data/key": ("a.yaml", 8),
        "/data/extra": ("a.yaml", 9),
        "/data/gone": ("a.yaml", 10),
        "/data/script": ("a.yaml", 12),
        "/values/size": ("main.tf", 5),
        "/values/list": ("main.tf", 8),
    }


def test_reads_compose_files(git: GitFolder) -> None:
    """A Compose file's services are resources; a variable keeps its text."""
    text = "name: shop\nservices:\n  web:\n    image: web:${TAG}\n    restart: always\n"
    git.commit({"compose.yaml": text})
    git.commit({"compose.yaml": text.replace("always", "no")}, at=NOW + HOUR)
    (change,) = history(git.root).changes(NOW).changes
    assert (change.uid, change.path) == ("compose://shop/service/web", "/restart")
    assert change.origin is not None
    assert (change.origin.file, change.origin.line) == ("compose.yaml", 5)


def test_a_wrong_clock_hides_no_commit(git: GitFolder) -> None:
    """A commit that is dated before its parent, and one dated in the future, are told and named."""
    git.commit({"a.yaml": config_map("a", "1")})
    reader = history(git.root, clock=lambda: NOW + HOUR)
    reader.changes(None)
    old = git.commit({"a.yaml": config_map("a", "2")}, at=NOW - 1000 * HOUR)
    ahead = git.commit({"a.yaml": config_map("a", "3")}, at=NOW + 10_000 * HOUR)
    batch = reader.changes(NOW + HOUR / 2)
    assert [(c.reference, c.after, c.latest) for c in batch.changes] == [
        (old, "2", NOW - 1000 * HOUR),
        (ahead, "3", NOW + HOUR),
    ]
    assert [g.what.partition(", ")[2].split()[0] for g in batch.gaps] == [old[:12], ahead[:12]]
    assert {c.reference for c in reader.changes(NOW + HOUR).changes} == {ahead}


def test_an_answer_that_was_lost_is_given_again(git: GitFolder) -> None:
    """Asked again from the same time on, all is told again; asked from a later one, only what is new."""
    reader = history(git.root)
    git.commit({"a.yaml": config_map("a", "1")})
    reader.changes(None)
    git.commit({"a.yaml": config_map("a", "2")}, at=NOW + HOUR)
    assert len(reader.changes(NOW).changes) == 1
    assert len(reader.changes(NOW).changes) == 1
    assert len(reader.changes(NOW + 2 * HOUR).changes) == 0
