"""Which commit each file of a source stands at. Reads git; decides nothing about the content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from graph.errors import Invalid
from graph.version import Origin
from tools.adapters.documents import MAX_JSON_BYTES
from tools.adapters.file_tree import DiskTree
from tools.adapters.git_repository import GitRepository, blob_id


class FileOrigins:
    """Adds commits to the origins of documents; adds nothing outside version control."""

    def __init__(
        self,
        repository: GitRepository | None,
        commit: str | None,
        *,
        name: str,
        disk: DiskTree | None = None,
        known: dict[str, str] | None = None,
    ) -> None:
        """Look at `commit`.

        Args:
            repository: where it is; None outside version control.
            commit: its full id; None for a repository without commits.
            name: name of the source.
            disk: files that differ from the commit there have no commit.
            known: what was found for `commit` before; it is added to.
        """
        self._repository = repository
        self._commit = commit
        self._name = name
        self._disk = disk
        self._known = {} if known is None else known

    @property
    def is_git(self) -> bool:
        """Whether the files are under version control at all."""
        return self._repository is not None

    def commits(self, files: Iterable[str]) -> Mapping[str, str]:
        """Map each file to the last commit that touched it; files that are not committed as they are stay out."""
        if self._repository is None or self._commit is None:
            return {}
        committed = {path: blob for path, _, blob in self._repository.entries(self._commit).found}
        unchanged = [f for f in files if f in committed and not self._differs(f, committed[f])]
        if new := [f for f in unchanged if f not in self._known]:
            self._known.update(self._repository.last_commits(self._commit, new))
        return {f: self._known[f] for f in unchanged if f in self._known}

    def mark(self, origin: Origin | None, commits: Mapping[str, str]) -> Origin | None:
        """Return an origin with its commit and repository filled in."""
        if self._repository is None or origin is None:
            return origin
        return replace(origin, commit=commits.get(origin.file), repository=self._name)

    def _differs(self, file: str, blob: str) -> bool:
        if self._disk is None:
            return False
        try:
            return blob_id(self._disk.read(file, limit=MAX_JSON_BYTES)) != blob
        except Invalid:
            return True
