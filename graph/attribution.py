"""Who brought a value about, when and through which channel. "Unknown" is a valid answer; a guess is not.

The interval runs from the last time the old value was seen to the first time the new one was. Records of writes narrow
it: one whose body sets the observed value is proof; the times of managedFields are a bound only, as a manager's name is
self-declared and its time can lag. A user agent decides nothing, as anybody can send any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from graph.change import Change, Channel
from graph.channel import channel_of, frame_of, is_deployer, rendered
from graph.document import ABSENT, Absent, Json, Object, digest
from graph.drift import Finding, Verdict
from graph.environment import EnvironmentGraph
from graph.field_managers import written_at
from graph.place import Place, is_near, is_same, is_within, read, read_same, translate
from graph.resource import Facet
from graph.runs import RUN_KINDS, RUN_SLACK, runs
from graph.version import Version

__all__ = ["Place", "attribute", "attribute_place", "where"]

_NOT_WRITES = RUN_KINDS | {"commit", "object"}
"""Kinds of change that do not write to the live object themselves."""
_READ_LAG = timedelta(minutes=30)
"""A reading may show a state that is older than its time: caches, replicas and eventually consistent cloud APIs lag.
A record of a write that nothing contradicts counts although the old value was still seen this long after it."""
_OWNER_SLACK = timedelta(seconds=5)
"""managedFields keeps whole seconds, an audit record microseconds of the moment before."""


def attribute(graph: EnvironmentGraph, finding: Finding, *, deployers: frozenset[str]) -> Change:
    """Return the change that a finding is the result of.

    Args:
        graph: the environment, with change history and versions.
        finding: a difference between the facets of one resource.
        deployers: names of the actors that deployments run as; a role's ARN stands for all its sessions.
    """
    uid = finding.resource.uid
    if finding.verdict in (Verdict.PENDING_ROLLOUT, Verdict.NEVER_APPLIED, Verdict.PRUNE_PENDING):
        pending = _not_applied(graph, finding)
        return _overwritten(graph, finding, since=pending.latest, deployers=deployers) or pending
    before = finding.intended if finding.intended is not ABSENT else finding.applied
    frame = Facet.ACTUAL
    if finding.actual is ABSENT:
        frame = Facet.INTENDED if finding.intended is not ABSENT else Facet.APPLIED
    place = Place(uid=uid, path=where(finding), before=before, after=finding.actual, frame=frame)
    return attribute_place(graph, place, deployers=deployers)


def where(finding: Finding) -> str:
    """Return the place of a finding in the actual object; for what is gone from it, in the object that has it."""
    return finding.path if finding.actual is ABSENT else finding.actual_path or finding.path


def attribute_place(graph: EnvironmentGraph, place: Place, *, deployers: frozenset[str]) -> Change:
    """Return the change that gave a place its present value; `place.before` is used where history shows no other."""
    onset = _onset(graph, place)
    before = place.before if onset.before is None else onset.before[0]
    body, frame = graph.body(place.uid, Facet.ACTUAL), frame_of(graph, place)
    changes = [c for c in graph.changes(place.uid) if _may_have_written(c, place)]
    records = [_Record(c, _weight(body, frame, place, c)) for c in changes]
    inside = [r for r in records if _overlaps(r.change, onset.earliest, onset.latest)]
    proofs = _last_run(records, onset)
    if proofs:
        found = proofs[0].change
        channel = channel_of(graph, place, found, deployers=deployers)
        return _result(
            place, before, found, channel, [p.change for p in proofs], earliest=found.earliest, latest=found.latest
        )
    return _without_proof(graph, place, before, onset, [r.change for r in inside if r.weight > 0], deployers=deployers)


@dataclass(frozen=True, slots=True)
class _Onset:
    earliest: datetime | None
    latest: datetime
    before: tuple[Json | Absent] | None = None
    """The last other value that was seen, where one was."""


@dataclass(frozen=True, slots=True)
class _Record:
    change: Change
    weight: int
    """2: its body sets the observed value. 1: it may have. 0: its body sets this place to another value."""


def _onset(graph: EnvironmentGraph, place: Place) -> _Onset:
    """Bound the change by what was seen of the live object, then by the deployment that last wrote the old value."""
    versions = graph.history(place.uid, Facet.ACTUAL)
    body = graph.body(place.uid, Facet.ACTUAL)
    if body is None:
        seen = versions[-1] if versions else None
        earliest = seen.last_seen if seen else None
        latest = (seen.valid_to if seen else None) or graph.as_of
        return _Onset(earliest, latest, _whole(seen, place))
    # Where only the present state is known, it is not in the history.
    current = versions[-1] if versions else graph.version(place.uid, Facet.ACTUAL)
    latest = graph.as_of if current is None else min(graph.as_of, current.valid_from)
    frame = frame_of(graph, place)
    for version in reversed(versions):
        value = read_same(place.path, frame, version.body) if place.path else version.body
        if place.path and not is_same(value, place.after):
            return _Onset(min(version.last_seen, latest), latest, (value,))
        gone_before = version is not versions[-1] and version.valid_to and version.valid_to < latest
        if gone_before and not place.path:
            return _Onset(version.valid_to, latest, (ABSENT,))
        latest = min(latest, version.valid_from)
    earliest = _last_deployed(graph, place, latest)
    owned = written_at(body, place.path)
    if owned and (earliest is None or owned > earliest):
        latest = min(latest, owned)
    return _Onset(earliest, latest)


def _whole(seen: Version | None, place: Place) -> tuple[Json | Absent] | None:
    if seen is None:
        return None
    return (read(seen.body, place.path),) if place.path else None


def _last_deployed(graph: EnvironmentGraph, place: Place, first_seen: datetime) -> datetime | None:
    """End of the last deployment of the resource before the value was first seen: it wrote the declared value."""
    own = runs(graph.changes(place.uid), environment=graph.name)
    ends = [run.latest for run in own if run.latest <= first_seen]
    applied = graph.body(place.uid, Facet.APPLIED)
    other = ABSENT if applied is None else read_same(place.path, frame_of(graph, place), applied)
    has_other = applied is not None and not is_same(other, place.after)
    return max(ends, default=None) if has_other else None


def _may_have_written(change: Change, place: Place) -> bool:
    return change.kind not in _NOT_WRITES and (not place.path or is_near(change.path, place.path))


def _weight(body: Object | None, frame: Object | None, place: Place, change: Change) -> int:
    """Judge what the body of a record says about the place, given the live object and the one that has the place."""
    if change.removes and body is None:
        return 2
    if change.before is ABSENT and change.after is ABSENT and not change.path:
        return 1
    if body is None:
        return 2 if change.after is ABSENT and not change.path else 0
    if not place.path and not change.path and change.before is ABSENT:
        return 2 if _is_birth(change.after, body) else 0
    if change.path and is_same(read(body, change.path), change.after):
        return 2
    if is_within(place.path, change.path):
        rest = place.path[len(change.path) :]
        whole = read(frame, change.path)
        set_to = read(change.after, translate(rest, whole, change.after)) if rest else change.after
        # A patch names only what it sets; that it does not name the place says nothing.
        is_telling = set_to is not ABSENT or change.before is not ABSENT
        if is_same(set_to, place.after):
            return 2 if is_telling else 1
        return 0 if is_telling else 1
    return 1 if not _names_item(change.path, place.path) else 0


def _is_birth(created: Json | Absent, body: Json) -> bool:
    """Whether this created the object that exists, whatever a server and others wrote into it since.

    An object of the same name that was created before has another uid.
    """
    one, other = read(created, "/metadata/uid"), read(body, "/metadata/uid")
    return created is not ABSENT and (one is ABSENT or other is ABSENT or one == other)


def _names_item(a: str, b: str) -> bool:
    """Whether two places are the same item of the same list, so that a different value is a contradiction."""
    return is_within(a, b) or is_within(b, a)


def _overlaps(change: Change, earliest: datetime | None, latest: datetime) -> bool:
    begun = change.earliest or change.latest
    return begun <= latest and (earliest is None or change.latest >= earliest)


def _last_run(records: Sequence[_Record], onset: _Onset) -> list[_Record]:
    """The records that set the observed value since it was last set to another one, first one first.

    A record that proves the value may lie before the first observation by any time, but not before the last sight of
    another value by more than a reading lags, nor after the first sight of this one.
    """
    run: list[_Record] = []
    earliest = onset.earliest - _READ_LAG if onset.earliest else None
    for record in records:
        if not _overlaps(record.change, earliest, onset.latest + RUN_SLACK):
            continue
        if record.weight == 2:
            run.append(record)
        elif record.weight == 0:
            run.clear()
    return run


def _without_proof(
    graph: EnvironmentGraph,
    place: Place,
    before: Json | Absent,
    onset: _Onset,
    events: Sequence[Change],
    *,
    deployers: frozenset[str],
) -> Change:
    """Decide by owner and time, then by a single event without a body, then by the run that reports the value."""
    body = graph.body(place.uid, Facet.ACTUAL)
    owned = written_at(body, place.path) if body else None
    near = [e for e in events if owned and abs(e.latest - owned) <= _OWNER_SLACK]
    for group in (near, list(events)):
        actors = {e.actor.name for e in group if e.actor}
        if len(actors) == 1:
            found = next(e for e in group if e.actor)
            # The one write on record to an object that is gone is the one that removed it.
            is_instant = group is near or (body is None and len(group) == 1)
            earliest, latest = (found.earliest, found.latest) if is_instant else (onset.earliest, onset.latest)
            channel = channel_of(graph, place, found, deployers=deployers)
            return _result(place, before, found, channel, group, earliest=earliest, latest=latest)
        if actors:
            break
    run = _reporting_run(graph, place, onset, deployers) if not events else None
    if run is not None:
        earliest = max(filter(None, (onset.earliest, run.earliest)), default=None)
        latest = max(earliest or run.latest, min(onset.latest, run.latest))
        return _result(place, before, run, Channel.DEPLOYMENT, [run], earliest=earliest, latest=latest)
    return _result(place, before, None, Channel.UNKNOWN, events, earliest=onset.earliest, latest=onset.latest)


def _reporting_run(graph: EnvironmentGraph, place: Place, onset: _Onset, deployers: frozenset[str]) -> Change | None:
    """The one deployment of this resource that overlaps the interval and whose commit renders the observed value."""
    found = [
        run
        for run in runs(graph.changes(place.uid), environment=graph.name)
        if _overlaps(run, onset.earliest, onset.latest)
        and is_deployer(run.actor, deployers)
        and rendered(graph, place, run)
    ]
    return found[-1] if found and len({r.run or r.id for r in found}) == 1 else None


def _overwritten(
    graph: EnvironmentGraph, finding: Finding, *, since: datetime, deployers: frozenset[str]
) -> Change | None:
    """The write that replaced the declared value while it ran, after it was declared; None where there is none.

    `kubectl apply` and `replace` by hand note what they write as applied. What ran as declared before was applied.
    """
    if finding.verdict is not Verdict.PENDING_ROLLOUT or finding.intended is ABSENT or finding.actual is ABSENT:
        return None
    place = Place(uid=finding.resource.uid, path=where(finding), before=finding.intended, after=finding.actual)
    found = attribute_place(graph, place, deployers=deployers)
    if not found.evidence or found.latest <= since or found.channel is Channel.DEPLOYMENT:
        return None
    seen = _onset(graph, place).before
    records = [c for c in graph.changes(place.uid) if c.id in found.evidence and c.path == place.path]
    ran = [*(seen or ()), *(c.before for c in records)]
    return found if any(is_same(value, finding.intended) for value in ran) else None


def _not_applied(graph: EnvironmentGraph, finding: Finding) -> Change:
    """A declared value that was never brought to the running system: the commit that declared it."""
    uid = finding.resource.uid
    place = Place(uid=uid, path=finding.path, before=finding.actual, after=finding.intended)
    commits = [c for c in graph.changes(uid) if c.kind == "commit" and (not c.path or is_near(c.path, finding.path))]
    found = commits[-1] if commits else None
    versions = graph.history(uid, Facet.INTENDED)
    since = versions[-1].valid_from if versions else graph.as_of
    earliest, latest = (found.earliest, found.latest) if found else (None, since)
    evidence = commits[-1:]
    return _result(place, finding.actual, found, Channel.NOT_APPLIED, evidence, earliest=earliest, latest=latest)


def _result(
    place: Place,
    before: Json | Absent,
    found: Change | None,
    channel: Channel,
    evidence: Sequence[Change],
    *,
    earliest: datetime | None,
    latest: datetime,
) -> Change:
    base = found or Change(id="", uid=place.uid, kind="object", latest=latest)
    key = digest([place.uid, place.path, before, place.after, channel.value, [e.id for e in evidence]])
    return replace(
        base,
        id=f"attribution-{key[:12]}",
        uid=place.uid,
        path=place.path,
        before=before,
        after=place.after,
        earliest=earliest,
        latest=latest,
        channel=channel,
        evidence=tuple(e.id for e in evidence),
    )
