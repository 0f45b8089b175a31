"""Incidents: their alerts, what is wrong and why, what it reaches, and what is proposed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.status import HTTP_202_ACCEPTED

import graph.diagnosis.result as result
from app.api.bodies import BlastRadius, Body, Change, Event, Gap, Limit, Observation, identifier, plain
from app.api.outcomes import Recall
from app.api.proposals import ProposalSummary
from app.api.timeline import events
from app.auth import SECURITY, require
from app.errors import documented
from app.services import Services, services_of
from app.stateless import finding_json
from app.store import incidents as store
from app.store.triages import SavedDecision
from app.store.users import Role, User
from graph.diagnosis.result import CauseState, DiagnosisVerdict
from graph.errors import Conflict, NotFound
from graph.incident import Alert as DomainAlert
from graph.incident import IncidentStatus
from graph.resource import display_uid
from graph.triage import Rule, Verdict

router = APIRouter(
    prefix="/api/incidents", tags=["incidents"], dependencies=SECURITY, responses=documented(401, 403, 404, 422, 503)
)

Id = Annotated[str, identifier("INC", "incident")]
_MOST_SUSPECTS = 10


class Alert(Body):
    """One alert, as its sender tells it. All text is data, not advice."""

    id: str
    sender: str
    key: str
    status: str
    title: str
    description: str
    severity: str
    service: str
    environment: str
    labels: dict[str, str]
    url: str
    started_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, alert: DomainAlert) -> Alert:
        """Build the body of an alert."""
        return cls(**plain(alert))


class Candidate(Body):
    """A resource that the alert may be about."""

    resource: str
    """uid"""
    resource_name: str
    score: float
    reason: str


class Statement(Body):
    """One sentence and the observations that carry it."""

    text: str
    evidence: list[str]


class Cause(Body):
    """One hypothesis of what went wrong."""

    resource: str
    """uid of the resource where it began."""
    resource_name: str
    kind: str
    summary: str
    confidence: float
    """0 to 1"""
    state: CauseState
    change: Change | None
    """What changed: before and after, when, by whom, through which channel."""
    drift: dict[str, Any] | None
    """The difference between what was declared and what runs."""
    evidence: list[str]
    """Ids of the observations that speak for it."""
    against: list[str]
    """Ids of the observations that speak against it."""
    statements: list[Statement]
    against_statements: list[Statement]
    path: list[str]
    """uids from the resource of the alert to this one."""

    @classmethod
    def of(cls, cause: result.Cause) -> Cause:
        """Build the body of a cause."""
        against = [plain(s) for s in cause.against]
        return cls(
            resource=plain(cause.resource),
            resource_name=display_uid(plain(cause.resource)),
            kind=cause.kind,
            summary=plain(cause.summary),
            confidence=cause.confidence,
            state=cause.state,
            change=Change.of(cause.change) if cause.change else None,
            drift=plain(finding_json(cause.drift)) if cause.drift else None,
            evidence=list(cause.evidence),
            against=list(dict.fromkeys(id for s in against for id in s["evidence"])),
            statements=[Statement(**plain(s)) for s in cause.statements],
            against_statements=[Statement(**s) for s in against],
            path=plain(cause.path),
        )


class SpreadStep(Body):
    """Trouble that went from one to the next, in the direction of cause and effect."""

    source: str
    """uid"""
    source_name: str
    target: str
    """uid; it suffers from `source`."""
    target_name: str
    mode: str


class Account(Body):
    """How trouble spread from one origin."""

    origin: str
    """uid"""
    origin_name: str
    steps: list[SpreadStep]
    statements: list[Statement]
    """Why this origin, strongest first."""

    @classmethod
    def of(cls, account: result.Account) -> Account:
        """Build the body of an account."""
        steps = [plain(s) for s in account.steps]
        return cls(
            origin=plain(account.origin),
            origin_name=display_uid(plain(account.origin)),
            steps=[
                SpreadStep(source_name=display_uid(s["source"]), target_name=display_uid(s["target"]), **s)
                for s in steps
            ],
            statements=[Statement(**plain(s)) for s in account.statements],
        )


class Suspect(Body):
    """A commit, deployment or flag that may have done it."""

    change: Change
    confidence: float
    """0 to 1"""
    statements: list[Statement]

    @classmethod
    def of(cls, suspicion: result.Suspicion) -> Suspect:
        """Build the body of a suspect."""
        return cls(
            change=Change.of(suspicion.change),
            confidence=suspicion.confidence,
            statements=[Statement(**plain(s)) for s in suspicion.statements],
        )


class DiagnosisSummary(Body):
    """What a diagnosis says, in a list."""

    number: int
    """From 1; the highest is the newest."""
    at: datetime
    verdict: DiagnosisVerdict
    summary: str
    took_s: float
    """Seconds from the delivery of the alert."""
    model_used: bool

    @classmethod
    def of(cls, saved: store.SavedDiagnosis) -> DiagnosisSummary:
        """Build the body of a diagnosis in a list."""
        return cls(**_summary(saved))


class Diagnosis(DiagnosisSummary):
    """Why the alert fired."""

    causes: list[Cause]
    """Best first."""
    subjects: list[Candidate]
    """What the alert is about, best first."""
    gaps: list[Gap]
    """What could not be read."""
    missing: list[str]
    """For an inconclusive verdict: what would settle it."""
    suspects: list[Suspect]
    """Changes by guilt, where they could be weighed against each other."""
    guilty: str | None
    """Commit or version of the change that did it; null when none of those known did, or nobody knows."""
    guilt_is_open: bool
    """Whether nobody can tell yet which of `suspects` did it, if any; else `guilty` says so, null for none."""
    accounts: list[Account]
    """How it spread, the account of the leading cause first."""
    remedy: str | None
    """What sort of action would end it."""
    recalled: list[Recall]
    """Earlier incidents that resemble this one, and what people said of them."""
    as_of: datetime
    model: dict[str, Any]
    """What a language model added, or why none did. It changes neither ranking nor proposals."""

    @classmethod
    def of(cls, saved: store.SavedDiagnosis) -> Diagnosis:
        """Build the body of a diagnosis."""
        found = saved.diagnosis
        return cls(
            **_summary(saved),
            causes=[Cause.of(c) for c in found.causes],
            subjects=[_candidate(plain(s)) for s in found.subjects],
            gaps=[Gap.of(g) for g in found.gaps],
            missing=plain(found.missing),
            suspects=[Suspect.of(s) for s in found.change.suspects[:_MOST_SUSPECTS]] if found.change else [],
            guilty=plain(found.change.guilty.version) if found.change and found.change.guilty else None,
            guilt_is_open=bool(found.change and found.change.is_open),
            accounts=[Account.of(a) for a in found.accounts],
            remedy=found.remedy,
            recalled=[Recall.of(r) for r in found.recalled],
            as_of=found.as_of,
            model=plain(saved.model),
        )


class Triage(Body):
    """What one alert is held for. It hides nothing: every alert is stored, examined and shown."""

    alert: str
    """id"""
    verdict: Verdict
    rule: Rule
    """What decided."""
    explanation: str
    """The rule as a sentence."""
    points: float
    """Sum of what speaks for it and against it; real from 1."""
    most: float
    """What the sum could be if all that is unknown spoke for it; noise only below 1."""
    reasons: list[Statement]
    """Strongest for it first."""
    unknown: list[str]
    """What nobody knows of it."""
    same_as: str
    """Incident or alert that tells of the same; empty when none does."""
    at: datetime
    """When it was decided."""

    @classmethod
    def of(cls, saved: SavedDecision) -> Triage:
        """Build the body of a decision."""
        found = saved.decision
        return cls(
            alert=plain(found.alert),
            verdict=found.verdict,
            rule=found.rule,
            explanation=plain(found.explanation),
            points=round(found.points, 3),
            most=round(found.most, 3),
            reasons=[Statement(**plain(s)) for s in found.reasons],
            unknown=plain(found.unknown),
            same_as=plain(found.same_as),
            at=saved.at,
        )


class IncidentSummary(Body):
    """An incident in a list."""

    id: str
    environment: str
    status: IncidentStatus
    title: str
    """Of its earliest alert; text of the sender."""
    severity: str
    opened_at: datetime
    resolved_at: datetime | None
    updated_at: datetime
    triage: Verdict
    """What it is held for; `noise` is a mark, and `undecided` counts as real."""
    diagnosis: DiagnosisSummary | None


class Incident(Body):
    """An incident with the newest diagnosis, what the failure reaches, and what is proposed."""

    id: str
    environment: str
    status: IncidentStatus
    title: str
    severity: str
    opened_at: datetime
    resolved_at: datetime | None
    updated_at: datetime
    triage: Verdict
    """What it is held for: as its gravest alert. `noise` is a mark, and `undecided` counts as real."""
    decisions: list[Triage]
    """What each alert is held for, and why."""
    alerts: list[Alert]
    diagnosis: Diagnosis | None
    """Null until the first one is made."""
    blast_radius: BlastRadius | None
    proposals: list[ProposalSummary]


class Incidents(Body):
    """Incidents, newest first."""

    incidents: list[IncidentSummary]


class Evidence(Body):
    """Everything that the newest diagnosis cites."""

    evidence: list[Observation]


class Timeline(Body):
    """What happened to an incident and its proposals, oldest first."""

    events: list[Event]


class Diagnoses(Body):
    """All diagnoses of an incident, newest first."""

    diagnoses: list[Diagnosis]


class LookRequested(Body):
    """Another investigation was asked for."""

    incident: str
    status: str = "requested"


def incident_summary(services: Services, incident: store.Incident) -> IncidentSummary:
    """Build the body of an incident in a list."""
    saved = services.incidents.latest_diagnosis(incident.id)
    return IncidentSummary(**_head(incident), diagnosis=DiagnosisSummary.of(saved) if saved else None)


def incident_body(services: Services, id: str) -> Incident:
    """Build the body of one incident.

    Raises:
        NotFound: there is none with this id.
    """
    incident = services.incidents.get(id)
    saved = services.incidents.latest_diagnosis(id)
    return Incident(
        **_head(incident),
        decisions=[Triage.of(d) for d in services.triages.of_incident(id)],
        alerts=[Alert.of(a) for a in incident.alerts],
        diagnosis=Diagnosis.of(saved) if saved else None,
        blast_radius=BlastRadius.of(saved.blast) if saved else None,
        proposals=[ProposalSummary.of(p) for p in services.proposals.list(incident_id=id)],
    )


def evidence_of(services: Services, id: str) -> list[Observation]:
    """Return what the newest diagnosis and the decisions about the alerts cite, each once."""
    saved = services.incidents.latest_diagnosis(id)
    cited = [*(saved.diagnosis.observations if saved else ())]
    cited += [o for d in services.triages.of_incident(id) for o in d.decision.observations]
    return [Observation.of(o) for o in {o.id: o for o in cited}.values()]


@router.get("", dependencies=[require(Role.VIEWER)])
def list_incidents(
    request: Request,
    status: Annotated[IncidentStatus | None, Query(description="Only those in this state.")] = None,
    triage: Annotated[Verdict | None, Query(description="Only those held for this.")] = None,
    before: Annotated[str | None, Query(max_length=64, description="Continue after this id.")] = None,
    limit: Limit = 50,
) -> Incidents:
    """List incidents."""
    services = services_of(request)
    found = services.incidents.list(status, limit, before, triage=triage)
    return Incidents(incidents=[incident_summary(services, i) for i in found])


@router.get("/{id}", dependencies=[require(Role.VIEWER)])
def get_incident(request: Request, id: Id) -> Incident:
    """Show one incident."""
    return incident_body(services_of(request), id)


@router.get("/{id}/evidence", dependencies=[require(Role.VIEWER)])
def get_evidence(request: Request, id: Id) -> Evidence:
    """Show the observations that the newest diagnosis and the decisions about the alerts cite."""
    return Evidence(evidence=evidence_of(services_of(request), id))


@router.get("/{id}/evidence/{observation}", dependencies=[require(Role.VIEWER)])
def get_observation(
    request: Request, id: Id, observation: Annotated[str, identifier("drift", "observation")]
) -> Observation:
    """Show one observation, also of an earlier diagnosis."""
    current = next((o for o in evidence_of(services_of(request), id) if o.id == observation), None)
    if current is not None:
        return current
    for saved in services_of(request).incidents.diagnoses(id):
        for found in saved.diagnosis.observations:
            if found.id == observation:
                return Observation.of(found)
    raise NotFound(f"{id} has no observation {observation!r}")


@router.get("/{id}/timeline", dependencies=[require(Role.VIEWER)])
def get_timeline(request: Request, id: Id) -> Timeline:
    """Show what happened, step by step."""
    return Timeline(events=events(services_of(request).incidents.timeline(id)))


@router.get("/{id}/diagnoses", dependencies=[require(Role.VIEWER)])
def list_diagnoses(request: Request, id: Id) -> Diagnoses:
    """Show every diagnosis that was made."""
    return Diagnoses(diagnoses=[Diagnosis.of(d) for d in services_of(request).incidents.diagnoses(id)])


@router.post("/{id}/investigate", status_code=HTTP_202_ACCEPTED, responses=documented(409))
def investigate(request: Request, id: Id, user: Annotated[User, require(Role.RESPONDER)]) -> LookRequested:
    """Ask for another look. Proposals that come of it count as yours: somebody else has to approve them."""
    services = services_of(request)
    incident = services.incidents.get(id)
    if incident.status is IncidentStatus.RESOLVED:
        raise Conflict(f"{id} is resolved; a new alert opens it again")
    if incident.status is IncidentStatus.FIXING:
        raise Conflict(f"a fix of {id} is being executed; look again when it has ended")
    services.audit.record(actor=user.name, action="incident.look_again", subject=id, detail={})
    services.look_again(id, user.name)
    return LookRequested(incident=id)


def _head(incident: store.Incident) -> dict[str, Any]:
    data = plain(incident)
    names = ("id", "environment", "status", "title", "severity", "opened_at", "resolved_at", "updated_at", "triage")
    return {name: data[name] for name in names}


def _summary(saved: store.SavedDiagnosis) -> dict[str, Any]:
    return {
        "number": saved.number,
        "at": saved.at,
        "verdict": saved.diagnosis.verdict,
        "summary": plain(saved.diagnosis.summary),
        "took_s": saved.took_s,
        "model_used": saved.model_used,
    }


def _candidate(subject: dict[str, Any]) -> Candidate:
    uid = subject.pop("uid")
    return Candidate(resource=uid, resource_name=display_uid(uid), **subject)
