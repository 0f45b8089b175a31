"""Which environments this process collects: of several replicas, one holds the lease of each."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterable

import structlog

from app.store.leases import Leases
from graph.errors import PlumblineError

_log = structlog.get_logger(__name__)

_LEASE_S = 15.0
"""A replica that dies is replaced after this."""


class Leadership(threading.Thread):
    """One thread that takes and renews the leases."""

    def __init__(self, leases: Leases, environments: Iterable[str], *, lease_s: float = _LEASE_S) -> None:
        super().__init__(name="leadership", daemon=True)
        self._leases = leases
        self._environments = tuple(environments)
        self._lease_s = lease_s
        self._holder = f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(4)}"
        self._held_until: dict[str, float] = {}
        self._stopping = threading.Event()
        self.has_asked = threading.Event()
        """Set once it is known of every environment whether another process has it."""

    def holds(self, environment: str) -> bool:
        """Whether this process collects an environment now."""
        return time.monotonic() < self._held_until.get(environment, 0.0)

    def run(self) -> None:
        while not self._stopping.is_set():
            for environment in self._environments:
                self._ask(environment)
            self.has_asked.set()
            self._stopping.wait(self._lease_s / 3)

    def stop(self) -> None:
        """Give all leases back, so that another process need not wait for their end."""
        self._stopping.set()
        if self.is_alive():
            self.join(5)
        for environment in [e for e in self._environments if self.holds(e)]:
            self._held_until.pop(environment, None)
            try:
                self._leases.release(_name(environment), self._holder)
            except PlumblineError as error:
                _log.warning("lease_not_released", environment=environment, error=str(error))

    def _ask(self, environment: str) -> None:
        asked_at = time.monotonic()
        try:
            is_held = self._leases.hold(_name(environment), self._holder, for_s=self._lease_s)
        except PlumblineError as error:
            # What is held stays held until its end; by then another process may have it.
            _log.warning("lease_not_renewed", environment=environment, error=str(error))
            return
        if is_held:
            # A little less than was asked for: clocks differ.
            self._held_until[environment] = asked_at + 0.9 * self._lease_s
        else:
            self._held_until.pop(environment, None)


def _name(environment: str) -> str:
    return f"collect:{environment}"
