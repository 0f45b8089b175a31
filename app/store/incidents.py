"""Incidents: which alerts they hold, how they stand, and every diagnosis that was made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func
from sqlmodel import Session, col, or_, select

from app.store.audit import AuditEntry, AuditLog
from app.store.clock import Clock, utc_now
from app.store.database import Database, lock
from app.store.incident_ids import incident_id, incident_number
from app.store.memory_records import note_uses
from app.store.rows.incidents import AlertRow, DiagnosisRow, IncidentRow
from app.store.rows.proposals import ProposalRow
from app.store.triages import held_for, note_state
from graph.blast_radius import BlastRadius
from graph.codec import decode, encode
from graph.diagnosis.result import Diagnosis, DiagnosisVerdict
from graph.document import Json, Object, canonical
from graph.errors import Conflict, NotFound
from graph.incident import Alert, AlertStatus, IncidentStatus, OpenIncident
from graph.triage import Verdict

_RANK = {AlertStatus.FIRING.value: 0, AlertStatus.ACKNOWLEDGED.value: 1, AlertStatus.RESOLVED.value: 2}
"""Which of two states of one instant is the later one."""


class Received(NamedTuple):
    """What became of an alert."""

    incident_id: str
    is_new_incident: bool
    alert_is_new: bool
    is_reopened: bool = False
    """The incident was resolved before."""
    has_changed: bool = True
    """False when this was a repeat, or older than what was known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident as it stands."""

    id: str
    """e.g. `INC-7`"""
    environment: str
    correlation: str
    """Alerts of the environment with the same one join while it is open."""
    status: IncidentStatus
    title: str
    """Of its earliest alert. Untrusted."""
    severity: str
    opened_at: datetime
    """UTC; start of its earliest alert"""
    resolved_at: datetime | None
    """UTC; end of its last alert"""
    updated_at: datetime
    """UTC; last write by Plumbline"""
    triage: Verdict
    """What it is held for: as its gravest alert"""
    alerts: tuple[Alert, ...]
    """Earliest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedDiagnosis:
    """One diagnosis of an incident."""

    incident_id: str
    number: int
    """From 1; the highest is the newest."""
    at: datetime
    """UTC; when it was stored"""
    diagnosis: Diagnosis
    blast: BlastRadius
    took_s: float
    model: Object
    """`used` says whether a language model took part; the rest tells with what result."""

    @property
    def model_used(self) -> bool:
        """Whether a language model took part."""
        return bool(self.model.get("used"))

    @property
    def model_note(self) -> str:
        """Why it did not, or what it did."""
        return str(self.model.get("note", ""))


class Incidents:
    """All incidents. Every write leaves an audit entry in the same transaction."""

    def __init__(self, database: Database, audit: AuditLog, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def receive_alert(
        self, alert: Alert, *, environment: str, correlation: str | None = None, at: datetime | None = None
    ) -> Received:
        """Store the state of an alert, and let it join or open an incident.

        The order of arrival does not matter: an older state never replaces a newer one.

        Args:
            alert: its state now, as the sender says.
            environment: name of the environment it is about.
            correlation: open incidents with the same one are joined; an alert of its own by default.
            at: when the sender says that this state began (UTC); the alert's end or start by default.
        """
        correlation = correlation or f"{alert.sender}:{alert.key}"
        at = at or alert.ended_at or alert.started_at
        with self._database.session() as session:
            lock(session, f"correlation {environment} {correlation}")
            lock(session, f"alert {alert.sender} {alert.key}")
            same = select(AlertRow).where(AlertRow.sender == alert.sender, AlertRow.key == alert.key)
            row = session.exec(same).first()
            body = encode(alert)
            if row is not None and _order(at, body) <= _order(row.at, row.body):
                return Received(incident_id(row.incident), False, False, has_changed=False)
            incident, is_new = self._incident_for(session, row, alert, environment, correlation)
            left = row.incident if row is not None and row.incident != incident.number else None
            assert incident.number is not None
            stored = row or AlertRow(sender=alert.sender, key=alert.key, incident=incident.number)
            stored.incident, stored.status, stored.at, stored.body = incident.number, alert.status.value, at, body
            session.add(stored)
            session.flush()
            note_state(session, stored, alert)
            before = incident.status
            self._settle(session, incident)
            if left is not None:
                self._settle(session, self._row(session, incident_id(left)))
            reopened = not is_new and before == IncidentStatus.RESOLVED and incident.status != IncidentStatus.RESOLVED
            told = {"alert": f"{alert.sender}:{alert.key}", "status": alert.status.value, "new": row is None}
            if before != incident.status and not is_new:
                told |= {"incident": incident.status}
            self._tell(session, "alert.received", incident, alert.sender, told)
            return Received(incident_id(incident.number), is_new, row is None, is_reopened=reopened)

    def get(self, id: str) -> Incident:
        """Return one incident.

        Raises:
            NotFound: there is none with this id.
        """
        with self._database.reading() as session:
            return self._incidents(session, [self._row(session, id)])[0]

    def list(
        self,
        status: IncidentStatus | None = None,
        limit: int = 50,
        before: str | None = None,
        *,
        triage: Verdict | None = None,
    ) -> Sequence[Incident]:
        """Return incidents, newest first; `before` continues after the last id of the page before."""
        statement = select(IncidentRow).order_by(col(IncidentRow.number).desc()).limit(limit)
        if triage is not None:
            statement = statement.where(IncidentRow.triage == triage.value)
        if status is not None:
            statement = statement.where(IncidentRow.status == status.value)
        if before is not None:
            statement = statement.where(col(IncidentRow.number) < incident_number(before))
        with self._database.reading() as session:
            return self._incidents(session, session.exec(statement).all())

    def open_incidents(self, environment: str, *, resolved_since: datetime | None = None) -> Sequence[OpenIncident]:
        """Return what is going on in an environment, oldest first.

        Args:
            environment: its name.
            resolved_since: also give incidents that ended after this time (UTC).
        """
        live = col(IncidentRow.status) != IncidentStatus.RESOLVED.value
        wanted = live if resolved_since is None else or_(live, col(IncidentRow.resolved_at) > resolved_since)
        statement = select(IncidentRow).where(IncidentRow.environment == environment, wanted)
        with self._database.reading() as session:
            rows = session.exec(statement.order_by(col(IncidentRow.number))).all()
            return [
                self._open(session, row, incident)
                for row, incident in zip(rows, self._incidents(session, rows), strict=True)
            ]

    def set_status(
        self, id: str, status: IncidentStatus, *, actor: str = "plumbline", reason: str = ""
    ) -> IncidentStatus:
        """Move an incident on; setting the status it has already does nothing.

        Raises:
            Conflict: it is resolved, and only a new alert reopens it.
        """
        with self._database.session() as session:
            row = self._row(session, id, for_update=True)
            if row.status == status.value:
                return status
            if row.status == IncidentStatus.RESOLVED.value:
                raise Conflict(f"{id} is resolved; only a new alert of its sender opens it again")
            before, row.status = row.status, status.value
            if status is IncidentStatus.RESOLVED:
                row.resolved_at = self._clock()
            told = {"before": before, "after": status.value, "reason": reason}
            self._tell(session, "incident.status", row, actor, told)
            return status

    def save_diagnosis(
        self,
        id: str,
        diagnosis: Diagnosis,
        blast: BlastRadius,
        *,
        took_s: float,
        model: Object,
        actor: str = "plumbline",
    ) -> int:
        """Store a further diagnosis and return its number; all are kept."""
        with self._database.session() as session:
            row = self._row(session, id, for_update=True)
            assert row.number is not None
            newest = select(func.max(DiagnosisRow.number)).where(DiagnosisRow.incident == row.number)
            number = (session.exec(newest).one() or 0) + 1
            session.add(
                DiagnosisRow(
                    incident=row.number,
                    number=number,
                    at=self._clock(),
                    took_s=took_s,
                    model=encode(model),
                    verdict=diagnosis.verdict.value,
                    diagnosis=encode(diagnosis),
                    blast=encode(blast),
                )
            )
            session.flush()
            note_uses(session, diagnosis.recalled, incident=row.number, diagnosis=number)
            if row.status in (IncidentStatus.OPEN, IncidentStatus.INVESTIGATING):
                row.status = IncidentStatus.DIAGNOSED.value
            told = {
                "number": number,
                "verdict": diagnosis.verdict.value,
                "causes": [{"resource": c.resource, "kind": c.kind} for c in diagnosis.causes],
                "took_s": took_s,
                "model_used": bool(model.get("used")),
            }
            self._tell(session, "incident.diagnosed", row, actor, told)
            return number

    def latest_diagnosis(self, id: str) -> SavedDiagnosis | None:
        """Return the newest diagnosis, or None when there is none yet."""
        found = self._diagnoses(id, limit=1)
        return found[0] if found else None

    def telling_diagnoses(self, id: str) -> Sequence[Diagnosis]:
        """Return the newest diagnosis and the newest that found a cause, newest first."""
        with self._database.reading() as session:
            mine = select(DiagnosisRow).where(DiagnosisRow.incident == incident_number(id))
            newest_first = mine.order_by(col(DiagnosisRow.number).desc()).limit(1)
            found = DiagnosisRow.verdict == DiagnosisVerdict.CAUSE_FOUND.value
            rows = [*session.exec(newest_first), *session.exec(newest_first.where(found))]
            return [decode(Diagnosis, row.diagnosis) for row in {row.number: row for row in rows}.values()]

    def diagnoses(self, id: str) -> Sequence[SavedDiagnosis]:
        """Return all diagnoses, newest first."""
        return self._diagnoses(id, limit=None)

    def timeline(self, id: str) -> Sequence[AuditEntry]:
        """Return what happened to an incident and its proposals, oldest first."""
        with self._database.reading() as session:
            number = self._row(session, id).number
            assert number is not None
            proposals = session.exec(select(ProposalRow.number).where(ProposalRow.incident_id == id)).all()
        return self._audit.about([incident_id(number), *(f"FIX-{p}" for p in proposals)])

    def _incident_for(
        self, session: Session, row: AlertRow | None, alert: Alert, environment: str, correlation: str
    ) -> tuple[IncidentRow, bool]:
        """Return the incident an alert belongs to, and whether it was made for it."""
        own = None if row is None else self._row(session, incident_id(row.incident), for_update=True)
        if own is not None and (own.status != IncidentStatus.RESOLVED or alert.status is AlertStatus.RESOLVED):
            return own, False
        joined = (
            select(IncidentRow)
            .where(
                IncidentRow.environment == environment,
                IncidentRow.correlation == correlation,
                IncidentRow.status != IncidentStatus.RESOLVED.value,
            )
            .order_by(col(IncidentRow.number))
            .with_for_update()
        )
        found = session.exec(joined).first() or own
        if found is not None:
            return found, False
        made = IncidentRow(
            environment=environment,
            correlation=correlation,
            status=IncidentStatus.OPEN.value,
            title=alert.title,
            opened_at=alert.started_at,
            updated_at=self._clock(),
        )
        session.add(made)
        session.flush()
        return made, True

    def _settle(self, session: Session, incident: IncidentRow) -> None:
        """Derive what an incident takes from its alerts."""
        rows = session.exec(select(AlertRow).where(AlertRow.incident == incident.number)).all()
        alerts = sorted((decode(Alert, r.body) for r in rows), key=_age)
        if alerts:
            incident.title, incident.severity = alerts[0].title, alerts[0].severity
            incident.opened_at = alerts[0].started_at
        if all(a.status is AlertStatus.RESOLVED for a in alerts):
            incident.status = IncidentStatus.RESOLVED.value
            incident.resolved_at = max((r.at for r in rows), default=self._clock())
        elif incident.status == IncidentStatus.RESOLVED:
            incident.status, incident.resolved_at = IncidentStatus.OPEN.value, None
        incident.triage = held_for(session, incident)
        incident.updated_at = self._clock()

    def _open(self, session: Session, row: IncidentRow, incident: Incident) -> OpenIncident:
        metrics = {a.metric for a in incident.alerts}
        newest = (
            select(DiagnosisRow)
            .where(DiagnosisRow.incident == row.number)
            .order_by(col(DiagnosisRow.number).desc())
            .limit(1)
        )
        found = session.exec(newest).first()
        diagnosis = None if found is None else decode(Diagnosis, found.diagnosis)
        subjects = () if diagnosis is None else (*(s.uid for s in diagnosis.subjects), *_causes(diagnosis))
        return OpenIncident(
            id=incident.id,
            title=row.title,
            subjects=tuple(dict.fromkeys(subjects)),
            opened_at=row.opened_at,
            resolved_at=row.resolved_at,
            metric=metrics.pop() if len(metrics) == 1 else "",
            is_noise=incident.triage is Verdict.NOISE,
        )

    def _diagnoses(self, id: str, limit: int | None) -> Sequence[SavedDiagnosis]:
        with self._database.reading() as session:
            number = self._row(session, id).number
            statement = select(DiagnosisRow).where(DiagnosisRow.incident == number)
            rows = session.exec(statement.order_by(col(DiagnosisRow.number).desc()).limit(limit)).all()
        return [_saved(row) for row in rows]

    def _incidents(self, session: Session, rows: Sequence[IncidentRow]) -> Sequence[Incident]:
        numbers = [row.number for row in rows]
        alerts: dict[int, list[Alert]] = {}
        for alert in session.exec(select(AlertRow).where(col(AlertRow.incident).in_(numbers))):
            alerts.setdefault(alert.incident, []).append(decode(Alert, alert.body))
        return [_incident(row, alerts.get(row.number or 0, [])) for row in rows]

    def _row(self, session: Session, id: str, *, for_update: bool = False) -> IncidentRow:
        row = session.get(IncidentRow, incident_number(id), with_for_update=for_update or None)
        if row is None:
            raise NotFound(f"no incident {id!r}: the list of incidents names those there are")
        return row

    def _tell(self, session: Session, action: str, row: IncidentRow, actor: str, detail: Json) -> None:
        row.updated_at = self._clock()
        session.add(row)
        session.flush()
        assert row.number is not None
        self._audit.append(session, actor=actor, action=action, subject=incident_id(row.number), detail=detail)


def _order(at: datetime, body: Json) -> tuple[datetime, int, str]:
    return at, _RANK[body["status"]], canonical(body)


def _age(alert: Alert) -> tuple[datetime, str, str]:
    return alert.started_at, alert.sender, alert.key


def _causes(diagnosis: Diagnosis) -> tuple[str, ...]:
    return tuple(c.resource for c in diagnosis.causes[:1])


def _incident(row: IncidentRow, alerts: Sequence[Alert]) -> Incident:
    assert row.number is not None
    return Incident(
        id=incident_id(row.number),
        environment=row.environment,
        correlation=row.correlation,
        status=IncidentStatus(row.status),
        title=row.title,
        severity=row.severity,
        opened_at=row.opened_at,
        resolved_at=row.resolved_at,
        updated_at=row.updated_at,
        triage=Verdict(row.triage),
        alerts=tuple(sorted(alerts, key=_age)),
    )


def _saved(row: DiagnosisRow) -> SavedDiagnosis:
    return SavedDiagnosis(
        incident_id=incident_id(row.incident),
        number=row.number,
        at=row.at,
        diagnosis=decode(Diagnosis, row.diagnosis),
        blast=decode(BlastRadius, row.blast),
        took_s=row.took_s,
        model=row.model,
    )
