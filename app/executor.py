"""The executor: a process of its own that alone holds write access. It takes approved plans, one at a time.

It shares nothing with the service but the database, and reads its credentials from a file of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.alone import alone
from app.looks import Looks
from app.store.incidents import Incidents
from app.store.proposal_records import Execution
from app.store.proposals import Proposals
from graph.document import Object
from graph.errors import Conflict, NotFound, PlumblineError
from graph.incident import IncidentStatus
from graph.policy import POLICY_VERSION
from tools.actions.execution import Outcome, OutcomeStatus, Pace, execute, reconcile
from tools.actions.target import Target
from tools.failpoints import failpoint

_log = structlog.get_logger(__name__)

_LOOK_AGAIN_S = 30.0
"""Pause between two looks at an execution whose end is not known; its target is locked meanwhile."""


class Executor:
    """Claims approved plans and runs them against the targets of their environment."""

    def __init__(
        self,
        *,
        proposals: Proposals,
        incidents: Incidents,
        looks: Looks,
        targets: Mapping[str, Sequence[Target]],
        poll_s: float,
    ) -> None:
        """`targets` maps the name of an environment to what may be written there."""
        self._proposals = proposals
        self._incidents = incidents
        self._looks = looks
        self._targets = targets
        self._poll_s = poll_s
        self._name = f"executor:{os.getpid()}"
        self._stop = threading.Event()
        self._pace = Pace(monotonic=time.monotonic, sleep=time.sleep)
        self._look_again_at = 0.0

    def run(self) -> None:
        """Work until told to stop. First settle what a killed executor left behind; that is never run again."""
        while not self._stop.is_set():
            try:
                if time.monotonic() >= self._look_again_at:
                    self.settle()
                busy = self.run_one()
            except Exception as error:  # the run edge: what ended in the middle is settled before anything else is done
                _log.warning("executor_waits", error=str(error), exc_info=not isinstance(error, PlumblineError))
                self._look_again_at = 0.0
                busy = False
            if not busy:
                self._stop.wait(self._poll_s)

    def settle(self) -> None:
        """Find out how executions ended whose end nobody recorded. They are never run again."""
        for execution in self._proposals.interrupted(datetime.now(UTC)):
            self._settle(execution)
        self._look_again_at = time.monotonic() + _LOOK_AGAIN_S

    def run_one(self) -> bool:
        """Claim and run one approved plan; False when there is none."""
        execution = self._proposals.claim_approved(self._name, now=datetime.now(UTC))
        if execution is None:
            return False
        failpoint("execution.claimed")
        plan = execution.plan
        _log.info("executing", proposal=execution.proposal_id, target=plan.action.target)
        self._move(execution.incident_id, IncidentStatus.FIXING)
        self._end(execution, self._perform(execution))
        return True

    def stop(self) -> None:
        """End after the plan at hand."""
        self._stop.set()

    def _perform(self, execution: Execution) -> Outcome:
        plan = execution.plan
        if plan.policy_version != POLICY_VERSION:
            return Outcome(
                status=OutcomeStatus.REFUSED,
                detail="The policy changed since this was proposed. Nothing was done; it needs a new look.",
            )
        try:
            target = self._target(plan.environment, plan.action.target)
        except NotFound as error:
            return Outcome(status=OutcomeStatus.REFUSED, detail=f"{error} Nothing was done.")

        def note(step: str, detail: Object) -> None:
            self._proposals.note(execution, step, detail)

        return execute(plan, target, note=note, pace=self._pace)

    def _settle(self, execution: Execution) -> None:
        was_told = execution.finished_at is not None
        outcome = self._how_it_ended(execution, patience_s=0 if was_told else execution.plan.verify_within_s)
        if outcome.status is OutcomeStatus.UNKNOWN and was_told:
            return
        self._end(execution, outcome)

    def _how_it_ended(self, execution: Execution, *, patience_s: float) -> Outcome:
        plan = execution.plan
        steps = {note.step for note in execution.notes}
        try:
            target = self._target(plan.environment, plan.action.target)
            return reconcile(plan, target, steps=steps, pace=self._pace, patience_s=patience_s)
        except NotFound as error:
            return Outcome(status=OutcomeStatus.UNKNOWN, detail=f"The end was not recorded. {error}")
        except Exception as error:  # the run edge: one that can't be settled must not hold up the others
            _log.exception("settling_failed", proposal=execution.proposal_id)
            detail = f"The end was not recorded, and looking at the live state failed: {type(error).__name__}."
            return Outcome(status=OutcomeStatus.UNKNOWN, detail=detail)

    def _end(self, execution: Execution, outcome: Outcome) -> None:
        """Tell how it ended. The record of the execution comes last: until then, a restart does all of this again."""
        done = outcome.status is OutcomeStatus.SUCCEEDED
        failpoint("end.before")
        self._move(execution.incident_id, IncidentStatus.MITIGATED if done else IncidentStatus.DIAGNOSED)
        if not done:
            # The world is not what was thought: the diagnosis is made again.
            self._looks.ask(execution.incident_id, execution.environment, since=datetime.now(UTC))
        self._proposals.finish(execution, outcome.status.value, outcome.detail)
        failpoint("end.stored")
        _log.info("executed", proposal=execution.proposal_id, status=outcome.status.value, detail=outcome.detail)

    def _move(self, incident: str, status: IncidentStatus) -> None:
        """Move the incident on; one that its sender resolved in between stays resolved."""
        with contextlib.suppress(Conflict):
            self._incidents.set_status(incident, status, actor=self._name)

    def _target(self, environment: str, uid: str) -> Target:
        for target in self._targets.get(environment, ()):
            if target.covers(uid):
                return target
        raise NotFound(f"The executor has no write access to {uid!r} in environment {environment!r}.")


def serve(executor: Executor, *, lock: Path, until_eof: bool) -> None:
    """Run until SIGTERM or SIGINT; the plan at hand is finished first.

    Args:
        executor: what to run.
        lock: file that one executor at a time holds. Another one that still ends its plan is waited for: were its
            executions settled meanwhile, it would act after they were called undone.
        until_eof: also end when standard input ends, as it does when the process that started this one is killed.
    """
    with alone(lock):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: executor.stop())
        if until_eof:
            threading.Thread(target=_stop_at_eof, args=(executor,), name="parent-watch", daemon=True).start()
        executor.run()


def _stop_at_eof(executor: Executor) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    executor.stop()
