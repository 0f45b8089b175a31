"""Typed actions: what may be done to an environment, as data. Executing them is not known here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from graph.document import ABSENT, Absent, Json, Object, digest


class ActionKind(StrEnum):
    """What an action does to its target. The executor knows how; see tools/actions."""

    SET_FIELDS = "set_fields"
    """Write the given fields of an existing object or cloud resource."""
    CREATE_OBJECT = "create_object"
    """Create a declared object that is missing."""
    DELETE_OBJECT = "delete_object"
    """Delete an object that nobody declared."""
    RESTART_WORKLOAD = "restart_workload"
    """Roll the pods of a workload without changing what they run."""
    RESYNC_SECRET = "resync_secret"  # noqa: S105  (the name of an action, not a secret)
    """Ask the operator that owns a Secret to write it again from its store; no secret value is handled."""


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldEdit:
    """One field of the target, from the value that was observed to the value that will be written."""

    path: str
    """JSON pointer into the actual object"""
    before: Json | Absent
    after: Json | Absent
    """ABSENT removes the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Exactly what will be done. Made by code from the graph, never from the text of a model or an alert."""

    kind: ActionKind
    target: str
    """uid"""
    edits: tuple[FieldEdit, ...] = ()
    """For SET_FIELDS."""
    body: Object | None = None
    """For CREATE_OBJECT."""


class CheckKind(StrEnum):
    FIELD_EQUALS = "field_equals"
    FIELD_ABSENT = "field_absent"
    OBJECT_EXISTS = "object_exists"
    OBJECT_ABSENT = "object_absent"
    HEALTHY = "healthy"
    """The platform reports no fault of this resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition on the live state, before the action (precondition) or after it (verification)."""

    kind: CheckKind
    target: str
    path: str = ""
    value: Json | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An action with everything a person approves together with it."""

    environment: str
    action: Action
    title: str
    """One line made by code, e.g. `Set 1 field of shop/ConfigMap/checkout-config`."""
    reason: str
    """Which cause it answers, made by code."""
    preconditions: tuple[Check, ...]
    verification: tuple[Check, ...]
    verify_within_s: float
    rollback: tuple[Action, ...]
    """What undoes it, in order. Computed from the observed state before the action."""
    observed: str
    """SHA-256 of the target's observed state that this plan was made on; empty when it did not exist."""
    observed_at: datetime
    risk: Risk
    warnings: tuple[str, ...] = field(default=())
    """e.g. that the next deployment will revert it"""
    hold: str = ""
    """Why this must not be done yet, and what lifts that. A plan on hold can't be approved."""
    policy_version: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 over everything that an approval is bound to."""
        return digest(
            {
                "environment": self.environment,
                "action": action_json(self.action),
                "preconditions": [check_json(c) for c in self.preconditions],
                "verification": [check_json(c) for c in self.verification],
                "verify_within_s": self.verify_within_s,
                "rollback": [action_json(a) for a in self.rollback],
                "observed": self.observed,
                "risk": self.risk.value,
                "hold": self.hold,
                "policy_version": self.policy_version,
            }
        )


def observed_digest(body: Object) -> str:
    """Return the SHA-256 that a plan keeps of its target's observed state.

    Left out is what systems write without anybody changing the object: `status` and the bookkeeping of a Kubernetes
    API server, and the version counter of a cloud resource. The object's own uid stays in: an object that was deleted
    and made again under the same name is another one.
    """
    if not isinstance(metadata := body.get("metadata"), dict):
        return digest({k: v for k, v in body.items() if k != "version"})
    kept = {k: v for k, v in metadata.items() if k not in _BOOKKEEPING}
    return digest({k: v for k, v in body.items() if k != "status"} | {"metadata": kept})


_BOOKKEEPING = frozenset({"managedFields", "resourceVersion", "generation", "selfLink"})


def action_json(action: Action) -> Object:
    """Turn an action into JSON; an absent value becomes `{"$absent": true}`."""
    return {
        "kind": action.kind.value,
        "target": action.target,
        "edits": [{"path": e.path, "before": _out(e.before), "after": _out(e.after)} for e in action.edits],
        "body": action.body,
    }


def check_json(check: Check) -> Object:
    """Turn a check into JSON."""
    return {
        "kind": check.kind.value,
        "target": check.target,
        "path": check.path,
        "value": _out(check.value),
    }


def action_from_json(data: Object) -> Action:
    """Inverse of `action_json`."""
    return Action(
        kind=ActionKind(data["kind"]),
        target=data["target"],
        edits=tuple(FieldEdit(path=e["path"], before=_in(e["before"]), after=_in(e["after"])) for e in data["edits"]),
        body=data["body"],
    )


def check_from_json(data: Object) -> Check:
    """Inverse of `check_json`."""
    return Check(kind=CheckKind(data["kind"]), target=data["target"], path=data["path"], value=_in(data["value"]))


def _out(value: Json | Absent) -> Json:
    return {"$absent": True} if value is ABSENT else value


def _in(value: Json) -> Json | Absent:
    return ABSENT if value == {"$absent": True} else value
