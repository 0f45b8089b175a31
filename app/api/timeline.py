"""Audit entries as sentences for people. The entries themselves stay the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.api.bodies import Event, plain
from app.store.audit import AuditEntry
from graph.document import Json

_SENTENCES = {
    "alert.received": "Alert received: {status}",
    "alert.incomplete": "Alert incomplete: {what}. {why}",
    "incident.status": "Incident is {after}",
    "incident.diagnosed": "Diagnosis {number}: {verdict}",
    "incident.triaged": "Held for {verdict}: {why}",
    "incident.outcome": "A person told the outcome: {outcome}. {note}",
    "memory.removed": "{memory} is used no more: {because}",
    "incident.look_again": "Another look was asked for",
    "proposal.created": "{subject} proposed: {title}",
    "proposal.vote": "{subject} got one of its approvals",
    "proposal.approved": "{subject} approved",
    "proposal.rejected": "{subject} rejected: {note}",
    "proposal.expired": "{subject} expired: {note}",
    "proposal.superseded": "{subject} superseded by a newer proposal",
    "proposal.succeeded": "{subject} succeeded: {note}",
    "proposal.rolled_back": "{subject} was rolled back: {note}",
    "proposal.refused": "{subject} was not executed: {note}",
    "proposal.failed": "{subject} failed: {note}",
    "proposal.unknown": "{subject}: it is not known whether it took effect. {note}",
    "execution.claimed": "The executor took {subject}",
    "execution.intent": "{subject}: preconditions hold, the change is about to be made",
    "execution.effect": "{subject}: the change was made",
    "execution.verified": "{subject}: every verification holds",
    "execution.verification_failed": "{subject}: a verification failed",
    "execution.rollback": "{subject}: rolling back",
    "execution.no_answer": "{subject}: the target gave no answer",
}


def events(entries: Sequence[AuditEntry]) -> list[Event]:
    """Return one event for each entry, in the same order."""
    return [_event(entry) for entry in entries]


def _event(entry: AuditEntry) -> Event:
    data = plain(entry)
    sentence = _SENTENCES.get(entry.action, "{subject}: " + entry.action.replace(".", " ").replace("_", " "))
    values = _Words({"subject": data["subject"], **_scalars(data["detail"])})
    return Event(
        at=entry.at,
        actor=data["actor"],
        action=data["action"],
        text=sentence.format_map(values).rstrip(": "),
        detail=data["detail"],
    )


def _scalars(detail: Json) -> dict[str, str]:
    if not isinstance(detail, Mapping):
        return {}
    words = {name: str(value) for name, value in detail.items() if isinstance(value, str | int | float)}
    return {n: v.replace("_", " ") if n in ("status", "after", "verdict") else v for n, v in words.items()}


class _Words(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return ""
