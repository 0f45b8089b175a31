"""What alerts are held for. A decision is about one state of an alert, and ends with it; all are audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from app.store.audit import AuditLog
from app.store.clock import Clock, utc_now
from app.store.database import Database
from app.store.incident_ids import incident_id, incident_number
from app.store.rows.incidents import AlertRow, IncidentRow
from app.store.rows.triage import FiringRow, TriageRow
from app.store.upsert import insert_or_nothing
from graph.codec import decode, encode
from graph.document import Json
from graph.errors import NotFound
from graph.incident import Alert
from graph.triage import Decision, Verdict, gravest

_COUNTED = timedelta(hours=1)
_KEPT = timedelta(days=7)
"""How long it is kept that an alert fired; only the last hour is counted."""
_MOST_TOLD = 20
"""Alerts of one decision that the audit log tells of one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedDecision:
    """What one alert is held for."""

    at: datetime
    """UTC; when it was decided"""
    decision: Decision


class Triages:
    """Decisions about alerts, and how often these fired."""

    def __init__(self, database: Database, audit: AuditLog, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def save(self, incident: str, judged: Sequence[tuple[Alert, Decision]], *, is_first: bool = False) -> Verdict:
        """Store what alerts of an incident are held for, and return what the incident is.

        A decision about a state that an alert has left meanwhile is not stored: what came later is not decided yet.

        Args:
            incident: its id.
            judged: alerts as they were when they were judged, each with its decision.
            is_first: made without looking, so one that was made of the same state already stands.

        Raises:
            NotFound: there is no such incident.
        """
        with self._database.session() as session:
            row = session.get(IncidentRow, incident_number(incident), with_for_update=True)
            if row is None:
                raise NotFound(f"no incident {incident!r}")
            alerts = session.exec(select(AlertRow).where(AlertRow.incident == row.number)).all()
            states = {(a.sender, a.key): (a, decode(Alert, a.body)) for a in alerts}
            news = []
            for alert, decision in judged:
                stored, state = states.get((alert.sender, alert.key), (None, None))
                if stored is None or state is None or replace(alert, firings=state.firings) != state:
                    continue
                if is_first and session.get(TriageRow, stored.id) is not None:
                    continue
                if self._put(session, stored, decision):
                    news.append((alert, decision))
            row.triage = held_for(session, row)
            session.add(row)
            if news:
                self._tell(session, row, news)
            return Verdict(row.triage)

    def of_incident(self, incident: str) -> Sequence[SavedDecision]:
        """Return what is decided of the alerts of an incident, by the order in which they came."""
        with self._database.reading() as session:
            rows = session.exec(
                select(TriageRow)
                .join(AlertRow, col(AlertRow.id) == TriageRow.alert)
                .where(AlertRow.incident == incident_number(incident))
                .order_by(col(TriageRow.alert))
            ).all()
            return [SavedDecision(at=r.at, decision=decode(Decision, r.decision)) for r in rows]

    def with_history(self, alert: Alert) -> Alert:
        """Return the alert with how often it fired within the hour up to its start."""
        within = (
            FiringRow.sender == alert.sender,
            FiringRow.name == _name(alert),
            col(FiringRow.started_at) > alert.started_at - _COUNTED,
            col(FiringRow.started_at) <= alert.started_at,
        )
        with self._database.reading() as session:
            many = session.exec(select(func.count()).select_from(FiringRow).where(*within)).one()
        return replace(alert, firings=max(1, many))

    def _put(self, session: Session, stored: AlertRow, decision: Decision) -> bool:
        """Store one decision, and return whether it differs from the one before in what decided."""
        assert stored.id is not None
        row = session.get(TriageRow, stored.id)
        before = None if row is None else decode(Decision, row.decision)
        row = row or TriageRow(alert=stored.id, at=self._clock(), verdict="", decision={})
        row.at, row.verdict, row.decision = self._clock(), decision.verdict.value, encode(decision)
        session.add(row)
        session.flush()
        return before is None or (before.rule, before.same_as) != (decision.rule, decision.same_as)

    def _tell(self, session: Session, row: IncidentRow, news: Sequence[tuple[Alert, Decision]]) -> None:
        assert row.number is not None
        first = min((d for _, d in news), key=lambda d: list(Verdict).index(d.verdict))
        detail: Json = {
            "verdict": row.triage,
            "rule": first.rule.value,
            "why": first.explanation,
            "alerts": [
                {
                    "alert": f"{alert.sender}:{alert.key}",
                    "verdict": decision.verdict.value,
                    "rule": decision.rule.value,
                    "points": round(decision.points, 3),
                    "most": round(decision.most, 3),
                    "reasons": [encode(r) for r in decision.reasons],
                    "unknown": list(decision.unknown),
                }
                for alert, decision in news[:_MOST_TOLD]
            ],
            "more": max(0, len(news) - _MOST_TOLD),
        }
        self._audit.append(
            session, actor="plumbline", action="incident.triaged", subject=incident_id(row.number), detail=detail
        )


def note_state(session: Session, stored: AlertRow, alert: Alert) -> None:
    """Note a new state of an alert, in the transaction that stores it: it may have fired, and is not decided yet."""
    firing = FiringRow(sender=alert.sender, name=_name(alert), started_at=alert.started_at)
    session.execute(insert_or_nothing(session, firing))
    session.execute(
        delete(FiringRow).where(
            col(FiringRow.sender) == firing.sender,
            col(FiringRow.name) == firing.name,
            col(FiringRow.started_at) < alert.started_at - _KEPT,
        )
    )
    session.execute(delete(TriageRow).where(col(TriageRow.alert) == stored.id))


def held_for(session: Session, incident: IncidentRow) -> str:
    """Return what an incident is held for: as its gravest alert, and one of which nothing is decided is undecided."""
    rows = session.exec(
        select(TriageRow.verdict)
        .select_from(AlertRow)
        .join(TriageRow, col(TriageRow.alert) == AlertRow.id, isouter=True)
        .where(AlertRow.incident == incident.number)
    ).all()
    return gravest(Verdict(v) if v else Verdict.UNDECIDED for v in rows).value


def _name(alert: Alert) -> str:
    return alert.recurs_as or alert.key
