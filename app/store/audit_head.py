"""The end of the audit chain, written outside the database, so that cutting off its tail is noticed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from graph.errors import Invalid


class Head(NamedTuple):
    """The last entry of a chain."""

    seq: int
    """0 when there is none."""
    hash: str


def read_head(path: Path) -> Head | None:
    """Read the exported end; None when nothing was exported yet.

    Raises:
        Invalid: the file is damaged.
    """
    try:
        data = json.loads(path.read_text())
        return Head(seq=int(data["seq"]), hash=str(data["hash"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid("the exported end of the audit log is damaged", where=str(path)) from error


def export_head(path: Path, head: Head) -> None:
    """Replace the file with a newer end, atomically and durably; an older one never replaces it.

    Raises:
        OSError: it can't be written.
    """
    with _locked(path):
        with contextlib.suppress(Invalid):
            known = read_head(path)
            if known is not None and known.seq >= head.seq:
                return
        fresh = path.with_name(f".{path.name}.new")
        with fresh.open("w") as file:
            file.write(json.dumps(head._asdict()))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
