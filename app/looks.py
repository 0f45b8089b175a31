"""Asking for an investigation, from any process. Whoever claims the job does it; see `app/investigations.py`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from app.store.database import Database
from app.store.jobs import Jobs

INVESTIGATE_JOB = "investigate"
"""Kind of the job; its payload is `{incident, environment, started_at, requester}`."""

TRIAGE_JOB = "triage"
"""Kind of the job that decides once more what an incident is held for; its payload is `{incident, environment}`."""

_SETTLED = timedelta(minutes=2)
"""After an alert cleared: time for readings that show whether it stays so."""
_WATCH = timedelta(minutes=5)
"""Between two looks at an open incident that passes for noise."""

_TOGETHER = timedelta(seconds=15)
"""In a storm, alerts of one incident come by the dozen: each is stored at once, and they are looked at together."""

ASSISTANT = "agent:plumbline"
"""Principal under which the assistant proposes of its own accord. It has no credential and can never approve."""


class Looks:
    """Asks for investigations."""

    def __init__(self, database: Database, jobs: Jobs, *, wake: Callable[[], None] = lambda: None) -> None:
        """`wake` tells the workers of this process that there is a new job."""
        self._database = database
        self._jobs = jobs
        self._wake = wake

    def ask(
        self, incident: str, environment: str, *, since: datetime, requester: str = ASSISTANT, soon: bool = False
    ) -> None:
        """Ask for a look at an incident; one that waits already is not doubled.

        Args:
            incident: its id.
            environment: the environment it is about.
            since: UTC; from when the time to the diagnosis counts.
            requester: who asks, and so can't approve what comes out.
            soon: wait a little first, so that what else comes in meanwhile is looked at together.
        """
        payload = {
            "incident": incident,
            "environment": environment,
            "started_at": since.isoformat(),
            "requester": requester,
        }
        # A name of its own: the first look and the time it counts from stay as they are.
        key, run_at = (f"{incident} soon", since + _TOGETHER) if soon else (incident, None)
        with self._database.session() as session:
            self._jobs.enqueue(session, INVESTIGATE_JOB, key, payload, run_at=run_at)
        self._wake()

    def judge_later(self, incident: str, environment: str, *, now: datetime, has_cleared: bool = False) -> None:
        """Ask for another decision what an incident is held for: soon after an alert cleared, else after a while."""
        run_at = now + (_SETTLED if has_cleared else _WATCH)
        # One for each minute: a job that asks for its own repetition must not be taken for the one that runs.
        with self._database.session() as session:
            key = f"{incident} {run_at:%Y-%m-%dT%H:%M}"
            self._jobs.enqueue(
                session, TRIAGE_JOB, key, {"incident": incident, "environment": environment}, run_at=run_at
            )
