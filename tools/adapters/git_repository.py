"""A git repository, read with dulwich: commits, the files of a commit, and the commit that last touched each file.

No program is started, no hook, filter or attribute of the repository has any effect, and nothing is written to it.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from dulwich.diff_tree import TreeChange, tree_changes
from dulwich.errors import NotGitRepository, ObjectFormatException
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.objectspec import parse_commit
from dulwich.repo import Repo
from dulwich.walk import ORDER_TOPO

from graph.errors import Invalid, NotFound, Unexpected

MOST_ENTRIES: Final = 200_000
"""Files of one commit; ten small trees that name one another ten times each stand for ten billion."""
MOST_CHANGES: Final = 20_000
"""Files that one commit changes and that are looked at."""
_READ_ERRORS: Final = (KeyError, ObjectFormatException, AssertionError, OSError, ValueError)
"""What dulwich raises for objects that are missing or damaged."""


class Entry(NamedTuple):
    """One file, link or submodule of a commit."""

    path: str
    """Below the opened folder."""
    mode: int
    object_id: str


class Entries(NamedTuple):
    """The entries of a commit."""

    found: tuple[Entry, ...]
    is_cut: bool
    """There are more than MOST_ENTRIES, which is a mistake or an attack; the rest is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file that differs between a commit and its parent; None where it does not exist."""

    old_path: str | None
    new_path: str | None
    old_blob: str | None
    new_blob: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInfo:
    """One commit with the files that it changed below the folder that was opened."""

    id: str
    author: str
    """`NAME <ADDRESS>`"""
    at: datetime
    """UTC; commit time, not author time."""
    message: str
    parents: tuple[str, ...]
    """Full ids."""
    files: tuple[FileChange, ...]
    is_cut: bool = False
    """It changes more files than MOST_CHANGES; those beyond are left out."""


class GitRepository:
    """Read access to the part of a repository below one folder."""

    def __init__(self, path: Path) -> None:
        """Open the repository that holds `path`, a folder or file of its work tree, or a bare repository.

        Raises:
            NotFound: `path` lies in no git repository.
        """
        start = path.resolve()
        try:
            self._repo = Repo.discover(str(start if start.is_dir() else start.parent))
        except NotGitRepository as error:
            raise NotFound(f"{str(path)!r} is in no git repository") from error
        self.is_bare: bool = self._repo.bare
        self.root = Path(self._repo.path).resolve()
        inside = "" if self.is_bare else start.relative_to(self.root).as_posix()
        self.prefix = "" if inside in {"", "."} else inside
        """Path of the opened folder within the repository; empty for all of it."""

    def __enter__(self) -> GitRepository:
        return self

    def __exit__(self, *_: object) -> None:
        self._repo.close()

    def commit_id(self, ref: str) -> str | None:
        """Return the full id of the commit that `ref` names; None for the HEAD of a repository without commits.

        Raises:
            NotFound: there is no such ref.
            Unexpected: the repository is damaged.
        """
        try:
            return parse_commit(self._repo, ref.encode()).id.decode()
        except KeyError as error:
            if ref == "HEAD":
                return None
            raise NotFound(f"no branch, tag or commit {ref!r} in {str(self.root)!r}") from error
        except _READ_ERRORS as error:
            raise Unexpected(f"the git repository {str(self.root)!r} is damaged: {error}") from error

    def blob(self, blob_id: str) -> bytes:
        """Return the content of a file.

        Raises:
            Invalid: the repository does not hold it.
        """
        try:
            found = self._repo[blob_id.encode()]
        except _READ_ERRORS as error:
            raise Invalid(f"git object {blob_id[:12]} is missing or damaged") from error
        if not isinstance(found, Blob):
            raise Invalid(f"git object {blob_id[:12]} is no file")
        return bytes(found.data)

    def entries(self, commit: str) -> Entries:
        """Return the entries of a commit below the opened folder, sorted by path."""
        tree = self._commit(commit).tree
        start = self.prefix + "/" if self.prefix else ""
        found: list[Entry] = []
        try:
            for number, entry in enumerate(self._repo.object_store.iter_tree_contents(tree)):
                if number >= MOST_ENTRIES:
                    return Entries(tuple(found), is_cut=True)
                path = (entry.path or b"").decode("utf-8", "replace")
                if path.startswith(start) or path == self.prefix:
                    name = path[len(start) :] or path.rpartition("/")[2]
                    found.append(Entry(name, entry.mode or 0, (entry.sha or b"").decode()))
        except _READ_ERRORS as error:
            raise Unexpected(f"the git repository {str(self.root)!r} is damaged: {error}") from error
        return Entries(tuple(found), is_cut=False)

    def last_commits(self, commit: str, paths: Iterable[str]) -> dict[str, str]:
        """Map each path to the last commit at or before `commit` that touched it.

        A path whose last commit lies beyond the edge of a shallow clone is left out.
        """
        wanted = set(paths)
        found: dict[str, str] = {}
        for info in self.log(commit):
            for change in info.files:
                if change.new_path in wanted:
                    found[change.new_path] = info.id
                    wanted.discard(change.new_path)
            if not wanted:
                break
        return found

    def log(self, commit: str, *, since: datetime | None = None, known: str | None = None) -> Iterator[CommitInfo]:
        """Yield commits that are reachable from `commit`, newest first, each after all of its descendants.

        A merge lists only files that differ from all of its parents: the rest came with another commit.

        Args:
            commit: full id.
            since: leaves out commits with an older date, as far as dates follow the order of commits.
            known: full id of a commit; it and all that it is made from are left out, whatever their dates.
        """
        shallow = self._repo.get_shallow()
        walker = self._repo.get_walker(
            include=[ObjectID(commit.encode())],
            exclude=[ObjectID(known.encode())]
            if known and ObjectID(known.encode()) in self._repo.object_store
            else None,
            order=ORDER_TOPO,
            since=int(since.timestamp()) if since else None,
        )
        try:
            for entry in walker:
                yield self._info(entry.commit, is_edge=entry.commit.id in shallow)
        except _READ_ERRORS as error:
            raise Unexpected(f"the git repository {str(self.root)!r} is damaged: {error}") from error

    def time_of(self, commit: str) -> datetime:
        """Return the commit time of a commit, UTC; the beginning of time for one that a shallow clone lacks."""
        try:
            return datetime.fromtimestamp(self._commit(commit).commit_time, tz=UTC)
        except _READ_ERRORS:
            return datetime.fromtimestamp(0, tz=UTC)

    def is_shallow(self) -> bool:
        """Whether the history is cut off somewhere."""
        return bool(self._repo.get_shallow())

    def _present(self, commit: str | None) -> list[ObjectID] | None:
        """Return a commit as dulwich wants it; None when it is not there any more, as after a force push."""
        found = ObjectID(commit.encode()) if commit else None
        return [found] if found and found in self._repo.object_store else None

    def _commit(self, commit: str) -> Commit:
        found = self._repo[commit.encode()]
        if not isinstance(found, Commit):
            raise NotFound(f"{commit!r} is no commit of {str(self.root)!r}")
        return found

    def _info(self, commit: Commit, *, is_edge: bool) -> CommitInfo:
        files = () if is_edge else tuple(self._changed_files(commit))
        return CommitInfo(
            id=commit.id.decode(),
            author=commit.author.decode("utf-8", "replace"),
            at=datetime.fromtimestamp(commit.commit_time, tz=UTC),
            message=commit.message.decode("utf-8", "replace"),
            parents=tuple(p.decode() for p in commit.parents),
            files=files[:MOST_CHANGES],
            is_cut=len(files) > MOST_CHANGES,
        )

    def _changed_files(self, commit: Commit) -> Iterator[FileChange]:
        new = self._subtree(commit.tree)
        olds = [self._subtree(self._commit(p.decode()).tree) for p in commit.parents] or [None]
        if new in olds:
            return
        compared = [list(islice(tree_changes(self._repo.object_store, old, new), MOST_CHANGES + 1)) for old in olds]
        everywhere = set.intersection(*({_path(c) for c in many} for many in compared))
        for change in compared[0]:
            if _path(change) in everywhere:
                yield self._file_change(change)

    def _subtree(self, tree: ObjectID) -> ObjectID | None:
        """Return the tree (or None) at the opened folder; a single opened file is looked up in its folder."""
        node = tree
        for name in filter(None, self.prefix.split("/")):
            found = self._repo[node]
            if not isinstance(found, Tree) or name.encode() not in found:
                return None
            mode, child = found[name.encode()]
            if not stat.S_ISDIR(mode):
                return node
            node = child
        return node

    def _file_change(self, change: TreeChange) -> FileChange:
        old, new = change.old, change.new
        return FileChange(
            old_path=old.path.decode("utf-8", "replace") if old and old.path else None,
            new_path=new.path.decode("utf-8", "replace") if new and new.path else None,
            old_blob=old.sha.decode() if old and old.sha else None,
            new_blob=new.sha.decode() if new and new.sha else None,
        )


def blob_id(data: bytes) -> str:
    """Return the id that git gives a file of this content."""
    return Blob.from_string(data).id.decode()


def _path(change: TreeChange) -> bytes | None:
    side = change.new if change.new and change.new.path else change.old
    return side.path if side else None
