"""All mechanisms of a scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graph.diagnosis.mechanisms.addresses import addressing
from graph.diagnosis.mechanisms.admission import admission
from graph.diagnosis.mechanisms.autoscaling import autoscaling
from graph.diagnosis.mechanisms.clouds import clouds
from graph.diagnosis.mechanisms.crashes import crashes
from graph.diagnosis.mechanisms.databases import databases
from graph.diagnosis.mechanisms.dependencies import dependencies
from graph.diagnosis.mechanisms.distress import distress
from graph.diagnosis.mechanisms.endings import endings
from graph.diagnosis.mechanisms.gateways import gateways
from graph.diagnosis.mechanisms.laments import arbitrated, laments
from graph.diagnosis.mechanisms.mechanism import Mechanism
from graph.diagnosis.mechanisms.nodes import nodes
from graph.diagnosis.mechanisms.policies import policies
from graph.diagnosis.mechanisms.ports import conflicts
from graph.diagnosis.mechanisms.probes import probes
from graph.diagnosis.mechanisms.records import records
from graph.diagnosis.mechanisms.resolution import resolution
from graph.diagnosis.mechanisms.routing import routing
from graph.diagnosis.mechanisms.runtime import runtime
from graph.diagnosis.mechanisms.saturation import saturation
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.scheduling import scheduling
from graph.diagnosis.mechanisms.startup import startup
from graph.diagnosis.mechanisms.storage import mounting
from graph.diagnosis.mechanisms.stores import refusing

FAMILIES: tuple[Callable[[Scene], Iterator[Mechanism]], ...] = (
    admission,
    scheduling,
    startup,
    mounting,
    probes,
    runtime,
    conflicts,
    refusing,
    routing,
    addressing,
    resolution,
    gateways,
    policies,
    nodes,
    saturation,
    autoscaling,
    endings,
    databases,
    clouds,
    crashes,
    dependencies,
    records,
)
_TOLD = 0.4
"""Strength from which a mechanism may explain others, too; a guess beside it would only raise doubt."""


def mechanisms(scene: Scene) -> list[Mechanism]:
    """Return every mechanism that a scene shows, each resource and kind once, in the order of the families."""
    found: dict[tuple[str, str], Mechanism] = {}
    for family in FAMILIES:
        for mechanism in arbitrated(scene, list(family(scene))):
            key = (mechanism.resource, mechanism.kind)
            known = found.get(key)
            if known is None or mechanism.strength > known.strength:
                found[key] = mechanism
    for mechanism in laments(scene, list(found.values())):
        found.setdefault((mechanism.resource, mechanism.kind), mechanism)
    if any(m.strength >= _TOLD for m in found.values()):
        return list(found.values())
    return [*found.values(), *distress(scene, {uid for m in found.values() for uid in (m.resource, *m.stops)})]
