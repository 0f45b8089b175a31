"""What happens by the clock: proposals that nobody answered expire."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import structlog

from app.store.proposals import Proposals

_log = structlog.get_logger(__name__)


class Upkeep(threading.Thread):
    """One thread that comes round every few seconds."""

    def __init__(self, proposals: Proposals, *, every_s: float, clock: Callable[[], datetime]) -> None:
        super().__init__(name="upkeep", daemon=True)
        self._proposals = proposals
        self._every_s = every_s
        self._clock = clock
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._proposals.expire_due(self._clock())
            except Exception:  # the run edge: a database that is away must not end the thread
                _log.exception("expiry_failed")
            self._stopping.wait(self._every_s)

    def stop(self) -> None:
        """End after the round at hand."""
        self._stopping.set()
