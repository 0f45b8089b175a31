"""Puts a plan together from an action: preconditions, rollback, observed state, title, risk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from graph.action import Action, ActionKind, Check, CheckKind, FieldEdit, Plan, Risk, observed_digest
from graph.blast_radius import action_seeds, blast_radius
from graph.document import ABSENT, Absent, Json, Object
from graph.environment import EnvironmentGraph
from graph.guardrails import GRANTS
from graph.policy import POLICY_VERSION, higher, judge, kind_of_uid
from graph.resource import Facet, display_uid
from graph.visible import visible_name

_SERVER_FIELDS = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def assemble(
    graph: EnvironmentGraph,
    action: Action,
    *,
    reason: str,
    verification: Iterable[Check],
    verify_within_s: float,
    preconditions: Iterable[Check] = (),
    warnings: Iterable[str] = (),
    hold: str = "",
    restores_declared: bool = True,
) -> Plan:
    """Build the plan of an action on the state that the graph observed.

    Args:
        graph: the environment as it was observed.
        action: what will be done.
        reason: which cause it answers.
        verification: what must hold afterwards, besides the action's own effect.
        verify_within_s: how long that may take, in seconds.
        preconditions: what must hold before, besides what the action itself needs.
        warnings: what the approver should know.
        hold: why it must wait; empty when it need not.
        restores_declared: every written value is the declared one. Permissions that are set to anything else are a
            high risk.
    """
    version = graph.version(action.target, Facet.ACTUAL)
    is_grant = kind_of_uid(action.target) in GRANTS
    plan = Plan(
        environment=graph.name,
        action=action,
        title=_title(action),
        reason=reason,
        preconditions=_once(*_needs(action), *preconditions),
        verification=_once(*_effect(action), *verification),
        verify_within_s=verify_within_s,
        rollback=_undo(graph, action),
        observed=observed_digest(version.body) if version else "",
        observed_at=version.last_seen if version else graph.as_of,
        risk=Risk.HIGH if is_grant and not restores_declared else Risk.LOW,
        warnings=tuple(warnings),
        hold=hold,
        policy_version=POLICY_VERSION,
    )
    judged = judge(plan, affected=blast_radius(graph, action_seeds(graph, action)), graph=graph)
    return replace(plan, risk=higher(plan.risk, judged.risk))


def holds(target: str, path: str, value: Json | Absent) -> Check:
    """Return the check that a field has a value, or is absent."""
    if value is ABSENT:
        return Check(kind=CheckKind.FIELD_ABSENT, target=target, path=path)
    return Check(kind=CheckKind.FIELD_EQUALS, target=target, path=path, value=value)


def recreatable(body: Object, *, namespace: str | None) -> Object:
    """Return the object as somebody would declare it: without what the platform wrote into it."""
    kept = {k: v for k, v in body.items() if k not in {"status", "version"}}
    if not isinstance(metadata := body.get("metadata"), dict):
        return kept
    own = {k: v for k, v in metadata.items() if k not in _SERVER_FIELDS}
    if namespace:
        own["namespace"] = namespace
    if isinstance(notes := own.get("annotations"), dict):
        own["annotations"] = {k: v for k, v in notes.items() if k != _LAST_APPLIED}
        if not own["annotations"]:
            del own["annotations"]
    return kept | {"metadata": own}


def _once(*checks: Check) -> tuple[Check, ...]:
    """Drop repeated checks. Their values may be lists and objects, so they can't be hashed."""
    return tuple(c for i, c in enumerate(checks) if c not in checks[:i])


def _title(action: Action) -> str:
    name = visible_name(display_uid(action.target))
    match action.kind:
        case ActionKind.SET_FIELDS:
            many = len(action.edits)
            return f"Set {many} field{'s' if many != 1 else ''} of {name}"
        case ActionKind.CREATE_OBJECT:
            return f"Create {name} as declared"
        case ActionKind.DELETE_OBJECT:
            return f"Delete {name}, which nobody declared"
        case ActionKind.RESTART_WORKLOAD:
            return f"Restart {name}"
        case ActionKind.RESYNC_SECRET:
            return f"Have {name} write its Secret again"


def _needs(action: Action) -> list[Check]:
    """What the action itself needs to find."""
    is_new = action.kind is ActionKind.CREATE_OBJECT
    exists = Check(kind=CheckKind.OBJECT_ABSENT if is_new else CheckKind.OBJECT_EXISTS, target=action.target)
    return [exists, *(holds(action.target, e.path, e.before) for e in action.edits)]


def _effect(action: Action) -> list[Check]:
    """What the action itself must leave behind."""
    match action.kind:
        case ActionKind.SET_FIELDS:
            return [holds(action.target, e.path, e.after) for e in action.edits]
        case ActionKind.CREATE_OBJECT:
            return [Check(kind=CheckKind.OBJECT_EXISTS, target=action.target)]
        case ActionKind.DELETE_OBJECT:
            return [Check(kind=CheckKind.OBJECT_ABSENT, target=action.target)]
        case ActionKind.RESTART_WORKLOAD:
            return [Check(kind=CheckKind.HEALTHY, target=action.target)]
        case ActionKind.RESYNC_SECRET:
            return [Check(kind=CheckKind.OBJECT_EXISTS, target=action.target)]


def _undo(graph: EnvironmentGraph, action: Action) -> tuple[Action, ...]:
    """What brings the observed state back. A restart and a resync change nothing that could be brought back."""
    match action.kind:
        case ActionKind.SET_FIELDS:
            back = tuple(FieldEdit(path=e.path, before=e.after, after=e.before) for e in reversed(action.edits))
            return (Action(kind=ActionKind.SET_FIELDS, target=action.target, edits=back),)
        case ActionKind.CREATE_OBJECT:
            return (Action(kind=ActionKind.DELETE_OBJECT, target=action.target),)
        case ActionKind.DELETE_OBJECT:
            body = graph.body(action.target, Facet.ACTUAL) or {}
            namespace = graph.resource(action.target).namespace
            again = recreatable(body, namespace=namespace)
            return (Action(kind=ActionKind.CREATE_OBJECT, target=action.target, body=again),)
        case ActionKind.RESTART_WORKLOAD | ActionKind.RESYNC_SECRET:
            return ()
