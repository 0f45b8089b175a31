"""What happens without an alert: the graph is kept fresh, and proposals that nobody answered expire."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog

from app.environments import GovernedEnvironments
from app.store.proposals import Proposals

_log = structlog.get_logger(__name__)


class Upkeep(threading.Thread):
    """One thread that comes round every few seconds."""

    def __init__(
        self,
        environments: GovernedEnvironments,
        proposals: Proposals,
        *,
        every_s: float,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(name="upkeep", daemon=True)
        self._environments = environments
        self._proposals = proposals
        self._every_s = every_s
        self._clock = clock
        self._stopping = threading.Event()
        self.has_read_all = threading.Event()
        """Set once every environment was read, or found unreadable, for the first time."""

    def run(self) -> None:
        while not self._stopping.is_set():
            for name in self._environments.names():
                self._try("refresh_failed", partial(self._environments.refresh, name))
            self.has_read_all.set()
            self._try("expiry_failed", lambda: self._proposals.expire_due(self._clock()))
            self._stopping.wait(self._every_s)

    def stop(self) -> None:
        """End after the round at hand."""
        self._stopping.set()

    def _try(self, event: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:  # the run edge: one environment that can't be read must not stop the others
            _log.exception(event)
