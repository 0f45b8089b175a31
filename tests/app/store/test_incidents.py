"""Alerts become incidents, whatever the order they come in."""

from __future__ import annotations

import random
import threading
from datetime import datetime
from typing import Any

import pytest

from app.store.audit import AuditLog
from app.store.database import Database
from app.store.incidents import Incidents, Received
from graph.errors import Conflict, NotFound
from graph.incident import AlertStatus, IncidentStatus
from tests.app.store.samples import T0, Time, alert, blast, diagnosis, minutes, resource

FIRING, ACKNOWLEDGED, RESOLVED = AlertStatus.FIRING, AlertStatus.ACKNOWLEDGED, AlertStatus.RESOLVED


@pytest.fixture
def incidents(database: Database, audit: AuditLog, time: Time) -> Incidents:
    return Incidents(database, audit, clock=time)


def _receive(
    incidents: Incidents,
    key: str = "Q1",
    status: AlertStatus = FIRING,
    *,
    at: datetime = T0,
    correlation: str | None = None,
    environment: str = "demo",
    **more: Any,
) -> Received:
    return incidents.receive_alert(alert(key, status, **more), environment=environment, correlation=correlation, at=at)


def test_first_alert_opens_an_incident(incidents: Incidents) -> None:
    """It carries what the alert says."""
    received = _receive(incidents)
    assert received == Received("INC-1", True, True)
    incident = incidents.get("INC-1")
    assert incident.status is IncidentStatus.OPEN
    assert incident.alerts == (alert(),)
    assert (incident.title, incident.severity, incident.opened_at) == ("Checkout fails", "critical", T0)
    assert incident.correlation == "pagerduty:Q1"


def test_repeat_changes_nothing(incidents: Incidents, audit: AuditLog) -> None:
    """Not even the audit log."""
    _receive(incidents)
    count = len(audit.entries())
    assert _receive(incidents) == Received("INC-1", False, False, has_changed=False)
    assert len(audit.entries()) == count


def test_older_state_does_not_overwrite(incidents: Incidents) -> None:
    """A late trigger does not bring a resolved alert back."""
    _receive(incidents, status=RESOLVED, at=minutes(5), ended_at=minutes(5))
    assert not _receive(incidents, status=FIRING, at=T0).has_changed
    incident = incidents.get("INC-1")
    assert (incident.status, incident.resolved_at) == (IncidentStatus.RESOLVED, minutes(5))


def test_without_a_time_start_and_end_decide(incidents: Incidents) -> None:
    """A resolution that was sent with its end is newer than the start."""
    incidents.receive_alert(alert(status=RESOLVED, ended_at=minutes(3)), environment="demo")
    incidents.receive_alert(alert(status=FIRING), environment="demo")
    assert incidents.get("INC-1").status is IncidentStatus.RESOLVED


def test_alerts_with_one_correlation_share_an_incident(incidents: Incidents) -> None:
    """It is over when all of them are."""
    _receive(incidents, "Q1", correlation="c")
    assert _receive(incidents, "Q2", correlation="c", at=minutes(1)) == Received("INC-1", False, True)
    _receive(incidents, "Q1", RESOLVED, correlation="c", at=minutes(2))
    assert incidents.get("INC-1").status is IncidentStatus.OPEN
    _receive(incidents, "Q2", RESOLVED, correlation="c", at=minutes(3))
    incident = incidents.get("INC-1")
    assert (incident.status, incident.resolved_at) == (IncidentStatus.RESOLVED, minutes(3))
    assert [a.key for a in incident.alerts] == ["Q1", "Q2"]


def test_environments_are_kept_apart(incidents: Incidents) -> None:
    """The same correlation elsewhere is another incident."""
    _receive(incidents, "Q1", correlation="c")
    assert _receive(incidents, "Q2", correlation="c", environment="other").is_new_incident


def test_resolved_incident_is_not_joined(incidents: Incidents) -> None:
    """A new alert after the end is a new incident."""
    _receive(incidents, "Q1", correlation="c")
    _receive(incidents, "Q1", RESOLVED, correlation="c", at=minutes(1))
    assert _receive(incidents, "Q2", correlation="c", at=minutes(2)) == Received("INC-2", True, True)


def test_alert_that_fires_again_reopens_its_incident(incidents: Incidents) -> None:
    """The sender changed its mind."""
    _receive(incidents)
    _receive(incidents, status=RESOLVED, at=minutes(1))
    received = _receive(incidents, status=FIRING, at=minutes(2))
    assert (received.is_reopened, received.is_new_incident, received.alert_is_new) == (True, False, False)
    incident = incidents.get("INC-1")
    assert (incident.status, incident.resolved_at) == (IncidentStatus.OPEN, None)


def test_acknowledged_alert_keeps_it_open(incidents: Incidents) -> None:
    """Somebody looks; it is not over."""
    _receive(incidents)
    _receive(incidents, status=ACKNOWLEDGED)
    assert incidents.get("INC-1").status is IncidentStatus.OPEN
    assert incidents.get("INC-1").alerts[0].status is ACKNOWLEDGED


@pytest.mark.parametrize("seed", range(5))
def test_order_of_arrival_does_not_matter(database: Database, time: Time, audit: AuditLog, seed: int) -> None:
    """Shuffled and repeated deliveries end in the incident of the ordered ones."""
    incidents = Incidents(database, audit, clock=time)
    events = [
        (key, status, minutes(10 * n + step))
        for n, key in enumerate(("Q1", "Q2", "Q3"))
        for step, status in enumerate((FIRING, ACKNOWLEDGED, RESOLVED))
        if (key, status) != ("Q2", RESOLVED)
    ]
    # One alert stays open, so that the incident is open whenever another one comes.
    _receive(incidents, "Q2", correlation="c", at=minutes(0))
    for key, status, at in random.Random(seed).sample(events * 3, len(events) * 3):
        _receive(incidents, key, status, at=at, correlation="c")
    (incident,) = incidents.list()
    assert incident.status is IncidentStatus.OPEN
    assert [(a.key, a.status) for a in incident.alerts] == [("Q1", RESOLVED), ("Q2", ACKNOWLEDGED), ("Q3", RESOLVED)]


def test_racing_alerts_join_one_incident(database: Database, time: Time, audit: AuditLog) -> None:
    """A storm of one cause opens one incident."""
    received: list[Received] = []

    def send(start: int) -> None:
        incidents = Incidents(database, audit, clock=time)
        received.extend(_receive(incidents, f"Q{n % 12}", correlation="c") for n in range(start, start + 12))

    threads = [threading.Thread(target=send, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(r.is_new_incident for r in received) == 1
    assert sum(r.alert_is_new for r in received) == 12
    assert {r.incident_id for r in received} == {"INC-1"}
    assert audit.verify().ok


def test_unstorable_text_is_kept_in_the_alert(incidents: Incidents) -> None:
    """Whatever bytes a title holds, the alert comes back as it was."""
    _receive(incidents, title="\x00\ud800\u202e")
    assert incidents.get("INC-1").alerts[0].title == "\x00\ud800\u202e"


def test_all_diagnoses_are_kept(incidents: Incidents, time: Time) -> None:
    """A later one gets the next number and does not touch the first."""
    _receive(incidents)
    model = {"used": False, "note": "no key is set"}
    assert incidents.latest_diagnosis("INC-1") is None
    assert incidents.save_diagnosis("INC-1", diagnosis("first"), blast(), took_s=0.5, model=model) == 1
    assert incidents.save_diagnosis("INC-1", diagnosis("second"), blast(), took_s=1.5, model={"used": True}) == 2
    latest = incidents.latest_diagnosis("INC-1")
    assert latest is not None
    assert (latest.number, latest.diagnosis, latest.blast) == (2, diagnosis("second"), blast())
    assert (latest.took_s, latest.model_used) == (1.5, True)
    first = incidents.diagnoses("INC-1")[-1]
    assert (first.diagnosis, first.model_note) == (diagnosis("first"), "no key is set")
    assert incidents.get("INC-1").status is IncidentStatus.DIAGNOSED


def test_resolved_incident_stays_resolved(incidents: Incidents) -> None:
    """A diagnosis that comes late is kept, but opens nothing."""
    _receive(incidents, status=RESOLVED)
    incidents.save_diagnosis("INC-1", diagnosis(), blast(), took_s=1, model={"used": False})
    assert incidents.get("INC-1").status is IncidentStatus.RESOLVED
    with pytest.raises(Conflict):
        incidents.set_status("INC-1", IncidentStatus.FIXING)


def test_status_moves_on(incidents: Incidents) -> None:
    """Each move is in the timeline; setting the same again is none."""
    _receive(incidents)
    incidents.set_status("INC-1", IncidentStatus.INVESTIGATING, actor="worker")
    incidents.set_status("INC-1", IncidentStatus.INVESTIGATING, actor="worker")
    incidents.set_status("INC-1", IncidentStatus.RESOLVED, actor="ana", reason="false alarm")
    told = [(e.action, e.actor, e.subject) for e in incidents.timeline("INC-1")]
    assert told == [
        ("alert.received", "pagerduty", "INC-1"),
        ("incident.status", "worker", "INC-1"),
        ("incident.status", "ana", "INC-1"),
    ]


def test_open_incidents_name_their_subjects(incidents: Incidents) -> None:
    """With the resource of the leading cause; recently ended ones on request."""
    _receive(incidents, "Q1")
    _receive(incidents, "Q2")
    incidents.save_diagnosis("INC-1", diagnosis(), blast(), took_s=1, model={"used": False})
    _receive(incidents, "Q2", RESOLVED, at=minutes(4))
    (found,) = incidents.open_incidents("demo")
    assert (found.id, found.subjects) == ("INC-1", (resource("checkout").uid, resource().uid))
    both = incidents.open_incidents("demo", resolved_since=minutes(3))
    assert [i.id for i in both] == ["INC-1", "INC-2"]
    assert both[1].resolved_at == minutes(4)
    assert incidents.open_incidents("demo", resolved_since=minutes(5)) == [found]
    assert incidents.open_incidents("other") == []


def test_list_pages_through(incidents: Incidents) -> None:
    """Newest first, by status or all."""
    for number in range(5):
        _receive(incidents, f"Q{number}")
    _receive(incidents, "Q3", RESOLVED, at=minutes(1))
    assert [i.id for i in incidents.list(limit=2)] == ["INC-5", "INC-4"]
    assert [i.id for i in incidents.list(limit=2, before="INC-4")] == ["INC-3", "INC-2"]
    assert [i.id for i in incidents.list(IncidentStatus.RESOLVED)] == ["INC-4"]


@pytest.mark.parametrize("id", ["INC-9", "INC-0", "INC-", "7", "INC-99999999999999999999", "INC-1\n", "INC-１"])
def test_unknown_incident_is_not_found(incidents: Incidents, id: str) -> None:
    """Also when the id is none."""
    with pytest.raises(NotFound):
        incidents.get(id)
