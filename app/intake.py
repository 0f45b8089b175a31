"""From a stored delivery to an incident: read it, choose the environment, join an incident, ask for a look."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from app.environments import GovernedEnvironments
from app.store.database import Database
from app.store.inbox import Delivery, Inbox
from app.store.incidents import Incidents
from app.store.jobs import Job, Jobs
from graph.document import Json
from graph.errors import Invalid
from graph.incident import Alert, AlertStatus
from graph.matching import candidates
from tools.adapters import alertmanager, opsgenie, pagerduty
from tools.adapters.delivery import Ignored

_log = structlog.get_logger(__name__)

INVESTIGATE_JOB = "investigate"
"""Kind of the job that looks into an incident: `{incident, environment, started_at, requester?}`."""

Parser = Callable[..., list[Alert] | Ignored]

_PARSERS: Mapping[str, Parser] = {
    "pagerduty": pagerduty.parse,
    "opsgenie": opsgenie.parse,
    "alertmanager": alertmanager.parse,
}


class Intake:
    """Reads deliveries. Reading the same one twice changes nothing."""

    def __init__(
        self,
        *,
        database: Database,
        inbox: Inbox,
        jobs: Jobs,
        incidents: Incidents,
        environments: GovernedEnvironments,
        wake: Callable[[], None],
    ) -> None:
        """`wake` tells the workers of this process that there is a new job."""
        self._database = database
        self._inbox = inbox
        self._jobs = jobs
        self._incidents = incidents
        self._environments = environments
        self._wake = wake

    def process(self, job: Job, payload: Json) -> None:  # noqa: ARG002  (the form of a job handler)
        """Job handler: read the delivery that `payload` names."""
        delivery = self._inbox.get(payload["delivery_id"])
        try:
            parsed = _PARSERS[delivery.sender](delivery.body, received_at=delivery.received_at)
        except Invalid as error:
            self._inbox.quarantine(delivery.id, str(error))
            return
        if isinstance(parsed, Ignored):
            _log.info("delivery_without_alert", delivery=delivery.id, reason=parsed.reason)
        else:
            self._take(parsed, delivery)
        self._inbox.done(delivery.id)

    def _take(self, alerts: Sequence[Alert], delivery: Delivery) -> None:
        for alert in alerts:
            environment, subject = self._place(alert)
            received = self._incidents.receive_alert(
                alert, environment=environment, correlation=_correlation(alert, subject)
            )
            if received.alert_is_new and alert.status is not AlertStatus.RESOLVED:
                self._ask_for_a_look(received.incident_id, environment, delivery.received_at)

    def _place(self, alert: Alert) -> tuple[str, str]:
        """Choose the environment that an alert is about, and what in it: the named one, else the best match."""
        names = self._environments.names()
        named = {alert.environment, alert.labels.get("cluster", ""), alert.labels.get("environment", "")}
        for name in [n for n in names if n in named] or names:
            found = candidates(self._environments.graph(name), alert)
            if found:
                return name, found[0].uid
        return (names[0] if names else ""), ""

    def _ask_for_a_look(self, incident: str, environment: str, received_at: datetime) -> None:
        with self._database.session() as session:
            self._jobs.enqueue(
                session,
                INVESTIGATE_JOB,
                incident,
                {"incident": incident, "environment": environment, "started_at": received_at.isoformat()},
            )
        self._wake()


def _correlation(alert: Alert, subject: str) -> str:
    """Alerts of the same rule about the same thing are one incident; without a match, each alert stands alone."""
    if not subject:
        return f"{alert.sender}:{alert.key}"
    rule = alert.labels.get("alertname") or re.sub(r"[\d\W_]+", " ", alert.title).strip().lower()
    return f"{subject}|{rule}"
