"""Asking for an investigation, from any process. Whoever claims the job does it; see `app/investigations.py`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from app.store.database import Database
from app.store.jobs import Jobs

INVESTIGATE_JOB = "investigate"
"""Kind of the job; its payload is `{incident, environment, started_at, requester}`."""

ASSISTANT = "agent:plumbline"
"""Principal under which the assistant proposes of its own accord. It has no credential and can never approve."""


class Looks:
    """Asks for investigations."""

    def __init__(self, database: Database, jobs: Jobs, *, wake: Callable[[], None] = lambda: None) -> None:
        """`wake` tells the workers of this process that there is a new job."""
        self._database = database
        self._jobs = jobs
        self._wake = wake

    def ask(self, incident: str, environment: str, *, since: datetime, requester: str = ASSISTANT) -> None:
        """Ask for a look at an incident; one that waits already is not doubled.

        Args:
            incident: its id.
            environment: the environment it is about.
            since: UTC; from when the time to the diagnosis counts.
            requester: who asks, and so can't approve what comes out.
        """
        payload = {
            "incident": incident,
            "environment": environment,
            "started_at": since.isoformat(),
            "requester": requester,
        }
        with self._database.session() as session:
            self._jobs.enqueue(session, INVESTIGATE_JOB, incident, payload)
        self._wake()
