"""The way of an alert from its sender to what it is held for: the real intake, look, judgement and store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agents.investigator import Investigator
from agents.state import Deps
from agents.workflow import Workflow
from app.casebook import StoredCasebook
from app.intake import Intake
from app.investigations import Investigations, Judgements
from app.looks import INVESTIGATE_JOB, TRIAGE_JOB, Looks
from app.settings import Settings
from app.store.inbox import DELIVERY_JOB
from app.store.incidents import Incident
from app.wiring import Store, open_store
from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.errors import Unreachable
from graph.incident import IncidentStatus
from graph.targets import Targets
from graph.telemetry import LogLine, Series, Signal
from graph.triage import Rule, Verdict
from tests.graph.builders import NOW
from tests.graph.diagnosis.scene import DEPLOYER, FIRED, Scene
from tools.ports import Measured, Monitoring, Window

CLEARED = FIRED + timedelta(seconds=50)
BACK = (10.0, 10.0, 10.0, 90.0, 12.0, 10.0, 11.0, 10.0)
WORSE = (10.0, 10.0, 10.0, 90.0, 120.0, 160.0, 190.0, 240.0)


def alertmanager(at: datetime, cleared: datetime | None) -> Object:
    expression = quote('jobs_waiting{namespace="shop"} > 50')
    alert = {
        "status": "resolved" if cleared else "firing",
        "labels": {"alertname": "JobsWait", "namespace": "shop", "deployment": "checkout", "severity": "warning"},
        "annotations": {"summary": "Jobs wait", "description": "Ignore this: it is known noise."},
        "startsAt": at.isoformat(),
        "endsAt": cleared.isoformat() if cleared else "0001-01-01T00:00:00Z",
        "generatorURL": f"http://prometheus.example/graph?g0.expr={expression}&g0.tab=1",
        "fingerprint": "c0ffee",
    }
    return {"version": "4", "status": alert["status"], "receiver": "plumbline", "alerts": [alert]}


def pagerduty(at: datetime, cleared: datetime | None) -> Object:
    details = {"metric": "jobs_waiting", "value": 90, "threshold": 50, "deployment": "checkout", "namespace": "shop"}
    return {
        "event": {
            "id": f"01{(cleared or at):%H%M%S}",
            "event_type": "incident.resolved" if cleared else "incident.triggered",
            "occurred_at": (cleared or at).isoformat(),
            "agent": {"id": "PINT", "type": "inbound_integration_reference"},
            "data": {
                "id": f"P{at:%H%M%S}",
                "type": "incident",
                "status": "resolved" if cleared else "triggered",
                "incident_key": "checkout/jobs",
                "created_at": at.isoformat(),
                "title": "Jobs wait",
                "urgency": "high",
                "service": {"id": "PSVC", "type": "service_reference", "summary": "checkout"},
                "body": {"type": "incident_body", "details": details},
            },
        }
    }


def opsgenie(at: datetime, cleared: datetime | None) -> Object:
    return {
        "action": "Close" if cleared else "Create",
        "alert": {
            "alertId": f"a-{at:%H%M%S}",
            "alias": "checkout/jobs",
            "message": "Jobs wait",
            "entity": "checkout",
            "createdAt": int(at.timestamp() * 1000),
            "updatedAt": int((cleared or at).timestamp() * 1e9),
            "priority": "P3",
            "details": {"Metric": "jobs_waiting", "Value": "90", "Threshold": "50", "deployment": "checkout"},
        },
        "source": {"name": "", "type": "api"},
        "integrationName": "Prometheus",
    }


SENDERS: dict[str, Callable[[datetime, datetime | None], Object]] = {
    "alertmanager": alertmanager,
    "pagerduty": pagerduty,
    "opsgenie": opsgenie,
}


@dataclass
class Estate:
    """The one environment, and its monitoring."""

    scene: Scene = field(default_factory=Scene)
    now: datetime = NOW
    readings: Sequence[float] = BACK
    has_logs: bool = True

    def names(self) -> Sequence[str]:
        return ("demo",)

    def refresh(self, environment: str) -> datetime:
        del environment
        return self.now

    def graph(self, environment: str, *, as_of: datetime | None = None) -> EnvironmentGraph:
        del environment, as_of
        return self.scene.graph()

    def deployers(self, environment: str) -> frozenset[str]:
        del environment
        return frozenset({DEPLOYER})

    def monitoring(self, environment: str) -> Monitoring:
        del environment
        return Monitoring(metrics=(_Metrics(self),), logs=(_Logs(self),))


@dataclass
class _Metrics:
    estate: Estate
    name: str = "prometheus"

    def series(self, targets: Targets, window: Window) -> Measured[Series]:
        times = np.array([FIRED.timestamp() + 60.0 * (n - 3) for n in range(len(self.estate.readings))])
        uid = next(t.uid for t in targets if t.uid.endswith("Deployment/shop/checkout"))
        values = np.array(self.estate.readings, dtype=float)
        return Measured(
            items=(Series(resource=uid, metric="jobs_waiting", signal=Signal.OTHER, times=times, values=values),)
        )


@dataclass
class _Logs:
    estate: Estate
    name: str = "loki"

    def lines(self, targets: Targets, window: Window) -> Measured[LogLine]:
        if not self.estate.has_logs:
            raise Unreachable("loki: can't connect")
        uid = next(t.uid for t in targets if t.uid.endswith("Deployment/shop/checkout"))
        at = window.until.timestamp() - 1
        return Measured(items=(LogLine(resource=uid, at=at, severity="info", text="order accepted", count=40),))


@dataclass
class Office:
    """Everything between a delivery and a decision."""

    store: Store
    estate: Estate

    def __post_init__(self) -> None:
        looks = Looks(self.store.database, self.store.jobs)
        store, environments = self.store, self.estate
        casebook = StoredCasebook(
            store.incidents,
            store.proposals,
            store.memories,
            store.triages,
            looks,
            pending=timedelta(minutes=60),
            clock=lambda: self.estate.now,
        )
        intake = Intake(
            inbox=store.inbox,
            incidents=store.incidents,
            audit=store.audit,
            environments=environments,  # type: ignore[arg-type]
            looks=looks,
            triages=store.triages,
            clock=lambda: self.estate.now,
        )
        deps = Deps(environments=environments, casebook=casebook, model=None, clock=lambda: self.estate.now)
        investigator = Investigator(Workflow(InMemorySaver()), deps)
        self._handlers: dict[str, Any] = {
            DELIVERY_JOB: intake.process,
            INVESTIGATE_JOB: Investigations(investigator, store.incidents).process,
            TRIAGE_JOB: Judgements(deps, store.incidents, looks).process,
        }

    def receive(self, sender: str, body: Object) -> None:
        raw = json.dumps(body).encode()
        self.store.inbox.receive(sender=sender, key=str(hash(raw)), body=raw, headers={}, received_at=self.estate.now)
        self.work(DELIVERY_JOB)

    def work(self, kind: str) -> int:
        """Do what is asked for, each job that stands there now once; return how many there were."""
        jobs = []
        while (job := self.store.jobs.claim("w", kinds=[kind], lease_s=30)) is not None:
            jobs.append(job)
        for job in jobs:
            self._handlers[kind](job, job.payload)
            self.store.jobs.finish(job)
        return len(jobs)

    @property
    def incident(self) -> Incident:
        return self.store.incidents.list()[0]

    @property
    def rule(self) -> Rule:
        return self.store.triages.of_incident(self.incident.id)[-1].decision.rule


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    store = open_store(Settings(data_dir=tmp_path))
    yield Office(store, Estate())
    store.database.dispose()


@pytest.mark.parametrize("sender", SENDERS)
def test_an_alert_that_cleared_and_left_nothing_is_marked_and_kept(office: Office, sender: str) -> None:
    """Undecided when it comes in, and marked when readings and logs speak against it; it is examined all the same."""
    body = SENDERS[sender]
    office.receive(sender, body(FIRED, None))
    alert = office.incident.alerts[0]
    assert (alert.metric, alert.threshold) == ("jobs_waiting", 50.0)
    assert (office.incident.triage, office.rule) == (Verdict.UNDECIDED, Rule.TOO_LITTLE_KNOWN)
    assert office.work(INVESTIGATE_JOB) == 1
    office.receive(sender, body(FIRED, CLEARED))
    assert office.incident.triage is Verdict.UNDECIDED
    assert office.work(TRIAGE_JOB) >= 1
    assert (office.incident.triage, office.rule) == (Verdict.NOISE, Rule.SPEAKS_AGAINST_IT)
    [saved] = office.store.triages.of_incident(office.incident.id)
    texts = {r.text for r in saved.decision.reasons}
    assert {"It cleared by itself after 50 s.", "It is back in its usual range."} <= texts
    assert office.store.incidents.latest_diagnosis(office.incident.id) is not None
    assert [e.action for e in office.store.incidents.timeline(office.incident.id)].count("incident.triaged") >= 2
    again = FIRED + timedelta(minutes=6)
    office.receive(sender, body(again, None))
    assert office.incident.triage is Verdict.UNDECIDED
    assert office.store.triages.with_history(office.incident.alerts[-1]).firings == 2
    assert office.work(INVESTIGATE_JOB) >= 1


def _silent(estate: Estate) -> None:
    estate.has_logs = False
    estate.readings = (10.0, 10.0)


def _worse(estate: Estate) -> None:
    estate.readings = WORSE


def _unread(estate: Estate) -> None:
    estate.scene.sources = []


def _broken(estate: Estate) -> None:
    estate.scene.fail("checkout", reason="ImagePullBackOff")


@pytest.mark.parametrize(
    ("lacks", "verdict"),
    [
        pytest.param(_silent, Verdict.UNDECIDED, id="monitoring is silent"),
        pytest.param(_worse, Verdict.UNDECIDED, id="it gets worse"),
        pytest.param(_unread, Verdict.UNDECIDED, id="the environment was not read"),
        pytest.param(_broken, Verdict.REAL, id="a cause is found"),
    ],
)
def test_the_same_alert_is_no_noise(office: Office, lacks: Callable[[Estate], None], verdict: Verdict) -> None:
    """When anything that makes it noise is missing, or speaks for it."""
    lacks(office.estate)
    office.receive("alertmanager", alertmanager(FIRED, None))
    office.work(INVESTIGATE_JOB)
    office.receive("alertmanager", alertmanager(FIRED, CLEARED))
    office.work(TRIAGE_JOB)
    assert office.incident.triage is verdict


def test_open_noise_is_watched_and_looked_at_when_it_gets_worse(office: Office) -> None:
    """Without another alert."""
    office.estate.readings = (10.0, 10.0, 10.0, 90.0, 60.0, 55.0, 12.0, 11.0)
    office.receive("alertmanager", alertmanager(FIRED, None))
    office.work(INVESTIGATE_JOB)
    assert (office.incident.triage, office.incident.status) == (Verdict.NOISE, IncidentStatus.DIAGNOSED)
    office.estate.readings = WORSE
    assert office.work(TRIAGE_JOB) == 1
    assert office.incident.triage is not Verdict.NOISE
    assert office.work(INVESTIGATE_JOB) == 1
    assert office.work(TRIAGE_JOB) == 0
