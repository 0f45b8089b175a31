"""What a resource depends on, how far away it is, and by which path."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from graph.environment import EnvironmentGraph
from graph.relation import Relation, RelationType

MAX_COST = 8
"""Two for each step that leads to another thing: four such steps. Steps inside one thing (pod, workload, Service before
it) are free, and the chain from a workload to its permissions counts half."""

_COST = {
    RelationType.OWNED_BY: 0,
    RelationType.SELECTS: 0,
    RelationType.REALISES: 0,
    RelationType.PRODUCES: 1,
    RelationType.RUNS_AS: 1,
    RelationType.ASSUMES: 1,
    RelationType.HAS_POLICY: 1,
    RelationType.GRANTS_ON: 1,
    RelationType.GUARDS: 1,
    RelationType.ALLOWS: 1,
    RelationType.SCALES: 1,
    RelationType.MOUNTS: 1,
    RelationType.READS: 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """One resource that a subject depends on."""

    uid: str
    cost: int
    """0 for the subject itself"""
    path: tuple[str, ...]
    """uids from the subject to this resource"""
    relations: tuple[Relation, ...]
    """The relations between them, one fewer"""

    @property
    def subject(self) -> str:
        return self.path[0]

    @property
    def crosses_call(self) -> bool:
        """Whether the path leads through another service, so that the trouble would have to show there too."""
        return any(r.type in (RelationType.CALLS, RelationType.ROUTES_TO) for r in self.relations)


def reach(graph: EnvironmentGraph, subjects: Iterable[str], *, max_cost: int = MAX_COST) -> dict[str, Reach]:
    """Return everything that the subjects depend on, they themselves included, by the cheapest path.

    Returns:
        uid to reach, nearest first. An uid may name something that does not exist: a dangling reference.
    """
    found: dict[str, Reach] = {}
    queue: list[tuple[int, int, int, Reach]] = []
    pushed = count()
    for subject in dict.fromkeys(subjects):
        heapq.heappush(queue, (0, 0, next(pushed), Reach(uid=subject, cost=0, path=(subject,), relations=())))
    while queue:
        cost, length, _, here = heapq.heappop(queue)
        uid = here.uid
        if uid in found:
            continue
        found[uid] = here
        # A rule that admits a caller says nothing about what else the rule's owner guards.
        is_end = bool(here.relations) and here.relations[-1].type is RelationType.ALLOWS
        for other, relation in () if is_end else graph.needs(uid):
            price = cost + _COST.get(relation.type, 2)
            if other in found or price > max_cost:
                continue
            further = Reach(uid=other, cost=price, path=(*here.path, other), relations=(*here.relations, relation))
            heapq.heappush(queue, (price, length + 1, next(pushed), further))
    return found
