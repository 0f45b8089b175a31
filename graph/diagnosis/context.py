"""Everything that detectors look at, gathered once: the subjects, what they depend on, faults, complaints, drift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from graph.anomaly import anomaly
from graph.attribution import attribute
from graph.change import Change
from graph.diagnosis.ailment import Ailment, sign_event
from graph.diagnosis.ailments import ailments
from graph.diagnosis.commits.scene import Scene as CommitScene
from graph.diagnosis.commits.verdict import CommitVerdict, rank_commits
from graph.diagnosis.complaints import Complaint, complaints
from graph.diagnosis.cuts import Cut, cuts
from graph.diagnosis.felt import FELT, felt_signals
from graph.diagnosis.hearsay import hearsay
from graph.diagnosis.ledger import Ledger
from graph.diagnosis.link import Link, LinkType
from graph.diagnosis.links import links
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.onset import onset
from graph.diagnosis.origins import Origin, origins
from graph.diagnosis.reach import Reach, reach
from graph.diagnosis.releases import Blamed, rank_releases
from graph.diagnosis.rollout import Release
from graph.diagnosis.spread import Spread, spreads
from graph.diagnosis.symptoms import Reading, readings
from graph.diagnosis.traces import Amplification, FirstFailure, amplifications, first_failures
from graph.document import ABSENT, Absent, Json
from graph.drift import DriftReport, Finding, Severity
from graph.environment import EnvironmentGraph
from graph.evidence import Gap
from graph.fault import Fault
from graph.incident import Alert, Candidate, OpenIncident
from graph.kinds.kubernetes.health import faults
from graph.kinds.kubernetes.inventory import Inventory
from graph.place import read
from graph.resource import Facet, Resource, kubernetes_scope
from graph.rollouts import with_instances
from graph.telemetry import NOTHING_MEASURED, Call, Signal, Telemetry
from graph.version import Document
from graph.workloads import parts_of, workload_of

SUBJECT_SHARE = 0.85
"""Candidates with less than this share of the best score are shown to people but not investigated."""
SKEW = timedelta(minutes=2)
"""Clocks of monitoring and of the systems differ by up to this much."""
LOOK_BACK = timedelta(days=7)
"""Changes older than this are left out unless what runs still differs from what was declared."""
_ROLLING = timedelta(hours=2)
"""Releases older than this are not compared with each other: their versions no longer run side by side."""
_CLEARLY_MORE = 1.5
"""Points by which one account must be better than another to be told apart from it for sure."""
_JUDGED = timedelta(minutes=5)
"""An alert fires at the end of the interval that it judges."""
_WIDTH = timedelta(minutes=10)
CURRENT = timedelta(minutes=20)
"""A complaint older than this says nothing of the present."""

_ABSENT_PODS = frozenset({"NoPods", "SelectorMatchesNothing"})
"""Faults of a Service that rest on there being no pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a change happened, seen from the alert."""

    change: Change
    is_after: bool
    """It happened after the alert started, so it can't be the cause."""
    before: timedelta | None
    """From the end of its interval to the alert; None when the interval spans the alert or has no beginning."""


class Context:
    """One question to the graph: why did these alerts fire? Detectors read it and note what they use."""

    def __init__(
        self,
        graph: EnvironmentGraph,
        alerts: Sequence[Alert],
        *,
        candidates: Sequence[Candidate],
        drift: DriftReport,
        deployers: frozenset[str],
        open_incidents: Sequence[OpenIncident],
        now: datetime,
        telemetry: Telemetry = NOTHING_MEASURED,
        evidence_gaps: Sequence[Gap] = (),
    ) -> None:
        self.graph = graph
        self.telemetry = telemetry
        self.evidence_gaps = tuple(evidence_gaps)
        """What monitoring did not answer, and why."""
        self.broken_detectors: list[Gap] = []
        """Causes that nobody looked for, as the code that would have has a defect."""
        self.alerts = tuple(alerts)
        self.candidates = tuple(candidates)
        self.drift = drift
        self.deployers = deployers
        self.open_incidents = tuple(open_incidents)
        self.now = now
        self.ledger = Ledger(graph)
        best = max((c.score for c in candidates), default=0.0)
        self.subjects = tuple(c.uid for c in candidates if c.score >= SUBJECT_SHARE * best)
        self.reach: dict[str, Reach] = reach(graph, self.subjects)
        self.place = ""
        """The namespaces that the alerts name, where they name nothing closer."""
        self._attributions: dict[tuple[str, str], Change] = {}
        self._own: dict[str, frozenset[str]] = {}

    @cached_property
    def started_at(self) -> datetime:
        """UTC; start of the earliest alert."""
        return min((a.started_at for a in self.alerts), default=self.now)

    @property
    def judged_from(self) -> float:
        """Seconds since 1970-01-01 UTC; start of the interval that the earliest alert judges."""
        return (self.started_at - _JUDGED).timestamp()

    @cached_property
    def findings(self) -> dict[str, list[Finding]]:
        """Live drift that matters, by uid, as the comparison found it."""
        found: dict[str, list[Finding]] = {}
        for finding in self.drift.findings:
            if finding.is_live_drift and finding.severity is not Severity.COSMETIC:
                found.setdefault(finding.resource.uid, []).append(finding)
        return found

    @cached_property
    def faults(self) -> dict[str, list[Fault]]:
        """What is wrong now, by the workload or other resource that has it."""
        found: dict[str, list[Fault]] = {}
        for fault in faults(self.documents(Facet.ACTUAL)):
            if not self._rests_on_unread(fault):
                found.setdefault(workload_of(self.graph, fault.uid), []).append(fault)
        return found

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """Complaints of the subjects, of what they depend on, and of the pods of both, oldest first."""
        uids = [u for uid in self.reach for u in (uid, *parts_of(self.graph, uid))]
        return tuple(readings(self.graph, uids))

    @cached_property
    def hears(self) -> bool:
        """Whether anything that the subjects or what they depend on said could be read."""
        uids = (u for uid in self.reach for u in (uid, *parts_of(self.graph, uid)))
        return any(self.graph.symptoms(uid) for uid in uids)

    @cached_property
    def complaints(self) -> tuple[Complaint, ...]:
        """What speaks of the trouble: alerts, log lines that come more often, metrics that left their range."""
        subject = self.subjects[0] if self.subjects else ""
        return complaints(self.alerts, self.telemetry, subject=subject, at=self.started_at.timestamp())

    @cached_property
    def onset(self) -> float:
        """Seconds since 1970-01-01 UTC; when the trouble began, as the metric of the alert shows it."""
        series, at = self.telemetry.series, self.started_at.timestamp()
        return onset(self.alerts, series, self.subjects, at=at)

    @cached_property
    def commits(self) -> tuple[Change, ...]:
        """Commits, oldest first."""
        return tuple(c for c in self.graph.changes() if c.kind == "commit")

    @cached_property
    def deploys(self) -> tuple[Change, ...]:
        """Deployments of anything, oldest first."""
        return tuple(c for c in self.graph.changes() if c.kind in ("deploy", "rollback"))

    @cached_property
    def commit_verdict(self) -> CommitVerdict | None:
        """Which commit did it, or none of them; None where no diff is known."""
        if not any(c.diff for c in self.commits):
            return None
        scene = CommitScene(
            commits=self.commits,
            deploys=self.deploys,
            complaints=self.complaints,
            onset=self.onset,
            subjects=self.subjects,
            telemetry=self.telemetry,
            flags=tuple(c for c in self.graph.changes() if c.kind == "feature_flag"),
            notices=self.telemetry.notices,
        )
        return rank_commits(scene)

    @cached_property
    def unwell(self) -> dict[str, list[Ailment]]:
        """Who is unwell, and how, by uid: by own signs, and by what others say of it."""
        alerted = {(uid, alert.metric) for uid in self.subjects for alert in self.alerts if alert.metric}
        own = ailments(self.telemetry, at=self.judged_from, width_s=_WIDTH.total_seconds(), alerted=alerted)
        told = hearsay(self.telemetry.logs, self.links, own, rollouts=self.rollouts)
        found = {uid: [*own.get(uid, ()), *told.get(uid, ())] for uid in {**own, **told}}
        return {uid: sorted(signs, key=lambda s: (s.since, s.what)) for uid, signs in found.items() if signs}

    @cached_property
    def unwell_now(self) -> frozenset[str]:
        """uids of what a measure with a long past shows to be out of its usual range in the last minutes."""
        at = (self.now - _JUDGED).timestamp()
        found = (anomaly(s, at=at, width_s=_WIDTH.total_seconds()) for s in self.telemetry.series)
        return frozenset(a.resource for a in found if a is not None and a.signal in FELT)

    @cached_property
    def accounts(self) -> tuple[Spread, ...]:
        """Ways in which the trouble may have come to the first subject, best first."""
        if not self.subjects or not self.unwell:
            return ()
        told = next((uid for uid in self.subjects if uid in self.unwell), self.subjects[0])
        return spreads(self.links, self.unwell, told=told, rollouts=self.rollouts)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Who depends on whom."""
        return links(self.graph, self.telemetry)

    @cached_property
    def releases(self) -> tuple[Blamed, ...]:
        """Deployments by guilt, where calls were measured: most guilty first."""
        calls = [s for s in self.telemetry.series if s.signal is Signal.AVAILABILITY and (s.peer or s.instance)]
        if not calls:
            return ()
        rolling = [c for c in self.deploys if c.uid and c.latest >= self.started_at - _ROLLING]
        found = [Release.of(c) for c in with_instances(self.graph, rolling)]
        return rank_releases(found, self.telemetry, at=self.now.timestamp())

    @cached_property
    def origins(self) -> tuple[tuple[str, Origin], ...]:
        """Each subject with where its trouble comes from, as far as what its callers feel was measured.

        Nothing for a subject of which no call is known: that it is unwell itself is what its alert says already. None
        where an account is clearly better than its own, and tells of something that has no such measure: a queue, a
        store, a coordinator.
        """
        found: list[tuple[str, Origin]] = []
        at = self.judged_from
        calls = {Call(caller=k.source, callee=k.target): None for k in self.links if k.type is not LinkType.RUNS_ON}
        callers = {c.caller for c in calls}
        telemetry = replace(self.telemetry, calls=tuple(calls))
        for subject in self.subjects if self.telemetry.series else ():
            for signal in felt_signals(self.alerts) if subject in callers else ():
                mine = origins(telemetry, subject, signal=signal, at=at, width_s=_WIDTH.total_seconds())
                found += ((subject, origin) for origin in mine)
                if mine:
                    break
        return tuple((subject, origin) for subject, origin in found if not self._is_told_better(origin))

    def _is_told_better(self, origin: Origin) -> bool:
        """Whether the best account is clearly better than that of an origin, by what callers' measures can't show."""
        best = next(iter(self.accounts), None)
        if best is None or best.origin == origin.resource:
            return False
        own = next((a.score for a in self.accounts if a.origin == origin.resource), 0.0)
        return best.score >= own + _CLEARLY_MORE and not set(best.way_back(self.subjects[0])) <= self._feelable

    @cached_property
    def _feelable(self) -> frozenset[str]:
        """uids of those that are unwell in a way that their callers feel, by a measure."""
        felt = {(s.resource, s.metric) for s in self.telemetry.series if s.signal in FELT}
        return frozenset(uid for uid, signs in self.unwell.items() if any((uid, a.what) in felt for a in signs))

    @cached_property
    def first_failures(self) -> tuple[FirstFailure, ...]:
        """Who fails of itself in the traces, most often first."""
        return first_failures(self.telemetry.spans)

    @cached_property
    def amplifications(self) -> tuple[Amplification, ...]:
        """Who repeats calls that fail, the worst first."""
        return amplifications(self.telemetry.spans)

    @property
    def rollouts(self) -> dict[str, float]:
        """Time of the last deployment of each before the alert, seconds since 1970-01-01 UTC."""
        return {c.uid: c.latest.timestamp() for c in self.deploys if c.uid and c.latest <= self.started_at}

    @cached_property
    def scene(self) -> Scene:
        """The present of what the subjects are and depend on."""
        return Scene(self.graph, self.telemetry, is_in_scope=self.reach.__contains__)

    @cached_property
    def actual(self) -> Inventory:
        """The Kubernetes objects that run."""
        return Inventory(self.documents(Facet.ACTUAL))

    @cached_property
    def intended(self) -> Inventory:
        """The Kubernetes objects that were declared, and those that run and are made by controllers."""
        return Inventory(self.documents(Facet.INTENDED))

    @cached_property
    def cuts(self) -> tuple[Cut, ...]:
        """Calls from, to and below the subjects that NetworkPolicies refuse now."""
        return cuts(self.graph, self.reach, self.subjects, actual=self.actual, intended=self.intended)

    def value(self, uid: str, path: str) -> Json | Absent:
        """Return what stands at a place of the live object; absent when it or the place does not exist."""
        body = self.graph.body(uid, Facet.ACTUAL)
        return ABSENT if body is None else read(body, path)

    def documents(self, facet: Facet) -> list[Document]:
        """Return all documents of a facet."""
        bodies = self.graph.bodies(facet)
        return [Document(resource=self.graph.resource(uid), body=body) for uid, body in bodies.items()]

    def _rests_on_unread(self, fault: Fault) -> bool:
        """Whether a fault says that something is absent which may only not have been readable."""
        if fault.reason in _ABSENT_PODS:
            resource = self.graph.resource(fault.uid)
            cluster = fault.uid.split("/")[2]
            absent = kubernetes_scope(cluster=cluster, group="", kind="Pod", namespace=resource.namespace)
        elif fault.reason.startswith("Missing"):
            absent = fault.target
        else:
            return False
        return any(u.scopes and u.hides(absent) for u in self.graph.unreadable)

    def attribute(self, finding: Finding) -> Change:
        """Return the change behind a finding, computed once."""
        key = (finding.resource.uid, finding.path)
        if key not in self._attributions:
            self._attributions[key] = attribute(self.graph, finding, deployers=self.deployers)
        return self._attributions[key]

    def belongs(self, uid: str, place: str) -> bool:
        """Whether a resource is a place, or a part of it: what it depends on without calling another service."""
        if place not in self._own:
            found = reach(self.graph, [place]) if place in self.graph else {}
            self._own[place] = frozenset({place, *(u for u, way in found.items() if not way.crosses_call)})
        return uid in self._own[place]

    def is_subject(self, uid: str) -> bool:
        return uid in self.subjects

    def resource(self, uid: str) -> Resource | None:
        return self.graph.resource(uid) if uid in self.graph else None

    def name(self, uid: str) -> str:
        return self.ledger.name(uid)

    def note_reach(self, uid: str) -> str | None:
        """Note the path to a resource; None for a subject, which needs none."""
        way = self.reach.get(uid)
        return self.ledger.route(way.path, way.relations) if way and way.relations else None

    def note_alerts(self) -> tuple[str, ...]:
        return tuple(self.ledger.alert(a) for a in self.alerts)

    def note_complaint(self, complaint: Complaint) -> str:
        """Note what speaks of the trouble; returns the observation's id, as all methods here do."""
        if complaint.event is None:
            return next(iter(self.note_alerts()))
        return self.ledger.symptom(complaint.event, says="what speaks of the trouble")

    def note_unwell(self, *uids: str) -> tuple[str, ...]:
        """Note the first sign of each of these that is unwell."""
        signs = [self.unwell[uid][0] for uid in uids if self.unwell.get(uid)]
        return tuple(dict.fromkeys(self.ledger.symptom(sign_event(s), says=self._said(s)) for s in signs))

    def _said(self, sign: Ailment) -> str:
        return f"that {self.name(sign.resource) if sign.told_by else 'it'} {sign.way.value}"

    def timing(self, change: Change) -> Timing:
        """Place a change before or after the alert, two minutes of clock skew allowed."""
        is_after = change.earliest is not None and change.earliest > self.started_at + SKEW
        is_before = change.latest <= self.started_at + SKEW
        return Timing(
            change=change,
            is_after=is_after,
            before=max(self.started_at - change.latest, timedelta()) if is_before else None,
        )

    def current_readings(self) -> Iterator[Reading]:
        """Complaints that are recent, or as old as the alert."""
        floor = min(self.now - CURRENT, self.started_at - CURRENT)
        yield from (r for r in self.readings if r.at is None or r.at >= floor)
