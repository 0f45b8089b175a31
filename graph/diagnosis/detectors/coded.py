"""Which commit broke it, from its diff and from what the systems complain of; or that the cause lies outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from graph.change import Change
from graph.diagnosis.commits.causes_outside import Outside
from graph.diagnosis.commits.outside import Apart
from graph.diagnosis.commits.verdict import Suspect, is_configuration
from graph.diagnosis.context import Context
from graph.diagnosis.hypothesis import Hypothesis, Point, Reason, Weight
from graph.diagnosis.telling import told

_MOST_SUSPECTS = 10
_MOST_CITED = 3
KINDS: dict[Outside, str] = {
    Outside.PROVIDER: "outside_failure",
    Outside.CERTIFICATE: "certificate_expired",
    Outside.CREDENTIAL: "credential_expired",
    Outside.NAMES: "outside_failure",
    Outside.PLACE: "machines_lost",
    Outside.NEIGHBOUR: "noisy_neighbour",
    Outside.QUOTA: "quota_exhausted",
    Outside.STORE: "store_maintained",
    Outside.SURGE: "traffic_surge",
    Outside.GROWTH: "data_outgrown",
    Outside.DATA: "bad_data",
}
"""What a cause outside is called as a kind of `Cause`"""


def coded(context: Context) -> Iterable[Hypothesis]:
    """Yield the commits that may have done it, most guilty first, and a cause outside when something speaks for one."""
    verdict = context.commit_verdict
    if verdict is None:
        return
    for suspect in verdict.suspects[:_MOST_SUSPECTS]:
        yield _of_commit(context, suspect)
    if verdict.apart is not None:
        yield _outside(context, verdict.apart)


def _of_commit(context: Context, suspect: Suspect) -> Hypothesis:
    commit = suspect.commit
    resource = _service(context, commit)
    note = context.ledger.change(commit)
    name = context.name(resource) if resource else "the environment"
    return Hypothesis(
        resource=resource,
        kind="config_changed" if is_configuration(commit) else "code_changed",
        summary=f"A commit of {name} behaves differently: it was made {told(commit)}. {suspect.reasons[0].text}",
        points=tuple(_points(context, "commit", suspect.reasons, note)),
        change=commit,
        path=context.reach[resource].path if resource in context.reach else (),
        distinct=commit.version,
        is_weighed=True,
    )


def _outside(context: Context, apart: Apart) -> Hypothesis:
    resource = context.subjects[0] if context.subjects else ""
    name = context.name(resource) if resource else "the environment"
    return Hypothesis(
        resource=resource,
        kind=KINDS[apart.sort],
        summary=f"No change of {name} explains it: {name} suffers from {apart.sort.value}.",
        points=tuple(_points(context, "outside", apart.reasons)),
        weight=Weight.BREAKS,
        path=(resource,) if resource else (),
        is_weighed=True,
    )


def _service(context: Context, commit: Change) -> str:
    """Where a commit was brought; what the alert is about when nobody knows."""
    brought = [d.uid for d in context.deploys if d.version == commit.version and d.uid]
    return next(iter(brought), commit.uid or next(iter(context.subjects), ""))


def _points(context: Context, rule: str, reasons: Sequence[Reason], *notes: str) -> Iterator[Point]:
    by_key = {c.key: c for c in context.complaints}
    for number, reason in enumerate(reasons):
        cited = [context.note_complaint(by_key[key]) for key in reason.about if key in by_key][:_MOST_CITED]
        evidence = tuple(dict.fromkeys((*notes, *cited))) or context.note_alerts()
        yield Point(rule=rule, key=str(number), text=reason.text, evidence=evidence, share=reason.worth)
