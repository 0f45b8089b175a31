"""How the facts about access came to be as they are: what held first, and every step since, oldest first.

Two kinds of evidence are laid over each other: what readings of documents show, and what records of writes say. A step
that readings show and no record explains stands with the interval between two readings, and without an actor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from graph.access.fact import CONSTANT, DOCUMENTS, Fact, FactKind
from graph.access.observed import Segment, Story, stories
from graph.access.written import UNREAD, Home, Told, Unread, Write, written
from graph.change import Change
from graph.document import ABSENT, Absent, Json
from graph.environment import EnvironmentGraph
from graph.kinds.aws.canonical import equivalent
from graph.resource import Facet
from graph.runs import RUN_SLACK

_LAG: Final = timedelta(minutes=30)
"""Readings of eventually consistent APIs may show an old value this long after it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of one fact."""

    fact: Fact
    before: Json | Absent
    after: Json | Absent
    earliest: datetime | None
    """UTC; it happened after this. None: open."""
    latest: datetime
    """UTC; it happened at or before this."""
    change: Change | None
    """The record that wrote it; None when readings alone show it."""
    home: Home | None
    """Where the fact stands or stood; None when no document states it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Facts over time."""

    initial: Mapping[Fact, Json | Absent]
    steps: Sequence[Step]
    homes: Mapping[Fact, Home]
    """Where facts stand now, or stood last."""

    def final(self) -> dict[Fact, Json | Absent]:
        """Return what holds after all steps."""
        state = dict(self.initial)
        for step in self.steps:
            state[step.fact] = step.after
        return state


def timeline(graph: EnvironmentGraph) -> Timeline:
    """Return the facts of an environment over the time that its history covers."""
    found = stories(graph, Facet.ACTUAL)
    declared = [stories(graph, facet).now for facet in (Facet.APPLIED, Facet.INTENDED)]
    writes: dict[Fact, list[Write]] = defaultdict(list)
    for change in graph.changes():
        for write in written(change, found.aliases):
            writes[write.fact].append(write)
    initial: dict[Fact, Json | Absent] = {}
    steps: list[Step] = []
    everything = dict.fromkeys((*found.segments, *writes, *(f for facts in declared for f in facts)))
    for fact in everything:
        baseline = next((facts[fact] for facts in declared if fact in facts), UNREAD)
        mine = _Fact(fact, found, writes.get(fact, ()), baseline, graph.as_of)
        first = mine.first()
        if first is not UNREAD:
            initial[fact] = first
        if fact.kind not in CONSTANT:
            steps += mine.steps()
    steps.sort(key=lambda s: (s.latest, s.earliest or s.latest))
    return Timeline(initial=initial, steps=steps, homes=found.homes)


def is_same(fact: Fact, one: Told, other: Told) -> bool:
    """Whether two values of a fact mean the same."""
    if fact.kind is FactKind.KEY_STATE and {one, other} == {"PendingDeletion", ABSENT}:
        # A key that waits for its deletion is no longer shown by what reads the estate.
        return True
    if fact.kind in DOCUMENTS and isinstance(one, dict) and isinstance(other, dict):
        return equivalent(one, other)
    return one is other or bool(one == other)


class _Fact:
    """One fact with all that is known of it."""

    def __init__(self, fact: Fact, found: Story, writes: Sequence[Write], baseline: Told, as_of: datetime) -> None:
        self._fact = fact
        self._segments = found.segments.get(fact, ())
        self._writes = sorted(writes, key=lambda w: w.change.latest)
        self._baseline = baseline
        self._home = found.homes.get(fact)
        self._as_of = as_of

    def first(self) -> Told:
        """What held before the first step."""
        steps = list(self.steps())
        if steps:
            return steps[0].before
        return self._segments[0].value if self._segments else self._baseline

    def steps(self) -> Iterator[Step]:
        """Yield what is known to have changed, oldest first."""
        if self._fact.kind in CONSTANT:
            return
        if not self._segments:
            yield from self._chain(UNREAD, self._writes)
            return
        segments = self._segments
        yield from self._until_first(segments[0])
        for one, next_ in pairwise(segments):
            mine = [w for w in self._writes if self._belongs(w, one, next_)]
            chain = list(self._chain(one.value, mine))
            yield from chain
            reached = chain[-1].after if chain else one.value
            if not is_same(self._fact, reached, next_.value):
                blind = [w for w in mine if w.after is UNREAD]
                since = chain[-1].latest if chain else one.last
                yield self._seen(reached, since, next_, blind[-1].change if blind else None)
        yield from self._chain(segments[-1].value, [w for w in self._writes if w.change.latest > segments[-1].last])

    def _belongs(self, write: Write, one: Segment, next_: Segment) -> bool:
        """A write belongs between two readings by its time; one shortly before, when the next reading shows it."""
        at = write.change.latest
        if one.last < at <= next_.first + RUN_SLACK:
            return True
        is_late = one.last - _LAG < at <= one.last and not is_same(self._fact, write.after, one.value)
        return is_late and is_same(self._fact, write.after, next_.value)

    def _until_first(self, first: Segment) -> Iterator[Step]:
        """Steps before the first reading: by records, else by what had been applied or declared."""
        earlier = [w for w in self._writes if w.change.latest <= first.first + RUN_SLACK]
        known = [w for w in earlier if w.after is not UNREAD]
        if known and is_same(self._fact, known[-1].after, first.value):
            begin = known[0].before if known[0].before is not UNREAD else self._baseline
            yield from self._chain(begin, known)
        elif not known and self._baseline is not UNREAD and not is_same(self._fact, self._baseline, first.value):
            blind = earlier[-1].change if earlier else None
            yield self._step(self._baseline, first.value, blind.earliest if blind else None, first.first, blind)

    def _chain(self, begin: Told, writes: Sequence[Write]) -> Iterator[Step]:
        value = begin
        for write in _moved_at_once(writes):
            if write.after is UNREAD:
                continue
            before = write.before if value is UNREAD else value
            value = write.after
            if before is UNREAD or is_same(self._fact, before, value):
                continue
            change = write.change
            yield self._step(before, value, change.earliest, change.latest, change)

    def _seen(self, before: Told, since: datetime, next_: Segment, change: Change | None) -> Step:
        earliest, latest = (change.earliest, change.latest) if change else (since, next_.first)
        return self._step(before, next_.value, earliest, latest, change)

    def _step(
        self, before: Told, after: Told, earliest: datetime | None, latest: datetime, change: Change | None
    ) -> Step:
        return Step(
            fact=self._fact,
            before=_plain(before),
            after=_plain(after),
            earliest=earliest,
            latest=latest,
            change=change,
            home=self._home,
        )


def _moved_at_once(writes: Sequence[Write]) -> Iterator[Write]:
    """Yield writes, of a removal that the same actor made good within a minute only what it led to."""
    for one, next_ in pairwise((*writes, None)):
        if one is None or (next_ is not None and _is_replaced(one, next_)):
            continue
        yield one


def _is_replaced(one: Write, next_: Write) -> bool:
    is_same_actor = one.change.actor is not None and one.change.actor == next_.change.actor
    is_soon = next_.change.latest - one.change.latest <= RUN_SLACK
    return one.after is ABSENT and next_.after not in (ABSENT, UNREAD) and is_same_actor and is_soon


def _plain(value: Told) -> Json | Absent:
    return None if isinstance(value, Unread) else value
