"""Emergency changes: drift that somebody made by hand while an incident was open, and that keeps something up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from graph.change import Change, Channel
from graph.environment import EnvironmentGraph
from graph.incident import OpenIncident
from graph.reach.folding import Folded, kind_of
from graph.resource import Facet, display_uid
from graph.visible import visible_name

_NEAR = 4
"""Relations between a change and the subject of an incident that it may have been made for."""


def hold_text(
    graph: EnvironmentGraph,
    uid: str,
    change: Change | None,
    *,
    is_emergency: bool,
    open_incidents: Sequence[OpenIncident],
    now: datetime,
) -> str:
    """Say why a change by hand must not be reverted yet, and what lifts that; empty when it may be.

    Args:
        graph: the environment.
        uid: the resource that was changed.
        change: the change, where known.
        is_emergency: the diagnosis already says that it is an emergency change.
        open_incidents: incidents besides the one this is about.
        now: UTC.
    """
    incident = _made_for(graph, uid, change, open_incidents, is_emergency=is_emergency, now=now)
    if incident is None and not is_emergency:
        return ""
    name = visible_name(display_uid(uid))
    during = "while an incident was open"
    if incident is not None:
        during = f"while incident {visible_name(incident.id)} was open (since {_clock(incident.opened_at)})"
    by = f" by {visible_name(change.actor.name)}" if change is not None and change.actor else ""
    when = f" {change.when}" if change is not None else ""
    ended = f"the incident {visible_name(incident.id)}" if incident else "the incident"
    return (
        f"Do not revert yet: {name} was changed by hand{by}{when}, {during}. "
        f"The change may be what keeps {_kept_up(graph, uid, incident)} up. "
        f"This is lifted when {ended} is resolved and either the declared state carries the change "
        f"or the owner confirms that it is no longer needed."
    )


def hold_warnings(graph: EnvironmentGraph, uid: str) -> tuple[str, ...]:
    """Warn that a deployment would undo the change, and say where to declare it."""
    origin = declared_at(graph, uid)
    where = f" at {origin}" if origin else ""
    return (f"The next deployment would revert this emergency change; declare it{where} if it should stay.",)


def asks_first(change: Change | None) -> str:
    """Warn that a harmful change was made by hand while another incident was open."""
    who = visible_name(change.actor.name) if change is not None and change.actor else "whoever made it"
    return f"It was changed by hand while another incident was open: ask {who} whether that one still needs it."


def declared_at(graph: EnvironmentGraph, uid: str) -> str:
    """Return `FILE:LINE@COMMIT` of the declared object; empty when unknown."""
    version = graph.version(uid, Facet.INTENDED)
    if version is None or version.origin is None:
        return ""
    line = f":{version.origin.line}" if version.origin.line else ""
    commit = f"@{version.origin.commit[:12]}" if version.origin.commit else ""
    return visible_name(f"{version.origin.file}{line}{commit}")


def _made_for(
    graph: EnvironmentGraph,
    uid: str,
    change: Change | None,
    incidents: Sequence[OpenIncident],
    *,
    is_emergency: bool,
    now: datetime,
) -> OpenIncident | None:
    """Return the incident that was open when the change was made and that it may have been made for."""
    if change is None or change.channel in {Channel.DEPLOYMENT, Channel.PROVIDER, Channel.NOT_APPLIED}:
        if not is_emergency:
            return None
    elif change.channel is not Channel.BY_HAND and not is_emergency:
        return None
    folded = Folded(graph)
    near = _around(folded, folded.home(uid))
    for incident in incidents:
        is_over = incident.resolved_at is not None and incident.resolved_at <= now
        was_open = change is None or incident.is_open_at(change.earliest, change.latest)
        if not is_over and was_open and any(folded.home(s) in near for s in incident.subjects):
            return incident
    return None


def _around(folded: Folded, uid: str) -> set[str]:
    """What `uid` depends on and what depends on it, a few relations away; never through a hub."""
    near = {uid}
    for step in (folded.needs, folded.impacts):
        edge = {uid}
        for _ in range(_NEAR):
            edge = {other for at in edge for other, _ in step(at) if kind_of(folded.graph, other) != "Namespace"} - near
            near |= edge
    return near


def _kept_up(graph: EnvironmentGraph, uid: str, incident: OpenIncident | None) -> str:
    known = [s for s in (incident.subjects if incident else ()) if s in graph]
    names = dict.fromkeys(visible_name(display_uid(s)) for s in (known or [uid]))
    return ", ".join(list(names)[:3])


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
