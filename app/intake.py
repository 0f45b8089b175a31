"""From a delivery to an incident: read it, choose the environment, join an incident, ask for a look, judge it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from app.environments import GovernedEnvironments
from app.looks import Looks
from app.senders import SENDERS
from app.store.audit import AuditLog
from app.store.inbox import Delivery, Inbox
from app.store.incidents import Incidents, Received
from app.store.jobs import Job
from app.store.triages import Triages
from graph.diagnosis.result import DiagnosisVerdict
from graph.document import Json
from graph.environment import EnvironmentGraph
from graph.errors import Invalid
from graph.incident import Alert, AlertStatus
from graph.matching import candidates
from graph.triage import Verdict, triage
from tools.adapters.delivery import Ignored
from tools.failpoints import failpoint

_log = structlog.get_logger(__name__)

NOTHING_KNOWN = EnvironmentGraph(name="", as_of=datetime(1970, 1, 1, tzinfo=UTC), versions=(), relations=())
"""Stands in where no environment is set up."""


class Intake:
    """Reads deliveries. Reading the same one twice changes nothing."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        incidents: Incidents,
        audit: AuditLog,
        environments: GovernedEnvironments,
        looks: Looks,
        triages: Triages,
        clock: Callable[[], datetime],
    ) -> None:
        self._inbox = inbox
        self._incidents = incidents
        self._audit = audit
        self._environments = environments
        self._looks = looks
        self._triages = triages
        self._clock = clock

    def process(self, job: Job, payload: Json) -> None:
        """Job handler: read the delivery that `payload` names."""
        delivery = self._inbox.get(payload["delivery_id"])
        try:
            parsed = SENDERS[delivery.sender].parse(delivery.body, received_at=delivery.received_at)
        except Invalid as error:
            self._inbox.quarantine(delivery.id, str(error))
            return
        if isinstance(parsed, Ignored):
            _log.info("delivery_without_alert", delivery=delivery.id, reason=parsed.reason)
        else:
            self._take(parsed, delivery, is_repeated=job.fence > 1)
        self._inbox.done(delivery.id)

    def _take(self, alerts: Sequence[Alert], delivery: Delivery, *, is_repeated: bool) -> None:
        """Store the alerts and ask for looks; where this was begun before, an alert may be stored and no look asked."""
        gaps = SENDERS[delivery.sender].gaps(delivery.body)
        for alert in alerts:
            environment, subject = self._place(alert)
            received = self._incidents.receive_alert(
                alert, environment=environment, correlation=_correlation(alert, subject)
            )
            failpoint("delivery.joined")
            is_news = received.alert_is_new or received.is_reopened or is_repeated
            if received.has_changed:
                for gap in gaps:
                    detail = {"what": gap.what, "why": gap.why}
                    self._audit.record(
                        actor=alert.sender, action="alert.incomplete", subject=received.incident_id, detail=detail
                    )
            if alert.status is not AlertStatus.RESOLVED and is_news:
                is_first = received.is_new_incident or received.is_reopened or is_repeated
                self._looks.ask(received.incident_id, environment, since=delivery.received_at, soon=not is_first)
            if received.has_changed or is_repeated:
                self._judge(alert, received, environment)

    def _judge(self, alert: Alert, received: Received, environment: str) -> None:
        """Decide what the alert is held for, from what is known without asking anybody; a look decides again."""
        alert = self._triages.with_history(alert)
        diagnoses = () if received.is_new_incident else self._incidents.telling_diagnoses(received.incident_id)
        graph = self._environments.graph(environment) if environment else NOTHING_KNOWN
        # What an earlier look called healthy may have changed since: only that it found a cause still counts.
        found = [d for d in diagnoses if d.verdict is DiagnosisVerdict.CAUSE_FOUND]
        [decision] = triage(graph, [alert], diagnoses=found)
        held_for = self._triages.save(received.incident_id, [(alert, decision)], is_first=True)
        if alert.status is AlertStatus.RESOLVED and held_for is not Verdict.REAL:
            self._looks.judge_later(received.incident_id, environment, now=self._clock(), has_cleared=True)

    def _place(self, alert: Alert) -> tuple[str, str]:
        """Choose the environment that an alert is about, and what in it: the named one, else the best match."""
        names = self._environments.names()
        named = {alert.environment, alert.labels.get("cluster", ""), alert.labels.get("environment", "")}
        for name in [n for n in names if n in named] or names:
            found = candidates(self._environments.graph(name), alert)
            if found:
                return name, found[0].uid
        return (names[0] if names else ""), ""


def _correlation(alert: Alert, subject: str) -> str:
    """Alerts of the same rule about the same thing are one incident; without a match, each alert stands alone."""
    if not subject:
        return f"{alert.sender}:{alert.key}"
    rule = alert.labels.get("alertname") or re.sub(r"[\d\W_]+", " ", alert.title).strip().lower()
    return f"{subject}|{rule}"
