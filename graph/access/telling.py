"""Sentences about facts, steps and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from graph.access.fact import DOCUMENTS, Fact, FactKind, last_part
from graph.access.question import Standing
from graph.access.timeline import Step
from graph.change import Change, Channel
from graph.document import ABSENT, Absent, Json
from graph.kinds.aws.permission import Decision
from graph.resource import Resource, display_uid

_NAMES: Final = {
    FactKind.ROLE: "role {s}",
    FactKind.ROLE_TAG: "tag {m} of role {s}",
    FactKind.TRUST: "trust policy of role {s}",
    FactKind.INLINE: "inline policy {m} of role {s}",
    FactKind.ATTACHED: "policy {m} of role {s}",
    FactKind.BOUNDARY: "permissions boundary of role {s}",
    FactKind.POLICY: "policy {s}",
    FactKind.KEY_STATE: "state of key {s}",
    FactKind.KEY_POLICY: "policy of key {s}",
    FactKind.KEY_TAG: "tag {m} of key {s}",
    FactKind.GRANT: "grant {m} on key {s}",
    FactKind.ALIAS: "{s}",
    FactKind.ORGANISATION_POLICY: "organisation policy {s}",
    FactKind.ORGANISATION_TARGET: "organisation policy {s} on {m}",
    FactKind.ENDPOINT: "VPC endpoint {s}",
    FactKind.ENDPOINT_POLICY: "policy of VPC endpoint {s}",
    FactKind.ANNOTATED_ROLE: "role annotation of {s}",
    FactKind.POD_IDENTITY: "pod identity association {s}",
    FactKind.RUNS_AS: "service account of {s}",
    FactKind.TASK: "task definition of service {s}",
    FactKind.FUNCTION_ROLE: "role of function {s}",
}
_CHANNELS: Final = {
    Channel.BY_HAND: ", by hand",
    Channel.DEPLOYMENT: ", through a deployment",
    Channel.OTHER_AUTOMATION: ", by an automation that is no declared deployer",
    Channel.PROVIDER: ", by the provider itself",
    Channel.NOT_APPLIED: "",
    Channel.UNKNOWN: ", by an unknown actor",
}


def fact_name(fact: Fact) -> str:
    """Name a fact for people."""
    subject = display_uid(fact.subject)
    member = last_part(fact.member) if fact.kind is FactKind.ATTACHED else fact.member
    if fact.kind is FactKind.POLICY:
        subject = last_part(subject)
    return _NAMES.get(fact.kind, f"{fact.kind.value} {{s}} {{m}}").format(s=subject, m=member).strip()


def told(step: Step) -> str:
    """Say what a step did, as a sentence without its end."""
    name = fact_name(step.fact)
    if step.before is ABSENT:
        is_shown = step.fact.kind not in DOCUMENTS and step.after is not True
        return f"{name} was added" + (f" ({_value(step.after)})" if is_shown else "")
    if step.after is ABSENT:
        return f"{name} was removed"
    if step.fact.kind in DOCUMENTS:
        return f"{name} was changed"
    return f"{name} was changed from {_value(step.before)} to {_value(step.after)}"


def summary(
    service: Resource, action: str, target: str, now: Standing, changes: Sequence[Change], whats: Sequence[str]
) -> str:
    """Answer the question in one sentence."""
    what = f"{action} on {target}"
    if now.decision is Decision.ALLOWED:
        return f"{service.display} may do {what} now."
    if not changes:
        why = f"{now.stage}{f' ({now.detail})' if now.detail else ''}"
        known = "is not allowed" if now.decision is Decision.DENIED else "is not known to be allowed"
        return f"{service.display} {known} {what}, by {why}, and was never seen to be."
    first = changes[0]
    when = f"at {first.latest:%Y-%m-%d %H:%M:%S} UTC"
    if first.earliest != first.latest:
        since = f"{first.earliest:%Y-%m-%d %H:%M:%S}" if first.earliest else "an unknown time"
        when = f"between {since} and {first.latest:%Y-%m-%d %H:%M:%S} UTC"
    who = f" by {first.actor.name}" if first.actor and first.channel is not Channel.UNKNOWN else ""
    session = f" ({first.actor.session})" if who and first.actor and first.actor.session else ""
    more = f" Also needed: {'; '.join(whats[1:])}." if len(whats) > 1 else ""
    perhaps = "" if now.decision is Decision.DENIED else " perhaps"
    return f"{service.display}{perhaps} lost {what} {when}: {whats[0]}{who}{session}{_CHANNELS[first.channel]}.{more}"


def _value(value: Json | Absent) -> str:
    return "nothing" if value is ABSENT else str(value)
