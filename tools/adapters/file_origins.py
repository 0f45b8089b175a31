"""Which commit each file of a source stands at. Reads git; decides nothing about the content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from graph.errors import Invalid
from graph.version import Document
from tools.adapters.documents import MAX_JSON_BYTES
from tools.adapters.file_tree import DiskTree
from tools.adapters.git_repository import GitRepository, blob_id


class FileOrigins:
    """Adds commits to the origins of documents; adds nothing outside version control."""

    def __init__(
        self, repository: GitRepository | None, commit: str | None, *, name: str, disk: DiskTree | None = None
    ) -> None:
        """Look at `commit`; with `disk`, files that differ from it there have no commit."""
        self._repository = repository
        self._commit = commit
        self._name = name
        self._disk = disk

    @property
    def is_git(self) -> bool:
        """Whether the files are under version control at all."""
        return self._repository is not None

    def commits(self, files: Iterable[str]) -> Mapping[str, str]:
        """Map each file to the last commit that touched it; files that are not committed as they are stay out."""
        if self._repository is None or self._commit is None:
            return {}
        committed = {path: blob for path, _, blob in self._repository.entries(self._commit)}
        unchanged = [f for f in files if f in committed and not self._differs(f, committed[f])]
        return self._repository.last_commits(self._commit, unchanged) if unchanged else {}

    def mark(self, document: Document, commits: Mapping[str, str]) -> Document:
        """Return the document with its commit and repository filled in."""
        if self._repository is None or document.origin is None:
            return document
        commit = commits.get(document.origin.file)
        return replace(document, origin=replace(document.origin, commit=commit, repository=self._name))

    def _differs(self, file: str, blob: str) -> bool:
        if self._disk is None:
            return False
        try:
            return blob_id(self._disk.read(file, limit=MAX_JSON_BYTES)) != blob
        except Invalid:
            return True
