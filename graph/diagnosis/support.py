"""Weighs a hypothesis: what speaks for it and against it in time, in what systems report, and along the path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from graph.diagnosis.context import SKEW, Context
from graph.diagnosis.fits import COMPLAINT_KINDS, VAGUE, fault_fits, names_another
from graph.diagnosis.hypothesis import Hypothesis, Point
from graph.diagnosis.permissions import covers
from graph.diagnosis.symptoms import Complaint, Reading
from graph.document import ABSENT, tokens
from graph.fault import Fault
from graph.relation import RelationType
from graph.resource import Facet
from graph.workloads import WORKLOADS

_AGES = ((15, 1.0), (60, 0.85), (360, 0.5), (1440, 0.3), (10080, 0.1))
"""Minutes before the alert, and how much of the points for being just before remain."""
_ABOUT_DRIFT = re.compile(
    r"\bdrift|out[- ]of[- ]sync|outofsync|out[- ]of[- ]band|differs? from (what was )?(git|decl)", re.I
)
_WITHOUT_TROUBLE = frozenset({"network_policy", "selector_mismatch", "port_mismatch", "security_group_rule_removed"})
"""Kinds that leave what they cut off in good health."""
_MAX_CITED = 3
_STALE = timedelta(hours=24)
_APART = timedelta(minutes=10)


def weighed(context: Context, hypothesis: Hypothesis) -> Hypothesis:
    """Return the hypothesis with the points of all judges."""
    for judge in JUDGES:
        hypothesis = hypothesis.with_points(*judge(context, hypothesis))
    return hypothesis


def _time(context: Context, hypothesis: Hypothesis) -> Iterator[Point]:
    change = hypothesis.change
    if change is None:
        return
    evidence = (context.ledger.change(change), *context.note_alerts()[:1])
    timing = context.timing(change)
    name = context.name(hypothesis.resource)
    if timing.is_after:
        text = f"{name} changed after the alert had started, so it can't have caused it."
        yield Point(rule="after_alert", text=text, evidence=evidence)
    elif timing.before is None or change.earliest is None:
        # Without a beginning the interval says only that the change is not younger than its end.
        text = f"When {name} changed is not known well enough to place it before or after the alert."
        if timing.before is not None:
            text = f"{name} changed before the alert, and how long before is not known."
        yield Point(rule="may_be_before", text=text, evidence=evidence)
    else:
        yield _age(name, timing.before, evidence)
    if _is_stale(context, hypothesis):
        text = f"{name} is as it was declared and had been so for more than a day when the alert started."
        yield Point(rule="settled", text=text, evidence=evidence)


def _age(name: str, age: timedelta, evidence: tuple[str, ...]) -> Point:
    minutes = age.total_seconds() / 60
    share = next((s for limit, s in _AGES if minutes <= limit), None)
    if share is None:
        return Point(rule="long_before", text=f"{name} changed {_span(age)} before the alert.", evidence=evidence)
    return Point(
        rule="just_before", text=f"{name} changed {_span(age)} before the alert.", evidence=evidence, share=share
    )


def _span(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes} minute{'s' * (minutes != 1)}"
    return f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"


def _path(context: Context, hypothesis: Hypothesis) -> Iterator[Point]:
    uid = hypothesis.resource
    way = context.reach.get(uid)
    if context.is_subject(uid):
        yield Point(rule="direct", text=f"The alert is about {context.name(uid)}.", evidence=context.note_alerts())
    elif way and (route := context.note_reach(uid)):
        via = _via(context, way.path)
        text = f"{context.name(way.subject)} depends on {context.name(uid)}{via}."
        yield Point(rule="path", text=text, evidence=(route,))
        if way.cost > 2:
            text = f"{context.name(uid)} is {len(way.path) - 1} steps away from {context.name(way.subject)}."
            yield Point(rule="far", text=text, evidence=(route,), share=float(min(way.cost - 2, 5)))


def _via(context: Context, path: tuple[str, ...]) -> str:
    between = [context.name(uid) for uid in path[1:-1]]
    return f" through {', '.join(between)}" if between else ""


def _complaints(context: Context, hypothesis: Hypothesis) -> Iterator[Point]:
    current = [r for r in context.current_readings() if r.complaint is not Complaint.READING]
    heard = [r for r in current if _is_heard(context, hypothesis, r)]
    fitting = [r for r in heard if hypothesis.kind in COMPLAINT_KINDS.get(r.complaint, ())]
    naming = [r for r in fitting if _names(context, hypothesis, r)]
    branch = [r for r in heard if r not in naming and r.complaint in VAGUE and _on_path(hypothesis, r)]
    if naming and _is_stale(context, hypothesis):
        yield _heard(context, "complaint_fits", naming, "though the change had been in effect for long")
    elif naming and all(_precedes(hypothesis, r) for r in naming):
        # Clocks differ, so it may belong to the change; but it may as well be what the change put an end to.
        yield _heard(context, "complaint_fits", naming, "though not since the change")
    elif naming:
        yield _heard(context, "complaint_names", naming, f"which points at {context.name(hypothesis.resource)}")
        older = [r for r in context.readings if _is_older(hypothesis, r) and _says_same(context, hypothesis, r)]
        if len(older) > 1 or any(r.event.count > 1 for r in older):
            yield _heard(context, "complaint_older", older, "already before the change")
    elif fitting:
        yield _heard(context, "complaint_fits", fitting, "which such a change can lead to")
    if branch and not naming:
        yield _heard(context, "complaint_branch", branch, "naming a service on the path to it")
    others = [r for r in heard if r.complaint not in VAGUE and r not in fitting and r.speaker in context.subjects]
    if others and not fitting:
        yield _heard(context, "other_complaint", others, "which this does not explain")


def _is_stale(context: Context, hypothesis: Hypothesis) -> bool:
    """Whether all went well with a declared change for so long that a failure now is hardly tied to it.

    A difference from the declaration is another matter: it may take effect only when pods are replaced.
    """
    change = hypothesis.change
    if change is None or hypothesis.drift is not None:
        return False
    return context.started_at - change.latest > _STALE


def _is_heard(context: Context, hypothesis: Hypothesis, reading: Reading) -> bool:
    """Complaints of the subjects and of what lies on the path; others belong to other stories."""
    return reading.speaker in context.subjects or reading.speaker in hypothesis.path


def _says_same(context: Context, hypothesis: Hypothesis, reading: Reading) -> bool:
    fits = hypothesis.kind in COMPLAINT_KINDS.get(reading.complaint, ())
    return fits and _is_heard(context, hypothesis, reading) and _names(context, hypothesis, reading)


def _is_older(hypothesis: Hypothesis, reading: Reading) -> bool:
    """Whether a complaint came before the change, by more than clocks differ."""
    return _precedes(hypothesis, reading, by=SKEW)


def _precedes(hypothesis: Hypothesis, reading: Reading, *, by: timedelta = timedelta()) -> bool:
    begun = hypothesis.change.earliest if hypothesis.change else None
    return begun is not None and reading.at is not None and reading.at < begun - by


def _names(context: Context, hypothesis: Hypothesis, reading: Reading) -> bool:
    """Whether a complaint names the resource, the link that leads to it, a lost permission, or the new value."""
    if reading.actions:
        return any(covers(value, action) for value in hypothesis.values for action in reading.actions)
    if reading.names & ({hypothesis.resource, *_links(context, hypothesis)} - {reading.speaker}):
        return True
    text = reading.event.text
    keys = [parts[-1] for place in hypothesis.places if (parts := tokens(place))]
    if any(len(key) > 3 and not key.isdigit() and _has_word(text, key) for key in _telling(keys)):
        return True
    return any(_has_word(text, form) for value in hypothesis.values for form in _forms(value, keys))


def _forms(value: str, keys: Iterable[str]) -> Iterator[str]:
    """How a system would print a value: as it stands, unless it is too short to tell, or with the unit of its key."""
    if len(value) > 3 or re.fullmatch(r"\d+[A-Za-z]+", value):
        yield value
    for key in keys:
        if value.isdigit() and (unit := re.search(r"[_.-](ms|s|sec|seconds|m|mb|mib|gb)$", key, re.IGNORECASE)):
            yield value + unit[1].lower()


def _telling(keys: Iterable[str]) -> Iterator[str]:
    """Keys that people chose, such as `PAYMENT_URL`; the platform's own field names are in many sentences."""
    yield from (k for k in keys if re.search(r"[_.\-]|[A-Z]{3}", k))


def _links(context: Context, hypothesis: Hypothesis) -> set[str]:
    """What a caller would name when the fault lies at or behind it: everything on the path but the subject.

    What a policy or a security group guards counts too: those who are cut off name the other end, not the rule.
    """
    out = set(hypothesis.path[1:]) if _shows(context, hypothesis) else {hypothesis.resource}
    for relation in context.graph.outgoing(hypothesis.resource):
        if relation.type in (RelationType.GUARDS, RelationType.GRANTS_ON):
            out.add(relation.target)
            out.update(r.source for r in context.graph.incoming(relation.target) if r.type is RelationType.SELECTS)
    for cut in context.cuts:
        if hypothesis.resource in cut.policies:
            out.update((cut.service, cut.callee))
    return out


def _shows(context: Context, hypothesis: Hypothesis) -> bool:
    """Whether a complaint about a service on the path can mean this cause behind it.

    It can when the cause leaves that service in good health, or when the service shows trouble of its own.
    """
    way = context.reach.get(hypothesis.resource)
    if way is None or not way.crosses_call or hypothesis.kind in _WITHOUT_TROUBLE:
        return True
    called = [i for i, r in enumerate(way.relations) if r.type in (RelationType.CALLS, RelationType.ROUTES_TO)]
    behind = set(way.path[called[-1] + 1 :])
    return any(context.faults.get(uid) for uid in behind) or any(
        r.speaker in behind for r in context.current_readings()
    )


def _on_path(hypothesis: Hypothesis, reading: Reading) -> bool:
    return bool(reading.names & set(hypothesis.path[1:]))


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", text) is not None


def _heard(context: Context, rule: str, readings: list[Reading], why: str) -> Point:
    """One sentence about some complaints, the latest of them cited."""
    cited = readings[-_MAX_CITED:]
    notes = tuple(context.ledger.symptom(r.event, says=r.complaint.value) for r in cited)
    speaker, what = context.name(cited[-1].speaker), cited[-1].complaint.value
    return Point(rule=rule, text=f"{speaker} reports {what}, {why}.", evidence=notes)


def _faults(context: Context, hypothesis: Hypothesis) -> Iterator[Point]:
    fitting: list[tuple[float, Fault]] = []
    for uid in dict.fromkeys((*hypothesis.path, hypothesis.resource)):
        is_next = uid in (hypothesis.resource, *hypothesis.path[-2:])
        for fault in context.faults.get(uid, ()):
            if not hypothesis.is_change and (fault.uid, fault.reason) in hypothesis.faults:
                continue
            if names_another(fault, hypothesis):
                return
            share = fault_fits(fault, hypothesis, is_next=is_next)
            if share:
                fitting.append((share, fault))
    if not fitting:
        return
    begun = hypothesis.change.earliest if hypothesis.change else None
    fitting.sort(key=lambda sf: (-sf[0], sf[1].uid, sf[1].reason))
    share, fault = fitting[0]
    notes = tuple(context.ledger.fault(f) for _, f in fitting[:_MAX_CITED])
    name = context.name(fault.uid)
    dated = [f.since for s, f in fitting if f.since and s == share]
    if begun is not None and dated and max(dated) < begun - SKEW:
        text = f"{name} had the fault {fault.reason} already before the change."
        yield Point(rule="complaint_older", text=text, evidence=notes)
        return
    if _is_stale(context, hypothesis):
        text = f"{name} has the fault {fault.reason}, though the change had been in effect for long."
        yield Point(rule="fault_partial", text=text, evidence=notes)
        return
    text = f"{name} has the fault {fault.reason}, which such a change leads to."
    yield Point(rule="fault_fits", text=text, evidence=notes, share=share)


def _dependency(context: Context, hypothesis: Hypothesis) -> Iterator[Point]:
    """A cause behind another service must show there as well."""
    way = context.reach.get(hypothesis.resource)
    if way is None or not way.crosses_call or hypothesis.kind in _WITHOUT_TROUBLE:
        return
    after_call = False
    for relation, uid in zip(way.relations, way.path[1:], strict=True):
        after_call = after_call or relation.type in (RelationType.CALLS, RelationType.ROUTES_TO)
        resource = context.resource(uid)
        if not after_call or resource is None or resource.kind not in WORKLOADS:
            continue
        status = (context.graph.body(uid, Facet.ACTUAL) or {}).get("status") or {}
        if "readyReplicas" in status and not _in_trouble(context, uid, way.path):
            note = context.ledger.state(uid, "/status/readyReplicas", status["readyReplicas"])
            text = f"{resource.display}, which lies between, has ready pods and nobody complains of it."
            yield Point(rule="dependency_healthy", text=text, evidence=(note,))
            return


def _in_trouble(context: Context, uid: str, path: tuple[str, ...]) -> bool:
    if context.faults.get(uid):
        return True
    named = {uid, *(p for p in path if (r := context.resource(p)) is not None and r.kind == "Service")}
    return any(r.speaker == uid or r.names & named for r in context.current_readings())


def _network(context: Context, hypothesis: Hypothesis) -> Iterator[Point]:
    """A NetworkPolicy that refuses none of the known calls is not to blame for them."""
    if hypothesis.kind != "network_policy" or any(hypothesis.resource in cut.policies for cut in context.cuts):
        return
    body = context.graph.body(hypothesis.resource, Facet.ACTUAL)
    note = context.ledger.state(hypothesis.resource, "/spec", ABSENT if body is None else body.get("spec"))
    text = f"With {context.name(hypothesis.resource)} as it is, all known calls of the subject are admitted."
    yield Point(rule="harmless", text=text, evidence=(note,))


def _silence(context: Context, hypothesis: Hypothesis) -> Iterator[Point]:
    """Complaints are read, and there are none: then it is doubtful that anything is broken at all."""
    if not context.hears or any(True for _ in context.current_readings()):
        return
    if any(context.faults.get(uid) for uid in (*context.subjects, *hypothesis.path)):
        return
    text = "Neither the platform nor the systems themselves report anything wrong on this path."
    yield Point(rule="nothing_fails", text=text, evidence=context.note_alerts())


def _about_drift(context: Context, hypothesis: Hypothesis) -> Iterator[Point]:
    if hypothesis.drift is None or not context.is_subject(hypothesis.resource):
        return
    about = [a for a in context.alerts if _ABOUT_DRIFT.search(f"{a.title} {a.description}")]
    if about:
        text = f"The alert is about {context.name(hypothesis.resource)} differing from its declaration."
        yield Point(rule="about_drift", text=text, evidence=tuple(context.ledger.alert(a) for a in about))


def _known_elsewhere(context: Context, hypothesis: Hypothesis) -> Iterator[Point]:
    """What had an incident of its own for some time when this alert came may be behind it, but did not bring it about.

    Alerts of one cause come within minutes of each other, so that a younger incident counts only where the subject
    itself complains of something that this does not explain.
    """
    change = hypothesis.change
    if change is None:
        return
    for incident in sorted(context.open_incidents, key=lambda i: (i.opened_at, i.id)):
        later = context.started_at - incident.opened_at
        is_about_it = hypothesis.resource in incident.subjects and change.latest <= incident.opened_at
        if not is_about_it or not incident.is_open_at(context.started_at, context.started_at):
            continue
        other = next((r for r in context.current_readings() if _is_of_another(context, hypothesis, r)), None)
        if later < _APART and other is None:
            continue
        text = (
            f"{incident.id} has been about {context.name(hypothesis.resource)} since {_span(later)} before this alert"
        )
        evidence: tuple[str, ...] = (context.ledger.incident(incident),)
        if other is not None:
            text += f", and {context.name(other.speaker)} reports {other.complaint.value}, which this does not explain"
            evidence += (context.ledger.symptom(other.event, says=other.complaint.value),)
        yield Point(rule="known_elsewhere", text=f"{text}.", evidence=evidence)
        return


def _is_of_another(context: Context, hypothesis: Hypothesis, reading: Reading) -> bool:
    """Whether a subject complains itself, clearly, and of something that such a change does not lead to."""
    complaint = reading.complaint
    is_clear = complaint is not Complaint.READING and complaint not in VAGUE
    return (
        is_clear and reading.speaker in context.subjects and hypothesis.kind not in COMPLAINT_KINDS.get(complaint, ())
    )


JUDGES: tuple[Callable[[Context, Hypothesis], Iterable[Point]], ...] = (
    _time,
    _path,
    _complaints,
    _faults,
    _dependency,
    _network,
    _silence,
    _about_drift,
    _known_elsewhere,
)
"""Each looks at one side. They don't know of each other, so their order does not matter."""
