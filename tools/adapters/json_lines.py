"""Files with one JSON object a line, as logs and event streams keep them. Knows nothing of what the objects mean."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from graph.document import Object
from graph.errors import NotFound, Unreachable
from graph.evidence import Gap
from tools.adapters.documents import Broken, read_json

MAX_LINE_BYTES: Final = 4 * 2**20
"""An audit record carries at most two objects, and an API server takes objects of up to 1.5 MiB."""


MAX_FILE_BYTES: Final = 8 * 2**30
"""Unpacked; a megabyte of gzip can stand for a gigabyte, and reading one takes seconds."""
MOST_GAPS: Final = 100
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")

SUFFIXES: Final = frozenset({".jsonl", ".json", ".log", ".gz"})
"""Names of the files in a folder that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One object and where it stands."""

    number: int
    """From 1"""
    value: Object


def read_lines(path: Path, *, max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[Line | Gap]:
    """Yield the objects of a file, or of the `.jsonl`, `.json`, `.log` and `.gz` files in a folder by name.

    A line that is cut, or that is no JSON object, gives a gap with its number; the lines after it are still read. Of
    more than a hundred in one file the rest is counted in one gap. Links that lead out of a folder are not followed.

    Raises:
        NotFound: there is nothing at `path`.
        Unreachable: it can't be opened.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix not in SUFFIXES or not file.is_file():
                continue
            if file.resolve().is_relative_to(path.resolve()):
                yield from read_lines(file, max_line_bytes=max_line_bytes)
            else:
                yield Gap(what=f"the records in {file.name}", why="it is a link out of the folder, not followed")
        return
    if not path.exists():
        raise NotFound(f"no file {str(path)!r}: check the path")
    if not path.is_file():
        raise Unreachable(f"can't read {str(path)!r}: it is no regular file")
    try:
        with _open(path) as stream:
            yield from _few_gaps(_read(stream, path, max_line_bytes), path)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if isinstance(error, PermissionError):
            raise Unreachable(f"can't read {str(path)!r}: {reason}") from error
        yield Gap(what=f"the rest of {path.name}", why=f"it can't be read any further: {reason}")


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return path.open("rb")


def _few_gaps(found: Iterator[Line | Gap], path: Path) -> Iterator[Line | Gap]:
    """Pass everything on but for gaps beyond the first ones, which are counted: a file of rubbish has millions."""
    gaps = 0
    for one in found:
        gaps += isinstance(one, Gap)
        if isinstance(one, Line) or gaps <= MOST_GAPS:
            yield one
    if gaps > MOST_GAPS:
        yield Gap(what=f"{gaps - MOST_GAPS} more lines of {path.name}", why="none of them holds a usable record")


def _read(file: IO[bytes], path: Path, limit: int) -> Iterator[Line | Gap]:
    number = size = 0
    while raw := file.readline(limit + 1):
        number += 1
        if number == 1 and raw.startswith(_UTF_16):
            yield Gap(what=f"the records in {path.name}", why="the file is UTF-16, not UTF-8: convert it")
            return
        size += len(raw)
        if size > MAX_FILE_BYTES:
            why = f"more than {MAX_FILE_BYTES >> 30} GiB are not read of one file"
            yield Gap(what=f"the rest of {path.name}, from line {number} on", why=why)
            return
        if len(raw) > limit:
            while raw and not raw.endswith(b"\n") and size <= MAX_FILE_BYTES:
                raw = file.readline(limit)
                size += len(raw)
            yield gap_of(path, number, f"longer than {limit >> 20} MiB")
            continue
        if not raw.strip():
            continue
        yield read_line(raw, path, number, is_ended=raw.endswith(b"\n"))


def read_line(raw: bytes, path: Path, number: int, *, is_ended: bool = True) -> Line | Gap:
    """Read one line of a file; a gap with its number where it holds no JSON object."""
    try:
        read = read_json(raw.decode())
    except UnicodeDecodeError:
        return gap_of(path, number, "no text")
    if isinstance(read, Broken):
        return gap_of(path, number, read.reason if is_ended else "cut off in the middle")
    if isinstance(read.value, dict):
        return Line(number=number, value=read.value)
    return gap_of(path, number, "JSON, but no object")


def gap_of(path: Path, number: int, why: str) -> Gap:
    """Say that a line is lost."""
    return Gap(what=f"line {number} of {path.name}", why=f"the record is not usable ({why}); what it said is unknown")
