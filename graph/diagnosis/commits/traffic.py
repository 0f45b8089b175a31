"""Whether more came in than usual, or the systems themselves ask each other for more: only the"
" first is nobody's code."""

from __future__ import annotations

import re

from graph.diagnosis.commits.scene import Scene
from graph.diagnosis.departure import Departure, departure

_REQUESTS = re.compile(
    r"requests?_(per|rate|total|count)|rps|qps|(req|hits?|visits?|sessions?|connections?)_per"
    r"|throughput|ingress|request_rate|page_?views"
)
_OUTGOING = re.compile(
    r"outbound|upstream|calls_per|egress|retr|lookups?_per|_calls|dependency|external", re.IGNORECASE
)
_NO_COUNT = re.compile(r"duration|latenc|_m?s$|seconds|ratio|error|fail|p\d\d", re.IGNORECASE)
_STORE = re.compile(r"quer|rows|reads?_per|writes?_per|keys?_per|commands")
_MORE = 1.8
"""Requests at this many times the usual level are a surge; daily rhythms stay below over the hours of an incident."""
_FAR_MORE = 3.0


def surge(scene: Scene) -> Departure | None:
    """Return the rise of requests at the outermost service that has one; None when a service above it is calm.

    A callee that gets more requests than usual from callers that do not is asked more for each request:
    somebody's code.
    """
    rises = [d for d in _all(scene) if _REQUESTS.search(d.metric) and not _is_inner(d.metric) and d.factor >= _MORE]
    if not rises:
        return None
    risen = {d.resource for d in rises}
    calm = {
        s.resource for s in scene.telemetry.series if _REQUESTS.search(s.metric) and not _is_inner(s.metric)
    } - risen
    outer = [d for d in rises if not scene.above(d.resource) & calm]
    is_known = any(scene.above(d.resource) & risen for d in rises) or any(d.resource in scene.subjects for d in outer)
    if not outer or not is_known or asks_more(scene):
        return None
    return max(outer, key=lambda d: (d.factor, d.metric))


def asks_more(scene: Scene) -> bool:
    """Whether a service calls others far more than before while what it is asked stays about the same."""
    departed = _all(scene)
    outgoing = {
        d.resource
        for d in departed
        if _OUTGOING.search(d.metric) and not _NO_COUNT.search(d.metric) and d.factor >= _FAR_MORE
    }
    loaded = {
        d.resource for d in departed if _REQUESTS.search(d.metric) and not _is_inner(d.metric) and d.factor >= _MORE
    }
    return bool(outgoing - loaded)


def _is_inner(metric: str) -> bool:
    return bool(_OUTGOING.search(metric) or _STORE.search(metric))


def _all(scene: Scene) -> tuple[Departure, ...]:
    found = (departure(s, at=scene.onset) for s in scene.telemetry.series)
    return tuple(d for d in found if d is not None)
