"""Whether more came in than usual, or the systems ask each other for more: only the first is nobody's code."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from graph.diagnosis.commits.scene import Scene
from graph.diagnosis.departure import Departure

_REQUESTS = re.compile(
    r"requests?_(per|rate|total|count)|rps|qps|(req|hits?|visits?|sessions?|connections?)_per"
    r"|throughput|ingress|request_rate|page_?views"
    # What comes in where it is no request.
    r"|(docs?|documents|records|rows|items|events|messages|msgs|uploads|files|imports|orders|sign_?ups|logins"
    r"|jobs|mails"
    r"|emails|scans|points|samples|objects|searches|bookings|checkouts|submissions)_"
    r"(per_|in_|rate|received|ingested|accepted|submitted|imported)"
)
_OUTGOING = re.compile(
    r"outbound|published|sent|produced|deleted|expired|dropped|dead|processed|committed|handled|upstream"
    r"|calls_per|egress|retr|lookups?_per|_calls|dependency|external",
    re.IGNORECASE,
)
_NO_COUNT = re.compile(r"duration|latenc|_m?s$|seconds|ratio|error|fail|p\d\d", re.IGNORECASE)
_STORE = re.compile(r"in_flight|seq_?scans?|statements?|rows|reads?_per|writes?_per|keys?_per|commands")
_MORE = 1.8
"""Requests at this many times the usual level are a surge; daily rhythms stay below over the hours of an incident."""
_FAR_MORE = 3.0
_REPEATED = 5
"""Children of one name from which on they are one for each item; retries are fewer."""


class Surge(NamedTuple):
    """More requests than usual, where they come in."""

    rise: Departure
    is_from_outside: bool
    """No caller is known, or callers got more too; else one whose traffic nobody measured may ask more."""


def surge(scene: Scene) -> Surge | None:
    """Return the rise of requests at the outermost service that has one; None when a service above it is calm.

    A callee that gets more requests than usual from callers that do not is asked more for each request:
    somebody's code.
    """
    rises = [d for d in scene.everywhere if _is_asked(d.metric) and d.factor >= _MORE]
    risen, calm = _risen_and_calm(scene)
    outer = [d for d in rises if not scene.above(d.resource) & calm]
    theirs = frozenset(scene.subjects).union(*(scene.above(uid) for uid in scene.subjects))
    is_known = any(scene.above(d.resource) & risen for d in rises) or any(d.resource in theirs for d in outer)
    if not outer or not is_known or asks_more(scene):
        return None
    rise = max(outer, key=lambda d: (d.factor, d.metric))
    above = scene.above(rise.resource)
    return Surge(rise, is_from_outside=not above or bool(above & risen))


def fans_out(scene: Scene) -> bool:
    """Whether a service gets far more requests while all of its callers that were measured get as many as ever."""
    risen, calm = _risen_and_calm(scene)
    return any(scene.above(uid) & calm and not scene.above(uid) & risen for uid in risen)


def repeats(scene: Scene) -> bool:
    """Whether one span has many children of one name: a call for each item of something."""
    counts = Counter((s.trace, s.parent, s.resource, s.name) for s in scene.telemetry.spans if s.parent)
    return any(count >= _REPEATED for count in counts.values())


def asks_more(scene: Scene) -> bool:
    """Whether a service calls others far more than before while what it is asked stays about the same."""
    departed = scene.everywhere
    outgoing = {
        d.resource
        for d in departed
        if _OUTGOING.search(d.metric) and not _NO_COUNT.search(d.metric) and d.factor >= _FAR_MORE
    }
    risen, _ = _risen_and_calm(scene)
    return bool(outgoing - risen)


def _risen_and_calm(scene: Scene) -> tuple[frozenset[str], frozenset[str]]:
    """Services that get far more requests than usual, and those that get as many as ever."""
    measured = {s.resource for s in scene.telemetry.series if _is_asked(s.metric)}
    risen = {d.resource for d in scene.everywhere if _is_asked(d.metric) and d.factor >= _MORE}
    return frozenset(risen), frozenset(measured - risen)


def _is_asked(metric: str) -> bool:
    return bool(_REQUESTS.search(metric)) and not _is_inner(metric)


def _is_inner(metric: str) -> bool:
    return bool(_OUTGOING.search(metric) or _STORE.search(metric))
