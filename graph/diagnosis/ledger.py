"""Notes what was seen, so that each sentence of a diagnosis can cite it. Text from outside stays in `data`, bounded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from graph.change import Change
from graph.document import ABSENT, Absent, Json, canonical
from graph.drift import Finding
from graph.environment import EnvironmentGraph
from graph.evidence import Observation, ObservationKind, SymptomEvent, observe
from graph.fault import Fault
from graph.incident import Alert, OpenIncident
from graph.memory import Recall
from graph.relation import Relation
from graph.resource import Facet
from graph.telemetry import Span

MAX_TEXT = 500
"""Characters of a text from outside that an observation keeps."""


class Ledger:
    """Observations of one diagnosis, each once, in the order in which they were first noted."""

    def __init__(self, graph: EnvironmentGraph) -> None:
        self._graph = graph
        self._noted: dict[str, Observation] = {}

    @property
    def observations(self) -> tuple[Observation, ...]:
        return tuple(self._noted.values())

    def __getitem__(self, key: str) -> Observation:
        return self._noted[key]

    def name(self, uid: str) -> str:
        """Display name of a resource, also of one that does not exist."""
        if uid in self._graph:
            return self._graph.resource(uid).display
        return "/".join(part for part in uid.split("/")[-3:] if part not in ("", "-"))

    def alert(self, alert: Alert) -> str:
        """Note an alert; returns the observation's id, as all methods here do."""
        data = {"title": alert.title, "description": alert.description, "service": alert.service}
        data |= {f"label {k}": v for k, v in sorted(alert.labels.items())[:20]}
        summary = f"An alert of {alert.sender} fired."
        return self._note(ObservationKind.ALERT, "", summary, alert.started_at, alert.sender, data)

    def drift(self, finding: Finding) -> str:
        """Note a difference between the facets of a resource."""
        uid = finding.resource.uid
        where = f"{finding.path} of {finding.resource.display}" if finding.path else finding.resource.display
        summary = f"The comparison says {finding.verdict.value.replace('_', ' ')} at {where}."
        data = {"path": finding.path, "verdict": finding.verdict.value, "rule": finding.rule}
        data |= {"intended": shown(finding.intended), "actual": shown(finding.actual)}
        version = self._graph.version(uid, Facet.ACTUAL)
        at, source = (version.last_seen, version.source) if version else (self._graph.as_of, "")
        intended = self._graph.version(uid, Facet.INTENDED)
        if intended and intended.origin:
            origin = intended.origin
            data["declared_at"] = f"{origin.file}:{origin.line or 1}" + (f"@{origin.commit}" if origin.commit else "")
        return self._note(ObservationKind.DRIFT, uid, summary, at, source, data)

    def change(self, change: Change, record: Change | None = None) -> str:
        """Note a change; `record` is the entry of a source that proves it."""
        of = self.name(change.uid) if change.uid else "the environment"
        summary = f"A change of {of} is on record." if record or change.source else f"{of} was seen to change."
        data = {
            "id": change.id,
            "kind": change.kind,
            "path": change.path,
            "before": shown(change.before),
            "after": shown(change.after),
            "earliest": change.earliest.isoformat() if change.earliest else None,
            "latest": change.latest.isoformat(),
            "actor": change.actor.name if change.actor else None,
            "session": change.actor.session if change.actor else None,
            "channel": change.channel.value,
            "summary": change.summary,
            "reference": change.reference,
            "run": change.run,
            "evidence": list(change.evidence),
        }
        return self._note(ObservationKind.CHANGE, change.uid, summary, change.latest, change.source, data)

    def fault(self, fault: Fault) -> str:
        """Note what the platform reports to be wrong."""
        data = {"reason": fault.reason, "message": fault.message, "path": fault.path, "value": shown(fault.value)}
        version = self._graph.version(fault.uid, Facet.ACTUAL)
        source = version.source if version else ""
        summary = f"{self.name(fault.uid)} has the fault {fault.reason}."
        return self._note(ObservationKind.CONDITION, fault.uid, summary, fault.since, source, data)

    def symptom(self, event: SymptomEvent, *, says: str) -> str:
        """Note a line or reading of a running system; `says` is our word for what it complains of."""
        data: dict[str, Json] = {"text": event.text, "reason": event.reason, "count": event.count}
        if event.value is not None:
            data |= {"value": event.value, "unit": event.unit}
        summary = f"{self.name(event.resource)} reports {says}."
        return self._note(event.kind, event.resource, summary, event.at, event.source, data)

    def span(self, span: Span) -> str:
        """Note one span of a trace."""
        data: dict[str, Json] = {"trace": span.trace, "span": span.id, "name": span.name}
        data |= {"duration_s": round(span.duration_s, 6), "error": span.is_error}
        data |= {f"attribute {k}": v for k, v in sorted(span.attributes.items())[:20]}
        at = datetime.fromtimestamp(span.start, UTC)
        summary = f"A span of {self.name(span.resource)} {'failed' if span.is_error else 'was traced'}."
        return self._note(ObservationKind.TRACE, span.resource, summary, at, "", data)

    def route(self, uids: Sequence[str], relations: Sequence[Relation]) -> str:
        """Note a path of relations from the resource of the alert to another one."""
        names = " > ".join(self.name(uid) for uid in uids)
        data = {
            "path": list(uids),
            "relations": [
                {"source": r.source, "type": r.type.value, "target": r.target, "via": r.via, "detail": r.detail}
                for r in relations
            ],
        }
        return self._note(ObservationKind.RELATION, uids[-1], f"{names}.", self._graph.as_of, "", data)

    def state(self, uid: str, path: str, value: Json | Absent, *, facet: Facet = Facet.ACTUAL) -> str:
        """Note a value that was read from a facet."""
        version = self._graph.version(uid, facet)
        at, source = (version.last_seen, version.source) if version else (self._graph.as_of, "")
        what = path or "The whole object"
        summary = f"{what} of {self.name(uid)} was read ({facet.value})."
        data = {"path": path, "value": shown(value), "facet": facet.value}
        return self._note(ObservationKind.STATE, uid, summary, at, source, data)

    def compared(self, subject: str, names: Sequence[str]) -> str:
        """Note that everything a subject depends on was compared, and what that was."""
        summary = f"{len(names)} resources on the paths of {subject} were compared with their declaration."
        return self._note(ObservationKind.STATE, "", summary, self._graph.as_of, "", {"resources": list(names[:200])})

    def memory(self, recall: Recall) -> str:
        """Note that a person told the outcome of a similar incident."""
        told = recall.memory
        data: dict[str, Json] = {
            "memory": told.id,
            "incident": told.incident,
            "outcome": told.outcome.value,
            "by": told.by,
            "note": told.note,
            "likeness": recall.likeness,
            "alike": list(recall.reasons),
        }
        summary = "A person told the outcome of a similar incident."
        return self._note(ObservationKind.MEMORY, "", summary, told.at, "memories", data)

    def incident(self, incident: OpenIncident) -> str:
        """Note that another incident was open."""
        data = {
            "id": incident.id,
            "title": incident.title,
            "subjects": list(incident.subjects),
            "opened_at": incident.opened_at.isoformat(),
            "resolved_at": incident.resolved_at.isoformat() if incident.resolved_at else None,
        }
        return self._note(ObservationKind.ALERT, "", "Another incident was open.", incident.opened_at, "", data)

    def _note(
        self,
        kind: ObservationKind,
        uid: str,
        summary: str,
        at: datetime | None,
        source: str,
        data: dict[str, Json],
    ) -> str:
        bounded = {k: v[:MAX_TEXT] if isinstance(v, str) else v for k, v in data.items()}
        seen = observe(kind, resource=uid, summary=summary, at=at, source=source, data=bounded)
        self._noted.setdefault(seen.id, seen)
        return seen.id


def shown(value: Json | Absent) -> Json:
    """A value for an observation: as it is when small, else the beginning of its text; `{"$absent": true}` for none."""
    if value is ABSENT:
        return {"$absent": True}
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else canonical(value)
    return value if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."
