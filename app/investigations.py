"""Job handlers that investigate incidents and judge them again.

An investigation that was killed goes on after its last finished step; a judgement begins anew.
"""

from __future__ import annotations

import contextlib
from datetime import datetime

from agents.investigator import Investigator
from agents.state import Deps
from agents.steps.triage import judge_again
from app.looks import Looks
from app.store.incidents import Incidents
from app.store.jobs import Job
from graph.document import Json
from graph.errors import Conflict
from graph.incident import IncidentStatus
from graph.triage import Verdict


class Investigations:
    """Runs investigations that were asked for."""

    def __init__(self, investigator: Investigator, incidents: Incidents) -> None:
        self._investigator = investigator
        self._incidents = incidents

    def process(self, job: Job, payload: Json) -> None:
        """Investigate the incident that `payload` names."""
        incident = payload["incident"]
        if self._incidents.get(incident).status is IncidentStatus.OPEN:
            with contextlib.suppress(
                Conflict
            ):  # its sender resolved it in between; the diagnosis is still worth having
                self._incidents.set_status(incident, IncidentStatus.INVESTIGATING)
        self._investigator.investigate(
            run_id=f"job-{job.id}",
            incident=incident,
            environment=payload["environment"],
            started_at=datetime.fromisoformat(payload["started_at"]),
            requester=payload["requester"],
        )


class Judgements:
    """Decides again what incidents are held for, and asks for an investigation of what no longer passes for noise."""

    def __init__(self, deps: Deps, incidents: Incidents, looks: Looks) -> None:
        self._deps = deps
        self._incidents = incidents
        self._looks = looks

    def process(self, job: Job, payload: Json) -> None:  # noqa: ARG002  (every handler gets its job)
        """Judge the incident that `payload` names."""
        incident, environment = payload["incident"], payload["environment"]
        before = self._incidents.get(incident)
        held_for = judge_again(incident, environment, self._deps)
        is_worse = before.triage is Verdict.NOISE and held_for is not Verdict.NOISE
        if is_worse and self._incidents.get(incident).status is not IncidentStatus.RESOLVED:
            self._looks.ask(incident, environment, since=self._deps.clock(), soon=True)
