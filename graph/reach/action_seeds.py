"""Where the effect of an action begins: what it puts right, and what it disturbs on the way."""

from __future__ import annotations

from collections.abc import Iterator

from graph.action import Action, ActionKind
from graph.environment import EnvironmentGraph
from graph.reach.effect import Mode, Seed
from graph.reach.fault_seeds import CONFIGURATION, failing_seeds
from graph.reach.folding import WORKLOADS, fold, kind_of
from graph.relation import RelationType
from graph.resource import Facet, display_uid


def action_seeds(graph: EnvironmentGraph, action: Action) -> tuple[Seed, ...]:
    """Return where the effect of an action begins; what can't be inspected begins at the target itself."""
    match action.kind:
        case ActionKind.SET_FIELDS:
            return tuple(dict.fromkeys(_set_fields(graph, action)))
        case ActionKind.RESTART_WORKLOAD:
            return (_seed(fold(graph, action.target), Mode.RESTARTS, "is restarted."),)
        case ActionKind.RESYNC_SECRET:
            return tuple(_resync(graph, action))
        case ActionKind.CREATE_OBJECT:
            return tuple(_create(graph, action))
        case ActionKind.DELETE_OBJECT:
            return tuple(_delete(graph, action))


def _set_fields(graph: EnvironmentGraph, action: Action) -> Iterator[Seed]:
    kind = kind_of(graph, action.target)
    if kind in WORKLOADS:
        yield from _set_workload_fields(action)
        return
    for edit in action.edits:
        path = edit.path
        if kind in CONFIGURATION:
            yield _seed(action.target, Mode.RECOVERS, "holds the restored value.", path=path)
        else:
            # What the same field would break when wrong is what recovers when it is put right.
            for seed in failing_seeds(graph, action.target, path):
                yield _seed(seed.uid, Mode.RECOVERS, "is put right.", path=path)


def _set_workload_fields(action: Action) -> Iterator[Seed]:
    paths = [e.path for e in action.edits]
    if any(p.startswith("/spec/template") for p in paths):
        yield _seed(action.target, Mode.RESTARTS, "is rolled out again, because its pod template changes.")
    if any(p.startswith("/spec/template") or p == "/spec/replicas" for p in paths):
        to_zero = any(e.path == "/spec/replicas" and e.after == 0 for e in action.edits)
        if to_zero:
            yield _seed(action.target, Mode.DOWN, "is scaled to nothing.", path="/spec/replicas")
        else:
            yield _seed(action.target, Mode.RECOVERS, "runs with the restored fields.")


def _resync(graph: EnvironmentGraph, action: Action) -> Iterator[Seed]:
    yield _seed(action.target, Mode.RECOVERS, "is asked to write its Secret again.")
    for relation in graph.outgoing(action.target):
        if relation.type is RelationType.PRODUCES:
            is_there = graph.body(relation.target, Facet.ACTUAL) is not None
            path = "/data" if is_there else ""
            yield _seed(relation.target, Mode.RECOVERS, "is written again from its store.", path=path)


def _create(graph: EnvironmentGraph, action: Action) -> Iterator[Seed]:
    yield _seed(action.target, Mode.RECOVERS, "is created again.")
    for seed in failing_seeds(graph, action.target):
        if seed.uid != action.target:
            yield _seed(seed.uid, Mode.RECOVERS, "gets back what was attached to it.")


def _delete(graph: EnvironmentGraph, action: Action) -> Iterator[Seed]:
    kind = kind_of(graph, action.target)
    if kind in {"NetworkPolicy", "ResourceQuota", "LimitRange"}:
        yield _seed(action.target, Mode.RECOVERS, "is deleted and no longer limits anything.")
        return
    yield _seed(action.target, Mode.DOWN, "is deleted.")


def _seed(uid: str, mode: Mode, what: str, *, path: str = "") -> Seed:
    return Seed(uid=uid, mode=mode, reason=f"{display_uid(uid)} {what}", path=path)
