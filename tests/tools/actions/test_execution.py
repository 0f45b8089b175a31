"""An approved plan is checked again, acted on once, verified, undone when that fails, and truly told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graph.action import Action, ActionKind, Check, CheckKind, FieldEdit, Plan, observed_digest
from graph.document import ABSENT, Object
from graph.errors import Conflict, Invalid, NotFound, PlumblineError, Refused, Unreachable
from tests.app.store.samples import plan as sample_plan
from tests.fakes.target import FakeTarget
from tools.actions.execution import Outcome, OutcomeStatus, Pace, execute, reconcile

UID = "k8s://demo/core/ConfigMap/shop/settings"
NEW = "k8s://demo/core/ConfigMap/shop/new"
PATH = "/data/timeout"


def body(timeout: str = "1s") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "shop", "uid": "u1", "annotations": {}},
        "data": {"timeout": timeout},
    }


def sets(before: str, after: str) -> Action:
    return Action(kind=ActionKind.SET_FIELDS, target=UID, edits=(FieldEdit(path=PATH, before=before, after=after),))


def holds(value: str) -> Check:
    return Check(kind=CheckKind.FIELD_EQUALS, target=UID, path=PATH, value=value)


def plan(**more: Any) -> Plan:
    values: dict[str, Any] = {
        "action": sets("1s", "5s"),
        "preconditions": (holds("1s"),),
        "verification": (holds("5s"), Check(kind=CheckKind.HEALTHY, target=UID)),
        "verify_within_s": 10.0,
        "rollback": (sets("5s", "1s"),),
        "observed": observed_digest(body()),
    }
    return sample_plan(UID, **(values | more))


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.on_sleep: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()

    @property
    def pace(self) -> Pace:
        return Pace(monotonic=lambda: self.now, sleep=self.sleep)


class Notes:
    """Remembers the steps, and fails at one."""

    def __init__(self, *, fail_at: str = "") -> None:
        self.steps: list[str] = []
        self._fail_at = fail_at

    def __call__(self, step: str, detail: Object) -> None:
        if step == self._fail_at:
            raise Unreachable("the database is away")
        self.steps.append(step)


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget({UID: body()})


@pytest.fixture
def clock() -> Clock:
    return Clock()


def run(plan: Plan, target: FakeTarget, clock: Clock, notes: Notes | None = None) -> Outcome:
    return execute(plan, target, note=notes or Notes(), pace=clock.pace)


def test_done_and_verified(target: FakeTarget, clock: Clock) -> None:
    """The intent is stored before the effect, and one write is made."""
    notes = Notes()
    target.before_write = lambda: notes.steps.append("(write)")
    assert run(plan(), target, clock, notes).status is OutcomeStatus.SUCCEEDED
    assert notes.steps == ["intent", "(write)", "effect", "verified"]
    assert target.writes == [("set_fields", UID)]


@pytest.mark.parametrize(
    "kind",
    [ActionKind.CREATE_OBJECT, ActionKind.DELETE_OBJECT, ActionKind.RESTART_WORKLOAD, ActionKind.RESYNC_SECRET],
)
def test_every_kind_of_action_is_performed(target: FakeTarget, clock: Clock, kind: ActionKind) -> None:
    """Each is one write."""
    creates, deletes = kind is ActionKind.CREATE_OBJECT, kind is ActionKind.DELETE_OBJECT
    uid = NEW if creates else UID
    wanted = CheckKind.OBJECT_ABSENT if deletes else CheckKind.OBJECT_EXISTS
    todo = plan(
        action=Action(kind=kind, target=uid, body=body() if creates else None),
        preconditions=(),
        verification=(Check(kind=wanted, target=uid),),
        observed="" if creates else observed_digest(body()),
    )
    assert run(todo, target, clock).status is OutcomeStatus.SUCCEEDED
    assert len(target.writes) == 1


def test_changed_target_is_not_touched(target: FakeTarget, clock: Clock) -> None:
    """What was approved was about another state."""
    target.change(UID, "/data/other", "x")
    outcome = run(plan(), target, clock)
    assert (outcome.status, target.writes) == (OutcomeStatus.REFUSED, [])
    assert "changed since the proposal" in outcome.detail


def test_bookkeeping_of_the_platform_is_no_change(target: FakeTarget, clock: Clock) -> None:
    """Status and resource versions move all the time."""
    target.change(UID, "/status", {"phase": "x"})
    target.change(UID, "/metadata/resourceVersion", "12")
    assert run(plan(), target, clock).status is OutcomeStatus.SUCCEEDED


def test_precondition_on_another_object(target: FakeTarget, clock: Clock) -> None:
    """A precondition that does not hold any more stops it before the intent."""
    notes = Notes()
    outcome = run(plan(preconditions=(Check(kind=CheckKind.OBJECT_EXISTS, target=NEW),)), target, clock, notes)
    assert (outcome.status, target.writes, notes.steps) == (OutcomeStatus.REFUSED, [], [])


@pytest.mark.parametrize(
    "error", [Unreachable("no"), Refused("no"), NotFound("no such kind")], ids=lambda e: type(e).__name__
)
def test_unreadable_target_is_not_touched(target: FakeTarget, clock: Clock, error: PlumblineError) -> None:
    """Whatever keeps it from being read, the execution ends and says that nothing was done."""
    target.unreadable = error
    outcome = run(plan(), target, clock)
    assert (outcome.status, target.writes) == (OutcomeStatus.REFUSED, [])
    assert "nothing was done" in outcome.detail


def test_nothing_happens_without_a_stored_intent(target: FakeTarget, clock: Clock) -> None:
    """A database that is away stops the execution before its effect."""
    with pytest.raises(Unreachable):
        run(plan(), target, clock, Notes(fail_at="intent"))
    assert not target.writes


def test_acting_before_storing_the_intent_is_noticed(target: FakeTarget, clock: Clock) -> None:
    """The check above can fail: an execution that acts first leaves an effect that nobody knows of."""

    def acts_first(step: str, detail: Object) -> None:
        if step == "intent":
            target.set_fields(UID, plan().action.edits, version="1")
            raise Unreachable("the database is away")

    with pytest.raises(Unreachable):
        execute(plan(), target, note=acts_first, pace=clock.pace)
    assert target.writes


@pytest.mark.parametrize(
    "error", [Conflict("changed"), Invalid("schema"), Refused("no permission")], ids=lambda e: type(e).__name__
)
def test_refused_write_is_told_as_nothing_done(target: FakeTarget, clock: Clock, error: PlumblineError) -> None:
    """The target said no, and why; there is nothing to wait for."""
    target.before_write = lambda: _raise(error)
    outcome = run(plan(), target, clock)
    assert (outcome.status, target.writes, clock.now) == (OutcomeStatus.REFUSED, [], 0)
    assert str(error) in outcome.detail


@pytest.mark.parametrize(("times", "status"), [(3, OutcomeStatus.SUCCEEDED), (4, OutcomeStatus.REFUSED)])
def test_another_status_is_no_other_object(target: FakeTarget, clock: Clock, times: int, status: OutcomeStatus) -> None:
    """A controller that reports between look and write makes another version; what was approved is still there."""
    reports = iter(range(times))

    def report() -> None:
        if (number := next(reports, None)) is not None:
            target.change(UID, "/status", {"seen": number})

    target.before_write = report
    assert run(plan(), target, clock).status is status
    assert len(target.writes) == (status is OutcomeStatus.SUCCEEDED)


def test_conflict_that_nothing_explains_is_not_tried_again(target: FakeTarget, clock: Clock) -> None:
    """The same version is refused again."""
    tries = []

    def refuse() -> None:
        tries.append(1)
        raise Conflict("no")

    target.before_write = refuse
    assert (run(plan(), target, clock).status, len(tries)) == (OutcomeStatus.REFUSED, 1)


def test_undoing_goes_past_another_status(target: FakeTarget, clock: Clock) -> None:
    """An object in trouble, whose status changes all the time, is put back all the same."""
    target.healthy = False
    reported = iter([True])

    def report() -> None:
        if len(target.writes) == 1 and next(reported, False):
            target.change(UID, "/status", {"seen": 1})

    target.before_write = report
    outcome = run(plan(), target, clock)
    assert (outcome.status, target.objects[UID]["data"]) == (OutcomeStatus.ROLLED_BACK, {"timeout": "1s"})


def test_value_that_the_platform_completes_is_the_value_that_was_written(target: FakeTarget, clock: Clock) -> None:
    """Else every such fix would be undone, or could not be."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart"}, "spec": {"ports": [{"port": 80}]}}
    uid, path = "k8s://demo/core/Service/shop/cart", "/spec/ports"
    target.objects[uid] = service
    edit = FieldEdit(path=path, before=[{"port": 80}], after=[{"port": 81}])
    back = FieldEdit(path=path, before=[{"port": 81}], after=[{"port": 80}])

    def complete() -> None:
        ports = target.objects[uid]["spec"]["ports"]
        target.objects[uid]["spec"]["ports"] = [{"protocol": "TCP", "targetPort": p["port"], **p} for p in ports]

    target.after_write = complete
    for is_healthy, status in ((True, OutcomeStatus.SUCCEEDED), (False, OutcomeStatus.ROLLED_BACK)):
        target.healthy, target.objects[uid] = is_healthy, service | {"spec": {"ports": [{"port": 80}]}}
        healthy = Check(kind=CheckKind.HEALTHY, target=uid)
        written = Check(kind=CheckKind.FIELD_EQUALS, target=uid, path=path, value=[{"port": 81}])
        todo = plan(
            action=Action(kind=ActionKind.SET_FIELDS, target=uid, edits=(edit,)),
            preconditions=(),
            verification=(written, healthy),
            rollback=(Action(kind=ActionKind.SET_FIELDS, target=uid, edits=(back,)),),
            observed=observed_digest(target.objects[uid]),
        )
        assert run(todo, target, clock).status is status


def test_change_between_look_and_write_wins(target: FakeTarget, clock: Clock) -> None:
    """The version goes with the write."""
    target.before_write = lambda: target.change(UID, PATH, "9s")
    outcome = run(plan(), target, clock)
    assert (outcome.status, target.writes) == (OutcomeStatus.REFUSED, [])
    assert target.objects[UID]["data"] == {"timeout": "9s"}


def test_lost_answer_of_a_write_that_happened(target: FakeTarget, clock: Clock) -> None:
    """It is seen in the live state, and not written again."""
    notes = Notes()
    target.after_write = lambda: _raise(Unreachable("timed out"))
    outcome = run(plan(), target, clock, notes)
    assert (outcome.status, len(target.writes)) == (OutcomeStatus.SUCCEEDED, 1)
    assert notes.steps == ["intent", "no_answer"]


def test_lost_request_is_told_as_nothing_done(target: FakeTarget, clock: Clock) -> None:
    """But only after waiting whether it arrives late."""
    target.before_write = lambda: _raise(Unreachable("timed out"))
    outcome = run(plan(), target, clock)
    assert (outcome.status, target.writes) == (OutcomeStatus.FAILED, [])
    assert "nothing was done" in outcome.detail
    assert "timed out" in outcome.detail
    assert clock.now >= 10


def test_write_that_arrives_late_is_seen(target: FakeTarget, clock: Clock) -> None:
    """The answer was lost, and the server took its time."""
    target.before_write = lambda: _raise(Unreachable("timed out"))
    clock.on_sleep = lambda: target.change(UID, PATH, "5s") if clock.now > 3 else None
    assert run(plan(), target, clock).status is OutcomeStatus.SUCCEEDED


def test_no_answer_and_nothing_to_read_is_unknown(target: FakeTarget, clock: Clock) -> None:
    """Nobody can tell, so nobody is told anything else."""

    def cut_off() -> None:
        target.unreadable = Unreachable("no route")
        raise Unreachable("timed out")

    target.after_write = cut_off
    assert run(plan(), target, clock).status is OutcomeStatus.UNKNOWN


def test_waits_until_the_effect_has_settled(target: FakeTarget, clock: Clock) -> None:
    """Health may take a while, and one look that fails is no verdict."""
    target.healthy = False

    def pass_time() -> None:
        target.unreadable = Unreachable("blip") if 2 < clock.now < 3 else None
        target.healthy = clock.now > 5

    clock.on_sleep = pass_time
    assert run(plan(), target, clock).status is OutcomeStatus.SUCCEEDED
    assert 5 < clock.now < 10


def test_failed_verification_is_undone(target: FakeTarget, clock: Clock) -> None:
    """And the undoing is verified, too."""
    notes = Notes()
    target.healthy = False
    outcome = run(plan(), target, clock, notes)
    assert outcome.status is OutcomeStatus.ROLLED_BACK
    assert target.objects[UID] == body()
    assert notes.steps == ["intent", "effect", "verification_failed", "rollback"]


def test_failed_verification_without_a_way_back(target: FakeTarget, clock: Clock) -> None:
    """A person has to look."""
    target.healthy = False
    assert run(plan(rollback=()), target, clock).status is OutcomeStatus.FAILED


def test_undoing_does_not_overwrite_somebody_elses_change(target: FakeTarget, clock: Clock) -> None:
    """While it was verified, somebody else set the field; that stays."""
    target.healthy = False
    clock.on_sleep = lambda: target.change(UID, PATH, "9s") if clock.now < 1 else None
    outcome = run(plan(), target, clock)
    assert (outcome.status, target.objects[UID]["data"]) == (OutcomeStatus.FAILED, {"timeout": "9s"})
    assert "so did the rollback" in outcome.detail


def test_undoing_that_does_not_hold_is_told(target: FakeTarget, clock: Clock) -> None:
    """A rollback is called so only when the live state shows it."""
    target.healthy = False

    def revert() -> None:
        if len(target.writes) == 2 and target.objects[UID]["data"]["timeout"] == "1s":
            target.change(UID, PATH, "7s")

    target.after_write = revert
    outcome = run(plan(), target, clock)
    assert outcome.status is OutcomeStatus.FAILED
    assert "could not be verified" in outcome.detail


def test_created_object_is_deleted_again(target: FakeTarget, clock: Clock) -> None:
    """The way back of a creation."""
    target.healthy = False
    todo = plan(
        action=Action(kind=ActionKind.CREATE_OBJECT, target=NEW, body=body()),
        preconditions=(Check(kind=CheckKind.OBJECT_ABSENT, target=NEW),),
        verification=(Check(kind=CheckKind.HEALTHY, target=NEW),),
        rollback=(Action(kind=ActionKind.DELETE_OBJECT, target=NEW),),
        observed="",
    )
    assert run(todo, target, clock).status is OutcomeStatus.ROLLED_BACK
    assert NEW not in target.objects


def test_field_that_was_absent_is_absent_again(target: FakeTarget, clock: Clock) -> None:
    """The way back of a new field is no field."""
    target.healthy = False
    adds = FieldEdit(path="/data/extra", before=ABSENT, after="x")
    removes = FieldEdit(path="/data/extra", before="x", after=ABSENT)
    todo = plan(
        action=Action(kind=ActionKind.SET_FIELDS, target=UID, edits=(adds,)),
        preconditions=(Check(kind=CheckKind.FIELD_ABSENT, target=UID, path="/data/extra"),),
        rollback=(Action(kind=ActionKind.SET_FIELDS, target=UID, edits=(removes,)),),
    )
    assert run(todo, target, clock).status is OutcomeStatus.ROLLED_BACK
    assert target.objects[UID] == body()


@pytest.mark.parametrize(
    ("steps", "live", "is_healthy", "expected"),
    [
        ((), "1s", True, OutcomeStatus.FAILED),
        (("intent",), "1s", True, OutcomeStatus.FAILED),
        (("intent",), "1s", False, OutcomeStatus.FAILED),
        (("intent",), "5s", True, OutcomeStatus.SUCCEEDED),
        (("intent",), "5s", False, OutcomeStatus.UNKNOWN),
        (("intent",), "9s", True, OutcomeStatus.UNKNOWN),
        (("intent", "effect"), "5s", True, OutcomeStatus.SUCCEEDED),
        (("intent", "effect"), "5s", False, OutcomeStatus.FAILED),
        (("intent", "effect"), "1s", True, OutcomeStatus.FAILED),
        (("intent", "effect", "verified"), "9s", True, OutcomeStatus.SUCCEEDED),
        (("intent", "effect", "verification_failed"), "5s", False, OutcomeStatus.FAILED),
        (("intent", "effect", "verification_failed", "rollback"), "5s", True, OutcomeStatus.FAILED),
        (("intent", "effect", "verification_failed", "rollback"), "1s", True, OutcomeStatus.ROLLED_BACK),
    ],
    ids=str,
)
def test_settling_says_what_is_known(
    target: FakeTarget, clock: Clock, steps: tuple[str, ...], live: str, is_healthy: bool, expected: OutcomeStatus
) -> None:
    """From the notes and the live state; nothing is written."""
    target.objects[UID] = body(live)
    target.healthy = is_healthy
    outcome = reconcile(plan(), target, steps=steps, pace=clock.pace, patience_s=5)
    assert (outcome.status, target.writes) == (expected, [])


def test_settling_a_restart_that_was_not_sent(target: FakeTarget, clock: Clock) -> None:
    """That the workload is healthy by now is no proof that it was restarted."""
    todo = plan(
        action=Action(kind=ActionKind.RESTART_WORKLOAD, target=UID),
        verification=(Check(kind=CheckKind.HEALTHY, target=UID),),
        rollback=(),
    )
    outcome = reconcile(todo, target, steps=("intent",), pace=clock.pace)
    assert outcome.status is OutcomeStatus.FAILED
    assert "nothing was done" in outcome.detail


@pytest.mark.parametrize("error", [Unreachable("no"), NotFound("no such kind")], ids=lambda e: type(e).__name__)
def test_settling_what_cant_be_read_is_unknown(target: FakeTarget, clock: Clock, error: PlumblineError) -> None:
    """No guess is made."""
    target.unreadable = error
    outcome = reconcile(plan(), target, steps=("intent",), pace=clock.pace)
    assert outcome.status is OutcomeStatus.UNKNOWN


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("foreseen", "path"),
    [(body("5s"), ""), (body("1s"), PATH), (body("4s"), PATH)],
    ids=["as approved", "write dropped", "another value"],
)
def test_what_the_target_would_make_of_it_decides(
    target: FakeTarget, clock: Clock, foreseen: Object, path: str
) -> None:
    """Where it is not what was approved, nothing is begun, and the place is named."""
    notes = Notes()
    target.foresee = lambda action: foreseen
    outcome = run(plan(), target, clock, notes)
    assert outcome.status is (OutcomeStatus.REFUSED if path else OutcomeStatus.SUCCEEDED)
    assert (len(target.writes), bool(notes.steps)) == ((0, False) if path else (1, True))
    assert path in outcome.detail


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (Invalid("a quota is used up"), OutcomeStatus.REFUSED),
        (Refused("may not"), OutcomeStatus.REFUSED),
        (Unreachable("a webhook is away"), OutcomeStatus.REFUSED),
        (Conflict("another version"), OutcomeStatus.SUCCEEDED),
    ],
    ids=lambda value: getattr(value, "value", None) or type(value).__name__,
)
def test_objection_to_the_rehearsal(
    target: FakeTarget, clock: Clock, error: PlumblineError, ends: OutcomeStatus
) -> None:
    """It is passed on and nothing is done; but a newer version may be the approved object all the same."""

    def objects(action: Action) -> None:
        raise error

    notes = Notes()
    target.foresee = objects
    outcome = run(plan(), target, clock, notes)
    assert outcome.status is ends
    if ends is OutcomeStatus.REFUSED:
        assert (target.writes, notes.steps) == ([], [])
        assert str(error) in outcome.detail
        assert "Nothing was done" in outcome.detail
