"""The same world with one part of the state model taken away: declared state, change history, relations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from evals.world import World
from graph.environment import EnvironmentGraph
from graph.relation import RelationType
from graph.resource import Facet
from graph.telemetry import Telemetry
from graph.version import Version

_COMPOSITION = (RelationType.OWNED_BY,)
"""Relations that say what a thing is made of, which is no knowledge of how things hang together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What is left of a world."""

    name: str
    has_any: Callable[[World], bool]
    """Whether a world has anything that would be taken away"""
    without: Callable[[World], World]


def has_intent(world: World) -> bool:
    """Whether it says what was declared or applied."""
    return any(world.graph.version(r.uid, f) for r in world.graph for f in (Facet.INTENDED, Facet.APPLIED))


def without_intent(world: World) -> World:
    """Nobody knows what was declared or applied; what runs says it neither."""
    return replace(world, graph=_rebuilt(world.graph, facets=(Facet.ACTUAL,)))


def with_intent(world: World, other: World) -> World:
    """What runs in one world, with what was declared in another: that of before something was changed."""
    declared = list(other.graph.versions([r.uid for r in other.graph], Facet.INTENDED))
    return replace(world, graph=_rebuilt(world.graph, declared=declared), is_declared=True)


def has_history(world: World) -> bool:
    """Whether it has a record of a change, or an earlier version."""
    graph = world.graph
    return bool(graph.changes()) or any(len(graph.history(r.uid, f)) > 1 for r in graph for f in Facet)


def without_history(world: World) -> World:
    """No records of changes, and no earlier versions."""
    return replace(world, graph=_rebuilt(world.graph, has_history=False))


def has_relations(world: World) -> bool:
    """Whether it says who depends on whom, or a measure does by naming both ends."""
    told = world.telemetry
    is_measured = bool(told.calls) or any(s.peer for s in told.series) or any(s.parent for s in told.spans)
    return is_measured or any(r.type not in _COMPOSITION for r in world.graph.relations)


def without_relations(world: World) -> World:
    """Nothing is known to depend on anything, also not by what measures say of both ends of a call.

    What a thing is made of stays. What was measured where calls leave is no word about who is called, so it goes.
    """
    graph = _rebuilt(world.graph, types=_COMPOSITION)
    return replace(world, graph=graph, telemetry=_unconnected(world.telemetry))


def bare(world: World) -> World:
    """What runs, what it says of itself, and what was measured of it; nothing else."""
    return without_relations(without_history(without_intent(world)))


WHOLE = "everything"
VARIANTS: tuple[Variant, ...] = (
    Variant(name="without declared state", has_any=has_intent, without=without_intent),
    Variant(name="without change history", has_any=has_history, without=without_history),
    Variant(name="without relations", has_any=has_relations, without=without_relations),
    Variant(
        name="actual state alone",
        has_any=lambda world: has_intent(world) or has_history(world) or has_relations(world),
        without=bare,
    ),
)


def _unconnected(told: Telemetry) -> Telemetry:
    return replace(
        told,
        calls=(),
        series=tuple(replace(s, peer="") for s in told.series if not s.is_outgoing),
        spans=tuple(replace(s, parent="") for s in told.spans),
        anomalies=tuple(replace(a, peer="") for a in told.anomalies),
    )


def _rebuilt(
    graph: EnvironmentGraph,
    *,
    facets: Sequence[Facet] = tuple(Facet),
    has_history: bool = True,
    types: Sequence[RelationType] | None = None,
    declared: Sequence[Version] | None = None,
) -> EnvironmentGraph:
    """Args: facets and relations to keep (all types when None), and what takes the place of what was declared."""
    kept = [f for f in facets if declared is None or f is not Facet.INTENDED]
    versions = [v for r in graph for f in kept if (v := graph.version(r.uid, f)) is not None] + list(declared or ())
    history = [v for r in graph for f in facets for v in graph.history(r.uid, f)] if has_history else []
    speakers = {*(r.uid for r in graph), *(c.uid for c in graph.changes())}
    speakers |= {end for r in graph.relations for end in (r.source, r.target)}
    return EnvironmentGraph(
        name=graph.name,
        as_of=graph.as_of,
        versions=[_undressed(v, facets) for v in versions],
        relations=[r for r in graph.relations if types is None or r.type in types],
        history=history,
        changes=graph.changes() if has_history else (),
        symptoms=[s for uid in sorted(speakers) for s in graph.symptoms(uid)],
        unreadable=graph.unreadable,
        sources=[s for s in graph.sources if s.facet is None or s.facet in facets],
    )


def _undressed(version: Version, facets: Sequence[Facet]) -> Version:
    """Live objects carry what was last applied to them; without applied state that is not known either."""
    if Facet.APPLIED in facets or "metadata" not in version.body:
        return version
    metadata = dict(version.body["metadata"])
    notes = {
        k: v for k, v in (metadata.get("annotations") or {}).items() if not k.endswith("last-applied-configuration")
    }
    return replace(version, body={**version.body, "metadata": {**metadata, "annotations": notes}})
