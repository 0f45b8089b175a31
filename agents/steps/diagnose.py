"""Second step: the first diagnosis, computed from graph and monitoring without a model, and stored at once.

With it goes what each alert is held for. What monitoring says is no part of the record between the steps: it can be
long, and reading it once more does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from agents.state import Deps, Investigation
from agents.steps.gather import Gathered, gather
from graph.blast_radius import blast_radius, fault_seeds
from graph.codec import encode
from graph.diagnosis.engine import diagnose as diagnose_graph
from graph.diagnosis.result import Diagnosis
from graph.drift import compare_graph
from graph.environment import EnvironmentGraph
from graph.incident import Alert, OpenIncident
from graph.triage import Decision, triage

_log = structlog.get_logger(__name__)

NO_MODEL = "No language model is configured; the diagnosis stands without one."


def diagnose(state: Investigation, deps: Deps) -> Investigation:
    """Ask monitoring, rank competing causes, compute what the failure reaches, and store all of it."""
    incident, environment = state["incident"], state["environment"]
    graph = deps.environments.graph(environment, as_of=datetime.fromisoformat(state["as_of"]))
    alerts = deps.casebook.alerts(incident)
    gathered = gather(graph, alerts, deps.environments.monitoring(environment))
    examined = examine(incident, environment, graph, alerts, gathered, deps)
    diagnosis = examined.diagnosis
    radius = blast_radius(graph, fault_seeds(graph, diagnosis))
    took = deps.clock() - datetime.fromisoformat(state["started_at"])
    note = "The model has not answered yet." if deps.model else NO_MODEL
    deps.casebook.save_diagnosis(
        incident, diagnosis, radius, took_s=took.total_seconds(), model={"used": False, "note": note}
    )
    deps.casebook.save_triage(incident, alerts, examined.judged(deps.casebook.earlier_diagnoses(incident)))
    return {"diagnosis": encode(diagnosis), "fault_radius": encode(radius)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was found about the alerts of one incident, and from what."""

    graph: EnvironmentGraph
    alerts: Sequence[Alert]
    gathered: Gathered
    others: Sequence[OpenIncident]
    diagnosis: Diagnosis

    def judged(self, earlier: Sequence[Diagnosis]) -> tuple[Decision, ...]:
        """Decide what each alert is held for, in the order of `alerts`; `earlier` diagnoses come newest first."""
        return triage(
            self.graph,
            self.alerts,
            telemetry=self.gathered.telemetry,
            gaps=self.gathered.gaps,
            open_incidents=self.others,
            diagnoses=(self.diagnosis, *earlier),
        )


def examine(
    incident: str,
    environment: str,
    graph: EnvironmentGraph,
    alerts: Sequence[Alert],
    gathered: Gathered,
    deps: Deps,
) -> Examined:
    """Diagnose the alerts of an incident; stores nothing."""
    others = deps.casebook.open_incidents(environment, besides=incident)
    diagnosis = diagnose_graph(
        graph,
        alerts,
        drift=compare_graph(graph),
        deployers=deps.environments.deployers(environment),
        memories=deps.casebook.memories(environment),
        open_incidents=others,
        telemetry=gathered.telemetry,
        evidence_gaps=gathered.gaps,
        on_failure=partial(_detector_broke, incident),
    )
    return Examined(graph=graph, alerts=alerts, gathered=gathered, others=others, diagnosis=diagnosis)


def _detector_broke(incident: str, name: str, error: Exception) -> None:
    _log.error("detector_broke", incident=incident, detector=name, exc_info=error)
