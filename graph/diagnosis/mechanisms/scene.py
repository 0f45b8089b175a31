"""What mechanisms are read from: the live objects, what was declared, and what systems said, each by resource."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.inventory import Inventory, labels_of
from graph.kinds.kubernetes.reference_health import desired_replicas, is_ready
from graph.kinds.kubernetes.selectors import equals_all
from graph.kinds.kubernetes.workloads import Workload, workloads
from graph.kinds.lenient import entries, mapping, text
from graph.resource import Facet, Platform
from graph.telemetry import Telemetry
from graph.version import Document

_T = TypeVar("_T")

FRESH = timedelta(minutes=5)
"""A warning that came back within this time is one of the present."""
ALARMED = timedelta(minutes=30)
"""What was said this long ago may be why a monitoring system is in alarm: many complaints come once for each batch."""
MONITOR = "MonitorAlert"
"""Reason of an event by which a monitoring system says that one of its checks is in alarm now."""
MONITOR_OK = "MonitorOk"
"""Reason of an event by which a monitoring system says that one of its checks is passed now."""
_QUIET = frozenset({"debug", "info", "notice", "ok", "trace"})
"""Levels of lines that complain of nothing."""
_ENDING = frozenset({"Pod", "Job", "CronJob"})
"""Kinds whose pods may end well."""


class Scene:
    """The present of one environment, as mechanisms look at it."""

    def __init__(
        self, graph: EnvironmentGraph, telemetry: Telemetry, *, is_in_scope: Callable[[str], bool] = lambda _: True
    ) -> None:
        """Args:
        graph: the environment.
        telemetry: what was measured.
        is_in_scope: whether a workload is looked at, by uid.
        """
        self.graph = graph
        self.telemetry = telemetry
        self._is_in_scope = is_in_scope
        self._found: dict[tuple[str, str], Any] = {}

    def once(self, key: tuple[str, str], find: Callable[[], _T]) -> _T:
        """Return what `find` gives, looked for once for each key: several mechanisms ask for the same."""
        if key not in self._found:
            self._found[key] = find()
        found: _T = self._found[key]
        return found

    @property
    def now(self) -> datetime:
        return self.graph.as_of

    @cached_property
    def live(self) -> Inventory:
        """The Kubernetes objects that run."""
        return Inventory(_documents(self.graph, Facet.ACTUAL))

    @cached_property
    def declared(self) -> Inventory:
        """The Kubernetes objects that were declared."""
        return Inventory(_documents(self.graph, Facet.INTENDED))

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """What keeps pods running, in scope; a pod that nothing controls is one of its own."""
        return tuple(w for w in self.everything if self._is_in_scope(w.uid))

    @cached_property
    def everything(self) -> tuple[Workload, ...]:
        """All workloads, also those out of scope."""
        return tuple(workloads(self.live))

    def selected(self, namespace: str | None, selector: Object) -> list[Workload]:
        """The workloads of a namespace whose template or pods carry all labels of a selector.

        Controllers and elections add labels to pods that their template does not have.
        """
        pairs = [(namespace, key, str(value)) for key, value in selector.items()]
        if not pairs:
            return []
        fewest = min((self._labelled.get(pair, {}) for pair in pairs), key=len)
        return [
            w
            for w in fewest.values()
            if equals_all(selector, w.labels) or any(equals_all(selector, labels_of(p.body)) for p in self.pods(w.uid))
        ]

    @cached_property
    def _labelled(self) -> dict[tuple[str | None, str, str], dict[str, Workload]]:
        """Maps (namespace, key, value) of a label to the workloads that carry it, by uid."""
        found: dict[tuple[str | None, str, str], dict[str, Workload]] = defaultdict(dict)
        for workload in self.everything:
            carried = [workload.labels, *(labels_of(p.body) for p in self.pods(workload.uid))]
            for key, value in {pair for labels in carried for pair in labels.items()}:
                found[workload.namespace, key, value][workload.uid] = workload
        return found

    @cached_property
    def _pods(self) -> dict[str, list[Document]]:
        found: dict[str, list[Document]] = defaultdict(list)
        for pod in self.live.of("Pod"):
            found[self.live.top(pod).resource.uid].append(pod)
        return found

    @cached_property
    def _members(self) -> dict[str, list[str]]:
        """Maps the uid of a workload to those of everything that it owns."""
        found: dict[str, list[str]] = defaultdict(list)
        for document in self.live.of("Pod", "ReplicaSet", "Job"):
            found[self.live.top(document).resource.uid].append(document.resource.uid)
        return found

    def pods(self, workload: str) -> Sequence[Document]:
        """The pods of a workload that are not being deleted."""
        return [p for p in self._pods.get(workload, ()) if not mapping(p.body, "metadata").get("deletionTimestamp")]

    def workload(self, uid: str) -> str:
        """The uid of the workload that a pod or ReplicaSet belongs to; any other uid is its own."""
        document = self.live.get(uid)
        return self.live.top(document).resource.uid if document else uid

    def lacks_pods(self, workload: Workload) -> bool:
        """Whether fewer pods exist than the workload asks for."""
        wanted = desired_replicas(workload.document)
        return len(self.pods(workload.uid)) < (1 if wanted is None else wanted)

    def works(self, workload: Workload) -> bool:
        """Whether as many pods are ready as the workload asks for, or have done what they were started for."""
        wanted = desired_replicas(workload.document)
        pods = self.pods(workload.uid)
        if workload.document.resource.kind in _ENDING:
            return _has_ended_well(workload.document, pods) or any(is_ready(p) is True for p in pods)
        return sum(is_ready(p) is True for p in pods) >= (1 if wanted is None else wanted)

    def said(
        self, uid: str, *, kind: ObservationKind | None = None, with_quiet: bool = False
    ) -> Iterator[SymptomEvent]:
        """What an object and everything that it owns said, as far as it was kept.

        Args:
            uid: the object.
            kind: of events; None for all.
            with_quiet: also what says of itself that nothing is wrong.
        """
        for one in dict.fromkeys((uid, *self._members.get(uid, ()))):
            for event in self.graph.symptoms(one):
                if (kind is None or event.kind is kind) and (with_quiet or not _says_well(event)):
                    yield event

    def events(self, uid: str, *reasons: str) -> list[SymptomEvent]:
        """Events of an object and of what it owns, with one of these reasons, newest first."""
        found = [e for e in self.said(uid, kind=ObservationKind.EVENT) if not reasons or e.reason in reasons]
        return sorted(found, key=lambda e: e.at.timestamp() if e.at else 0.0, reverse=True)

    def is_fresh(self, event: SymptomEvent) -> bool:
        """Whether an event is of the present; one without a time may be."""
        return event.at is None or event.at >= self.now - FRESH

    def passed(self, uid: str) -> list[SymptomEvent]:
        """What monitoring systems say is as it should be about an object now."""
        said = self.said(uid, kind=ObservationKind.EVENT, with_quiet=True)
        return [e for e in said if e.reason == MONITOR_OK and self.is_fresh(e)]

    def alarms(self, uid: str) -> list[SymptomEvent]:
        """What monitoring systems say is in alarm about an object now."""
        return [e for e in self.events(uid, MONITOR) if self.is_fresh(e)]

    def is_of_now(self, uid: str, event: SymptomEvent) -> bool:
        """Whether what an object said bears on the present: it is fresh, or an alarm about the object still rings."""
        if self.is_fresh(event):
            return True
        return event.at is not None and event.at >= self.now - ALARMED and bool(self.alarms(uid))


def _says_well(event: SymptomEvent) -> bool:
    return event.reason == MONITOR_OK or (event.kind is ObservationKind.LOG and event.reason.lower() in _QUIET)


def _has_ended_well(document: Document, pods: Sequence[Document]) -> bool:
    """Whether a job, or a pod of nobody, is done; one that is started at times has nothing to do in between."""
    if document.resource.kind == "Job" and any(
        c.get("type") == "Complete" and c.get("status") == "True"
        for _, c in entries(document.body, "status", "conditions")
    ):
        return True
    if not pods:
        return document.resource.kind == "CronJob"
    phases = [text(p.body, "status", "phase") for p in pods]
    return "Succeeded" in phases and not {"Pending", "Running"} & set(phases)


def _documents(graph: EnvironmentGraph, facet: Facet) -> Iterable[Document]:
    for uid, body in graph.bodies(facet).items():
        resource = graph.resource(uid)
        if resource.platform is Platform.KUBERNETES:
            yield Document(resource=resource, body=body)
