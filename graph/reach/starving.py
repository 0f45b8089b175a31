"""Who gets less to do when a caller fails: against the direction of dependence, and never back again.

A callee whose requests come from the one that failed gets none of them. That is no fault of it, but it shows: no
traffic, stale data downstream, an alert for silence. The share of its callers stands for the share of its traffic.
"""

from __future__ import annotations

from collections.abc import Iterator

from graph.reach.arrival import Arrival, Step
from graph.reach.effect import Band, Mode
from graph.reach.folding import Folded, kind_of
from graph.relation import Relation, RelationType
from graph.resource import display_uid

_STOPS = frozenset({Mode.DOWN, Mode.CANNOT_SCHEDULE, Mode.STARVED})
_SHARE = 0.5
"""Share of its callers from which on a callee feels that one is gone."""
_SOFT = ("otel", "opentelemetry", "telemetry", "jaeger", "prometheus", "grafana", "loki", "flagd", "collector")
"""Names of systems that everything talks to beside its work; nobody notices one client less there."""


def starved(folded: Folded, at: Arrival) -> Iterator[tuple[str, Relation, Step]]:
    """Yield (folded uid, relation, step) for what gets its work from something that stopped asking."""
    if at.mode not in _STOPS and not (at.mode is Mode.DEGRADED and at.calls == 0):
        return
    for other, relation in folded.needs(at.uid):
        if relation.type is RelationType.SELECTS and kind_of(folded.graph, at.uid) == "Service":
            if at.mode is Mode.STARVED or at.is_seed:
                yield other, relation, _step(at, at.band)
        elif relation.type in (RelationType.CALLS, RelationType.CONNECTS_TO) and not _is_soft(other):
            callers = folded.sources(other, relation.type)
            share = 1 / len(callers) if callers else 0.0
            if share >= _SHARE:
                sure = Band.LIKELY if share == 1.0 and at.mode is not Mode.DEGRADED else Band.POSSIBLE
                yield other, relation, _step(at, sure)


def _step(at: Arrival, band: Band) -> Step:
    reason = f"Its requests come from {display_uid(at.uid)}, which sends fewer or none."
    return Step(mode=Mode.STARVED, band=band, reason=reason, crosses=True)


def _is_soft(uid: str) -> bool:
    name = uid.rpartition("/")[2].lower()
    return any(word in name for word in _SOFT)
