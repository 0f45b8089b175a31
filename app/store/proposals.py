"""Proposals, their approvals and their executions: the only way to an effect on an environment.

One row moves through the states of `proposal_records.NEXT`. An approval is bound to a digest of the whole proposal and
sealed with a key that the database does not hold. Starting it is a compare-and-set that one process wins, once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, col, exists, func, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.store.audit import AuditLog
from app.store.clock import Clock, utc_now
from app.store.database import Database, lock
from app.store.proposal_records import (
    CLOCK_SKEW,
    FINAL,
    NEXT,
    OPEN,
    START_WITHIN,
    Execution,
    Proposal,
    ProposalStatus,
    approval_content,
    content_digest,
    execution_id,
    execution_of,
    has_expired,
    proposal_id,
    proposal_of,
)
from app.store.rows.proposals import ApprovalRow, ExecutionRow, NoteRow, ProposalRow
from app.store.upsert import row_count
from app.store.users import Role, human_with_role
from graph.action import Plan
from graph.blast_radius import BlastRadius
from graph.codec import decode, encode
from graph.document import Json
from graph.errors import Conflict, Invalid, NotAllowed, NotFound

_OPEN = tuple(s.value for s in OPEN)


class Proposals:
    """All proposals. Every write leaves an audit entry in the same transaction."""

    def __init__(self, database: Database, audit: AuditLog, *, clock: Clock = utc_now) -> None:
        """`clock` dates executions and their notes; whatever expires is judged by the `now` that callers give."""
        self._database = database
        self._audit = audit
        self._clock = clock

    def create(
        self,
        *,
        incident_id: str,
        plan: Plan,
        requester: str,
        blast: BlastRadius,
        policy_version: str,
        required_approvals: int,
        expires_at: datetime,
        now: datetime,
        cause: str = "",
        reasons: Sequence[str] = (),
        evidence: Sequence[str] = (),
    ) -> Proposal:
        """Store a proposal; it takes the place of open ones of its incident for the same cause, or target and action.

        The same plan again, while people are still asked about it, is not asked a second time: the one there is comes
        back. Any other plan voids what was approved before.

        Args:
            incident_id: the incident it answers.
            plan: what would be done. A plan on hold is stored, but can't be approved.
            requester: who asks; never one of the approvers.
            blast: what the plan itself reaches.
            policy_version: version of the policy that judged it.
            required_approvals: distinct people, at least one.
            expires_at: UTC; nobody may approve or start it after that.
            now: UTC
            cause: what it answers; target and kind of action by default.
            reasons: what the policy said about it.
            evidence: ids of the observations that it rests on.

        Raises:
            Conflict: one for the same cause is being executed.
            Invalid: it asks for fewer than one approval, or is expired already.
        """
        if required_approvals < 1:
            raise Invalid(f"a proposal needs at least one approval, not {required_approvals}")
        if expires_at <= now:
            raise Invalid("a proposal must expire after it is made")
        row = ProposalRow(
            incident_id=incident_id,
            environment=plan.environment,
            target=plan.action.target,
            kind=plan.action.kind.value,
            cause=cause or f"{plan.action.kind.value} {plan.action.target}",
            status=(ProposalStatus.HELD if plan.hold else ProposalStatus.PENDING).value,
            requester=requester,
            policy_version=policy_version,
            required_approvals=required_approvals,
            reasons=list(reasons),
            evidence=list(evidence),
            plan=encode(plan),
            blast=encode(blast),
            digest="",
            created_at=now,
            expires_at=expires_at,
            changed_at=now,
        )
        with self._database.session() as session:
            lock(session, f"proposals of {incident_id}")
            known = self._same_question(session, row, plan, now)
            if known is not None:
                return self._full(session, known)
            replaced = self._supersede(session, row, now)
            session.add(row)
            session.flush()
            row.digest = content_digest(row)
            self._tell(
                session,
                "proposal.created",
                row,
                requester,
                {"title": plan.title, "hold": plan.hold, "digest": row.digest, "plan_digest": plan.digest}
                | {"replaces": replaced},
            )
            return proposal_of(row, (), None)

    def get(self, id: str) -> Proposal:
        """Return one proposal, with its approvals and its execution.

        Raises:
            NotFound: there is none with this id.
        """
        with self._database.reading() as session:
            return self._full(session, self._row(session, id))

    def list(
        self,
        status: ProposalStatus | None = None,
        incident_id: str | None = None,
        *,
        limit: int = 100,
        before: str | None = None,
    ) -> Sequence[Proposal]:
        """Return proposals, newest first; `before` continues after the last id of the page before."""
        statement = select(ProposalRow).order_by(col(ProposalRow.number).desc()).limit(limit)
        if status is not None:
            statement = statement.where(ProposalRow.status == status.value)
        if incident_id is not None:
            statement = statement.where(ProposalRow.incident_id == incident_id)
        if before is not None:
            statement = statement.where(col(ProposalRow.number) < _number(before))
        with self._database.reading() as session:
            return [self._full(session, row) for row in session.exec(statement).all()]

    def approve(
        self, id: str, *, approver: str, approver_roles: Collection[str], digest: str | None, now: datetime
    ) -> Proposal:
        """Count a person's yes; with the last one that is needed, the executor may start.

        The same person's second yes changes nothing.

        Args:
            id: the proposal.
            approver: name of the user; the stored role of this moment decides, together with `approver_roles`.
            approver_roles: roles of the request, e.g. those a token is limited to.
            digest: the `Proposal.digest` that the person was shown; None when it was not shown.
            now: UTC

        Raises:
            Conflict: not pending, expired, on hold, or not the proposal that was shown.
            NotAllowed: the approver is the requester, no person, or lacks the role.
        """
        with self._database.session() as session:
            row = self._row(session, id, for_update=True)
            if not self._expire(session, row, now):
                self._vote(session, row, approver, approver_roles, digest, now)
                return self._full(session, row)
        raise Conflict(f"{id} has expired; ask for a new proposal")

    def reject(self, id: str, *, who: str, reason: str, now: datetime) -> Proposal:
        """Say no to an open proposal, also to an approved one that has not started.

        Raises:
            Conflict: it is not open any more.
        """
        with self._database.session() as session:
            row = self._row(session, id, for_update=True)
            if not self._expire(session, row, now):
                self._move(session, row, ProposalStatus.REJECTED, now, actor=who, note=reason)
                return self._full(session, row)
        raise Conflict(f"{id} has expired; there is nothing to reject")

    def expire_due(self, now: datetime) -> Sequence[str]:
        """Close what waited too long; return the ids."""
        due = or_(
            col(ProposalRow.expires_at) <= now,
            col(ProposalRow.start_by) <= now,
            col(ProposalRow.changed_at) > now + CLOCK_SKEW,
        )
        statement = select(ProposalRow).where(col(ProposalRow.status).in_(_OPEN), due)
        with self._database.reading() as session:
            if session.exec(statement.limit(1)).first() is None:
                return []
        with self._database.session() as session:
            rows = session.exec(statement.with_for_update(skip_locked=True)).all()
            return [proposal_id(row.number) for row in rows if self._expire(session, row, now)]

    def claim_approved(self, executor: str, now: datetime) -> Execution | None:
        """Take one approved proposal to execute it; no other process ever gets the same one.

        What is approved but not exactly what people saw, or not by people who may still approve, is refused here. A
        target with an execution whose end is not known is left alone.

        Raises:
            Conflict: the database is older than the exported end of the audit log, so that no approval can be trusted.
        """
        approved = select(ProposalRow.number).where(ProposalRow.status == ProposalStatus.APPROVED.value)
        with self._database.reading() as session:
            # Asked twice a second, and mostly there is nothing: the rest is for when there is.
            if session.exec(approved.limit(1)).first() is None:
                return None
        self.expire_due(now)
        startable = self._startable()
        with self._database.reading() as session:
            waiting = session.exec(startable.limit(1)).first()
        while waiting is not None:
            with self._database.session() as session:
                self._audit.check_not_behind(session)
                waiting = session.exec(startable.limit(1).with_for_update(skip_locked=True)).first()
                if waiting is None:
                    return None
                if self._expire(session, waiting, now):
                    continue
                problem = self._problem(session, waiting)
                if problem:
                    self._move(session, waiting, ProposalStatus.REFUSED, now, actor=executor, note=problem)
                    continue
                return self._start(session, waiting, executor, now)
        return None

    def note(self, execution: Execution, step: str, detail: Json) -> None:
        """Store, durably, what the execution is about to do or saw. Call it before each effect.

        Raises:
            Conflict: this executor lost the execution; it must not go on.
        """
        with self._database.session() as session:
            run, row = self._held(session, execution)
            assert run.number is not None
            seq = session.exec(select(func.count()).where(NoteRow.execution == run.number)).one() + 1
            session.add(NoteRow(execution=run.number, seq=seq, at=self._clock(), step=step, detail=encode(detail)))
            self._tell(session, f"execution.{step}", row, run.executor, {"execution": execution.id, "note": seq})

    def finish(self, execution: Execution, status: ProposalStatus | str, detail: Json) -> Proposal:
        """Store how an execution ended. One that ended as unknown can be finished later, from what is seen then.

        Raises:
            Conflict: this executor lost the execution, or it has ended already.
        """
        status = ProposalStatus(status)
        if status not in FINAL | {ProposalStatus.UNKNOWN}:
            raise Conflict(f"an execution can't end as {status.value!r}")
        now = self._clock()
        with self._database.session() as session:
            run, row = self._held(session, execution, also_unknown=True)
            run.status, run.finished_at, run.detail = status.value, now, encode(detail)
            session.add(run)
            if row.status != status.value:
                note = detail if isinstance(detail, str) else ""
                self._move(session, row, status, now, actor=run.executor, note=note, execution=execution.id)
            return self._full(session, row)

    def interrupted(self, executor_started_at: datetime) -> Sequence[Execution]:
        """Return executions whose end nobody recorded. They are unknown from here on, and never run again.

        Args:
            executor_started_at: UTC; what runs since before that was left by an executor that died.
        """
        left = and_(ExecutionRow.status == "running", ExecutionRow.started_at < executor_started_at)
        statement = select(ExecutionRow).where(or_(ExecutionRow.status == "unknown", left))
        with self._database.session() as session:
            runs = session.exec(statement.order_by(col(ExecutionRow.number)).with_for_update()).all()
            rows = {run.proposal: self._row(session, proposal_id(run.proposal), for_update=True) for run in runs}
            for run in runs:
                if run.status == ProposalStatus.RUNNING:
                    # The old executor may only be slow: with the new fence it can't record anything any more.
                    run.status, run.fence = ProposalStatus.UNKNOWN.value, run.fence + 1
                    session.add(run)
                    self._move(
                        session,
                        rows[run.proposal],
                        ProposalStatus.UNKNOWN,
                        self._clock(),
                        actor=run.executor,
                        note="The executor ended in between; whether the effect happened is not known.",
                        execution=execution_id(run.number),
                    )
            return [execution_of(run, rows[run.proposal], _notes(session, run)) for run in runs]

    def void_restored(self, *, actor: str, reason: str, now: datetime) -> Sequence[str]:
        """After a restored backup: close everything open, then let the audit log go on. Return the ids closed."""
        with self._database.session() as session:
            statement = select(ProposalRow).where(col(ProposalRow.status).in_(_OPEN)).with_for_update()
            rows = session.exec(statement).all()
            for row in rows:
                self._move(session, row, ProposalStatus.REFUSED, now, actor=actor, note=f"Restored: {reason}")
        self._audit.accept_restored(actor=actor, reason=reason)
        return [proposal_id(row.number) for row in rows]

    def _vote(
        self,
        session: Session,
        row: ProposalRow,
        approver: str,
        roles: Collection[str],
        digest: str | None,
        now: datetime,
    ) -> None:
        id = proposal_id(row.number)
        if row.status == ProposalStatus.HELD:
            raise Conflict(f"{id} is on hold and can't be approved: {row.plan['hold']}")
        if row.status != ProposalStatus.PENDING:
            raise Conflict(f"{id} is {row.status} and can't be approved")
        if digest is not None and digest != row.digest:
            raise Conflict(f"{id} is not what was shown: look at it again")
        if content_digest(row) != row.digest:
            raise Conflict(f"{id} was changed in the database after it was made; it can't be approved")
        human_with_role(session, approver, Role.APPROVER)
        if not any(Role(r).includes(Role.APPROVER) for r in roles if r in set(Role)):
            raise NotAllowed(f"this login of {approver!r} may not approve")
        if approver == row.requester:
            raise NotAllowed(f"{approver!r} asked for {id}; somebody else has to approve it")
        assert row.number is not None
        if session.get(ApprovalRow, (row.number, approver)) is not None:
            return
        vote = ApprovalRow(
            proposal=row.number, approver=approver, roles=sorted(roles), digest=row.digest, at=now, seal=""
        )
        vote.seal = self._audit.seal("approval", approval_content(vote))
        session.add(vote)
        session.flush()
        if len(self._valid_approvals(session, row)) >= row.required_approvals:
            row.start_by = min(now + START_WITHIN, row.expires_at)
            self._move(session, row, ProposalStatus.APPROVED, now, actor=approver, digest=row.digest)
        else:
            self._tell(session, "proposal.vote", row, approver, {"digest": row.digest})

    def _problem(self, session: Session, row: ProposalRow) -> str:
        """Say why an approved proposal must not start; empty when it may."""
        if content_digest(row) != row.digest:
            return "The stored plan is not the one that was approved."
        if session.exec(select(ExecutionRow.number).where(ExecutionRow.proposal == row.number)).first() is not None:
            return "It was executed before; an approval is used up by that."
        if row.plan["hold"]:
            return "The plan is on hold."
        if len(self._valid_approvals(session, row)) < row.required_approvals:
            return "There are not enough approvals by people who may approve this."
        return ""

    def _valid_approvals(self, session: Session, row: ProposalRow) -> Sequence[str]:
        """Names of distinct people whose yes to exactly this proposal counts now."""
        names = []
        for vote in session.exec(select(ApprovalRow).where(ApprovalRow.proposal == row.number)).all():
            sealed = vote.seal == self._audit.seal("approval", approval_content(vote))
            if not sealed or vote.digest != row.digest or vote.approver == row.requester or vote.at >= row.expires_at:
                continue
            try:
                names.append(human_with_role(session, vote.approver, Role.APPROVER).name)
            except NotAllowed:
                continue
        return names

    def _startable(self) -> SelectOfScalar[ProposalRow]:
        busy = aliased(ProposalRow)
        locked = exists().where(
            col(busy.environment) == ProposalRow.environment,
            col(busy.target) == ProposalRow.target,
            col(busy.status).in_(("running", "unknown")),
        )
        waiting = select(ProposalRow).where(ProposalRow.status == ProposalStatus.APPROVED.value, ~locked)
        return waiting.order_by(col(ProposalRow.changed_at), col(ProposalRow.number))

    def _start(self, session: Session, row: ProposalRow, executor: str, now: datetime) -> Execution | None:
        """Move `approved` to `running`; None when another process was faster, for this row or for its target."""
        compare_and_set = update(ProposalRow).where(
            col(ProposalRow.number) == row.number,
            col(ProposalRow.status) == ProposalStatus.APPROVED.value,
            col(ProposalRow.digest) == row.digest,
            col(ProposalRow.start_by) > now,
        )
        assert row.number is not None
        try:
            with session.begin_nested():
                won = session.execute(compare_and_set.values(status=ProposalStatus.RUNNING.value, changed_at=now))
                if not row_count(won):
                    return None
                run = ExecutionRow(
                    proposal=row.number, executor=executor, fence=1, status="running", started_at=now, detail={}
                )
                session.add(run)
                session.flush()
        except IntegrityError:
            return None
        session.refresh(row)
        told = {"execution": execution_id(run.number), "digest": row.digest}
        self._tell(session, "execution.claimed", row, executor, told)
        return execution_of(run, row)

    def _same_question(self, session: Session, row: ProposalRow, plan: Plan, now: datetime) -> ProposalRow | None:
        """Return the proposal that asks people exactly this already."""
        asked = select(ProposalRow).where(
            ProposalRow.incident_id == row.incident_id,
            ProposalRow.cause == row.cause,
            ProposalRow.requester == row.requester,
            ProposalRow.policy_version == row.policy_version,
            ProposalRow.required_approvals == row.required_approvals,
            col(ProposalRow.status).in_((ProposalStatus.PENDING.value, ProposalStatus.HELD.value)),
        )
        found = session.exec(asked.with_for_update()).first()
        if found is None or has_expired(found, now) or content_digest(found) != found.digest:
            return None
        return found if decode(Plan, found.plan).digest == plan.digest else None

    def _supersede(self, session: Session, row: ProposalRow, now: datetime) -> Sequence[str]:
        same = or_(ProposalRow.cause == row.cause, and_(ProposalRow.target == row.target, ProposalRow.kind == row.kind))
        live = col(ProposalRow.status).in_((*_OPEN, ProposalStatus.RUNNING.value))
        statement = select(ProposalRow).where(ProposalRow.incident_id == row.incident_id, same, live)
        old = session.exec(statement.with_for_update()).all()
        for other in old:
            if other.status == ProposalStatus.RUNNING:
                raise Conflict(f"{proposal_id(other.number)} for the same cause is being executed")
        for other in old:
            note = "A newer proposal replaced it."
            self._move(session, other, ProposalStatus.SUPERSEDED, now, actor=row.requester, note=note)
        return [proposal_id(other.number) for other in old]

    def _expire(self, session: Session, row: ProposalRow, now: datetime) -> bool:
        if not has_expired(row, now):
            return False
        approved = row.status == ProposalStatus.APPROVED
        note = "Approved, but not started in time." if approved else "Nobody answered in time."
        self._move(session, row, ProposalStatus.EXPIRED, now, actor="plumbline", note=note)
        return True

    def _move(
        self,
        session: Session,
        row: ProposalRow,
        to: ProposalStatus,
        now: datetime,
        *,
        actor: str,
        note: str = "",
        **told: str,
    ) -> None:
        before = ProposalStatus(row.status)
        if to not in NEXT.get(before, frozenset()):
            raise Conflict(f"{proposal_id(row.number)} is {before.value} and can't become {to.value}")
        row.status, row.note, row.changed_at = to.value, note, now
        self._tell(session, f"proposal.{to.value}", row, actor, {"before": before.value, "note": note, **told})

    def _held(
        self, session: Session, execution: Execution, *, also_unknown: bool = False
    ) -> tuple[ExecutionRow, ProposalRow]:
        """Lock the rows of an execution, if it is still this executor's."""
        row = self._row(session, execution.proposal_id, for_update=True)
        statement = select(ExecutionRow).where(ExecutionRow.proposal == row.number).with_for_update()
        run = session.exec(statement).one()
        running = run.status == ProposalStatus.RUNNING or (also_unknown and run.status == ProposalStatus.UNKNOWN)
        if run.fence != execution.fence or not running:
            raise Conflict(f"{execution.id} is {run.status} and not in the hands of this executor any more")
        return run, row

    def _full(self, session: Session, row: ProposalRow) -> Proposal:
        votes = select(ApprovalRow).where(ApprovalRow.proposal == row.number).order_by(col(ApprovalRow.at))
        run = session.exec(select(ExecutionRow).where(ExecutionRow.proposal == row.number)).first()
        return proposal_of(row, session.exec(votes).all(), run, () if run is None else _notes(session, run))

    def _row(self, session: Session, id: str, *, for_update: bool = False) -> ProposalRow:
        row = session.get(ProposalRow, _number(id), with_for_update=for_update or None)
        if row is None:
            raise NotFound(f"no proposal {id!r}: the list of proposals names those there are")
        return row

    def _tell(self, session: Session, action: str, row: ProposalRow, actor: str, detail: Json) -> None:
        session.add(row)
        session.flush()
        detail = {"incident": row.incident_id, **detail}
        self._audit.append(session, actor=actor, action=action, subject=proposal_id(row.number), detail=detail)


def _notes(session: Session, run: ExecutionRow) -> Sequence[NoteRow]:
    return session.exec(select(NoteRow).where(NoteRow.execution == run.number).order_by(col(NoteRow.seq))).all()


def _number(id: str) -> int:
    match = re.fullmatch(r"FIX-([1-9][0-9]{0,8})", id, re.ASCII)
    if match is None:
        raise NotFound(f"no proposal {id!r}: ids look like FIX-4; the list of proposals names those there are")
    return int(match[1])
