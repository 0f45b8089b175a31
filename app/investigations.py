"""Job handler that investigates an incident. A run that was killed goes on after its last finished step."""

from __future__ import annotations

import contextlib
from datetime import datetime

from agents.investigator import Investigator
from app.store.incidents import Incidents
from app.store.jobs import Job
from graph.document import Json
from graph.errors import Conflict
from graph.incident import IncidentStatus


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
