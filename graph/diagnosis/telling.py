"""Sentences about a change: when, by whom, through which channel, and what that rests on."""

from __future__ import annotations

from collections.abc import Iterator

from graph.change import Change, Channel
from graph.diagnosis.context import Context
from graph.diagnosis.hypothesis import Point
from graph.document import Absent, Json


def told(change: Change, *, with_session: bool = False) -> str:
    """Say when, by whom and through which channel a change came, as the end of a sentence."""
    who = f" by {change.actor.name}" if change.actor else ""
    session = (
        f" (session {change.actor.session})" if with_session and who and change.actor and change.actor.session else ""
    )
    how = {
        Channel.BY_HAND: ", by hand",
        Channel.DEPLOYMENT: ", through a deployment",
        Channel.OTHER_AUTOMATION: ", by an automation that is no declared deployer",
        Channel.PROVIDER: ", by the provider itself",
        Channel.NOT_APPLIED: ", but never applied",
        Channel.UNKNOWN: ", through an unknown channel" if who else ", by an unknown actor",
    }[change.channel]
    return f"{change.when}{who}{session}{how}"


def short(value: Json | Absent) -> str:
    """The text of a small value, for finding it again in what systems say; empty for anything large or structured."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def attributed(context: Context, change: Change) -> Iterator[Point]:
    """Say who changed a resource and when, citing the records that the attribution rests on."""
    known = {c.id: c for c in context.graph.changes(change.uid)}
    if not set(change.evidence) <= known.keys():
        known |= {c.id: c for c in context.graph.changes() if c.id in change.evidence}
    proofs = [context.ledger.change(known[i]) for i in change.evidence[:3] if i in known]
    evidence = (context.ledger.change(change), *proofs)
    rule = "attributed" if change.channel is not Channel.UNKNOWN else "seen_to_change"
    yield Point(
        rule=rule, text=f"{context.name(change.uid)} changed {told(change, with_session=True)}.", evidence=evidence
    )
