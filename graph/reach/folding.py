"""Folds pods, replica sets and endpoint slices into the thing that a reader knows: the workload or the Service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from graph.environment import EnvironmentGraph
from graph.reach.admission import admitted_by
from graph.relation import Relation, RelationType
from graph.resource import Platform, Resource

PARTS = frozenset({"Pod", "ReplicaSet", "Job", "EndpointSlice", "Endpoints", "ControllerRevision"})
"""Kinds that are made by a controller for something else. A Job without an owner stands for itself."""

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet", "Pod"})
"""Kinds that run containers. Those among PARTS count only when nothing owns them."""

_LONGEST_OWNERSHIP = 5
"""Pod, ReplicaSet or Job, Deployment or CronJob, and one operator's object on top; more is a cycle in bad data."""


def fold(graph: EnvironmentGraph, uid: str) -> str:
    """Return the uid of the workload or Service that `uid` is a part of, or `uid` itself."""
    for _ in range(_LONGEST_OWNERSHIP):
        if kind_of(graph, uid) not in PARTS:
            return uid
        owner = next((r.target for r in graph.outgoing(uid) if r.type is RelationType.OWNED_BY), None)
        if owner is None or owner not in graph:
            return uid
        uid = owner
    return uid


def kind_of(graph: EnvironmentGraph, uid: str) -> str:
    """Return the kind of a resource; of one that nothing describes, the kind that its uid names."""
    if uid in graph:
        return graph.resource(uid).kind
    if uid.startswith("k8s://"):
        parts = uid.split("/")
        return parts[4] if len(parts) > 4 else ""
    return uid.rpartition("/")[2].partition(".")[0]


def is_workload(graph: EnvironmentGraph, resource: Resource) -> bool:
    """Whether the resource runs containers and is no part of another workload."""
    if resource.platform is not Platform.KUBERNETES or resource.kind not in WORKLOADS:
        return False
    return fold(graph, resource.uid) == resource.uid


Step: TypeAlias = Callable[[str], Iterator[tuple[str, Relation]]]
"""From a uid to its neighbours, each with the relation between them."""


class Folded:
    """The relations of a graph between folded ends. Built once for each question; looks only where it is led."""

    def __init__(self, graph: EnvironmentGraph) -> None:
        self.graph = graph
        self._home: dict[str, str] = {}
        self._members: dict[str, tuple[str, ...]] = {}
        self._admitted: dict[str, frozenset[str]] = {}

    def admitted(self, policy: str) -> frozenset[str]:
        """Return the workloads that a running NetworkPolicy admits."""
        known = self._admitted.get(policy)
        if known is None:
            known = self._admitted[policy] = frozenset(map(self.home, admitted_by(self.graph, policy)))
        return known

    def home(self, uid: str) -> str:
        """Return what `uid` is folded into."""
        known = self._home.get(uid)
        if known is None:
            known = self._home[uid] = fold(self.graph, uid) if uid in self.graph else uid
        return known

    def members(self, uid: str) -> tuple[str, ...]:
        """Return the parts that are folded into `uid`, ordered by uid."""
        known = self._members.get(uid)
        if known is None:
            known = self._members[uid] = tuple(sorted(self._parts(uid))) if self.home(uid) == uid else ()
        return known

    def _parts(self, home: str) -> set[str]:
        found: set[str] = set()
        waiting = [home]
        while waiting:
            for relation in self.graph.incoming(waiting.pop()):
                part = relation.source
                if relation.type is RelationType.OWNED_BY and part not in found and self.home(part) == home != part:
                    found.add(part)
                    waiting.append(part)
        return found

    def impacts(self, uid: str) -> Iterator[tuple[str, Relation]]:
        """Yield each (folded uid, relation) that suffers directly when `uid` or one of its parts breaks."""
        yield from self._unfolded(uid, self.graph.impacts)

    def needs(self, uid: str) -> Iterator[tuple[str, Relation]]:
        """Yield each (folded uid, relation) that `uid` or one of its parts suffers from directly."""
        yield from self._unfolded(uid, self.graph.needs)

    def sources(self, uid: str, type_: RelationType) -> tuple[str, ...]:
        """Return the folded sources of relations of one type that end at `uid` or one of its parts."""
        ends = (uid, *self.members(uid))
        found = (self.home(r.source) for end in ends for r in self.graph.incoming(end) if r.type is type_)
        return tuple(dict.fromkeys(found))

    def targets(self, uid: str, type_: RelationType) -> tuple[str, ...]:
        """Return the folded targets of relations of one type that begin at `uid` or one of its parts."""
        ends = (uid, *self.members(uid))
        found = (self.home(r.target) for end in ends for r in self.graph.outgoing(end) if r.type is type_)
        return tuple(dict.fromkeys(found))

    def _unfolded(self, uid: str, step: Step) -> Iterator[tuple[str, Relation]]:
        seen: set[tuple[str, str, str]] = set()
        for end in (uid, *self.members(uid)):
            for other, relation in step(end):
                home = self.home(other)
                key = (home, relation.type.value, relation.detail)
                if home != uid and key not in seen:
                    seen.add(key)
                    yield home, relation


def workloads(graph: EnvironmentGraph) -> Mapping[str, Resource]:
    """Map uid to resource for everything that runs containers and is no part of another workload."""
    return {r.uid: r for r in graph if is_workload(graph, r)}
