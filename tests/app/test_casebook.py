"""An investigation can store diagnoses and propose; what a person refused is not asked again at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.casebook import StoredCasebook
from app.looks import ASSISTANT, Looks
from app.store.audit import AuditLog
from app.store.database import Database
from app.store.incidents import Incidents
from app.store.jobs import Jobs
from app.store.memories import Memories
from app.store.proposal_records import ProposalStatus
from app.store.proposals import Proposals
from app.store.triages import Triages
from app.store.users import Role, Users
from graph.action import Risk
from graph.incident import IncidentStatus
from graph.policy import Judgement
from tests.app.store.samples import KEY, Time, alert, blast, diagnosis, minutes, plan

ALLOWED = Judgement(allowed=True, reasons=("it is declared so",), required_approvals=2, risk=Risk.LOW)


@dataclass
class Office:
    """A casebook over a real database."""

    casebook: StoredCasebook
    incidents: Incidents
    proposals: Proposals
    time: Time
    incident: str

    def propose(self, judgement: Judgement = ALLOWED, **more: object) -> str | None:
        """Propose the sample plan."""
        return self.casebook.propose(self.incident, plan(**more), blast(), judgement, requester=ASSISTANT)  # type: ignore[arg-type]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    time = Time()
    database = Database(f"sqlite:///{tmp_path / 'plumbline.db'}")
    database.migrate()
    audit = AuditLog(database, KEY, clock=time)
    Users(database, audit, clock=time).create("alma", Role.APPROVER)
    incidents, proposals = Incidents(database, audit, clock=time), Proposals(database, audit, clock=time)
    casebook = StoredCasebook(
        incidents,
        proposals,
        Memories(database, audit, clock=time),
        Triages(database, audit, clock=time),
        Looks(database, Jobs(database, clock=time)),
        pending=timedelta(minutes=60),
        clock=time,
    )
    incident = incidents.receive_alert(alert(), environment="demo").incident_id
    yield Office(casebook, incidents, proposals, time, incident)
    database.dispose()


def test_alerts_and_other_incidents_are_given(office: Office) -> None:
    """An incident is not among the others."""
    other = office.incidents.receive_alert(alert("Q2"), environment="demo").incident_id
    office.incidents.receive_alert(alert("Q3"), environment="elsewhere")
    assert [a.key for a in office.casebook.alerts(office.incident)] == ["Q1"]
    assert [i.id for i in office.casebook.open_incidents("demo", besides=office.incident)] == [other]


def test_diagnosis_is_stored(office: Office) -> None:
    """And moves the incident on."""
    office.casebook.save_diagnosis(office.incident, diagnosis(), blast(), took_s=1.5, model={"used": False})
    stored = office.incidents.latest_diagnosis(office.incident)
    assert stored is not None
    assert (stored.diagnosis, stored.took_s, stored.model_used) == (diagnosis(), 1.5, False)
    assert office.incidents.get(office.incident).status is IncidentStatus.DIAGNOSED


def test_proposal_carries_what_policy_said(office: Office) -> None:
    """Approvals, reasons, and the time until it expires."""
    id = office.propose()
    assert id is not None
    stored = office.proposals.get(id)
    assert (stored.status, stored.required_approvals, stored.reasons) == (
        ProposalStatus.PENDING,
        2,
        ("it is declared so",),
    )
    assert stored.expires_at == minutes(60)


def test_repeated_proposal_is_the_same(office: Office) -> None:
    """A step that is done again after a crash asks people once."""
    assert office.propose() == office.propose()


def test_disallowed_plan_is_not_stored(office: Office) -> None:
    """Nobody is asked for what policy forbids."""
    assert office.propose(replace(ALLOWED, allowed=False)) is None
    assert office.proposals.list() == []


def test_plan_on_hold_is_shown(office: Office) -> None:
    """It tells people what not to do yet."""
    id = office.propose(replace(ALLOWED, allowed=False), hold="an incident relies on it")
    assert id is not None
    assert office.proposals.get(id).status is ProposalStatus.HELD


def test_refused_action_is_not_proposed_again_at_once(office: Office) -> None:
    """Half an hour later it may be; another action may be at once."""
    id = office.propose()
    assert id is not None
    office.proposals.reject(id, who="alma", reason="no", now=office.time.now)
    assert office.propose() is None
    assert office.propose(target="k8s://demo/core/ConfigMap/shop/other") is not None
    office.time.forward(minutes=31)
    assert office.propose() is not None


def test_nothing_is_proposed_while_a_plan_is_executed(office: Office) -> None:
    """The one that runs is the answer."""
    id = office.propose(replace(ALLOWED, required_approvals=1))
    assert id is not None
    shown = office.proposals.get(id)
    office.proposals.approve(id, approver="alma", approver_roles=["approver"], digest=shown.digest, now=office.time.now)
    assert office.proposals.claim_approved("executor:1", office.time.now) is not None
    assert office.propose() is None


def test_casebook_has_no_way_to_approve() -> None:
    """The assistant's whole access to proposals is one method, and what people said of diagnoses it can only read.

    What alerts are held for it can store: that hides and suppresses nothing.
    """
    public = {name for name in vars(StoredCasebook) if not name.startswith("_")}
    reads = {"alerts", "memories", "open_incidents", "earlier_diagnoses"}
    assert public == reads | {"save_diagnosis", "save_triage", "propose"}
