"""Files of JSON lines that are still being written: each look gives what was added, across rotation.

A line is given once it is complete. One that is cut stays until its rest comes; when its file is rotated or truncated
first, it counts as a gap. Nothing is kept in memory but the beginning of the last line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from graph.errors import NotFound, Unreachable
from graph.evidence import Gap
from tools.adapters.documents import Broken, read_json
from tools.adapters.json_lines import MAX_LINE_BYTES, SUFFIXES, Line, gap_of, read_line, read_lines

_PIECE_BYTES: Final = 2**20
_MOST_LINES: Final = 20_000


class FollowedLines:
    """What was added to a file, or to the files of a folder, since the last look."""

    def __init__(self, path: Path, *, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        """Look at nothing yet.

        Args:
            path: a file that is written to and rotated, or a folder of such files and of whole ones, gzipped or not.
            max_line_bytes: a longer line is a gap.
        """
        self._path = path
        self._limit = max_line_bytes
        self._files: dict[tuple[int, int], _File] = {}
        self._packed: dict[Path, tuple[int, int]] = {}
        self._going: Iterator[Line | Gap] | None = None

    def news(self, at_most: int = _MOST_LINES) -> Iterator[Line | Gap]:
        """Yield what was completed since the last call, at the first one everything.

        What is beyond `at_most` lines comes with the next call, so that a long log is never in memory as a whole.

        Raises:
            NotFound: there is nothing at the path.
            Unreachable: it can't be opened.
        """
        going, self._going = self._going or self._news(), None
        for number, line in enumerate(going, start=1):
            if number == at_most:
                self._going = going
            yield line
            if number == at_most:
                return

    def _news(self) -> Iterator[Line | Gap]:
        if self._path.is_dir():
            for path in sorted(p for p in self._path.rglob("*") if p.is_file() and p.suffix in SUFFIXES):
                yield from self._news_of(path)
        elif self._path.exists():
            yield from self._news_of(self._path)
        else:
            yield from self._rest_of_others(None)
            raise NotFound(f"no file {str(self._path)!r}: check the path")

    def _news_of(self, path: Path) -> Iterator[Line | Gap]:
        try:
            status = path.stat()
            key = status.st_dev, status.st_ino
            if path.suffix == ".gz":
                yield from self._whole(path, (status.st_size, status.st_mtime_ns))
                return
            if path == self._path:
                yield from self._rest_of_others(key)
            known = self._files.get(key)
            if known is None:
                known = self._files[key] = _File(path, self._limit)
            known.path = path
            yield from known.news()
            if path != self._path:
                known.close()  # a folder may have many files
        except FileNotFoundError:
            return  # rotated away since it was listed; it is looked for again
        except OSError as error:
            raise Unreachable(f"can't read {str(path)!r}: {error.strerror or error}") from error

    def _whole(self, path: Path, signature: tuple[int, int]) -> Iterator[Line | Gap]:
        """Read a packed file when it is new or was written again."""
        if self._packed.get(path) != signature:
            self._packed[path] = signature
            yield from read_lines(path, max_line_bytes=self._limit)

    def _rest_of_others(self, key: tuple[int, int] | None) -> Iterator[Line | Gap]:
        """Finish the file that stood at the path before it was rotated."""
        for other in [k for k in self._files if k != key]:
            file = self._files.pop(other)
            yield from file.news()
            yield from file.end()


class _File:
    """One file, followed under whatever name it has."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self._limit = limit
        self._descriptor: int | None = None
        self._offset = 0
        self._number = 0
        """Of the last line that was read."""
        self._rest = b""
        """What there is of the next line."""
        self._is_too_long = False
        self._was_idle = False
        """Whether nothing had been added at the last look either."""

    def __del__(self) -> None:
        self.close()

    def news(self) -> Iterator[Line | Gap]:
        """Yield the lines that are complete now."""
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(self._descriptor).st_size
        if size < self._offset:
            yield from self._unfinished()
            yield gap_of(self.path, self._number, "the file was truncated; lines between two looks are lost")
            self._offset, self._number = 0, 0
        if size == self._offset:
            yield from self._unended()
            return
        self._was_idle = False
        while piece := os.pread(self._descriptor, _PIECE_BYTES, self._offset):
            self._offset += len(piece)
            *lines, rest = (self._rest + piece).split(b"\n")
            for line in lines:
                yield from self._line(line)
            self._is_too_long = self._is_too_long or len(rest) > self._limit
            self._rest = b"" if self._is_too_long else rest

    def end(self) -> Iterator[Line | Gap]:
        """Close it, and yield a gap for a line that will never be complete."""
        self.close()
        yield from self._unfinished()

    def close(self) -> None:
        """Hold it open no more; it is opened again when it is read."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _unfinished(self) -> Iterator[Line | Gap]:
        if self._rest.strip() or self._is_too_long:
            self._number += 1
            whole = None if self._is_too_long else _whole_line(self._rest)
            if whole is None:
                yield gap_of(self.path, self._number, "cut off in the middle")
            else:
                yield Line(number=self._number, value=whole)
        self._rest, self._is_too_long = b"", False

    def _line(self, line: bytes) -> Iterator[Line | Gap]:
        self._number += 1
        if self._is_too_long or len(line) > self._limit:
            self._is_too_long = False
            yield gap_of(self.path, self._number, f"longer than {self._limit >> 20} MiB")
        elif line.strip():
            yield read_line(line, self.path, self._number)

    def _unended(self) -> Iterator[Line | Gap]:
        """Yield a last line without a line break when it is whole and nothing was added for a while."""
        if self._was_idle and self._rest and (value := _whole_line(self._rest)) is not None:
            self._number += 1
            self._rest = b""
            yield Line(number=self._number, value=value)
        self._was_idle = True


def _whole_line(line: bytes) -> dict[str, object] | None:
    try:
        read = read_json(line.decode())
    except UnicodeDecodeError:
        return None
    return None if isinstance(read, Broken) or not isinstance(read.value, dict) else read.value
