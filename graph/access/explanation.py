"""Why a service lost a permission: the change that took it, when, by whom and how, and what restores exactly this."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from graph.access.deployed import Deployments
from graph.access.fact import DOCUMENTS, State
from graph.access.loss import Loss, Played, find_loss
from graph.access.observed import stories
from graph.access.question import Question, Standing
from graph.access.revert import Revert, revert
from graph.access.scope import narrowed
from graph.access.target import lost_targets, named_target
from graph.access.telling import summary, told
from graph.access.timeline import Step, Timeline, timeline
from graph.change import Change, Channel
from graph.document import ABSENT, Absent, Json, Object, digest
from graph.drift import Finding, compare_graph
from graph.environment import EnvironmentGraph
from graph.evidence import Gap
from graph.explanation import Dependent, dependents_of
from graph.kinds.aws.canonical import statements_added, statements_removed
from graph.kinds.aws.permission import Decision
from graph.place import is_near
from graph.resource import Facet, Resource
from graph.source_gaps import source_gaps

_NEAR: Final = timedelta(minutes=10)
"""Writes this close to the decisive one are what people suspect; they are named with why they are not it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """One change that took the permission away."""

    what: str
    """What changed, in a few words."""
    change: Change
    """When, by whom, through which channel, from which value to which. Without a record its actor and channel are
    unknown, and its interval is that between two readings."""
    removed: tuple[Object, ...]
    """Statements that went, for a policy."""
    added: tuple[Object, ...]
    """Statements that came, for a policy."""
    is_decisive: bool
    """False: it happened before and did no harm until the decisive change."""
    finding: Finding | None
    """The difference to what is declared, where one is left."""
    revert: Revert


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBlamed:
    """A write that had a say in the question, in the same minutes, and changed nothing in its answer."""

    what: str
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionExplanation:
    """Answer to "why can this service no longer do that?"."""

    service: Resource
    action: str
    target: str
    summary: str
    """One sentence."""
    now: Standing
    before: Standing | None
    """Answer before the loss; None when no loss is known."""
    takers: tuple[Taker, ...]
    """The decisive change first. Empty when the permission holds, or was never seen to hold."""
    not_blamed: tuple[NotBlamed, ...]
    dependents: tuple[Dependent, ...]
    """What leans on the service."""
    gaps: tuple[Gap, ...]


def explain_permission(
    graph: EnvironmentGraph,
    service: Resource,
    action: str,
    target: str = "",
    *,
    deployers: frozenset[str],
    context: Mapping[str, tuple[str, ...]] | None = None,
    drift: Sequence[Finding] | None = None,
) -> PermissionExplanation:
    """Explain how a service stands with a permission.

    Args:
        graph: the environment as of the time that is asked about.
        service: workload, ECS service, function or role.
        action: e.g. `kms:Decrypt`.
        target: key, alias or other resource, by ARN, id, name or uid; empty: the one key on which it was lost.
        deployers: names of the actors that deployments run as.
        context: condition keys that are known of the request.
        drift: differences to what is declared, where at hand; else they are computed.

    Raises:
        Invalid: the action is no name of one, or the target must be named and is not.
        NotFound: nothing goes by the name of the target.
    """
    whole = timeline(graph)
    asked = Question(service=service, action=action, target="", context=context or {})
    name = named_target(graph, whole, target) if target else lost_targets(whole, asked)
    question = replace(asked, target=name)
    part = narrowed(whole, question)
    now, loss = find_loss(question, part)
    takers = tuple(_takers(graph, part, loss, question, deployers=deployers, drift=drift)) if loss else ()
    return PermissionExplanation(
        service=service,
        action=action,
        target=name,
        summary=summary(service, action, name, now, [t.change for t in takers], [t.what for t in takers]),
        now=now,
        before=loss.before if loss else None,
        takers=takers,
        not_blamed=tuple(_not_blamed(loss)) if loss else (),
        dependents=dependents_of(graph, service.uid),
        gaps=tuple(_gaps(graph, now, takers)),
    )


def _takers(
    graph: EnvironmentGraph,
    part: Timeline,
    loss: Loss,
    question: Question,
    *,
    deployers: frozenset[str],
    drift: Sequence[Finding] | None,
) -> Iterator[Taker]:
    found = compare_graph(graph).findings if drift is None else drift
    deployments = Deployments(graph, stories(graph, Facet.INTENDED), deployers=deployers)
    state = part.final()
    for played, is_decisive in [*((p, True) for p in loss.decisive), *((p, False) for p in loss.together)]:
        yield _taker(graph, played, state, question, deployments, found, is_decisive=is_decisive)


def _taker(
    graph: EnvironmentGraph,
    played: Played,
    state: State,
    question: Question,
    deployments: Deployments,
    drift: Sequence[Finding],
    *,
    is_decisive: bool,
) -> Taker:
    step = played.step
    removed, added = _statements(step)
    what = told(step)
    reason = f"{question.service.display} lost {question.action}: {what}."
    return Taker(
        what=what,
        change=_change(step, deployments),
        removed=removed,
        added=added,
        is_decisive=is_decisive,
        finding=_finding(step, drift),
        revert=revert(graph, step, state.get(step.fact, ABSENT), reason=reason),
    )


def _change(step: Step, deployments: Deployments) -> Change:
    """The change of a step as what it rests on tells it; an actor stands only where a channel is known."""
    channel = deployments.channel(step)
    uid = step.home.resource.uid if step.home else step.fact.subject
    path = step.home.path if step.home else ""
    run = deployments.run(step) if channel is Channel.DEPLOYMENT else None
    commit = deployments.commit(step) if channel is Channel.DEPLOYMENT else None
    base = step.change or Change(id="", uid=uid, kind="object", latest=step.latest)
    evidence = [c.id for c in (step.change, run, commit) if c is not None]
    key = digest([uid, path, list(step.fact), _plain(step.before), _plain(step.after), channel.value, evidence])
    return replace(
        base,
        id=f"loss-{key[:12]}",
        uid=uid,
        path=path,
        before=step.before,
        after=step.after,
        earliest=step.earliest,
        latest=step.latest,
        channel=channel,
        run=run.run or run.id if run else base.run,
        evidence=tuple(evidence),
    )


def _plain(value: Json | Absent) -> Json:
    return None if value is ABSENT else value


def _statements(step: Step) -> tuple[tuple[Object, ...], tuple[Object, ...]]:
    if step.fact.kind not in DOCUMENTS:
        return (), ()
    before = step.before if isinstance(step.before, dict) else {}
    after = step.after if isinstance(step.after, dict) else {}
    return tuple(statements_removed(before, after)), tuple(statements_added(before, after))


def _finding(step: Step, drift: Sequence[Finding]) -> Finding | None:
    """The drift that is this step: of the same resource, at the same place or of the resource as a whole."""
    if step.home is None:
        return None
    mine = [f for f in drift if f.resource.uid == step.home.resource.uid]
    return next((f for f in mine if not f.path or not step.home.path or is_near(f.path, step.home.path)), None)


def _not_blamed(loss: Loss) -> Iterator[NotBlamed]:
    first = loss.decisive[0].step
    since, until = (first.earliest or first.latest) - _NEAR, first.latest + _NEAR
    for played in loss.harmless:
        if since <= played.step.latest <= until:
            step = played.step
            change = step.change or Change(id="", uid=step.fact.subject, kind="object", latest=step.latest)
            yield NotBlamed(what=told(step), change=change)


def _gaps(graph: EnvironmentGraph, now: Standing, takers: Sequence[Taker]) -> Iterator[Gap]:
    yield from source_gaps(graph)
    if now.decision is Decision.UNKNOWN:
        for name in sorted(now.unknown):
            yield Gap(what=name, why="the answer depends on it, and it was not read: give it, or read its source")
    for taker in takers:
        if not taker.change.evidence:
            since = _time(taker.change.earliest)
            yield Gap(
                what=f"record of the change of the {taker.what}",
                why=f"no audit record between {since} and {_time(taker.change.latest)} explains it: the stream has a "
                "gap, is late, or does not cover this resource",
                resource=taker.change.uid,
            )


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "the beginning"
