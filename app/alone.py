"""Locks by which processes of one installation on one machine see each other; a killed one holds none any more."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock file as the only process; wait for the one that holds it now."""
    with _opened(path) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class Presence:
    """Shows other processes that this one lives, until it ends in whatever way."""

    def __init__(self, path: Path) -> None:
        """`path` is a lock file that all processes of the same sort share."""
        self._handle = _opened(path)

    def announce(self) -> bool:
        """Be seen from here on; True when no other process was there."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_first = True
        except BlockingIOError:
            is_first = False
        fcntl.flock(self._handle, fcntl.LOCK_SH)
        return is_first

    def leave(self) -> None:
        """Be seen no more."""
        self._handle.close()


def _opened(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path.open("a")
