"""Third step: turn the leading cause into typed proposals, judged by policy, each with the fix's own blast radius."""

from __future__ import annotations

from datetime import datetime

from agents.state import Deps, Investigation
from graph.blast_radius import action_seeds, blast_radius
from graph.codec import decode
from graph.diagnosis.result import Diagnosis
from graph.drift import compare_graph
from graph.policy import judge
from graph.remediation import propose as plans_for


def propose(state: Investigation, deps: Deps) -> Investigation:
    """Store what policy lets a person decide on. Only code makes plans; no text of a model or an alert enters them."""
    environment = state["environment"]
    graph = deps.environments.graph(environment, as_of=datetime.fromisoformat(state["as_of"]))
    diagnosis = decode(Diagnosis, state["diagnosis"])
    others = deps.casebook.open_incidents(environment, besides=state["incident"])
    proposals = []
    drift = compare_graph(graph).findings
    for plan in plans_for(graph, diagnosis, now=deps.clock(), open_incidents=others, drift=drift):
        radius = blast_radius(graph, action_seeds(graph, plan.action))
        judgement = judge(plan, affected=radius, graph=graph)
        stored = deps.casebook.propose(state["incident"], plan, radius, judgement, requester=state["requester"])
        if stored:
            proposals.append(stored)
    return {"proposals": proposals}
