"""Public face of the assistant: investigate an incident."""

from __future__ import annotations

from datetime import datetime

from agents.state import Deps, Investigation
from agents.workflow import Workflow


class Investigator:
    """Investigates incidents, one run at a time for each run id."""

    def __init__(self, workflow: Workflow, deps: Deps) -> None:
        self._workflow = workflow
        self._deps = deps

    def investigate(
        self, *, run_id: str, incident: str, environment: str, started_at: datetime, requester: str
    ) -> Investigation:
        """Diagnose an incident and store diagnosis and proposals.

        Args:
            run_id: names this run; calling again with the same id resumes it.
            incident: id of the incident.
            environment: name of its environment.
            started_at: UTC; when the alert was received, from which `took_s` counts.
            requester: who asked for this look.
        """
        start: Investigation = {
            "incident": incident,
            "environment": environment,
            "requester": requester,
            "started_at": started_at.isoformat(),
        }
        return self._workflow.run(run_id, start, self._deps)
