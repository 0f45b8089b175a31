"""Writes the shop's git repository, without a git binary."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from dulwich.object_store import iter_tree_contents
from dulwich.objects import Blob, ObjectID, Tree
from dulwich.objects import Commit as GitCommit
from dulwich.refs import Ref
from dulwich.repo import Repo

_BRANCH = Ref(b"refs/heads/main")


def create(path: Path) -> Repo:
    """Create an empty repository with a work tree and branch `main`."""
    path.mkdir(parents=True)
    repo = Repo.init(str(path), default_branch=b"main")
    config = repo.get_config()
    config.set((b"user",), b"name", b"deploy-bot")
    config.set((b"user",), b"email", b"deploy-bot@kettle.example")
    config.write_to_path()
    return repo


def commit(repo: Repo, tree: Mapping[str, str], *, author: str, message: str, at: datetime) -> str:
    """Add a commit with exactly these files on top of `main`; the work tree is left alone.

    Returns:
        The id of the commit, as 40 hex digits.
    """
    entry = GitCommit()
    entry.tree = _tree(repo, tree)
    if _BRANCH in repo.refs.keys():  # noqa: SIM118  (refs are no mapping)
        entry.parents = [repo.refs[_BRANCH]]
    entry.author = entry.committer = author.encode()
    entry.author_time = entry.commit_time = int(at.timestamp())
    entry.author_timezone = entry.commit_timezone = 0
    entry.message = f"{message}\n".encode()
    entry.encoding = b"UTF-8"
    repo.object_store.add_object(entry)
    repo.refs[_BRANCH] = entry.id
    return entry.id.decode()


def check_out(repo: Repo) -> None:
    """Make the work tree and the index hold what `main` holds."""
    repo.get_worktree().reset_index()


def _tree(repo: Repo, files: Mapping[str, str]) -> ObjectID:
    tree = Tree()
    folders: dict[str, dict[str, str]] = {}
    for path, text in files.items():
        head, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(head, {})[rest] = text
        else:
            blob = Blob.from_string(text.encode())
            _add(repo, blob)
            tree.add(head.encode(), 0o100644, blob.id)
    for name, below in folders.items():
        tree.add(name.encode(), 0o040000, _tree(repo, below))
    _add(repo, tree)
    return tree.id


def _add(repo: Repo, item: Blob | Tree) -> None:
    if item.id not in repo.object_store:
        repo.object_store.add_object(item)


def open_existing(path: Path) -> Repo:
    """Open a repository that `create` made."""
    return Repo(str(path))


def files(repo: Repo) -> dict[str, str]:
    """Return path to text of everything that `main` holds."""
    head = repo[repo.refs[_BRANCH]]
    assert isinstance(head, GitCommit)
    out: dict[str, str] = {}
    for entry in iter_tree_contents(repo.object_store, head.tree):
        blob = repo[entry.sha]
        out[entry.path.decode()] = blob.as_raw_string().decode()
    return out
