"""The executor: a process of its own that alone holds write access. It takes approved plans, one at a time.

It shares nothing with the service but the database, and reads its credentials from a file of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import structlog

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

_log = structlog.get_logger(__name__)


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

    def run(self) -> None:
        """Work until told to stop. First settle what a killed executor left behind; that is never run again."""
        for execution in self._proposals.interrupted(datetime.now(UTC)):
            self._settle(execution)
        while not self._stop.is_set():
            try:
                busy = self.run_one()
            except PlumblineError as error:  # the database is away: nothing can be claimed, so nothing is done
                _log.warning("executor_waits", error=str(error))
                busy = False
            if not busy:
                self._stop.wait(self._poll_s)

    def run_one(self) -> bool:
        """Claim and run one approved plan; False when there is none."""
        execution = self._proposals.claim_approved(self._name, now=datetime.now(UTC))
        if execution is None:
            return False
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
        plan = execution.plan
        try:
            target = self._target(plan.environment, plan.action.target)
        except NotFound as error:
            outcome = Outcome(status=OutcomeStatus.UNKNOWN, detail=f"The end was not recorded. {error}")
        else:
            outcome = reconcile(plan, target)
        self._end(execution, outcome)

    def _end(self, execution: Execution, outcome: Outcome) -> None:
        self._proposals.finish(execution, outcome.status.value, outcome.detail)
        done = outcome.status is OutcomeStatus.SUCCEEDED
        self._move(execution.incident_id, IncidentStatus.MITIGATED if done else IncidentStatus.DIAGNOSED)
        _log.info("executed", proposal=execution.proposal_id, status=outcome.status.value, detail=outcome.detail)
        if not done:
            # The world is not what was thought: the diagnosis is made again.
            self._looks.ask(execution.incident_id, execution.environment, since=datetime.now(UTC))

    def _move(self, incident: str, status: IncidentStatus) -> None:
        """Move the incident on; one that its sender resolved in between stays resolved."""
        with contextlib.suppress(Conflict):
            self._incidents.set_status(incident, status, actor=self._name)

    def _target(self, environment: str, uid: str) -> Target:
        for target in self._targets.get(environment, ()):
            if target.covers(uid):
                return target
        raise NotFound(f"The executor has no write access to {uid!r} in environment {environment!r}.")


def serve(executor: Executor) -> None:
    """Run until SIGTERM or SIGINT; the plan at hand is finished first."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: executor.stop())
    executor.run()
