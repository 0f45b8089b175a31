"""Second step: the first diagnosis, computed from graph and monitoring without a model, and stored at once.

What monitoring says is no part of the record between the steps: it can be long, and reading it once more does no harm.
"""

from __future__ import annotations

from datetime import datetime

from agents.state import Deps, Investigation
from agents.steps.gather import gather
from graph.blast_radius import blast_radius, fault_seeds
from graph.codec import encode
from graph.diagnosis.engine import diagnose as diagnose_graph
from graph.drift import compare_graph

NO_MODEL = "No language model is configured; the diagnosis stands without one."


def diagnose(state: Investigation, deps: Deps) -> Investigation:
    """Ask monitoring, rank competing causes, compute what the failure reaches, and store both."""
    environment = state["environment"]
    graph = deps.environments.graph(environment, as_of=datetime.fromisoformat(state["as_of"]))
    alerts = deps.casebook.alerts(state["incident"])
    telemetry, gaps = gather(graph, alerts, deps.environments.monitoring(environment))
    diagnosis = diagnose_graph(
        graph,
        alerts,
        drift=compare_graph(graph),
        deployers=deps.environments.deployers(environment),
        memories=deps.casebook.memories(environment),
        open_incidents=deps.casebook.open_incidents(environment, besides=state["incident"]),
        telemetry=telemetry,
        evidence_gaps=gaps,
    )
    radius = blast_radius(graph, fault_seeds(graph, diagnosis))
    took = deps.clock() - datetime.fromisoformat(state["started_at"])
    note = "The model has not answered yet." if deps.model else NO_MODEL
    deps.casebook.save_diagnosis(
        state["incident"], diagnosis, radius, took_s=took.total_seconds(), model={"used": False, "note": note}
    )
    return {"diagnosis": encode(diagnosis), "fault_radius": encode(radius)}
