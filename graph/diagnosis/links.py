"""Who depends on whom, as trouble travels: relations of the graph and calls that were seen, between whole services.

A Service and the workload behind it, a pod and its workload count as one: what was measured of one is the other's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from graph.diagnosis.link import Link, LinkType
from graph.diagnosis.names import bare_name
from graph.diagnosis.traces import calls_seen
from graph.environment import EnvironmentGraph
from graph.relation import RelationType
from graph.resource import Facet, kubernetes_uid
from graph.telemetry import Mood, Telemetry
from graph.workloads import workload_of, workloads_behind

_TYPES = {
    RelationType.CALLS: LinkType.CALLS,
    RelationType.ROUTES_TO: LinkType.CALLS,
    RelationType.CONNECTS_TO: LinkType.USES,
    RelationType.RUNS_ON: LinkType.RUNS_ON,
}


def links(graph: EnvironmentGraph, telemetry: Telemetry) -> tuple[Link, ...]:
    """Return each link once, those that the graph states first."""
    found = dict.fromkeys(link for link in _all(graph, telemetry) if link.source != link.target)
    linked = {end for link in found for end in (link.source, link.target)}
    return tuple(dict.fromkeys((*found, *_said(graph, telemetry, linked))))


def home(graph: EnvironmentGraph, uid: str) -> str:
    """Return what stands for a resource where trouble is told: its workload; what has none stands for itself."""
    if uid in graph and graph.resource(uid).kind == "Service" and uid.startswith("k8s://"):
        return next(iter(workloads_behind(graph, uid)), uid)
    return workload_of(graph, uid)


def _said(graph: EnvironmentGraph, telemetry: Telemetry, linked: Collection[str]) -> Iterator[Link]:
    """Yield that who complains of something by name uses it, where it was measured and nobody is known to use it.

    Addresses of a subnet, a quota and the like are in no map of calls; who lacks them says so. A name that is a plain
    word says nothing.
    """
    alone = {bare_name(uid).lower(): uid for uid in sorted({s.resource for s in telemetry.series} - {*linked})}
    alone = {name: uid for name, uid in alone.items() if not name.isalpha()}
    if not alone:
        return
    for line in telemetry.logs:
        if line.severity in QUIET if line.mood is None else line.mood is not Mood.BAD:
            continue
        for name in dict.fromkeys(_NAME.findall(line.text.lower())):
            if name in alone and alone[name] != line.resource:
                yield Link(source=home(graph, line.resource), target=alone[name], type=LinkType.USES)


_NAME = re.compile(r"[\w.-]*\w")
QUIET = frozenset({"trace", "debug", "info", ""})
"""Severities of lines by which nobody complains."""


def _all(graph: EnvironmentGraph, telemetry: Telemetry) -> Iterator[Link]:
    for relation in graph.relations:
        if relation.type in _TYPES:
            source, target = home(graph, relation.source), home(graph, relation.target)
            yield Link(source=source, target=target, type=_TYPES[relation.type])
    for call in (*telemetry.calls, *calls_seen(telemetry.spans)):
        yield Link(source=home(graph, call.caller), target=home(graph, call.callee), type=LinkType.CALLS)
    for uid, body in graph.bodies(Facet.ACTUAL).items():
        if uid.startswith("k8s://") and graph.resource(uid).kind == "Pod":
            node = (body.get("spec") or {}).get("nodeName")
            if isinstance(node, str) and node:
                cluster = uid.split("/")[2]
                place = kubernetes_uid(cluster=cluster, group="", kind="Node", namespace=None, name=node)
                yield Link(source=workload_of(graph, uid), target=place, type=LinkType.RUNS_ON)
