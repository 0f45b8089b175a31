"""Turns what is new of an environment into drift events: judges what was touched, and appends what that changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from app.environments import GovernedEnvironments
from app.recording import News
from app.store.drift_events import DriftEvents
from graph.attribution import Place, attribute, attribute_place
from graph.change import Change, Channel
from graph.document import ABSENT, digest
from graph.drift import compare_graph, compare_part
from graph.drift_event import DriftEvent, DriftEventKind, DriftKey, Step, bounded, content_of, steps
from graph.environment import EnvironmentGraph
from graph.finding import Finding
from graph.place import read
from graph.resource import Facet
from graph.surroundings import judged_with

_log = structlog.get_logger(__name__)

_ALL_AGAIN = timedelta(minutes=10)
"""How often everything is judged, so that what another process stored is judged, too."""

_MOST_TOUCHED = 5_000
"""When more is touched, a look at everything costs less."""

_AGAIN_AFTER_S = 5.0
"""Pause after a judgement that failed, for example because the database is away."""


@dataclass(slots=True)
class _Pending:
    """What is to be judged of one environment."""

    is_all: bool = False
    touched: dict[str, datetime] = field(default_factory=dict)
    evidence: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return self.is_all or bool(self.touched) or bool(self.evidence)


class DriftWatch(threading.Thread):
    """One thread that judges what the recorders tell of, for the environments that this process collects."""

    def __init__(
        self,
        environments: GovernedEnvironments,
        events: DriftEvents,
        *,
        is_ours: Callable[[str], bool],
        clock: Callable[[], datetime],
    ) -> None:
        """Do nothing yet.

        Args:
            environments: what is judged.
            events: where events go.
            is_ours: whether this process collects an environment, by its name; another one judges it otherwise.
            clock: gives the present, UTC.
        """
        super().__init__(name="drift-watch", daemon=True)
        self._environments = environments
        self._events = events
        self._is_ours = is_ours
        self._clock = clock
        self._changed = threading.Condition()
        self._pending: dict[str, _Pending] = {}
        self._all_at: dict[str, datetime] = {}
        self._begun: set[str] = set()
        self._stopping = False

    def hear(self, news: News) -> None:
        """Take what is new; it is judged soon."""
        with self._changed:
            pending = self._pending.setdefault(news.environment, _Pending())
            for uid, at in news.touched.items():
                pending.touched.setdefault(uid, at)
            pending.evidence |= news.evidence
            self._changed.notify()

    def judge_all(self, environment: str) -> None:
        """Judge everything of an environment soon, and from then on what is heard of it: all sources were read."""
        with self._changed:
            self._begun.add(environment)
            self._pending.setdefault(environment, _Pending()).is_all = True
            self._changed.notify()

    def run(self) -> None:
        while not self._stopping:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or any(self._pending.values()), timeout=_AGAIN_AFTER_S)
                taken, self._pending = self._pending, {}
            for environment, pending in taken.items():
                self._judge(environment, pending)

    def stop(self) -> None:
        """End after the judgement at hand."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def _judge(self, environment: str, pending: _Pending) -> None:
        """Judge, and try again later when that fails."""
        if environment not in self._begun:
            return  # not all of its sources were read yet: what is missing would look like drift
        if not self._is_ours(environment):
            self._begun.discard(environment)
            self._all_at.pop(environment, None)
            return
        try:
            self.judge(environment, pending.touched, evidence=pending.evidence, is_all=pending.is_all)
        except Exception:  # the run edge: what can't be judged now is judged later, and the others meanwhile
            _log.exception("judgement_failed", environment=environment)
            with self._changed:
                later = self._pending.setdefault(environment, _Pending())
                later.is_all = True
                self._changed.wait_for(lambda: self._stopping, timeout=_AGAIN_AFTER_S)

    def judge(
        self,
        environment: str,
        touched: Mapping[str, datetime],
        *,
        evidence: frozenset[str] | set[str] = frozenset(),
        is_all: bool = False,
    ) -> list[DriftEvent]:
        """Judge resources and append what is new of their drift.

        Args:
            environment: its name.
            touched: uids of resources that differ, and when (UTC) that was seen.
            evidence: names of resources of which records came in; the empty one stands for all.
            is_all: judge everything.

        Returns:
            The events that were appended, in order.
        """
        now = self._clock()
        due = now - self._all_at.get(environment, now - _ALL_AGAIN) >= _ALL_AGAIN
        is_all = is_all or due or len(touched) > _MOST_TOUCHED
        found = self._look(environment, touched, evidence, is_all=is_all)
        if any(s.kind in (DriftEventKind.OPENED, DriftEventKind.CHANGED) for s in found.steps):
            # What looks like drift may be a deployment of a commit that was not read yet.
            seen_at = max(touched.values(), default=now)
            if self._environments.read_declared(environment, seen_at):
                found = self._look(environment, touched, evidence, is_all=is_all)
        rules = [r for r in self._environments.ignore_rules(environment) if r.expires >= now.date()]
        told = [s for s in found.steps if s.finding is None or not any(r.hides(s.finding) for r in rules)]
        made = [event for step in told if (event := self._event(environment, found, step, touched)) is not None]
        if is_all:
            self._all_at[environment] = now
        stored = self._events.append(environment, made)
        for event in stored:
            _log.info("drift", environment=environment, kind=event.kind.value, resource=event.resource, path=event.path)
        return stored

    def _look(
        self, environment: str, touched: Mapping[str, datetime], evidence: frozenset[str] | set[str], *, is_all: bool
    ) -> _Look:
        graph = self._environments.graph_at_rest(environment)
        if is_all:
            open = self._events.open(environment)
            return _Look(graph, open, tuple(steps(compare_graph(graph), open, None)), None)
        judged = judged_with(graph, touched)
        again = {e.uid for e in self._events.open(environment).values()} if "" in evidence else set()
        again |= {found.uid if (found := graph.by_alias(name)) else name for name in evidence - {""}}
        open = self._events.open(environment, judged | again)
        looked = judged | {e.uid for e in open.values()}
        report = compare_part(graph, looked)
        return _Look(graph, open, tuple(steps(report, open, looked)), frozenset(again))

    def _event(self, environment: str, found: _Look, step: Step, touched: Mapping[str, datetime]) -> DriftEvent | None:
        deployers = self._environments.deployers(environment)
        if step.finding is None:
            assert step.last is not None
            return self._closed(found.graph, step.last, touched, deployers)
        is_known = step.kind is DriftEventKind.ATTRIBUTED and step.last is not None
        if is_known and found.again is not None and step.finding.resource.uid not in found.again:
            return None
        change = attribute(found.graph, step.finding, deployers=deployers)
        # Nothing is taken back: what was known once may have left the reach of the look.
        is_empty = change.actor is None and not change.evidence
        if is_known and step.last is not None and (is_empty or step.last.says_the_same(change)):
            return None
        return self._told(step, step.finding, change, touched)

    def _told(self, step: Step, finding: Finding, change: Change, touched: Mapping[str, datetime]) -> DriftEvent:
        now = self._clock()
        uid = finding.resource.uid
        is_new_evidence = step.kind is DriftEventKind.ATTRIBUTED and step.last is not None
        seen_at = step.last.detected_at if is_new_evidence and step.last else touched.get(uid, now)
        drift = step.last.drift if step.last else digest([uid, finding.path, seen_at.isoformat()])[:16]
        return DriftEvent(
            kind=step.kind,
            drift=drift,
            uid=uid,
            resource=finding.resource.display,
            path=finding.path,
            verdict=finding.verdict,
            intended=bounded(finding.intended),
            applied=bounded(finding.applied),
            actual=bounded(finding.actual),
            before=bounded(change.before),
            content=content_of(finding),
            earliest=change.earliest,
            latest=change.latest,
            detected_at=seen_at,
            recorded_at=now,
            actor=change.actor,
            channel=change.channel,
            source=change.source,
            reference=change.reference,
            evidence=change.evidence,
            note=finding.note,
        )

    def _closed(
        self,
        graph: EnvironmentGraph,
        last: DriftEvent,
        touched: Mapping[str, datetime],
        deployers: frozenset[str],
    ) -> DriftEvent:
        """Tell that a drift is over, and who ended it, where something shows that."""
        now = self._clock()
        seen_at = touched.get(last.uid, now)
        event = replace(
            last,
            kind=DriftEventKind.CLOSED,
            number=0,
            before=last.actual,
            earliest=None,
            latest=None,
            detected_at=seen_at,
            recorded_at=now,
            actor=None,
            channel=Channel.UNKNOWN,
            source="",
            reference="",
            evidence=(),
            note="",
        )
        # The path is that of the declared object, where there is one.
        frame = Facet.INTENDED if graph.version(last.uid, Facet.INTENDED) else Facet.ACTUAL
        body = graph.body(last.uid, frame)
        value = read(body, last.path) if body is not None else ABSENT
        if last.path and bounded(value) == last.actual:
            return event  # it runs as it did: what is declared has changed
        place = Place(uid=last.uid, path=last.path, before=last.actual, after=value, frame=frame)
        change = attribute_place(graph, place, deployers=deployers)
        return replace(
            event,
            actual=bounded(value),
            earliest=change.earliest,
            latest=change.latest,
            actor=change.actor,
            channel=change.channel,
            source=change.source,
            reference=change.reference,
            evidence=change.evidence,
        )


@dataclass(frozen=True, slots=True)
class _Look:
    """What a comparison found."""

    graph: EnvironmentGraph
    open: Mapping[DriftKey, DriftEvent]
    steps: Sequence[Step]
    again: frozenset[str] | None
    """Resources of which records came in; None: of any."""
