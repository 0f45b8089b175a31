"""What could not be read or is not covered, so that silence is not taken for health."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from graph.diagnosis.context import Context
from graph.diagnosis.symptoms import Complaint
from graph.evidence import Gap
from graph.relation import RelationType
from graph.resource import Facet, Platform, kubernetes_scope
from graph.streams import stream_gaps
from graph.workloads import WORKLOADS, services_of

FRESH = timedelta(minutes=30)
"""A source read longer ago says nothing of the present."""
_TOWARDS_OTHERS = frozenset({Complaint.REFUSED, Complaint.TIMED_OUT, Complaint.NO_SUCH_HOST, Complaint.TLS})
_UNNAMED = (("", "Pod"), ("networking.k8s.io", "NetworkPolicy"))
"""Kinds whose objects bear on a workload that does not name them."""
DOUBT_PER_SOURCE = 0.9
"""Factor on all confidence for each source that could not be read and detector that broke; at most three count."""


def gaps(context: Context) -> tuple[Gap, ...]:
    """Return everything that limits this diagnosis, most serious first."""
    found = [*context.broken_detectors, *_sources(context), *_unreadable(context), *_silent(context), *_calls(context)]
    found += [*context.evidence_gaps, *stream_gaps(context.graph), *_strangers(context), *_alert(context)]
    return tuple(dict.fromkeys(found))


def doubt(context: Context) -> float:
    """Return the factor on confidence for what could not be read."""
    return float(DOUBT_PER_SOURCE ** min(3, sum(1 for _ in (*context.broken_detectors, *_sources(context)))))


def blind_spots(context: Context) -> tuple[Gap, ...]:
    """Return the gaps that forbid to call a system healthy."""
    return (
        *context.broken_detectors,
        *_sources(context),
        *_unreadable(context),
        *_silent(context),
        *_unseen(context),
    )


def _sources(context: Context) -> Iterator[Gap]:
    for source in context.graph.sources:
        what = f"source {source.name}" + (f" ({source.facet.value} state)" if source.facet else "")
        if source.error:
            yield Gap(what=what, why=f"its last reading failed: {source.error[:200]}")
        elif source.read_at is None:
            yield Gap(what=what, why="it was never read; check its settings and that it can be reached")
        elif context.now - source.read_at > FRESH:
            yield Gap(what=what, why=f"it was last read at {source.read_at:%Y-%m-%d %H:%M} UTC, too long ago")
    if not any(s.facet is Facet.INTENDED for s in context.graph.sources):
        yield Gap(what="declared state", why="no source of declared state is set up, so drift can't be seen")


def _unreadable(context: Context) -> Iterator[Gap]:
    """Things that a source holds and could not be read: those on the path, and those of which nobody knows what."""
    told: set[str] = set()
    for item in context.graph.unreadable:
        uid = item.resource.uid if item.resource else ""
        hidden = [at for at in _places(context) if item.hides(at)] if item.scopes else []
        if not (uid or item.scopes) or uid in context.reach or hidden:
            line = f":{item.line}" if item.line else ""
            yield Gap(what=f"{item.where}{line}", why=item.reason[:300], resource=uid)
            told.update((uid, *hidden))
    for missing in context.drift.not_comparable:
        if missing.uid in context.reach and missing.uid not in told:
            yield Gap(what=missing.resource, why=missing.reason[:300], resource=missing.uid)


def _places(context: Context) -> Iterator[str]:
    """What the subjects depend on, also what no source shows, and where there may be something that selects it."""
    yield from context.reach
    for uid in context.reach:
        resource = context.resource(uid)
        if resource is not None and resource.namespace and resource.platform is Platform.KUBERNETES:
            cluster = uid.split("/")[2]
            for group, kind in _UNNAMED:
                yield kubernetes_scope(cluster=cluster, group=group, kind=kind, namespace=resource.namespace)


def _silent(context: Context) -> Iterator[Gap]:
    reach = {*context.subjects, *context.reach}
    if context.subjects and not context.hears and not any(line.resource in reach for line in context.telemetry.logs):
        names = ", ".join(context.name(uid) for uid in context.subjects[:3])
        is_measured = any(series.resource in reach for series in context.telemetry.series)
        what = "logs and events" if is_measured else "logs, events and metrics"
        why = "no source gave any; connect logs or events to see what the systems say themselves"
        yield Gap(what=f"{what} of {names}", why=why, resource=context.subjects[0])


def _unseen(context: Context) -> Iterator[Gap]:
    for uid in context.subjects:
        if context.graph.body(uid, Facet.ACTUAL) is None:
            why = "it is declared, but no source shows that it runs"
            yield Gap(what=f"actual state of {context.name(uid)}", why=why, resource=uid)


def _calls(context: Context) -> Iterator[Gap]:
    """Workloads of which nobody knows whom they call or who calls them."""
    for uid in context.subjects:
        resource = context.resource(uid)
        if resource is None or resource.kind not in WORKLOADS:
            continue
        ways = (RelationType.CALLS, RelationType.CONNECTS_TO, RelationType.ROUTES_TO)
        out = any(r.type in ways for r in context.graph.outgoing(uid))
        into = any(r.type in ways for s in services_of(context.graph, uid) for r in context.graph.incoming(s))
        if not out and not into:
            why = "neither its configuration nor a trace shows a call, so a fault of something it calls stays unseen"
            yield Gap(what=f"calls of {context.name(uid)}", why=why, resource=uid)


def _strangers(context: Context) -> Iterator[Gap]:
    """Complaints about something at the other end that no source describes."""
    for subject in context.subjects:
        said = [r for r in context.current_readings() if r.speaker == subject and r.complaint in _TOWARDS_OTHERS]
        if said and not any(r.names for r in said):
            why = "its lines name an address that no source describes; its owner's status page or a probe would tell"
            yield Gap(what=f"the other end that {context.name(subject)} can't reach", why=why, resource=subject)


def _alert(context: Context) -> Iterator[Gap]:
    for alert in context.alerts:
        if not alert.labels and not alert.service:
            why = "it carries neither labels nor a service name; only words of its text could be matched"
            yield Gap(what=f"labels of the alert from {alert.sender}", why=why)
