"""What the platform itself shows to be wrong, with its reason: the mechanisms, seen from the alert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from graph.diagnosis.context import Context
from graph.diagnosis.hypothesis import Hypothesis, Point, Weight
from graph.diagnosis.mechanisms.found import mechanisms
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import MONITOR_OK
from graph.diagnosis.mechanisms.served import served
from graph.workloads import services_of

_MOST_SIGNS = 3


def mechanical(context: Context) -> Iterable[Hypothesis]:
    """Yield a hypothesis for each mechanism that concerns what the alert is about, or what that depends on."""
    works = {w.uid: context.scene.works(w) for w in context.scene.workloads}
    for mechanism in mechanisms(context.scene):
        concerned = [uid for uid in (mechanism.resource, *mechanism.stops) if uid in context.reach]
        if concerned:
            yield _hypothesis(context, mechanism, concerned, works)


def _hypothesis(context: Context, mechanism: Mechanism, concerned: Sequence[str], works: dict[str, bool]) -> Hypothesis:
    notes = tuple(_note(context, mechanism, sign) for sign in mechanism.signs[:_MOST_SIGNS])
    rule, share = ("guessed", 1.0) if mechanism.is_guess else ("mechanism", mechanism.strength)
    rule = "said" if mechanism.is_said else rule
    points = [
        Point(rule=rule, text=mechanism.signs[0].text, evidence=notes, share=share),
        *_stopped(context, mechanism, works),
        *_unfelt(context, mechanism),
    ]
    nearest = min(concerned, key=lambda uid: context.reach[uid].cost)
    path = context.reach[nearest].path
    return Hypothesis(
        resource=mechanism.resource,
        kind=mechanism.kind,
        summary=mechanism.summary,
        points=tuple(points),
        weight=Weight.BREAKS,
        path=path if nearest == mechanism.resource else (*path, mechanism.resource),
        places=tuple(s.path for s in mechanism.signs if s.path and s.uid == mechanism.resource),
        values=tuple(dict.fromkeys(uid.rpartition("/")[2] for uid in (mechanism.resource, *mechanism.stops))),
    )


def _note(context: Context, mechanism: Mechanism, sign: Sign) -> str:
    if sign.event is not None:
        return context.ledger.symptom(sign.event, says=mechanism.kind.replace("_", " "))
    uid = sign.uid or mechanism.resource
    return context.ledger.state(uid, sign.path, context.value(uid, sign.path))


def _unfelt(context: Context, mechanism: Mechanism) -> Iterator[Point]:
    """A point against what harms nobody: all workloads that it concerns serve their users.

    That a workload goes on with its work does not show that users reach it: of what lies before it, such as a Service
    or a policy, only a check of what they feel tells that.
    """
    touched = {mechanism.resource, *mechanism.stops, *context.subjects}
    workloads = [w for w in context.scene.workloads if w.uid in touched]
    signs = [s for w in workloads if (s := served(context.scene, w)) is not None]
    is_own = "/Node/" in mechanism.resource or any(w.uid == mechanism.resource for w in workloads)
    is_seen = is_own or all(s.event is not None and s.event.reason == MONITOR_OK for s in signs)
    if signs and len(signs) == len(workloads) and is_seen:
        notes = tuple(_note(context, mechanism, s) for s in signs[:_MOST_SIGNS])
        yield Point(rule="served", text=f"Those who use it are served. {signs[0].text}", evidence=notes)


def _stopped(context: Context, mechanism: Mechanism, works: dict[str, bool]) -> Iterator[Point]:
    """Points for what does not work now because of it, and for those who complain of that."""
    stopped = [uid for uid in (*mechanism.stops, mechanism.resource) if works.get(uid) is False]
    if stopped:
        notes = tuple(context.ledger.state(uid, "/status", context.value(uid, "/status")) for uid in stopped[:2])
        yield Point(rule="stops_work", text=f"{context.name(stopped[0])} does not have its pods.", evidence=notes)
    touched = {mechanism.resource, *mechanism.stops}
    for uid in list(touched):
        if uid in works:
            touched.update(services_of(context.graph, uid))
    heard = [r for r in context.readings if r.names & touched and r.speaker not in touched]
    if heard:
        speakers = sorted({r.speaker for r in heard})
        share = min(1.0, len(speakers) / 2)
        notes = (context.ledger.symptom(heard[-1].event, says=heard[-1].complaint.value),)
        text = (
            f"{len(speakers)} others complain of what it stops."
            if len(speakers) > 1
            else "Another complains of what it stops."
        )
        yield Point(rule="blamed", text=text, evidence=notes, share=share)
