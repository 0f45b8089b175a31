"""Whose health an action itself brings back, and who needs a restart after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from graph.action import Action, Check, CheckKind
from graph.blast_radius import Affected, Band, Mode, action_seeds, blast_radius
from graph.document import get
from graph.environment import EnvironmentGraph
from graph.reach.folding import WORKLOADS, Folded, kind_of
from graph.relation import RelationType
from graph.resource import Facet

_MOST_RESTARTS = 3


def recovers(graph: EnvironmentGraph, action: Action, concerned: Sequence[str]) -> tuple[Check, ...]:
    """Return the health checks that must hold because of this action alone.

    Args:
        graph: the environment.
        action: what will be done.
        concerned: uids that the incident is about. Of all that the action recovers, only these are waited for: others
            may be ill for reasons of their own.
    """
    folded = Folded(graph)
    seeds = action_seeds(graph, action)
    radius = blast_radius(graph, seeds)
    sure = {a.uid for a in radius.affected if a.mode is Mode.RECOVERS and a.band is not Band.POSSIBLE}
    begun = {s.uid for s in seeds if s.mode in {Mode.RECOVERS, Mode.RESTARTS}}
    homes = {h for uid in concerned for h in _running(folded, uid)}
    own = {action.target} & begun
    ill = sorted(uid for uid in (own | ((sure | begun) & homes)) if kind_of(graph, uid) in WORKLOADS | {"Service"})
    return tuple(Check(kind=CheckKind.HEALTHY, target=uid) for uid in ill)


def needs_restart(
    graph: EnvironmentGraph, action: Action, concerned: Sequence[str], *, since: datetime | None
) -> tuple[str, ...]:
    """Return the workloads that hold the wrong value until they restart, and that took it: at most three.

    A reader that has not restarted since the value went wrong still holds the good one and is left alone.

    Args:
        graph: the environment.
        action: what will be done to the configuration.
        concerned: uids that the incident is about, or that lie between its alert and its cause.
        since: when the value went wrong, UTC; None when unknown.
    """
    folded = Folded(graph)
    homes = {h for uid in concerned for h in _running(folded, uid)}
    radius = blast_radius(graph, action_seeds(graph, action))
    stale = [a for a in radius.affected if a.mode is Mode.STALE_UNTIL_RESTART and _is_restartable(graph, a)]
    took = [a.uid for a in stale if a.uid in homes or (since is not None and _started_after(folded, a.uid, since))]
    return tuple(sorted(took)[:_MOST_RESTARTS])


def _running(folded: Folded, uid: str) -> tuple[str, ...]:
    """What runs for a uid: the workload it belongs to, or those behind a Service."""
    home = folded.home(uid)
    return (home, *folded.targets(home, RelationType.SELECTS)) if kind_of(folded.graph, home) == "Service" else (home,)


def _is_restartable(graph: EnvironmentGraph, affected: Affected) -> bool:
    return kind_of(graph, affected.uid) in {"Deployment", "StatefulSet", "DaemonSet"}


def _started_after(folded: Folded, workload: str, since: datetime) -> bool:
    for member in folded.members(workload):
        stamp = get(folded.graph.body(member, Facet.ACTUAL) or {}, "/status/startTime")
        if isinstance(stamp, str) and stamp:
            try:
                if datetime.fromisoformat(stamp) > since:
                    return True
            except (ValueError, TypeError):
                continue
    return False
