"""Which fields belong to the change that did harm, and what they should hold again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from graph.action import FieldEdit
from graph.change import Change
from graph.diagnosis.result import Cause
from graph.document import ABSENT, Absent, Json, Object, get, pointer, put, tokens
from graph.drift import Finding, Verdict
from graph.environment import EnvironmentGraph
from graph.kinds.kubernetes import autoscaling
from graph.remedies.edits import Wish, edits_for, inside_text
from graph.remedies.locate import locate
from graph.resource import Facet

_ONE_DEED = timedelta(seconds=60)
"""Records of one person on one object within this time belong together (one `kubectl edit`, one console form)."""

_PLATFORM_NOTES = ("kubectl.kubernetes.io/last-applied", "deployment.kubernetes.io/", "deprecated.daemonset.template")
"""Annotations that say what was applied or which revision runs; they follow by themselves."""

_SCALER = "HorizontalPodAutoscaler"

RESTORABLE = frozenset({Verdict.OUT_OF_BAND_CHANGE, Verdict.CONFLICT})
"""Verdicts of a field whose declared value is known and is not the one that runs."""


def drift_edits(
    graph: EnvironmentGraph, finding: Finding, change: Change | None, others: Sequence[Finding] = ()
) -> tuple[FieldEdit, ...]:
    """Return the edits that put the drifted field back, with the other fields that the same change altered.

    Args:
        graph: the environment.
        finding: the drift that did harm.
        change: the change that made it, where known.
        others: more drift of any resource; only what the same change made is put back with it.
    """
    uid = finding.resource.uid
    actual = graph.body(uid, Facet.ACTUAL)
    if actual is None:
        return ()
    intended = graph.body(uid, Facet.INTENDED) or {}
    live = actual
    if finding.resource.kind == _SCALER:
        # Drift of an autoscaler is told in the newest form, whatever versions it is declared and served in.
        intended, actual = autoscaling.as_v2(intended), autoscaling.as_v2(actual)
    wishes = [_wish_of_finding(intended, actual, finding)]
    if change is not None:
        deeds = [c for c in graph.changes(uid) if is_same_deed(graph, c, change)]
        wishes += [w for c in deeds if (w := _wish_of_deed(intended, actual, c))]
    for other in others:
        if other.resource.uid == uid and other.verdict in RESTORABLE and _made_together(graph, other, finding, change):
            wishes.append(_wish_of_finding(intended, actual, other))
    edits = edits_for(actual, _distinct(wishes))
    is_other_form = finding.resource.kind == _SCALER and autoscaling.is_first(live)
    return _as_served(live, actual, edits) if is_other_form else edits


def rollback_edits(graph: EnvironmentGraph, uid: str, change: Change) -> tuple[FieldEdit, ...]:
    """Return the edits that undo a change which was declared and deployed, where it is still what runs.

    Fields of the same commit or run on the same resource go back together: half a rollback is a state nobody tested.
    """
    actual = graph.body(uid, Facet.ACTUAL)
    if actual is None:
        return ()
    declared = graph.body(uid, Facet.INTENDED) or actual
    deeds = [change, *(c for c in graph.changes(uid) if is_same_deed(graph, c, change))]
    return edits_for(actual, _distinct([w for c in deeds if (w := _wish_back(graph, uid, declared, actual, c))]))


def _as_served(live: Object, newest: Object, edits: Sequence[FieldEdit]) -> tuple[FieldEdit, ...]:
    """Return edits of an autoscaler in its newest form as edits of the live one in its own."""
    wanted = newest
    for edit in edits:
        wanted = put(wanted, edit.path, edit.after)
    wanted = autoscaling.like(live, wanted)
    found: list[FieldEdit] = []
    for parent in ("/spec", "/metadata/annotations"):
        before, after = get(live, parent), get(wanted, parent)
        if isinstance(before, dict) and isinstance(after, dict):
            places = [(parent + pointer(k), before.get(k, ABSENT), after.get(k, ABSENT)) for k in before | after]
        else:
            places = [(parent, before, after)]
        found += [FieldEdit(path=path, before=one, after=other) for path, one, other in places if one != other]
    return tuple(found)


def is_same_deed(graph: EnvironmentGraph, one: Change, main: Change) -> bool:
    """Whether a recorded change belongs to the same act as `main`: same record, same run, or same person and minute."""
    if one.id == main.id or one.id in main.evidence:
        return True
    cited = [c for c in graph.changes(main.uid) if c.id in main.evidence] or [main]
    for known in (main, *cited):
        if one.reference and one.reference == known.reference and one.source == known.source:
            return True
        if one.run and one.run == known.run:
            return True
        same_person = one.actor is not None and known.actor is not None and one.actor.name == known.actor.name
        if same_person and one.source == known.source and abs(one.latest - known.latest) <= _ONE_DEED:
            return True
    return False


def main_change(graph: EnvironmentGraph, cause: Cause) -> Change | None:
    """Return the change of a cause with its values; from the record that it rests on where it has none itself."""
    change = cause.change
    if change is None or change.path or change.before is not ABSENT or change.after is not ABSENT:
        return change
    known = {c.id: c for c in graph.changes(cause.resource)}
    return next((known[i] for i in change.evidence if i in known and known[i].path), change)


def left_alone(edits: Sequence[FieldEdit], uid: str, others: Sequence[Finding]) -> int:
    """Count the drifted fields of a resource that the edits do not touch."""
    paths = [e.path for e in edits]
    mine = [f.actual_path or f.path for f in others if f.resource.uid == uid and f.is_live_drift]
    return sum(1 for m in mine if not any(m == p or m.startswith(p + "/") for p in paths))


def _wish_of_finding(intended: Object, actual: Object, finding: Finding) -> Wish:
    declared = get(intended, finding.path)
    value = finding.intended if declared is ABSENT else declared
    if finding.intended is ABSENT:
        text = inside_text(intended, finding.path)
        if text is None:
            path = finding.actual_path or finding.path
            return Wish(path=path, value=ABSENT, source=actual, actual_path=path)
    return Wish(path=finding.path, value=value, source=intended, actual_path=finding.actual_path)


def _wish_of_deed(intended: Object, actual: Object, deed: Change) -> Wish | None:
    """Put a field back that the same act altered, if it still runs altered and was declared as it was before."""
    if _is_bookkeeping(deed.path) or get(actual, deed.path) != deed.after or deed.before == deed.after:
        return None
    place = locate(actual, intended, deed.path)
    declared = ABSENT if place.missing else get(intended, place.path)
    if declared != deed.before:
        return None
    if declared is ABSENT:
        return Wish(path=deed.path, value=ABSENT, source=actual, actual_path=deed.path)
    return Wish(path=place.path, value=declared, source=intended, actual_path=deed.path)


def _wish_back(graph: EnvironmentGraph, uid: str, declared: Object, actual: Object, change: Change) -> Wish | None:
    if _is_bookkeeping(change.path):
        return None
    before, source = _before(graph, uid, change), declared
    place = locate(declared, actual, change.path)
    now = ABSENT if place.missing else get(actual, place.path)
    if now != change.after or before == now:
        return None
    if before is ABSENT:
        return Wish(path=place.path, value=ABSENT, source=actual, actual_path=place.path)
    if (text := inside_text(declared, change.path)) is not None:
        earlier = _earlier_body(graph, uid, change)
        whole = get(earlier, text) if earlier else ABSENT
        return Wish(path=text, value=whole, source=actual) if whole is not ABSENT else None
    return Wish(path=change.path, value=before, source=source, actual_path="" if place.missing else place.path)


def _is_bookkeeping(path: str) -> bool:
    """Whether a field is written by the platform or by a deployer about itself; the whole object counts too."""
    parts = tokens(path)
    if len(parts) < 2 or parts[0] in {"status", "version"}:
        return True
    if parts[0] != "metadata":
        return False
    named = parts[2] if len(parts) > 2 else ""
    return parts[1] not in {"labels", "annotations"} or named.startswith(_PLATFORM_NOTES)


def _before(graph: EnvironmentGraph, uid: str, change: Change) -> Json | Absent:
    if change.before is not ABSENT or change.after is not ABSENT:
        return change.before
    earlier = _earlier_body(graph, uid, change)
    return get(earlier, change.path) if earlier else ABSENT


def _earlier_body(graph: EnvironmentGraph, uid: str, change: Change) -> Object | None:
    """The last declared or observed version that ended by the time of the change."""
    until = change.latest
    for facet in (Facet.INTENDED, Facet.ACTUAL):
        ended = [v for v in graph.history(uid, facet) if v.valid_to is not None and v.valid_from < until]
        if ended:
            return ended[-1].body
    return None


def _made_together(graph: EnvironmentGraph, other: Finding, finding: Finding, change: Change | None) -> bool:
    records = [c for c in graph.changes(other.resource.uid) if c.path and _covers(c.path, other)]
    if change is not None and records:
        return is_same_deed(graph, records[-1], change)
    return bool(other.manager) and other.manager == finding.manager


def _covers(path: str, finding: Finding) -> bool:
    return any(p == path or p.startswith(path + "/") or path.startswith(p + "/") for p in _paths(finding))


def _paths(finding: Finding) -> Iterator[str]:
    yield finding.path
    if finding.actual_path:
        yield finding.actual_path


def _distinct(wishes: Sequence[Wish]) -> list[Wish]:
    kept: dict[tuple[str, str], Wish] = {}
    for wish in wishes:
        kept.setdefault((wish.path, wish.actual_path), wish)
    return list(kept.values())
