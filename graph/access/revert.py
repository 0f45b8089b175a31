"""What undoes one step and nothing else: the value to write back, the calls that write it, a typed plan if one can."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from graph.access.calls import Call, Owner, calls
from graph.access.fact import DOCUMENTS, Fact, FactKind
from graph.access.loss import patched
from graph.access.timeline import Step
from graph.action import Action, ActionKind, Plan
from graph.document import ABSENT, Absent, Json, get, put
from graph.environment import EnvironmentGraph
from graph.kinds.lenient import mapping
from graph.remedies.edits import Wish, edits_for
from graph.remedies.parts import assemble
from graph.resource import Facet, Platform

_EFFECT_S: Final = 60.0
"""IAM and KMS are eventually consistent; a change is usually seen within this time, in seconds."""
_ROLE_IS_GONE: Final = "The role is gone: it must be created again, with its policies, before anything can take it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Revert:
    """How one step is undone."""

    resource: str
    """uid of the resource that states the fact; the fact itself where no document states it any more."""
    path: str
    before: Json | Absent
    """What holds now."""
    after: Json | Absent
    """What will hold."""
    calls: tuple[Call, ...]
    """In order; empty where the platform is not AWS."""
    plan: Plan | None
    """The same as a plan that can be approved; None when no typed action can do it."""
    note: str = ""


def revert(graph: EnvironmentGraph, step: Step, now: Json | Absent, *, reason: str) -> Revert:
    """Return what undoes a step, given what its fact holds now.

    What other steps wrote into the same document since then stays.

    Args:
        graph: the environment.
        step: what is to be undone.
        now: value of the fact now.
        reason: which cause it answers, for the plan.
    """
    after = step.before
    if step.fact.kind in DOCUMENTS and isinstance(now, dict) and isinstance(step.before, dict):
        after = patched(now, step.after, step.before) if isinstance(step.after, dict) else step.before
    uid = step.home.resource.uid if step.home else f"{step.fact.kind.value} {step.fact.subject}"
    return Revert(
        resource=uid,
        path=step.home.path if step.home else "",
        before=now,
        after=after,
        calls=calls(step.fact, after, _owner(graph, step)),
        plan=_plan(graph, step, after, reason),
        note=_ROLE_IS_GONE if step.fact.kind is FactKind.ROLE else "",
    )


def _owner(graph: EnvironmentGraph, step: Step) -> Owner:
    if step.home is None:
        return Owner({}, is_gone=True)
    uid = step.home.resource.uid
    known, body = graph.history(uid, Facet.ACTUAL), graph.body(uid, Facet.ACTUAL)
    return Owner(mapping(body or (known[-1].body if known else {}), "values"), is_gone=body is None)


def _plan(graph: EnvironmentGraph, step: Step, after: Json | Absent, reason: str) -> Plan | None:
    """Write the field back where the resource is there to be written; a grant or an attachment that is gone is not."""
    home = step.home
    body = graph.body(home.resource.uid, Facet.ACTUAL) if home else None
    if home is None or body is None or not home.path:
        return None
    value = _as_stored(get(body, home.path), step.fact, after, home.resource.platform)
    wanted = put(body, home.path, value)
    edits = edits_for(body, [Wish(path=home.path, value=value, source=wanted)])
    if not edits:
        return None
    action = Action(kind=ActionKind.SET_FIELDS, target=home.resource.uid, edits=edits)
    declared = graph.body(home.resource.uid, Facet.INTENDED)
    restores = declared is not None and get(declared, home.path) == value
    return assemble(
        graph, action, reason=reason, verification=(), verify_within_s=_EFFECT_S, restores_declared=restores
    )


def _as_stored(stored: Json | Absent, fact: Fact, after: Json | Absent, platform: Platform) -> Json | Absent:
    """A value in the form in which the resource keeps it."""
    if fact.kind in DOCUMENTS and isinstance(after, dict) and not isinstance(stored, dict):
        return json.dumps(after, separators=(",", ":"))
    if fact.kind is FactKind.KEY_STATE and isinstance(stored, bool):
        return after == "Enabled"
    if fact.kind is FactKind.RUNS_AS and platform is Platform.KUBERNETES and after == "default":
        return ABSENT
    return after
