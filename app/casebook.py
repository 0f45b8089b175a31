"""What an investigation reads of incidents and writes back: diagnoses and proposals. It has no way to approve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from app.looks import Looks
from app.store.incidents import Incidents
from app.store.memories import Memories
from app.store.proposal_records import ProposalStatus
from app.store.proposals import Proposals
from app.store.triages import Triages
from graph.action import Plan
from graph.blast_radius import BlastRadius
from graph.diagnosis.result import Diagnosis
from graph.document import Object
from graph.errors import Conflict
from graph.incident import Alert, IncidentStatus, OpenIncident
from graph.memory import Memory
from graph.policy import POLICY_VERSION, Judgement
from graph.triage import Decision, Verdict

_NO_IS_NO = timedelta(minutes=30)
"""How long a rejected action is not proposed again."""


class StoredCasebook:
    """The casebook over the database."""

    def __init__(
        self,
        incidents: Incidents,
        proposals: Proposals,
        memories: Memories,
        triages: Triages,
        looks: Looks,
        *,
        pending: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        """`pending` is how long a proposal waits for an answer."""
        self._incidents = incidents
        self._proposals = proposals
        self._memories = memories
        self._triages = triages
        self._looks = looks
        self._pending = pending
        self._clock = clock

    def alerts(self, incident: str) -> Sequence[Alert]:
        return tuple(self._triages.with_history(a) for a in self._incidents.get(incident).alerts)

    def open_incidents(self, environment: str, *, besides: str) -> Sequence[OpenIncident]:
        return [i for i in self._incidents.open_incidents(environment) if i.id != besides]

    def memories(self, environment: str) -> Sequence[Memory]:
        return self._memories.recallable(environment)

    def save_diagnosis(
        self, incident: str, diagnosis: Diagnosis, radius: BlastRadius, *, took_s: float, model: Object
    ) -> None:
        self._incidents.save_diagnosis(incident, diagnosis, radius, took_s=took_s, model=model)

    def earlier_diagnoses(self, incident: str) -> Sequence[Diagnosis]:
        return self._incidents.telling_diagnoses(incident)

    def save_triage(self, incident: str, alerts: Sequence[Alert], decisions: Sequence[Decision]) -> Verdict:
        held_for = self._triages.save(incident, list(zip(alerts, decisions, strict=True)))
        found = self._incidents.get(incident)
        # What passes for noise may get worse without another alert.
        if held_for is Verdict.NOISE and found.status is not IncidentStatus.RESOLVED:
            self._looks.judge_later(incident, found.environment, now=self._clock())
        return held_for

    def propose(
        self, incident: str, plan: Plan, radius: BlastRadius, judgement: Judgement, *, requester: str
    ) -> str | None:
        now = self._clock()
        # What is on hold is stored to be seen: it tells people what not to do yet, and can not be approved.
        if not (judgement.allowed or plan.hold) or self._was_rejected(incident, plan, now):
            return None
        try:
            return self._proposals.create(
                incident_id=incident,
                plan=plan,
                requester=requester,
                blast=radius,
                policy_version=POLICY_VERSION,
                required_approvals=judgement.required_approvals,
                reasons=judgement.reasons,
                expires_at=now + self._pending,
                now=now,
            ).id
        except Conflict:
            return None

    def _was_rejected(self, incident: str, plan: Plan, now: datetime) -> bool:
        """Whether a person said no to this action lately; asking again at once would wear people out."""
        return any(
            p.status is ProposalStatus.REJECTED and p.plan.action == plan.action and now - p.changed_at < _NO_IS_NO
            for p in self._proposals.list(incident_id=incident)
        )
