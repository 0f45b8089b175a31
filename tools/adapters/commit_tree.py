"""The files of one git commit as a tree of files, without a checkout."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from graph.errors import Invalid
from graph.version import Unreadable
from tools.adapters.git_repository import MOST_ENTRIES, GitRepository


class CommitTree:
    """The files of one commit as a `FileTree`."""

    def __init__(self, repository: GitRepository, commit: str) -> None:
        self._repository = repository
        self.label = f"{repository.root}@{commit[:12]}"
        self._blobs: dict[str, str] = {}
        self._faults: list[Unreadable] = []
        entries = repository.entries(commit)
        if entries.is_cut:
            reason = f"the commit holds more than {MOST_ENTRIES} files; no more are read"
            self._faults.append(Unreadable(where=self.label, reason=reason))
        for path, mode, object_id in entries.found:
            parts = path.split("/")
            if any(p.startswith(".") for p in parts[:-1]) or ".." in parts:
                continue
            if stat.S_ISLNK(mode):
                self._faults.append(Unreadable(where=path, reason="a symbolic link; not followed in a commit"))
            elif stat.S_ISREG(mode):
                self._blobs[path] = object_id
            else:
                self._faults.append(Unreadable(where=path, reason="a submodule; its files are not in this repository"))

    def paths(self) -> Sequence[str]:
        return sorted(self._blobs)

    def faults(self) -> Sequence[Unreadable]:
        return tuple(self._faults)

    def read(self, path: str, *, limit: int) -> bytes:
        data = self._repository.blob(self._blobs[path])
        if len(data) > limit:
            raise Invalid(f"larger than {limit >> 10} KiB", where=path)
        return data

    def fingerprint(self, path: str) -> str:
        return self._blobs.get(path, "")

    @contextmanager
    def on_disk(self, paths: Iterable[str]) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="plumbline-") as folder:
            root = Path(folder).resolve()
            for path in paths:
                if path in self._blobs:
                    target = root / path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(self._repository.blob(self._blobs[path]))
            yield root
