"""Git history of application code to changes: one for each commit, with its diff, for asking which of them broke it.

Unlike `git_history`, which compares declarations field by field, nothing in a file is understood here. What a diff does
is read where a cause is looked for (`graph/diagnosis/commits`); to which service a commit was brought, deployments say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from difflib import unified_diff
from pathlib import Path
from typing import Final

from graph.change import Change
from graph.errors import Invalid
from graph.evidence import Gap
from tools.adapters.actors import git_actor
from tools.adapters.git_repository import CommitInfo, FileChange, GitRepository
from tools.ports import ChangeBatch
from tools.untrusted import bounded, redact

REACHES_BACK: Final = timedelta(days=14)
"""Older commits are in use for so long that they hardly are why something fails today."""
_MOST_COMMITS: Final = 1_000
_MOST_FILES: Final = 100
_MOST_DIFF: Final = 30_000
"""Characters of one diff; generated code and data are cut."""
_MOST_OF_FILE: Final = 8_000
"""Characters of the diff of one file, so that one that was generated hides no other."""
_MOST_BLOB: Final = 2**20


class CodeHistory:
    """A `ChangeSource` over the commits of a repository of application code."""

    def __init__(self, name: str, path: Path, *, deployers: Collection[str] = (), ref: str = "HEAD") -> None:
        """Describe where to read.

        Args:
            name: name of the source within its environment, e.g. `code:checkout`.
            path: a folder in a work tree, or a bare repository.
            deployers: names or addresses of authors that are declared deployers, hence no people.
            ref: branch, tag or commit whose history is read.
        """
        self.name = name
        self._path = path
        self._ref = ref
        self._deployers = frozenset(deployers)

    def changes(self, since: datetime | None) -> ChangeBatch:
        """Return the commits after `since` (by commit time), oldest first; without it those of the last two weeks.

        Raises:
            NotFound: there is no repository or no such ref.
            OutsideError: the repository is damaged.
        """
        gaps: list[Gap] = []
        found: list[Change] = []
        with GitRepository(self._path) as repository:
            head = repository.commit_id(self._ref)
            if head is None:
                return ChangeBatch(changes=())
            if repository.is_shallow():
                gaps.append(Gap(what=f"older history of {self.name}", why="the clone is shallow: fetch all of it"))
            floor = since or repository.time_of(head) - REACHES_BACK
            for commit in repository.log(head, since=floor):
                if len(found) == _MOST_COMMITS:
                    gaps.append(Gap(what=f"older history of {self.name}", why=f"only {_MOST_COMMITS} commits are read"))
                    break
                if commit.files:
                    found.append(self._change(repository, commit))
        return ChangeBatch(changes=tuple(reversed(found)), gaps=tuple(gaps))

    def _change(self, repository: GitRepository, commit: CommitInfo) -> Change:
        files = commit.files[:_MOST_FILES]
        return Change(
            id=f"{self.name}:{commit.id}",
            uid="",
            kind="commit",
            earliest=commit.at,
            latest=commit.at,
            actor=git_actor(commit.author, deployers=self._deployers),
            summary=bounded(commit.message.strip(), 500),
            source=self.name,
            reference=commit.id,
            files=tuple(dict.fromkeys(f.new_path or f.old_path or "" for f in files)),
            diff=bounded("".join(_diffs(repository, files)), _MOST_DIFF),
        )


def _diffs(repository: GitRepository, files: Sequence[FileChange]) -> Iterator[str]:
    left = _MOST_DIFF
    for file in files:
        if left <= 0:
            return
        old, new = _text(repository, file.old_blob), _text(repository, file.new_blob)
        if old is None or new is None or old == new:
            continue
        before = f"a/{file.old_path}" if file.old_blob else "/dev/null"
        after = f"b/{file.new_path}" if file.new_blob else "/dev/null"
        lines = unified_diff(old.splitlines(), new.splitlines(), before, after, lineterm="")
        text = bounded(redact("\n".join(lines)), _MOST_OF_FILE) + "\n"
        left -= len(text)
        yield text


def _text(repository: GitRepository, blob: str | None) -> str | None:
    """Return the content of a file; None for what is no text, is too large, or is not there."""
    if blob is None:
        return ""
    try:
        data = repository.blob(blob)
    except Invalid:
        return None
    if len(data) > _MOST_BLOB or b"\0" in data:
        return None
    return data.decode("utf-8", "replace")
