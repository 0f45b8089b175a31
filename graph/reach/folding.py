"""Folds pods, replica sets and endpoint slices into the thing that a reader knows: the workload or the Service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TypeAlias

from graph.environment import EnvironmentGraph
from graph.reach.admission import admitted_now
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
    """The relations of a graph between folded ends. Built once for each question."""

    def __init__(self, graph: EnvironmentGraph) -> None:
        self.graph = graph
        self._home: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}
        for resource in graph:
            home = fold(graph, resource.uid)
            self._home[resource.uid] = home
            if home != resource.uid:
                self._members.setdefault(home, []).append(resource.uid)

    @cached_property
    def admitted(self) -> Mapping[str, frozenset[str]]:
        """The workloads that each running NetworkPolicy admits; computed when first asked for."""
        found = admitted_now(self.graph)
        return {policy: frozenset(map(self.home, callers)) for policy, callers in found.items()}

    def home(self, uid: str) -> str:
        """Return what `uid` is folded into."""
        return self._home.get(uid, uid)

    def members(self, uid: str) -> tuple[str, ...]:
        """Return the parts that are folded into `uid`."""
        return tuple(self._members.get(uid, ()))

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
