"""All plans that answer one cause. Chooses the action by what the cause carries; does not judge whether it may run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from graph.action import Action, ActionKind, Check, CheckKind, Plan
from graph.change import Change, Channel
from graph.diagnosis.result import Cause, Diagnosis
from graph.document import ABSENT, Absent, Json, canonical
from graph.drift import Finding, Verdict
from graph.environment import EnvironmentGraph
from graph.guardrails import PROTECTED, SECRETS
from graph.incident import OpenIncident
from graph.reach.folding import WORKLOADS, kind_of
from graph.relation import RelationType
from graph.remedies.health import needs_restart, recovers
from graph.remedies.hold import asks_first, declared_at, hold_text, hold_warnings
from graph.remedies.parts import assemble, holds, recreatable
from graph.remedies.restore import RESTORABLE, drift_edits, left_alone, main_change, rollback_edits
from graph.resource import Facet, display_uid
from graph.visible import visible, visible_name

_ROLLOUT_S = 300.0
"""Replacing the pods of a workload, with image pulls; also the longest back-off of a crashing container."""
_EFFECT_S = 60.0
"""A write that only has to be seen again, with the eventual consistency of a cloud API."""


class Answer:
    """One cause, and all that the plans for it are made from."""

    def __init__(
        self,
        graph: EnvironmentGraph,
        *,
        diagnosis: Diagnosis | None,
        cause: Cause,
        now: datetime,
        open_incidents: Sequence[OpenIncident],
        drift: Sequence[Finding],
    ) -> None:
        self.graph = graph
        self.cause = cause
        self.uid = cause.resource
        self.change = main_change(graph, cause)
        self.drift = drift
        subjects = [c.uid for c in diagnosis.subjects] if diagnosis else []
        self.concerned = tuple(dict.fromkeys((*cause.path, *subjects)))
        self.reason = _reason(cause, self.change)
        is_emergency = cause.kind == "emergency_change"
        held = is_emergency or cause.drift is not None
        why = hold_text(graph, self.uid, self.change, is_emergency=is_emergency, open_incidents=open_incidents, now=now)
        # A change that a diagnosis found to do harm is no reason to wait, even when it was made in an emergency; it is
        # a reason to ask whoever made it.
        does_harm = diagnosis is not None and not is_emergency
        self.hold = why if held and not does_harm else ""
        self.ask_first = (asks_first(self.change),) if held and does_harm and why else ()

    def plans(self) -> Iterator[Plan]:
        """Yield plans, best first. A change on hold gets no follow-up."""
        finding = self.cause.drift
        is_missing = self.graph.body(self.uid, Facet.ACTUAL) is None
        if kind_of(self.graph, self.uid) in SECRETS:
            yield from self._resync()
        elif is_missing:
            yield from self._create()
        elif finding is not None and finding.verdict is Verdict.UNMANAGED and not finding.path:
            yield from self._delete()
        elif finding is not None and (finding.verdict in RESTORABLE or self._is_overwritten(finding)):
            yield from self._restore(finding)
        elif self.change is not None and self.change.path:
            yield from self._roll_back(self.change)

    def _is_overwritten(self, finding: Finding) -> bool:
        """Whether the declared value ran and was replaced outside of a deployment, though noted as applied."""
        channel = self.change.channel if self.change else Channel.NOT_APPLIED
        is_pending = finding.verdict is Verdict.PENDING_ROLLOUT
        return is_pending and channel not in (Channel.NOT_APPLIED, Channel.DEPLOYMENT)

    def _restore(self, finding: Finding) -> Iterator[Plan]:
        edits = drift_edits(self.graph, finding, self.change, self.drift)
        if not edits:
            return
        action = Action(kind=ActionKind.SET_FIELDS, target=self.uid, edits=edits)
        yield from self._with_restarts(action, tuple(self._restore_warnings(finding, action)), restores_declared=True)

    def _restore_warnings(self, finding: Finding, action: Action) -> Iterator[str]:
        yield from self._held()
        if finding.verdict is Verdict.CONFLICT:
            yield (
                "The declared value was never deployed: this writes it for the first time, "
                "not the value that the last deployment wrote."
            )
        left = left_alone(action.edits, self.uid, _unique(self.drift))
        if left:
            yield f"{left} more drifted field{'s' if left > 1 else ''} of it came from other changes and stay."
        if any(isinstance(e.after, str) and finding.path.startswith(e.path + "/") for e in action.edits):
            yield "The whole document is written as declared, so that what comes back is exact."
        yield from self._scaler_warning(action)

    def _roll_back(self, change: Change) -> Iterator[Plan]:
        edits = rollback_edits(self.graph, self.uid, change)
        if not edits:
            return
        action = Action(kind=ActionKind.SET_FIELDS, target=self.uid, edits=edits)
        origin = declared_at(self.graph, self.uid)
        still = f"The declared state still names the value that did harm{f', at {origin}' if origin else ''}"
        fields = "; ".join(f"{visible_name(e.path)} to {_short(e.after)}" for e in edits)
        warnings = (
            f"{still}: the next deployment brings it back.",
            f"Change in the declared state as well: {fields}.",
            *self._scaler_warning(action),
        )
        yield from self._with_restarts(action, warnings, restores_declared=False)

    def _with_restarts(self, action: Action, warnings: tuple[str, ...], *, restores_declared: bool) -> Iterator[Plan]:
        """Yield the plan, then the restarts that its readers need: one plan has one action."""
        since = (self.change.earliest or self.change.latest) if self.change else None
        stale = needs_restart(self.graph, action, self.concerned, since=since)
        if stale and not self.hold:
            names = ", ".join(visible_name(display_uid(u)) for u in stale)
            warnings = (*warnings, f"{names} took the value when its pods started: restart it afterwards.")
        yield self._plan(action, warnings=warnings, restores_declared=restores_declared)
        if self.hold:
            return
        restored = [holds(action.target, e.path, e.after) for e in action.edits]
        for uid in stale:
            yield self._restart(uid, restored)

    def _restart(self, uid: str, preconditions: Sequence[Check]) -> Plan:
        action = Action(kind=ActionKind.RESTART_WORKLOAD, target=uid)
        source = visible_name(display_uid(self.uid))
        return assemble(
            self.graph,
            action,
            reason=f"Its pods took their values from {source} when they started and keep them until they restart.",
            verification=(),
            verify_within_s=_ROLLOUT_S,
            preconditions=preconditions,
            warnings=(f"Do this after {source} is restored; it is refused before.",),
        )

    def _create(self) -> Iterator[Plan]:
        body = self.graph.body(self.uid, Facet.INTENDED)
        if body is None:
            return
        declared = recreatable(body, namespace=self.graph.resource(self.uid).namespace)
        yield self._plan(Action(kind=ActionKind.CREATE_OBJECT, target=self.uid, body=declared))

    def _delete(self) -> Iterator[Plan]:
        declared = any(self.graph.version(self.uid, f) for f in (Facet.INTENDED, Facet.APPLIED))
        owned = any(r.type is RelationType.OWNED_BY for r in self.graph.outgoing(self.uid))
        made = any(r.type is RelationType.PRODUCES for r in self.graph.incoming(self.uid))
        if declared or owned or made or kind_of(self.graph, self.uid) in PROTECTED | SECRETS:
            return
        warnings = (
            *self._held(),
            "Nobody declared it in the sources that were read; if a deployer outside of them did, it comes back.",
        )
        yield self._plan(Action(kind=ActionKind.DELETE_OBJECT, target=self.uid), warnings=warnings)

    def _resync(self) -> Iterator[Plan]:
        makers = [r.source for r in self.graph.incoming(self.uid) if r.type is RelationType.PRODUCES]
        maker = next((m for m in makers if self.graph.body(m, Facet.ACTUAL) is not None), None)
        if maker is None or kind_of(self.graph, maker) != "ExternalSecret":
            return
        action = Action(kind=ActionKind.RESYNC_SECRET, target=maker)
        is_missing = self.graph.body(self.uid, Facet.ACTUAL) is None
        exists = Check(kind=CheckKind.OBJECT_EXISTS, target=self.uid)
        absent = Check(kind=CheckKind.OBJECT_ABSENT, target=self.uid)
        since = (self.change.earliest or self.change.latest) if self.change else None
        stale = () if is_missing else needs_restart(self.graph, action, self.concerned, since=since)
        yield self._plan(
            action, verification=(exists,), preconditions=(absent,) if is_missing else (), warnings=self._held()
        )
        if not self.hold:
            for uid in stale:
                yield self._restart(uid, (exists,))

    def _plan(
        self,
        action: Action,
        *,
        verification: Sequence[Check] = (),
        preconditions: Sequence[Check] = (),
        warnings: Sequence[str] = (),
        restores_declared: bool = True,
    ) -> Plan:
        healthy = recovers(self.graph, action, self.concerned)
        rolls = kind_of(self.graph, action.target) in WORKLOADS or bool(healthy)
        return assemble(
            self.graph,
            action,
            reason=self.reason,
            verification=(*verification, *healthy),
            verify_within_s=_ROLLOUT_S if rolls else _EFFECT_S,
            preconditions=preconditions,
            warnings=warnings or self._held(),
            hold=self.hold,
            restores_declared=restores_declared,
        )

    def _held(self) -> tuple[str, ...]:
        return hold_warnings(self.graph, self.uid) if self.hold else self.ask_first

    def _scaler_warning(self, action: Action) -> Iterator[str]:
        if any(e.path == "/spec/replicas" for e in action.edits):
            for relation in self.graph.incoming(self.uid):
                if relation.type is RelationType.SCALES:
                    yield f"{visible_name(display_uid(relation.source))} resizes it and may write another number."


def _reason(cause: Cause, change: Change | None) -> str:
    name = visible_name(display_uid(cause.resource))
    what = f"{visible_name(cause.kind.replace('_', ' '))} of {name}"
    if change is None:
        return f"It answers: {what}."
    how = {Channel.BY_HAND: " by hand", Channel.DEPLOYMENT: " by a deployment"}.get(change.channel, "")
    who = f" by {visible_name(change.actor.name)}" if change.actor else ""
    return f"It answers: {what}, changed{how}{who} {change.when}."


def _short(value: Json | Absent) -> str:
    if value is ABSENT:
        return "nothing (remove it)"
    text = visible(canonical(value))
    return text if len(text) <= 120 else f"{text[:120]}... ({len(text)} characters, see the diff)"


def _unique(findings: Sequence[Finding]) -> list[Finding]:
    return list({(f.resource.uid, f.path, f.actual_path): f for f in findings}.values())
