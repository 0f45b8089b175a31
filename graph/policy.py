"""Which plans may run at all, how risky they are, and how many people must agree. Closed unless a rule opens.

Decides on typed plans only, never on text of a model or an alert. Who may approve is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from graph.action import Action, ActionKind, FieldEdit, Plan, Risk
from graph.document import Json, Object, digest, get, tokens
from graph.environment import EnvironmentGraph
from graph.guardrails import GRANTS, HARM, MOST_RESOURCES, OPENINGS, PROTECTED, SECRETS, UNTOUCHABLE_FIELDS, Opening
from graph.reach.effect import Band, BlastRadius, Mode
from graph.resource import Facet, display_uid

_RISKS = (Risk.LOW, Risk.MEDIUM, Risk.HIGH)

_INDEX = re.compile(r"\[[^\]]*\]")
"""The instance key in a Terraform address."""

POLICY_VERSION = digest(
    {
        "openings": [[o.action.value, sorted(o.kinds), o.risk.value] for o in OPENINGS],
        "protected": sorted(PROTECTED),
        "secrets": sorted(SECRETS),
        "untouchable": sorted(UNTOUCHABLE_FIELDS),
        "grants": sorted(GRANTS),
        "most_resources": MOST_RESOURCES,
        "form": 1,
    }
)[:12]
"""Changes with every rule of the tables; `form` is raised when the code below judges in another way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What policy says of a plan."""

    allowed: bool
    reasons: tuple[str, ...]
    """Why it is not allowed, or what made its risk what it is."""
    risk: Risk
    required_approvals: int
    """Distinct people, none of them the requester."""
    policy_version: str = POLICY_VERSION


def judge(plan: Plan, *, affected: BlastRadius | None, graph: EnvironmentGraph | None = None) -> Judgement:
    """Judge a plan.

    Args:
        plan: the plan; its own risk is a floor, since it was set with knowledge of the declared state.
        affected: the blast radius of its action; None when unknown, which is a high risk.
        graph: the environment, where the caller has it at hand: also refuses targets it does not hold, and deletions
            of what is declared.
    """
    refusals = [*_refusals(plan, affected), *(_refusals_by_state(plan.action, graph) if graph else ())]
    opening = _opening(plan.action)
    risk, grounds = _risk(plan, opening, affected)
    return Judgement(
        allowed=not refusals and opening is not None,
        reasons=tuple(refusals) if refusals else grounds,
        risk=risk,
        required_approvals=2 if risk is Risk.HIGH else 1,
    )


def higher(a: Risk, b: Risk) -> Risk:
    """Return the higher of two risks."""
    return max(a, b, key=_RISKS.index)


def kind_of_uid(uid: str) -> str:
    """Return the kind that a uid names: a Kubernetes kind or a Terraform type; empty when it names none."""
    scheme, _, rest = uid.partition("://")
    if scheme == "k8s":
        parts = rest.split("/", 4)
        return parts[2] if len(parts) == 5 else ""
    if scheme == "tf":
        types = _INDEX.sub("", rest.partition("/")[2]).split(".")
        return types[-2] if len(types) > 1 else ""
    return ""


def _opening(action: Action) -> Opening | None:
    kind = kind_of_uid(action.target)
    return next((o for o in OPENINGS if o.action is action.kind and kind in o.kinds), None)


def _refusals(plan: Plan, affected: BlastRadius | None) -> Iterator[str]:
    action, kind = plan.action, kind_of_uid(plan.action.target)
    name = display_uid(action.target)
    if plan.hold:
        yield f"It is on hold: {plan.hold}"
    if plan.policy_version and plan.policy_version != POLICY_VERSION:
        yield "It was made under another version of this policy; propose it again."
    if kind in SECRETS and action.kind is not ActionKind.RESYNC_SECRET:
        yield f"{name} holds secrets; their content is never read, written or removed by an action."
    if kind in PROTECTED and action.kind is ActionKind.DELETE_OBJECT:
        yield f"{kind} is never deleted by an action: what it holds would go with it."
    if _opening(action) is None:
        yield f"No rule of the policy opens {action.kind.value} on {kind or 'an unknown kind'}."
    yield from _refusals_by_shape(action)
    yield from _refusals_by_content(action, kind)
    hurt = _hurt(affected)
    if len(hurt) > MOST_RESOURCES:
        yield f"It would certainly disturb {len(hurt)} resources; an action may disturb {MOST_RESOURCES}."


def _refusals_by_shape(action: Action) -> Iterator[str]:
    """An action must say exactly one thing."""
    paths = [tokens(e.path) for e in action.edits]
    if (action.kind is ActionKind.SET_FIELDS) != bool(paths):
        yield "Fields are edited by set_fields, and only by it."
    if (action.kind is ActionKind.CREATE_OBJECT) != (action.body is not None):
        yield "A body belongs to create_object, and only to it."
    if any(a == b[: len(a)] for i, a in enumerate(paths) for j, b in enumerate(paths) if i != j):
        yield "Two edits overlap."
    for edit in action.edits:
        if not edit.path.startswith("/") or edit.before == edit.after:
            yield f"The edit of {edit.path or 'the whole object'} is none."
        if any(edit.path == f or edit.path.startswith(f + "/") for f in UNTOUCHABLE_FIELDS):
            yield f"{edit.path} belongs to the platform or is the object's identity."
    if action.body is not None and not _is_body_of(action.body, action.target):
        yield "The body describes another object than the target."


def _refusals_by_content(action: Action, kind: str) -> Iterator[str]:
    if kind not in GRANTS:
        return
    written = [e.after for e in action.edits] + ([action.body] if action.body is not None else [])
    if any(_grants_everything(value) for value in written):
        yield "It would grant every permission on everything."


def _refusals_by_state(action: Action, graph: EnvironmentGraph) -> Iterator[str]:
    if action.target not in graph:
        yield f"{display_uid(action.target)} is not in the environment graph."
    declared = (Facet.INTENDED, Facet.APPLIED)
    if action.kind is ActionKind.DELETE_OBJECT and any(graph.version(action.target, f) for f in declared):
        yield f"{display_uid(action.target)} is declared; what is declared is never deleted by an action."


def _risk(plan: Plan, opening: Opening | None, affected: BlastRadius | None) -> tuple[Risk, tuple[str, ...]]:
    risk, grounds = higher(plan.risk, opening.risk if opening else Risk.HIGH), [opening.why] if opening else []
    if affected is None:
        return Risk.HIGH, (*grounds, "What it reaches is not known.")
    if any(a.mode in {Mode.DOWN, Mode.DENIED} and a.band is Band.CERTAIN for a in affected.affected):
        risk = Risk.HIGH
        grounds.append("Something that runs now will be down or cut off for a time.")
    elif any(a.mode in HARM and a.band is not Band.POSSIBLE for a in affected.affected):
        risk = higher(risk, Risk.MEDIUM)
        grounds.append("Something that runs now is likely to be impaired for a time.")
    if plan.action.edits and any(_widens_a_pod(e) for e in plan.action.edits):
        risk = Risk.HIGH
        grounds.append("It gives containers more rights over their host.")
    return risk, tuple(grounds)


def _hurt(affected: BlastRadius | None) -> list[str]:
    return [a.uid for a in affected.affected if a.mode in HARM and a.band is Band.CERTAIN] if affected else []


def _widens_a_pod(edit: FieldEdit) -> bool:
    name = tokens(edit.path)[-1]
    if name in {"privileged", "hostNetwork", "hostPID", "hostIPC", "allowPrivilegeEscalation"}:
        return edit.after is True
    return name == "hostPath" and bool(edit.after)


def _is_body_of(body: Object, uid: str) -> bool:
    if uid.startswith("tf://"):
        return bool(get(body, "/address") == uid.removeprefix("tf://").partition("/")[2])
    group = str(body.get("apiVersion", "")).rpartition("/")[0] or "core"
    namespace = get(body, "/metadata/namespace") or "-"
    said = (group, body.get("kind"), namespace, get(body, "/metadata/name"))
    return uid.removeprefix("k8s://").split("/", 1)[-1] == "/".join(map(str, said))


def _grants_everything(value: Json) -> bool:
    """Whether a Kubernetes role, a binding or an IAM statement inside `value` allows all actions on everything."""
    if isinstance(value, str):
        packed = "".join(value.split())
        return '"Action":"*"' in packed and '"Resource":"*"' in packed
    if isinstance(value, list):
        return any(map(_grants_everything, value))
    if not isinstance(value, dict):
        return False
    if value.get("kind") in {"ClusterRole", None} and value.get("name") == "cluster-admin":
        return True
    if "*" in _listed(value.get("verbs")) and "*" in _listed(value.get("resources")):
        return True
    allows = str(value.get("Effect", "")).lower() == "allow"
    if allows and {"*", "*:*"} & _listed(value.get("Action")) and "*" in _listed(value.get("Resource")):
        return True
    return any(map(_grants_everything, value.values()))


def _listed(value: Json) -> set[str]:
    return {value} if isinstance(value, str) else {v for v in value if isinstance(v, str)} if value else set()
