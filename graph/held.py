"""A view of an environment that holds everything itself, so that it outlives the store that it was read from."""

from __future__ import annotations

from graph.environment import EnvironmentGraph
from graph.resource import Facet


def held(graph: EnvironmentGraph) -> EnvironmentGraph:
    """Return the same view, held in memory."""
    uids = {r.uid: None for r in (*graph, *graph.remembered())}
    changes = graph.changes()
    ends = (end for relation in graph.relations for end in (relation.source, relation.target))
    speakers = dict.fromkeys((*uids, *(c.uid for c in changes), *ends))
    return EnvironmentGraph(
        name=graph.name,
        as_of=graph.as_of,
        versions=[v for r in graph for f in Facet if (v := graph.version(r.uid, f)) is not None],
        relations=graph.relations,
        history=[v for uid in uids for f in Facet for v in graph.history(uid, f)],
        changes=changes,
        symptoms=[s for uid in speakers for s in graph.symptoms(uid)],
        unreadable=graph.unreadable,
        sources=graph.sources,
    )
