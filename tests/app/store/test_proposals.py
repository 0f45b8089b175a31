"""Proposals: who may approve what, until when, and that no way leads around it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from app.store.audit import AuditLog
from app.store.database import Database
from app.store.proposal_records import NEXT, Proposal, ProposalStatus
from app.store.proposals import Proposals
from app.store.users import PrincipalKind, Role, Users
from graph.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.app.store.samples import T0, Time, blast, minutes, plan

S = ProposalStatus


@pytest.fixture
def users(database: Database, audit: AuditLog, time: Time) -> Users:
    users = Users(database, audit, clock=time)
    for name in ("ana", "bo"):
        users.create(name, Role.APPROVER)
    users.create("root", Role.ADMIN)
    users.create("vi", Role.VIEWER)
    users.create("res", Role.RESPONDER)
    users.create("bot", Role.ADMIN, PrincipalKind.AGENT)
    return users


@pytest.fixture
def proposals(database: Database, audit: AuditLog, users: Users, time: Time) -> Proposals:
    return Proposals(database, audit, clock=time)


def _create(proposals: Proposals, *, target: str = "", now: datetime = T0, hold: str = "", **more: Any) -> Proposal:
    values: dict[str, Any] = {
        "incident_id": "INC-1",
        "plan": plan(target, hold=hold),
        "requester": "plumbline",
        "blast": blast(),
        "policy_version": "7",
        "required_approvals": 1,
        "expires_at": minutes(60),
        "now": now,
        "evidence": ("drift-1",),
    }
    return proposals.create(**(values | more))


def _approve(proposals: Proposals, id: str, who: str = "ana", *, now: datetime = T0, **more: Any) -> Proposal:
    return proposals.approve(id, approver=who, approver_roles=more.pop("roles", ("approver",)), digest=None, now=now)


def test_proposal_comes_back_as_it_was_made(proposals: Proposals) -> None:
    """Plan, blast radius and all."""
    made = _create(proposals)
    found = proposals.get("FIX-1")
    assert found == made
    assert (found.plan, found.blast, found.status) == (plan(), blast(), S.PENDING)
    assert found.evidence == ("drift-1",)
    assert len(found.digest) == 64


def test_approved_proposal_runs_once(proposals: Proposals, time: Time) -> None:
    """From the question to the verified end."""
    made = _create(proposals)
    approved = proposals.approve("FIX-1", approver="ana", approver_roles=["approver"], digest=made.digest, now=T0)
    assert (approved.status, approved.start_by) == (S.APPROVED, minutes(10))
    assert [(a.approver, a.digest) for a in approved.approvals] == [("ana", made.digest)]
    run = proposals.claim_approved("executor", minutes(1))
    assert run is not None
    assert (run.id, run.proposal_id, run.incident_id, run.plan) == ("RUN-1", "FIX-1", "INC-1", plan())
    assert proposals.claim_approved("executor", minutes(1)) is None
    proposals.note(run, "intent", {"before": {"a": 1}})
    proposals.note(run, "effect", {})
    done = proposals.finish(run, "succeeded", "Done, and verified.")
    assert (done.status, done.note) == (S.SUCCEEDED, "Done, and verified.")
    assert done.execution is not None
    assert [(n.seq, n.step, n.detail) for n in done.execution.notes] == [
        (1, "intent", {"before": {"a": 1}}),
        (2, "effect", {}),
    ]
    assert proposals.claim_approved("executor", minutes(2)) is None


def test_every_step_is_in_the_audit_log(proposals: Proposals, audit: AuditLog) -> None:
    """In order, with who did it."""
    _create(proposals)
    _approve(proposals, "FIX-1")
    run = proposals.claim_approved("executor", T0)
    assert run is not None
    proposals.note(run, "intent", {})
    proposals.finish(run, S.FAILED, {"why": "x"})
    assert [(e.action, e.actor) for e in audit.entries(subject="FIX-1")] == [
        ("proposal.created", "plumbline"),
        ("proposal.approved", "ana"),
        ("execution.claimed", "executor"),
        ("execution.intent", "executor"),
        ("proposal.failed", "executor"),
    ]
    assert audit.verify().ok


@pytest.mark.parametrize(
    ("who", "roles", "requester"),
    [
        pytest.param("plumbline", ("approver",), "plumbline", id="the assistant"),
        pytest.param("bot", ("admin",), "plumbline", id="an agent with a high role"),
        pytest.param("ana", ("approver",), "ana", id="the requester"),
        pytest.param("vi", ("approver",), "plumbline", id="a viewer who claims more"),
        pytest.param("res", ("responder",), "plumbline", id="a responder"),
        pytest.param("ana", ("viewer",), "plumbline", id="a login limited to viewing"),
        pytest.param("ana", (), "plumbline", id="a login without roles"),
        pytest.param("ana", ("nonsense",), "plumbline", id="an unknown role"),
        pytest.param("nobody", ("approver",), "plumbline", id="an unknown name"),
    ],
)
def test_may_not_approve(proposals: Proposals, who: str, roles: tuple[str, ...], requester: str) -> None:
    """Only another person with the role may."""
    _create(proposals, requester=requester)
    with pytest.raises(NotAllowed):
        _approve(proposals, "FIX-1", who, roles=roles)
    assert proposals.get("FIX-1").status is S.PENDING
    assert proposals.claim_approved("executor", T0) is None


def test_disabled_person_may_not_approve(proposals: Proposals, users: Users) -> None:
    """The right ends with the account."""
    _create(proposals)
    users.disable("ana", actor="root")
    with pytest.raises(NotAllowed):
        _approve(proposals, "FIX-1")


def test_two_people_are_two(proposals: Proposals) -> None:
    """One person's second yes does not count."""
    _create(proposals, required_approvals=2)
    for _ in range(3):
        assert _approve(proposals, "FIX-1").status is S.PENDING
    assert proposals.claim_approved("executor", T0) is None
    assert _approve(proposals, "FIX-1", "root", roles=("admin",)).status is S.APPROVED


def test_right_lost_before_the_last_yes_does_not_count(proposals: Proposals, users: Users) -> None:
    """Two are needed, and one of them may no more."""
    _create(proposals, required_approvals=2)
    _approve(proposals, "FIX-1")
    users.set_role("ana", Role.VIEWER, actor="root")
    assert _approve(proposals, "FIX-1", "bo").status is S.PENDING


def test_right_lost_before_the_start_does_not_count(proposals: Proposals, users: Users) -> None:
    """The executor looks again."""
    _create(proposals)
    _approve(proposals, "FIX-1")
    users.disable("ana", actor="root")
    assert proposals.claim_approved("executor", T0) is None
    assert proposals.get("FIX-1").status is S.REFUSED


def test_yes_to_something_else_is_refused(proposals: Proposals) -> None:
    """The digest that was shown is not that of the proposal."""
    made = _create(proposals)
    for digest in ("", "0" * 64, made.plan.digest):
        with pytest.raises(Conflict, match="not what was shown"):
            proposals.approve("FIX-1", approver="ana", approver_roles=["approver"], digest=digest, now=T0)


def test_plan_on_hold_can_not_be_approved(proposals: Proposals) -> None:
    """It says why."""
    assert _create(proposals, hold="INC-2 is being fixed").status is S.HELD
    with pytest.raises(Conflict, match="INC-2 is being fixed"):
        _approve(proposals, "FIX-1")


@pytest.mark.parametrize("minute", [60, 61, 10_000])
def test_unanswered_proposal_expires(proposals: Proposals, minute: int) -> None:
    """At its end it is too late, whatever the clock says afterwards."""
    _create(proposals)
    with pytest.raises(Conflict, match="expired"):
        _approve(proposals, "FIX-1", now=minutes(minute))
    assert proposals.get("FIX-1").status is S.EXPIRED
    with pytest.raises(Conflict):
        _approve(proposals, "FIX-1", now=T0)


def test_approval_that_is_not_used_expires(proposals: Proposals) -> None:
    """Ten minutes after the last yes."""
    _create(proposals)
    _approve(proposals, "FIX-1", now=minutes(5))
    assert proposals.claim_approved("executor", minutes(15)) is None
    assert proposals.get("FIX-1").status is S.EXPIRED
    assert proposals.claim_approved("executor", minutes(6)) is None


def test_late_approval_ends_with_the_proposal(proposals: Proposals) -> None:
    """Nothing starts after `expires_at`."""
    _create(proposals)
    assert _approve(proposals, "FIX-1", now=minutes(58)).start_by == minutes(60)
    assert proposals.claim_approved("executor", minutes(60)) is None


def test_clock_that_runs_back_voids_an_approval(proposals: Proposals) -> None:
    """An hour lost and found again would double the ten minutes."""
    _create(proposals)
    _approve(proposals, "FIX-1", now=minutes(30))
    assert proposals.claim_approved("executor", minutes(-30)) is None
    assert proposals.claim_approved("executor", minutes(31)) is None
    assert proposals.get("FIX-1").status is S.EXPIRED


def test_what_is_due_is_closed(proposals: Proposals) -> None:
    """Pending, held and approved ones alike; each once."""
    _create(proposals, target="a")
    _create(proposals, target="b", hold="wait")
    _create(proposals, target="c")
    _approve(proposals, "FIX-3")
    assert proposals.expire_due(minutes(9)) == []
    assert proposals.expire_due(minutes(10)) == ["FIX-3"]
    assert sorted(proposals.expire_due(minutes(60))) == ["FIX-1", "FIX-2"]
    assert proposals.expire_due(minutes(61)) == []


def test_new_plan_replaces_the_old_one(proposals: Proposals) -> None:
    """At most one open question for a cause, and an old yes does not carry over."""
    _create(proposals)
    _approve(proposals, "FIX-1")
    newer = _create(proposals, plan=plan(observed="e" * 64))
    assert proposals.get("FIX-1").status is S.SUPERSEDED
    assert (newer.id, newer.status, newer.approvals) == ("FIX-2", S.PENDING, ())
    assert proposals.claim_approved("executor", T0) is None


def test_same_plan_is_asked_once(proposals: Proposals) -> None:
    """A second look with the same result does not take the question away from people."""
    made = _create(proposals)
    assert _create(proposals, now=minutes(1)) == made
    _approve(proposals, "FIX-1")
    assert _create(proposals, now=minutes(1)).id == "FIX-2"


def test_other_target_is_another_question(proposals: Proposals) -> None:
    """Unless both answer the same cause."""
    _create(proposals, target="a", cause="x")
    _create(proposals, target="b")
    assert [p.status for p in proposals.list()] == [S.PENDING, S.PENDING]
    _create(proposals, target="c", cause="x")
    assert [p.status for p in proposals.list(incident_id="INC-1")] == [S.PENDING, S.PENDING, S.SUPERSEDED]


def test_nothing_new_while_it_runs(proposals: Proposals) -> None:
    """The running one has to end first."""
    _create(proposals)
    _approve(proposals, "FIX-1")
    proposals.claim_approved("executor", T0)
    with pytest.raises(Conflict, match="FIX-1"):
        _create(proposals)


def test_one_run_at_a_time_for_a_target(proposals: Proposals) -> None:
    """Also when the approvals come from two incidents, and also while the first one's end is unknown."""
    for incident in ("INC-1", "INC-2"):
        made = _create(proposals, incident_id=incident)
        _approve(proposals, made.id)
    first = proposals.claim_approved("executor", T0)
    assert first is not None
    assert proposals.claim_approved("other", T0) is None
    (left,) = proposals.interrupted(minutes(1))
    assert proposals.claim_approved("other", T0) is None
    proposals.finish(left, S.SUCCEEDED, "seen")
    second = proposals.claim_approved("other", T0)
    assert second is not None
    assert second.proposal_id == "FIX-2"


def test_rejected_proposal_is_closed(proposals: Proposals) -> None:
    """With the reason; also an approved one that has not started."""
    _create(proposals)
    assert proposals.reject("FIX-1", who="bo", reason="not now", now=T0).note == "not now"
    with pytest.raises(Conflict):
        _approve(proposals, "FIX-1")
    _create(proposals)
    _approve(proposals, "FIX-2")
    proposals.reject("FIX-2", who="bo", reason="changed my mind", now=T0)
    assert proposals.claim_approved("executor", T0) is None
    with pytest.raises(Conflict):
        proposals.reject("FIX-2", who="bo", reason="again", now=T0)


def test_dead_executor_leaves_an_unknown_end(proposals: Proposals, time: Time) -> None:
    """It is reported until somebody finds out, never run again, and the dead one can't come back."""
    _create(proposals)
    _approve(proposals, "FIX-1")
    run = proposals.claim_approved("executor", T0)
    assert run is not None
    proposals.note(run, "intent", {"x": 1})
    assert proposals.interrupted(T0) == []
    (left,) = proposals.interrupted(minutes(1))
    assert (left.id, left.status, left.notes[0].detail) == ("RUN-1", S.UNKNOWN, {"x": 1})
    assert proposals.get("FIX-1").status is S.UNKNOWN
    assert proposals.claim_approved("executor", minutes(1)) is None
    late: tuple[Callable[[], object], ...] = (
        lambda: proposals.note(run, "effect", {}),
        lambda: proposals.finish(run, S.SUCCEEDED, "late"),
        lambda: proposals.note(left, "effect", {}),
    )
    for act in late:
        with pytest.raises(Conflict):
            act()
    assert [e.id for e in proposals.interrupted(minutes(2))] == ["RUN-1"]
    assert proposals.finish(left, S.UNKNOWN, "can't be read").status is S.UNKNOWN
    assert proposals.finish(left, S.SUCCEEDED, "seen").status is S.SUCCEEDED
    assert proposals.interrupted(minutes(3)) == []


def test_ended_execution_stays_ended(proposals: Proposals) -> None:
    """There is one end."""
    _create(proposals)
    _approve(proposals, "FIX-1")
    run = proposals.claim_approved("executor", T0)
    assert run is not None
    with pytest.raises(Conflict):
        proposals.finish(run, S.PENDING, "")
    proposals.finish(run, S.ROLLED_BACK, "")
    for act in (lambda: proposals.finish(run, S.SUCCEEDED, ""), lambda: proposals.note(run, "effect", {})):
        with pytest.raises(Conflict):
            act()


@pytest.mark.parametrize("needed", [0, -1])
def test_approval_can_not_be_waived(proposals: Proposals, needed: int) -> None:
    """No effect without a person."""
    with pytest.raises(Invalid):
        _create(proposals, required_approvals=needed)


def test_proposal_must_expire_later(proposals: Proposals) -> None:
    """One that is over already is no question."""
    with pytest.raises(Invalid):
        _create(proposals, now=minutes(60))


@pytest.mark.parametrize("id", ["FIX-9", "FIX-0", "9", "FIX-99999999999", "INC-1"])
def test_unknown_proposal_is_not_found(proposals: Proposals, id: str) -> None:
    """Also when the id is none."""
    with pytest.raises(NotFound):
        proposals.get(id)


def test_list_pages_through(proposals: Proposals) -> None:
    """Newest first, by status, incident or all."""
    for number in range(4):
        _create(proposals, target=str(number), incident_id=f"INC-{number % 2}")
    proposals.reject("FIX-2", who="bo", reason="", now=T0)
    assert [p.id for p in proposals.list(limit=2)] == ["FIX-4", "FIX-3"]
    assert [p.id for p in proposals.list(limit=2, before="FIX-3")] == ["FIX-2", "FIX-1"]
    assert [p.id for p in proposals.list(S.REJECTED)] == ["FIX-2"]
    assert [p.id for p in proposals.list(incident_id="INC-1")] == ["FIX-4", "FIX-2"]


def test_no_state_leads_back() -> None:
    """What is closed or done never becomes approvable or startable again."""
    reachable: dict[ProposalStatus, set[ProposalStatus]] = {}
    for start in ProposalStatus:
        seen: set[ProposalStatus] = set()
        queue = list(NEXT.get(start, ()))
        while queue:
            state = queue.pop()
            if state not in seen:
                seen.add(state)
                queue += NEXT.get(state, ())
        reachable[start] = seen
    assert not any(start in after for start, after in reachable.items())
    assert {s for s, after in reachable.items() if S.RUNNING in after} == {S.PENDING, S.APPROVED}
