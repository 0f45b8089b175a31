"""What alerts are held for is stored with its reasons, ends with their state, and is audited."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.store.audit import AuditLog
from app.store.database import Database
from app.store.incidents import Incidents
from app.store.triages import Triages
from graph.diagnosis.result import Statement
from graph.errors import NotFound
from graph.evidence import ObservationKind, observe
from graph.incident import Alert, AlertStatus
from graph.triage import Decision, Rule, Verdict
from tests.app.store.samples import T0, Time, alert, minutes

SEEN = observe(ObservationKind.LOG, resource="x", summary="It says nothing.", data={"text": "\x00 \ud800"})


def decision(about: Alert, rule: Rule) -> Decision:
    reasons = (Statement(text="It is ordinary.", evidence=(SEEN.id,)),)
    return Decision(
        alert=about.id, rule=rule, is_page=False, points=-1.0, most=0.5, reasons=reasons, observations=(SEEN,)
    )


@pytest.fixture
def incidents(database: Database, audit: AuditLog, time: Time) -> Incidents:
    return Incidents(database, audit, clock=time)


@pytest.fixture
def triages(database: Database, audit: AuditLog, time: Time) -> Triages:
    return Triages(database, audit, clock=time)


def receive(incidents: Incidents, about: Alert) -> str:
    return incidents.receive_alert(about, environment="demo", correlation="same").incident_id


def test_an_incident_is_undecided_until_somebody_decides(incidents: Incidents, triages: Triages) -> None:
    """Then it is what its gravest alert is, and can be listed by it."""
    one, other = alert("Q1"), alert("Q2")
    id = receive(incidents, one)
    receive(incidents, other)
    assert (incidents.get(id).triage, list(triages.of_incident(id))) == (Verdict.UNDECIDED, [])
    assert triages.save(id, [(one, decision(one, Rule.SPEAKS_AGAINST_IT))]) is Verdict.UNDECIDED
    assert triages.save(id, [(other, decision(other, Rule.SPEAKS_AGAINST_IT))]) is Verdict.NOISE
    assert [d.decision for d in triages.of_incident(id)] == [
        decision(one, Rule.SPEAKS_AGAINST_IT),
        decision(other, Rule.SPEAKS_AGAINST_IT),
    ]
    assert [i.id for i in incidents.list(triage=Verdict.NOISE)] == [id]
    assert [i.id for i in incidents.list()] == [id]
    assert [i.is_noise for i in incidents.open_incidents("demo")] == [True]
    assert list(incidents.list(triage=Verdict.REAL)) == []
    assert triages.save(id, [(one, decision(one, Rule.SPEAKS_FOR_IT))]) is Verdict.REAL


def test_a_later_state_ends_a_decision(incidents: Incidents, triages: Triages) -> None:
    """And one that is made of the state before is not stored any more."""
    first = alert("Q1")
    id = receive(incidents, first)
    triages.save(id, [(first, decision(first, Rule.SPEAKS_AGAINST_IT))])
    again = replace(first, started_at=minutes(5))
    receive(incidents, again)
    assert incidents.get(id).triage is Verdict.UNDECIDED
    assert triages.save(id, [(first, decision(first, Rule.SPEAKS_AGAINST_IT))]) is Verdict.UNDECIDED
    assert triages.of_incident(id) == []


def test_a_further_alert_ends_the_noise_of_an_incident(incidents: Incidents, triages: Triages) -> None:
    """Nobody looked at it yet."""
    first = alert("Q1")
    id = receive(incidents, first)
    triages.save(id, [(first, decision(first, Rule.SPEAKS_AGAINST_IT))])
    receive(incidents, alert("Q2"))
    assert incidents.get(id).triage is Verdict.UNDECIDED


def test_a_decision_without_a_look_does_not_replace_one_with(incidents: Incidents, triages: Triages) -> None:
    """The look may be faster than the intake."""
    one = alert("Q1")
    id = receive(incidents, one)
    triages.save(id, [(one, decision(one, Rule.CAUSE_FOUND))])
    assert triages.save(id, [(one, decision(one, Rule.TOO_LITTLE_KNOWN))], is_first=True) is Verdict.REAL


def test_decisions_are_audited_when_they_change(incidents: Incidents, triages: Triages, audit: AuditLog) -> None:
    """With the rule, the points and the evidence."""
    one = alert("Q1")
    id = receive(incidents, one)
    for rule in (Rule.SPEAKS_AGAINST_IT, Rule.SPEAKS_AGAINST_IT, Rule.SPEAKS_FOR_IT):
        triages.save(id, [(one, decision(one, rule))])
    entries = [e for e in incidents.timeline(id) if e.action == "incident.triaged"]
    assert [e.detail["rule"] for e in entries] == ["speaks_against_it", "speaks_for_it"]
    [told] = entries[0].detail["alerts"]
    assert (told["verdict"], told["points"], told["reasons"][0]["evidence"]) == ("noise", -1.0, [SEEN.id])
    assert audit.verify().ok


def test_firings_of_the_last_hour_are_counted(incidents: Incidents, triages: Triages) -> None:
    """Each start once, in whatever order they come; also where the sender gives each a key of its own."""
    for key, minute in (("Q1", 0), ("Q3", 50), ("Q2", 30), ("Q2", 30), ("Q4", 80)):
        receive(incidents, replace(alert(key), recurs_as="srv01/disk", started_at=minutes(minute)))
        ended = minutes(minute + 1)
        over = alert(key, AlertStatus.RESOLVED)
        receive(incidents, replace(over, recurs_as="srv01/disk", started_at=minutes(minute), ended_at=ended))
    last = replace(alert("Q4"), recurs_as="srv01/disk", started_at=minutes(80))
    assert triages.with_history(last).firings == 3
    assert triages.with_history(replace(last, recurs_as="")).firings == 1
    assert triages.with_history(replace(last, started_at=T0 - timedelta(hours=9))).firings == 1


def test_unknown_incident_is_refused(triages: Triages) -> None:
    """Rather than forgotten."""
    with pytest.raises(NotFound):
        triages.save("INC-9", [])
