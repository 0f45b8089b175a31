"""How trouble with configuration (ConfigMaps, Secrets, volumes) reaches the workloads that use it."""

from __future__ import annotations

from datetime import datetime

from graph.document import get, tokens
from graph.reach.arrival import Arrival, Step
from graph.reach.effect import Band, Mode
from graph.reach.folding import Folded
from graph.reach.redundancy import redundancy
from graph.relation import Relation, RelationType
from graph.resource import Facet, display_uid

_DATA = ("data", "stringData", "binaryData")


def uses(folded: Folded, at: Arrival, other: str, relation: Relation) -> Step | None:
    """Pass an effect from a ConfigMap, Secret or claim to a workload that mounts it or reads it."""
    if not _uses_field(folded, at, relation):
        return None
    if at.mode is Mode.DOWN:
        return _without(folded, at, other, relation)
    if at.mode is Mode.DEGRADED:
        return _with_wrong_value(folded, at, other, relation)
    if at.mode is Mode.RECOVERS:
        return _with_restored_value(folded, at, other, relation)
    if at.mode is Mode.STALE_UNTIL_RESTART:
        reason = f"It uses {display_uid(at.uid)}, which is no longer renewed."
        return Step(mode=Mode.DEGRADED, band=Band.POSSIBLE, reason=reason)
    return None


def produces(folded: Folded, at: Arrival, other: str, _: Relation) -> Step | None:
    """Pass an effect from a source of configuration to the object that a controller makes from it."""
    here = display_uid(at.uid)
    if at.mode is Mode.RECOVERS:
        return Step(mode=Mode.RECOVERS, band=Band.LIKELY, reason=f"It is made from {here}.")
    if at.mode not in {Mode.DOWN, Mode.DEGRADED, Mode.DENIED}:
        return None
    if folded.graph.body(other, Facet.ACTUAL) is None:
        return Step(mode=Mode.DOWN, band=Band.CERTAIN, reason=f"It is made from {here}, and it does not exist.")
    reason = f"It is made from {here} and keeps its last value."
    return Step(mode=Mode.STALE_UNTIL_RESTART, band=Band.POSSIBLE, reason=reason)


def changed_key(path: str) -> str:
    """Return the key of a ConfigMap or Secret that a pointer leads to; empty when it leads to none.

    >>> changed_key("/data/LOG_LEVEL")
    'LOG_LEVEL'
    """
    parts = tokens(path)
    return parts[1] if len(parts) > 1 and parts[0] in _DATA else ""


def _uses_field(folded: Folded, at: Arrival, relation: Relation) -> bool:
    """Whether the relation concerns the changed key; one that names no known key uses the whole object."""
    key = changed_key(at.seed.path) if at.is_seed else ""
    if not key or not relation.detail or relation.detail == key:
        return True
    known = {key}
    for facet in Facet:
        body = folded.graph.body(relation.target, facet) or {}
        for part in _DATA:
            known |= set(body.get(part) or {})
    return relation.detail not in known


def _without(folded: Folded, at: Arrival, other: str, relation: Relation) -> Step:
    here = display_uid(at.uid)
    if relation.optional:
        reason = f"It can start without {here}, which it marks as optional."
        return Step(mode=Mode.DEGRADED, band=Band.POSSIBLE, reason=reason)
    serves = redundancy(folded, other).serves
    if serves:
        reason = f"Its running pods go on, but no new pod can start without {here}."
        return Step(mode=Mode.CANNOT_SCHEDULE, band=Band.CERTAIN, reason=reason)
    band = Band.LIKELY if serves is None else Band.CERTAIN
    return Step(mode=Mode.DOWN, band=band, reason=f"Its pods can't start without {here}.")


def _with_wrong_value(folded: Folded, at: Arrival, other: str, relation: Relation) -> Step:
    here = display_uid(at.uid)
    if relation.type is RelationType.READS and _runs_longer(folded, at.uid, other):
        reason = f"It took its values from {here} before the change and takes the new ones when its pods restart."
        return Step(mode=Mode.STALE_UNTIL_RESTART, band=Band.CERTAIN, reason=reason)
    how = "reads" if relation.type is RelationType.READS else "mounts"
    return Step(mode=Mode.DEGRADED, band=Band.LIKELY, reason=f"It {how} {here}, which holds a wrong value.")


def _with_restored_value(folded: Folded, at: Arrival, other: str, relation: Relation) -> Step:
    here = display_uid(at.uid)
    is_running = redundancy(folded, other).serves is not False
    if relation.type is RelationType.READS and is_running and at.seed.path:
        reason = f"It took its values from {here} when its pods started and keeps them until they restart."
        return Step(mode=Mode.STALE_UNTIL_RESTART, band=Band.CERTAIN, reason=reason)
    return Step(mode=Mode.RECOVERS, band=Band.LIKELY, reason=f"It uses {here}, which is restored.")


def _runs_longer(folded: Folded, config: str, workload: str) -> bool:
    """Whether every pod of the workload is known to have started before the last known change of the config."""
    changes = folded.graph.changes(config)
    started = [t for m in folded.members(workload) if (t := _started(folded, m)) is not None]
    if not changes or not started:
        return False
    since = changes[-1].earliest or changes[-1].latest
    return all(t < since for t in started)


def _started(folded: Folded, pod: str) -> datetime | None:
    stamp = get(folded.graph.body(pod, Facet.ACTUAL) or {}, "/status/startTime")
    try:
        return datetime.fromisoformat(stamp) if isinstance(stamp, str) else None
    except ValueError:
        return None
