"""Blast radius: what a failure or a change reaches, by which path, how certainly, and what can't be seen.

A worklist over (resource, mode), strongest effect first. Effects only ever get weaker along a path, so the first
arrival at a (resource, mode) is the best one and cycles end by themselves.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence

from graph.environment import EnvironmentGraph
from graph.reach.action_seeds import action_seeds
from graph.reach.arrival import Arrival, Step
from graph.reach.effect import BANDS, Affected, Band, BlastRadius, Mode, Seed, weaker
from graph.reach.fault_seeds import failing_seeds, fault_seeds
from graph.reach.folding import Folded, kind_of
from graph.reach.rules import pass_on
from graph.reach.starving import starved
from graph.reach.unseen import unseen, unseen_share
from graph.relation import Relation

__all__ = [
    "Affected",
    "Band",
    "BlastRadius",
    "Mode",
    "Seed",
    "action_seeds",
    "blast_radius",
    "failing_seeds",
    "fault_seeds",
]

_WORST_FIRST = (
    Mode.DOWN,
    Mode.DENIED,
    Mode.MISROUTED,
    Mode.CANNOT_SCHEDULE,
    Mode.DEGRADED,
    Mode.DATA_RISK,
    Mode.OVERLOAD,
    Mode.STARVED,
    Mode.RESTARTS,
    Mode.STALE_UNTIL_RESTART,
    Mode.RECOVERS,
)

_Rank = tuple[int, int, int, int, tuple[str, ...]]


def blast_radius(graph: EnvironmentGraph, seeds: Sequence[Seed], *, max_depth: int = 4) -> BlastRadius:
    """Return what is reached from the seeds.

    Args:
        graph: the environment.
        seeds: where the effect begins; no seeds reach nothing.
        max_depth: how many times an effect may pass from one running thing to another.
    """
    folded = Folded(graph)
    harm: dict[str, Arrival] = {}
    good: dict[str, Arrival] = {}
    cut = False
    begun = {folded.home(seed.uid) for seed in seeds}
    done: set[tuple[str, Mode]] = set()
    order = itertools.count()
    waiting = [(_rank(a), next(order), a) for a in _arrivals(folded, seeds)]
    heapq.heapify(waiting)
    while waiting:
        _, _, at = heapq.heappop(waiting)
        if (at.uid, at.mode) in done:
            continue
        done.add((at.uid, at.mode))
        (good if at.mode is Mode.RECOVERS else harm).setdefault(at.uid, at)
        if not at.goes_on or (not at.is_seed and _is_hub(folded, at.uid)):
            continue
        for arrival in _next(folded, at):
            if arrival.crossings > max_depth:
                cut = True
            elif (arrival.uid, arrival.mode) not in done:
                heapq.heappush(waiting, (_rank(arrival), next(order), arrival))
    found = (harm | good).keys() - begun
    reached = [_affected(harm.get(uid), good.get(uid)) for uid in found]
    reached.sort(key=lambda a: (BANDS.index(a.band), a.depth, a.uid))
    return BlastRadius(
        seeds=tuple(seeds),
        affected=tuple(reached),
        unseen=unseen(folded, begun | {a.uid for a in reached}, max_depth=max_depth if cut else None),
        unseen_share=unseen_share(folded),
    )


def _arrivals(folded: Folded, seeds: Sequence[Seed]) -> Iterator[Arrival]:
    for seed in seeds:
        uid = folded.home(seed.uid)
        yield Arrival(uid=uid, mode=seed.mode, band=seed.band, path=(uid,), seed=seed, reason=seed.reason)


def _next(folded: Folded, at: Arrival) -> Iterator[Arrival]:
    if at.mode is not Mode.STARVED:
        for other, relation in folded.impacts(at.uid):
            step = None if other in at.path else pass_on(folded, at, other, relation)
            if step is not None and other in folded.graph:
                yield _arrival(at, other, relation, step)
    for other, relation, step in starved(folded, at):
        if other not in at.path and other in folded.graph:
            yield _arrival(at, other, relation, step)


def _arrival(at: Arrival, other: str, relation: Relation, step: Step) -> Arrival:
    return Arrival(
        uid=other,
        mode=step.mode,
        band=weaker(at.band, step.band),
        path=(*at.path, other),
        seed=at.seed,
        reason=step.reason,
        crossings=at.crossings + step.crosses,
        calls=at.calls + (step.crosses and relation.type.value in {"calls", "connects_to"}),
        goes_on=step.goes_on,
    )


def _rank(at: Arrival) -> _Rank:
    return (BANDS.index(at.band), at.crossings, len(at.path), _WORST_FIRST.index(at.mode), at.path)


def _affected(harm: Arrival | None, good: Arrival | None) -> Affected:
    """Report one effect for one resource: the harm, unless it is only possible beside a recovery that is surer."""
    at = good if harm is None else harm
    if harm and good and harm.band is Band.POSSIBLE and good.band is not Band.POSSIBLE:
        at = good
    assert at is not None
    reason = f"{at.reason} Possibly also: {harm.reason}" if harm and at is good else at.reason
    return Affected(uid=at.uid, band=at.band, mode=at.mode, path=at.path, reason=reason, depth=max(1, at.crossings))


def _is_hub(folded: Folded, uid: str) -> bool:
    """Whether so much hangs on this that being reached from it says nothing."""
    kind, name = kind_of(folded.graph, uid), uid.rpartition("/")[2]
    if kind in {"Namespace", "Node"} or (kind == "ServiceAccount" and name == "default"):
        return True
    return uid.startswith("k8s://") and "/kube-system/" in uid and name in {"coredns", "kube-dns"}
