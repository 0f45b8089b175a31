"""Run one approved plan against a target: check again, act once, verify, roll back when verification fails.

Knows nothing of approvals or storage; the caller claims the plan first and is told of every step before it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from graph.action import Action, ActionKind, Check, CheckKind, Plan, action_json, check_json, observed_digest
from graph.document import ABSENT, Object
from graph.errors import CallerError, Conflict, OutsideError, PlumblineError, Refused
from tools.actions.holding import holds
from tools.actions.target import LiveObject, Target
from tools.failpoints import failpoint

_LOOK_EVERY_S = 0.5
"""Pause between two looks while an effect settles; short beside the seconds that a rollout takes."""

_MOST_CONFLICTS = 3
"""How often an action is tried again because the version of its target moved on."""


class OutcomeStatus(StrEnum):
    SUCCEEDED = "succeeded"
    """Done and verified."""
    ROLLED_BACK = "rolled_back"
    """Done, verification failed, undone, and the undoing verified."""
    REFUSED = "refused"
    """Nothing was done: the world is not the one that was approved."""
    FAILED = "failed"
    """Not in the wished-for state, and not undone; a person has to look."""
    UNKNOWN = "unknown"
    """It can't be told whether the effect happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an execution ended."""

    status: OutcomeStatus
    detail: str
    """One sentence for people."""


Note = Callable[[str, Object], None]
"""`note(step, detail)` stores durably what is about to happen, or what was seen. Raises when it can't."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Time, as the execution sees it."""

    monotonic: Callable[[], float]
    """Seconds since some fixed point."""
    sleep: Callable[[float], None]


def execute(plan: Plan, target: Target, *, note: Note, pace: Pace) -> Outcome:
    """Execute an approved plan.

    Raises:
        Exception: whatever `note` raises; nothing is done after a step that could not be recorded.
    """
    try:
        live = target.read(plan.action.target)
        difference = _difference(plan, target, live)
    except PlumblineError as error:
        return _outcome(OutcomeStatus.REFUSED, f"The live state can't be read, so nothing was done: {error}")
    if difference:
        return _outcome(OutcomeStatus.REFUSED, f"{difference} Nothing was done; it needs a new look.")
    if objection := _objection(plan, target, live):
        return _outcome(OutcomeStatus.REFUSED, f"{objection} Nothing was done.")
    failpoint("intent.before")
    note("intent", {"action": action_json(plan.action), "before": live.body if live else None})
    failpoint("intent.noted")
    try:
        _write(plan, target, live)
    except (CallerError, Refused) as error:
        return _outcome(OutcomeStatus.REFUSED, f"The target refused the write: {error} Nothing was done.")
    except OutsideError as error:
        note("no_answer", {"error": str(error)})
        ended = reconcile(plan, target, steps=("intent", "no_answer"), pace=pace, patience_s=plan.verify_within_s)
        return ended if ended.status is OutcomeStatus.SUCCEEDED else replace(ended, detail=f"{ended.detail} {error}")
    failpoint("effect.done")
    note("effect", {"action": action_json(plan.action)})
    failpoint("effect.noted")
    failing = _settle(plan.verification, target, within_s=plan.verify_within_s, pace=pace)
    failpoint("verify.looked")
    if not failing:
        note("verified", {"checks": [check_json(c) for c in plan.verification]})
        failpoint("verify.noted")
        return _outcome(OutcomeStatus.SUCCEEDED, "Done, and verified on the live state.")
    note("verification_failed", {"failing": [check_json(c) for c in failing]})
    failpoint("verify.noted")
    return _roll_back(plan, target, failing, note=note, pace=pace)


def reconcile(plan: Plan, target: Target, *, steps: Collection[str], pace: Pace, patience_s: float = 0) -> Outcome:
    """Tell from the notes and the live state how an execution ended whose end nobody recorded. Never acts.

    Args:
        plan: what was approved.
        target: where it was to happen.
        steps: the steps that were noted; without `intent`, nothing was sent.
        pace: time.
        patience_s: seconds to wait for what was begun to take effect and settle.
    """
    if "intent" not in steps:
        return _outcome(OutcomeStatus.FAILED, "The executor ended before it acted. Nothing was done.")
    if "verified" in steps:
        return _outcome(OutcomeStatus.SUCCEEDED, "Done, and verified on the live state.")
    if "rollback" in steps:
        return _how_undoing_ended(plan, target, patience_s=patience_s, pace=pace)
    try:
        has_changed = _await_change(plan, target, within_s=patience_s if "no_answer" in steps else 0, pace=pace)
    except PlumblineError as error:
        return _outcome(OutcomeStatus.UNKNOWN, f"The end was not recorded; the live state can't be read: {error}")
    if not has_changed and "effect" not in steps:
        return _outcome(OutcomeStatus.FAILED, "The end was not recorded; the live state shows that nothing was done.")
    failing = _settle(plan.verification, target, within_s=patience_s, pace=pace)
    if not failing:
        return _outcome(OutcomeStatus.SUCCEEDED, "The end was not recorded; the live state shows that it was done.")
    what = ", ".join(f"{c.kind.value} on {c.target}{c.path}" for c in failing)
    if "effect" in steps:
        return _outcome(
            OutcomeStatus.FAILED, f"Done, but verification failed ({what}); the executor ended before it undid that."
        )
    return _outcome(
        OutcomeStatus.UNKNOWN,
        f"The end was not recorded; the live state is neither the one before nor a verified one after ({what}).",
    )


def _how_undoing_ended(plan: Plan, target: Target, *, patience_s: float, pace: Pace) -> Outcome:
    left = _settle(tuple(_undone(plan)), target, within_s=patience_s, pace=pace)
    if left:
        return _outcome(
            OutcomeStatus.FAILED,
            "Verification failed; the executor ended while it undid the change, which is not undone.",
        )
    return _outcome(
        OutcomeStatus.ROLLED_BACK,
        "Verification failed; the end was not recorded, the live state shows the change undone.",
    )


def _await_change(plan: Plan, target: Target, *, within_s: float, pace: Pace) -> bool:
    """Whether the target is, or comes to be, other than it was when the plan was made."""
    deadline = pace.monotonic() + within_s
    while True:
        try:
            live = target.read(plan.action.target)
        except PlumblineError:
            if pace.monotonic() >= deadline:
                raise
        else:
            if _observed(live) != plan.observed:
                return True
            if pace.monotonic() >= deadline:
                return False
        pace.sleep(_LOOK_EVERY_S)


def _observed(live: LiveObject | None) -> str:
    return observed_digest(live.body) if live else ""


def _difference(plan: Plan, target: Target, live: LiveObject | None) -> str:
    """Say how the live state differs from the one that was approved; empty when it does not."""
    if _observed(live) != plan.observed:
        return "The target changed since the proposal was made."
    for check in plan.preconditions:
        if not _holds(check, target):
            return f"The precondition {check.kind.value} on {check.target}{check.path} does not hold any more."
    return ""


def _objection(plan: Plan, target: Target, live: LiveObject | None) -> str:
    """Say what speaks against the action when it is rehearsed; empty when nothing does, or none can be held."""
    try:
        foreseen = target.rehearse(plan.action, version=live.version if live else "")
    except Conflict:
        return ""  # Whether the newer version is still the approved object is for the write to find out.
    except (CallerError, Refused) as error:
        return f"The target would refuse the write: {error}"
    except OutsideError as error:
        return f"The target did not say whether it would take the write: {error}"
    if foreseen is None:
        return ""
    written = {edit.path for edit in plan.action.edits}
    checks = [c for c in plan.verification if c.target == plan.action.target and c.path in written]
    other = [c.path for c in checks if not holds(foreseen, c.path, c.value)]
    return (
        f"The target would make something else of the write than was approved, at {', '.join(other)}." if other else ""
    )


def _write(plan: Plan, target: Target, live: LiveObject | None) -> None:
    """Perform the action, once more where the target refused it only because its version moved on.

    Controllers write the status of an object in trouble all the time. Each write is another version, and no other
    object than the one that was approved.
    """

    def still_approved() -> LiveObject | None:
        now = target.read(plan.action.target)
        return None if _difference(plan, target, now) else now

    _perform_on_newest(plan.action, target, live, still_approved)


def _perform_on_newest(
    action: Action, target: Target, live: LiveObject | None, look: Callable[[], LiveObject | None]
) -> None:
    """Perform an action; on a conflict `look` gives the version to try next, None where it must not be tried."""
    for is_last in (*(False,) * _MOST_CONFLICTS, True):
        try:
            _perform(action, target, version=live.version if live else "")
        except Conflict as conflict:
            if is_last or live is None:
                raise
            try:
                now = look()
            except PlumblineError:
                raise conflict from None
            if now is None or now.version == live.version:
                raise
            live = now
        else:
            return


def _perform(action: Action, target: Target, *, version: str) -> None:
    match action.kind:
        case ActionKind.SET_FIELDS:
            target.set_fields(action.target, action.edits, version=version)
        case ActionKind.CREATE_OBJECT:
            target.create(action.target, action.body or {})
        case ActionKind.DELETE_OBJECT:
            target.delete(action.target, version=version)
        case ActionKind.RESTART_WORKLOAD:
            target.restart(action.target, version=version)
        case ActionKind.RESYNC_SECRET:
            target.resync_secret(action.target, version=version)


def _roll_back(plan: Plan, target: Target, failing: list[Check], *, note: Note, pace: Pace) -> Outcome:
    what = ", ".join(f"{c.kind.value} on {c.target}{c.path}" for c in failing)
    if not plan.rollback:
        return _outcome(OutcomeStatus.FAILED, f"Verification failed ({what}) and this action has no rollback.")
    for action in plan.rollback:
        note("rollback", {"action": action_json(action)})
        failpoint("rollback.noted")
        try:
            look = partial(target.read, action.target)
            _perform_on_newest(action, target, look(), look)
        except PlumblineError as error:
            return _outcome(OutcomeStatus.FAILED, f"Verification failed ({what}), and so did the rollback: {error}")
    failpoint("rollback.done")
    left = _settle(tuple(_undone(plan)), target, within_s=plan.verify_within_s, pace=pace)
    if left:
        return _outcome(OutcomeStatus.FAILED, f"Verification failed ({what}); the rollback could not be verified.")
    return _outcome(
        OutcomeStatus.ROLLED_BACK, f"Verification failed ({what}); the change was undone and that verified."
    )


def _undone(plan: Plan) -> Iterator[Check]:
    """What holds again once every rollback action took effect."""
    for action in plan.rollback:
        match action.kind:
            case ActionKind.SET_FIELDS:
                for edit in action.edits:
                    kind = CheckKind.FIELD_ABSENT if edit.after is ABSENT else CheckKind.FIELD_EQUALS
                    yield Check(kind=kind, target=action.target, path=edit.path, value=edit.after)
            case ActionKind.CREATE_OBJECT:
                yield Check(kind=CheckKind.OBJECT_EXISTS, target=action.target)
            case ActionKind.DELETE_OBJECT:
                yield Check(kind=CheckKind.OBJECT_ABSENT, target=action.target)
            case ActionKind.RESTART_WORKLOAD | ActionKind.RESYNC_SECRET:
                yield Check(kind=CheckKind.OBJECT_EXISTS, target=action.target)


def _settle(checks: tuple[Check, ...], target: Target, *, within_s: float, pace: Pace) -> list[Check]:
    """Wait until all checks hold; return those that still fail at the end of the time."""
    deadline = pace.monotonic() + within_s
    while True:
        failing = [c for c in checks if not _seen(c, target)]
        if not failing or pace.monotonic() >= deadline:
            return failing
        pace.sleep(_LOOK_EVERY_S)


def _seen(check: Check, target: Target) -> bool:
    """Whether a check is seen to hold; what can't be read is not seen."""
    try:
        return _holds(check, target)
    except PlumblineError:
        return False


def _holds(check: Check, target: Target) -> bool:
    if check.kind is CheckKind.HEALTHY:
        return target.is_healthy(check.target)
    live = target.read(check.target)
    if check.kind is CheckKind.OBJECT_EXISTS:
        return live is not None
    if check.kind is CheckKind.OBJECT_ABSENT:
        return live is None
    value = ABSENT if check.kind is CheckKind.FIELD_ABSENT else check.value
    return value is ABSENT if live is None else holds(live.body, check.path, value)


def _outcome(status: OutcomeStatus, detail: str) -> Outcome:
    return Outcome(status=status, detail=detail)
