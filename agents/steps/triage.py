"""Looks once more at alerts of which the first look said too little: after they cleared, or while they pass for noise.

Stores what they are held for, and no diagnosis: that nothing is wrong any more says nothing of what was.
"""

from __future__ import annotations

from datetime import timedelta

from agents.state import Deps
from agents.steps.diagnose import examine
from agents.steps.gather import Gathered, gather
from graph.telemetry import NOTHING_MEASURED
from graph.triage import Verdict

WATCHED = timedelta(hours=6)
"""How long after its start an alert is compared with what was usual before it; later, nothing of it counts as known."""


def judge_again(incident: str, environment: str, deps: Deps) -> Verdict:
    """Read the environment now, ask monitoring up to now, and store what each alert of an incident is held for."""
    read_at = deps.environments.refresh(environment)
    graph = deps.environments.graph(environment, as_of=read_at)
    alerts = deps.casebook.alerts(incident)
    gathered = Gathered(NOTHING_MEASURED, ())
    if alerts and read_at - min(a.started_at for a in alerts) <= WATCHED:
        gathered = gather(graph, alerts, deps.environments.monitoring(environment), after=WATCHED)
    examined = examine(incident, environment, graph, alerts, gathered, deps)
    return deps.casebook.save_triage(incident, alerts, examined.judged(deps.casebook.earlier_diagnoses(incident)))
