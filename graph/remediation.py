"""Remediation: turns a leading cause into typed plans that a person can approve.

Works from what a cause carries (a drift finding, a change with its values, a missing object) rather than from the name
of its kind. Only the graph speaks here: no text of an alert, a log or a model enters a plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from graph.action import Plan
from graph.blast_radius import BlastRadius, action_seeds, blast_radius
from graph.change import Change
from graph.diagnosis.result import Cause, CauseState, Diagnosis, DiagnosisVerdict
from graph.drift import Finding, Verdict
from graph.environment import EnvironmentGraph
from graph.guardrails import SECRETS
from graph.incident import OpenIncident
from graph.policy import judge
from graph.reach.fault_seeds import leading
from graph.reach.folding import kind_of
from graph.remedies.answer import Answer
from graph.remedies.hold import declared_at
from graph.resource import display_uid
from graph.visible import visible_name


def propose(
    graph: EnvironmentGraph,
    diagnosis: Diagnosis,
    *,
    now: datetime,
    open_incidents: Sequence[OpenIncident] = (),
    drift: Sequence[Finding] = (),
) -> tuple[Plan, ...]:
    """Return plans that answer the leading cause, best first; none when no cause leads or no action can answer it.

    Args:
        graph: the environment that the diagnosis was made on.
        diagnosis: the diagnosis.
        now: UTC.
        open_incidents: other incidents, for which a change by hand may have been made.
        drift: all drift of the environment, where at hand. What the same change altered is put back together; what
            another change altered is left alone, and said.
    """
    cause = leading(diagnosis)
    if diagnosis.verdict is not DiagnosisVerdict.CAUSE_FOUND or cause is None:
        return ()
    known = [*drift, *(c.drift for c in diagnosis.causes if c.drift is not None)]
    work = Answer(graph, diagnosis=diagnosis, cause=cause, now=now, open_incidents=open_incidents, drift=known)
    plans = list(work.plans())
    return tuple(p for p in plans if p.hold or judge(p, affected=_radius(graph, p), graph=graph).allowed)


def revert_plan(
    graph: EnvironmentGraph,
    finding: Finding,
    change: Change | None,
    *,
    now: datetime,
    open_incidents: Sequence[OpenIncident] = (),
    drift: Sequence[Finding] = (),
) -> Plan | None:
    """Return the plan that undoes one drift, or None when there is no action that may do so; see `advice`."""
    work = Answer(
        graph, diagnosis=None, cause=_cause_of(finding, change), now=now, open_incidents=open_incidents, drift=drift
    )
    plan = next(iter(work.plans()), None)
    if plan is None or plan.hold:
        return plan
    return plan if judge(plan, affected=_radius(graph, plan), graph=graph).allowed else None


def advice(graph: EnvironmentGraph, diagnosis: Diagnosis, *, now: datetime) -> tuple[str, ...]:
    """Say why the leading cause has no plan and what a person can do instead; empty when it has one."""
    cause = leading(diagnosis)
    if cause is None or propose(graph, diagnosis, now=now):
        return ()
    name, origin = visible_name(display_uid(cause.resource)), declared_at(graph, cause.resource)
    if kind_of(graph, cause.resource) in SECRETS:
        return (
            f"No action is proposed for {name}: secret values are never handled here, and no operator that could write "
            f"it again is known. Let its owner restore it from where it is kept.",
        )
    if cause.drift is not None and cause.drift.verdict is Verdict.PENDING_ROLLOUT:
        return (f"{name} is declared right{f' at {origin}' if origin else ''} but not deployed: run the deployment.",)
    if cause.drift is not None and cause.drift.verdict in {Verdict.UNMANAGED, Verdict.PRUNE_PENDING}:
        return (f"No action is proposed for {name}: objects of this kind are never deleted by an action.",)
    return (f"No action that policy allows answers this cause; look at {name} itself.",)


def _cause_of(finding: Finding, change: Change | None) -> Cause:
    return Cause(
        resource=finding.resource.uid,
        kind="drift",
        summary="",
        confidence=1.0,
        state=CauseState.LEADING,
        statements=(),
        change=change,
        drift=finding,
    )


def _radius(graph: EnvironmentGraph, plan: Plan) -> BlastRadius:
    return blast_radius(graph, action_seeds(graph, plan.action))
