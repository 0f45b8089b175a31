"""Which steps took a permission away: those that, played back over the facts, turn the answer.

A step is blamed for what it does to the answer, not for when it happened: another write in the same minute, on the same
policy or beside it, is played back as well and leaves the answer as it was. A step is undone as a difference, so that
what later steps wrote into the same document stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from graph.access.fact import DOCUMENTS, Fact
from graph.access.question import Question, Standing, ask
from graph.access.timeline import Step, Timeline
from graph.document import ABSENT, Absent, Json
from graph.kinds.aws.canonical import statements, statements_added, statements_removed
from graph.kinds.aws.permission import Decision

_RANK: Final = {Decision.DENIED: 0, Decision.UNKNOWN: 1, Decision.ALLOWED: 2}
_MOST: Final = 5
"""More changes than this that all had to happen are no answer any more."""


class Played(NamedTuple):
    """One step and the answers before and after it."""

    step: Step
    before: Standing
    after: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """How a permission was lost."""

    before: Standing
    """Answer before the decisive step."""
    now: Standing
    decisive: tuple[Played, ...]
    """Steps that each take the permission away, the one that did first; all must be undone."""
    together: tuple[Played, ...]
    """Earlier steps without which the decisive one would have done no harm; undoing one of them restores as well."""
    harmless: tuple[Played, ...]
    """All other steps that had a say in the question, and changed nothing in its answer; oldest first."""


def find_loss(question: Question, timeline: Timeline) -> tuple[Standing, Loss | None]:
    """Return how the question stands now, and how that came about; None when no known step took it away."""
    played = list(play(question, timeline))
    now = played[-1].after if played else ask(question, timeline.initial)
    first = _drop(played)
    if now.decision is Decision.ALLOWED or first is None:
        return now, None
    decisive = [first]
    while len(decisive) < _MOST:
        rest = list(play(question, timeline, without=[p.step for p in decisive]))
        end = rest[-1].after if rest else ask(question, timeline.initial)
        if _rank(end) >= _rank(first.before) or (more := _drop(rest)) is None:
            break
        decisive.append(more)
    blamed = [p.step for p in decisive]
    together = () if len(decisive) > 1 else tuple(_together(question, timeline, played, first))
    named = [*blamed, *(p.step for p in together)]
    return now, Loss(
        before=first.before,
        now=now,
        decisive=tuple(decisive),
        together=together,
        harmless=tuple(p for p in played if not any(p.step is s for s in named)),
    )


def play(question: Question, timeline: Timeline, *, without: Collection[Step] = ()) -> Iterator[Played]:
    """Play the steps back over the facts, some of them left out."""
    state: dict[Fact, Json | Absent] = dict(timeline.initial)
    before = ask(question, state)
    for step in timeline.steps:
        if any(step is s for s in without):
            continue
        state[step.fact] = applied(step, state.get(step.fact, ABSENT))
        after = ask(question, state)
        yield Played(step, before, after)
        before = after


def applied(step: Step, value: Json | Absent) -> Json | Absent:
    """Return the value of a fact after a step; of a document only what the step changes in it."""
    is_text = step.fact.kind in DOCUMENTS and all(isinstance(v, dict) for v in (step.before, step.after, value))
    return patched(value, step.before, step.after) if is_text and value != step.before else step.after


def patched(document: Json, before: Json, after: Json) -> Json:
    """Return a policy with the statements that `after` has more than `before`, and without those it has less."""
    found = list(statements(document))
    for statement in statements_removed(before, after):
        if statement in found:
            found.remove(statement)
    order = list(statements(after))
    for statement in statements_added(before, after):
        if statement not in found:
            found.insert(min(order.index(statement), len(found)), statement)
    rest = {k: v for k, v in document.items() if k != "Statement"}
    return {**rest, "Statement": found}


def _drop(played: Sequence[Played]) -> Played | None:
    """The last step that took the permission away for good, else the last that made it worse."""
    worse = [p for p in played if _rank(p.after) < _rank(p.before)]
    sure = [p for p in worse if p.before.decision is Decision.ALLOWED]
    return next(reversed(sure or worse), None)


def _together(question: Question, timeline: Timeline, played: Sequence[Played], first: Played) -> Iterator[Played]:
    for one in played:
        if one.step is first.step:
            return
        rest = list(play(question, timeline, without=[one.step]))
        if rest and _rank(rest[-1].after) >= _rank(first.before):
            yield one


def _rank(standing: Standing) -> int:
    return _RANK[standing.decision]
