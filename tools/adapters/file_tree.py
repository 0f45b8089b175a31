"""Files below a folder, safely: no way out of it, nothing but regular files. Does not know what is in them."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from graph.errors import Invalid, NotFound, Refused, Unreachable
from graph.version import Unreadable

MOST_FILES = 200_000
"""Files of one tree that are looked at; the largest repositories of declarations hold some ten thousands."""
_BLOCK_BYTES = 2**20
_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__"})


class FileTree(Protocol):
    """A set of files, on disk or in a commit."""

    @property
    def label(self) -> str:
        """What to call it in messages."""
        ...

    def paths(self) -> Sequence[str]:
        """Paths of the regular files, relative, with `/`, sorted."""
        ...

    def faults(self) -> Sequence[Unreadable]:
        """Entries that were left out and why: links that lead out, folders that may not be entered."""
        ...

    def read(self, path: str, *, limit: int) -> bytes:
        """Return the content of a file.

        Raises:
            Invalid: larger than `limit` bytes, gone, or not readable.
        """
        ...

    def fingerprint(self, path: str) -> str:
        """Return a text that is the same for the same content; empty for a file that is not there."""
        ...

    def on_disk(self, paths: Iterable[str]) -> AbstractContextManager[Path]:
        """Give a real folder with at least these files, for a program that reads folders."""
        ...


class DiskTree:
    """Files of a folder, or one single file."""

    def __init__(self, path: Path, *, folders: Sequence[str] = ()) -> None:
        """Look at `path`.

        Args:
            path: a folder, or one file.
            folders: folders below `path` to which to keep; empty: all of it.

        Raises:
            NotFound: there is nothing at `path`.
            Refused: it may not be read.
        """
        try:
            is_folder = path.is_dir()
            if not is_folder and not path.is_file():
                raise NotFound(f"no file or folder {str(path)!r}: check the path")
            self.root = (path if is_folder else path.parent).resolve()
        except PermissionError as error:
            raise Refused(f"may not read {str(path)!r}: {error.strerror}") from error
        self._folders = folders or ("",)
        self._single = None if is_folder else path.name
        self.label = str(path)
        self._faults: list[Unreadable] = []
        self._paths: list[str] | None = None

    def paths(self) -> Sequence[str]:
        if self._paths is None:
            self._paths = [self._single] if self._single else sorted(self._walk_all())
        return self._paths

    def faults(self) -> Sequence[Unreadable]:
        self.paths()
        return tuple(self._faults)

    def read(self, path: str, *, limit: int) -> bytes:
        try:
            with (self.root / path).open("rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Invalid("no regular file", where=path)
                data = file.read(limit + 1)
        except OSError as error:
            raise Invalid(f"can't be read: {error.strerror}", where=path) from error
        if len(data) > limit:
            raise Invalid(f"larger than {limit >> 10} KiB", where=path)
        return data

    def fingerprint(self, path: str) -> str:
        digest = hashlib.sha256()
        try:
            with (self.root / path).open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    digest.update(block)
        except OSError:
            return ""
        return digest.hexdigest()

    def on_disk(self, paths: Iterable[str]) -> AbstractContextManager[Path]:  # noqa: ARG002  (all are there)
        return nullcontext(self.root)

    def _walk_all(self) -> set[str]:
        found: set[str] = set()
        for folder in self._folders:
            for path in self._walk(self.root / folder):
                if len(found) >= MOST_FILES:
                    self._faults.append(
                        Unreadable(where=self.label, reason=f"more than {MOST_FILES} files; no more read")
                    )
                    return found
                found.add(path)
        return found

    def _walk(self, start: Path) -> Iterator[str]:
        links: list[tuple[str, Path]] = []
        found: set[Path] = set()
        for folder, folders, files in os.walk(start, onerror=self._denied):
            here = Path(folder)
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _SKIPPED_FOLDERS)
            for name in folders:
                if (here / name).is_symlink():
                    self._stays_inside(here / name)
            for name in files:
                path = here / name
                relative = path.relative_to(self.root).as_posix()
                if path.is_symlink():
                    if self._stays_inside(path):
                        links.append((relative, path.resolve()))
                elif stat.S_ISREG(path.lstat().st_mode):
                    found.add(path)
                    yield relative
        # A link to a file that is listed anyway adds nothing; one into a hidden folder is the only way to that file,
        # as in a mounted ConfigMap.
        for relative, target in links:
            if target not in found and target.is_file():
                found.add(target)
                yield relative

    def _stays_inside(self, link: Path) -> bool:
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError):
            self._fault(link, "a symbolic link that leads nowhere")
            return False
        if not target.is_relative_to(self.root):
            self._fault(link, "a symbolic link that leads out of the folder; not followed")
            return False
        return True

    def _denied(self, error: OSError) -> None:
        where = Path(str(error.filename))
        if where == self.root:
            raise Unreachable(f"can't list {self.label!r}: {error.strerror}") from error
        self._fault(where, f"can't be listed: {error.strerror}")

    def _fault(self, path: Path, reason: str) -> None:
        self._faults.append(Unreadable(where=path.relative_to(self.root).as_posix(), reason=reason))
