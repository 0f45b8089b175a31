"""Of which workloads it is known what they call or who calls them. The others are named in every answer about reach."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Final, NamedTuple

from graph.environment import EnvironmentGraph
from graph.reach.folding import Folded, is_workload, workloads
from graph.relation import RelationType

CALL: Final = frozenset({RelationType.CALLS, RelationType.CONNECTS_TO})
_TOWARDS: Final = (RelationType.CALLS, RelationType.ROUTES_TO)


class CallEvidence(NamedTuple):
    """The workloads of an environment, by what is known of their calls."""

    workloads: frozenset[str]
    silent: frozenset[str]
    """Those of which nothing shows what they call, or who calls them."""


def call_evidence(graph: EnvironmentGraph) -> CallEvidence:
    """Return what is known of all workloads; computed once for a view."""
    found = graph.kept.get(call_evidence)
    if found is None:
        folded = Folded(graph)
        everything = frozenset(workloads(graph))
        silent = frozenset(uid for uid in everything if not _is_known(folded, uid))
        found = graph.kept[call_evidence] = CallEvidence(everything, silent)
    assert isinstance(found, CallEvidence)
    return found


def carry_over(old: EnvironmentGraph, new: EnvironmentGraph, touched: Set[str]) -> None:
    """Let a view keep what an earlier one found out, but for what lies around the resources that are different.

    Args:
        old: the earlier view.
        new: the view that took its place.
        touched: uids of the resources that came, went, or state other relations than before.
    """
    before = old.kept.get(call_evidence)
    if before is None:
        return
    assert isinstance(before, CallEvidence)
    views = (Folded(old), Folded(new))
    around = {uid for folded in views for one in touched for uid in _around(folded, one)}
    now = {uid for uid in around if uid in new and is_workload(new, new.resource(uid))}
    silent = {uid for uid in now if not _is_known(views[1], uid)}
    new.kept[call_evidence] = CallEvidence((before.workloads - around) | now, (before.silent - around) | silent)


def _around(folded: Folded, uid: str) -> Iterator[str]:
    """Yield the workloads whose evidence may lie in the relations of a resource."""
    yield uid
    yield folded.home(uid)
    for relation in folded.graph.incoming(uid):
        yield folded.home(relation.source)
    for relation in folded.graph.outgoing(uid):
        yield folded.home(relation.target)
        for behind in folded.graph.outgoing(relation.target):
            if behind.type is RelationType.SELECTS:
                yield folded.home(behind.target)


def _is_known(folded: Folded, uid: str) -> bool:
    if any(folded.targets(uid, kind) for kind in CALL):
        return True
    fronts = (uid, *folded.sources(uid, RelationType.SELECTS))
    return any(folded.sources(front, kind) for front in fronts for kind in _TOWARDS)
