"""Who is unwell, since when, and in what way: from series short or long, and from what logs say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import numpy as np

from graph.anomaly import MIN_PAST, anomaly
from graph.diagnosis.ailment import Ailment, Way
from graph.diagnosis.series_signs import departed, factor_of, fell, sign_of
from graph.telemetry import Anomaly, LogLine, Mood, Signal, Telemetry

_CLEARLY = 2.0
"""Tails beyond which a reading is out for more than chance: of many series, some are always just beyond one."""
_LONG = 30
"""Readings before the interval that an alert judges from which on a trouble that began earlier is no usual state."""
_LACK_S = 300.0
"""Seconds by which harm may seem to come before the lack of work that does it: counts are of minutes."""
_GROWN = 1.8
"""Times as many lines of a form as before, from which on they tell of something."""
_NEW = 0.1
"""Share of lines of a form that may have been there before for it to be new."""


def ailments(
    telemetry: Telemetry, *, at: float, width_s: float, alerted: Collection[tuple[str, str]] = ()
) -> dict[str, list[Ailment]]:
    """Map each resource that is unwell to its signs, earliest first.

    Args:
        telemetry: what was measured.
        at: seconds since 1970-01-01 UTC; start of the interval that the alert judges.
        width_s: its length in seconds.
        alerted: uid and metric of what alerts are about: out of range in either direction.
    """
    found: dict[str, list[Ailment]] = defaultdict(list)
    starved: dict[str, float] = {}
    for series in telemetry.series:
        past = int(np.isfinite(series.values[series.times < at]).sum()) if series.signal in _WAYS else 0
        # A long past tells what is usual; a short one may hold the trouble itself, and must do with its own beginning.
        sign = sign_of(series) if past < _LONG else None
        if sign is None and past >= MIN_PAST:
            sign = _of_anomaly(anomaly(series, at=at, width_s=width_s, least=_CLEARLY))
        if sign is None and (series.resource, series.metric) in alerted:
            sign = departed(series)
        if sign is not None:
            found[series.resource].append(sign)
        if (since := fell(series)) is not None:
            starved[series.resource] = min(since, starved.get(series.resource, since))
    for sign in _of_logs(telemetry.logs):
        found[sign.resource].append(sign)
    for uid, since in starved.items():
        found[uid] = _marked(found[uid], since)
    return {uid: sorted(signs, key=lambda s: (s.since, s.what)) for uid, signs in found.items() if signs}


_WAYS = {
    Signal.LATENCY: Way.FAILS,
    Signal.ERRORS: Way.FAILS,
    Signal.AVAILABILITY: Way.FAILS,
    Signal.TRAFFIC: Way.LOADED,
    Signal.CPU: Way.LOADED,
    Signal.SATURATION: Way.LOADED,
    Signal.LAG: Way.LOADED,
    Signal.MEMORY: Way.WITHIN,
    Signal.RESTARTS: Way.WITHIN,
}
"""Signals of which is known which way is bad."""


def _of_anomaly(found: Anomaly | None) -> Ailment | None:
    if found is None or found.since is None:
        return None
    return Ailment(
        resource=found.resource,
        way=_WAYS[found.signal],
        since=found.since,
        what=found.metric,
        factor=factor_of(found.now, found.usual or 0.0),
    )


def _marked(signs: Iterable[Ailment], since: float) -> list[Ailment]:
    """Mark what came with the lack of work; what malfunctions within needs no such reason."""
    signs = list(signs)
    if any(sign.way is Way.WITHIN for sign in signs):
        return signs
    return [replace(s, is_starved=s.way is Way.FAILS and s.since >= since - _LACK_S) for s in signs]


_INNER = re.compile(
    r"gc pause|garbage|heap|out of memory|\boom|memorypressure|diskpressure|evict|throttl|throughputexceeded"
    r"|no space left"
    r"|disk full|deadlock|pool exhausted|thread pool|hit_ratio|cache (miss|full)|servfail"
    r"|certificate (has )?expired|panic"
    r"|segfault|leak|corrupt|config(uration)? (reload|error|invalid)|limit exceeded|leader election|split brain",
    re.IGNORECASE,
)


_SEVERE = frozenset({"error", "fatal", "critical"})
_MANY = 200
"""Lines of one form below which a service grumbles, and nobody suffers."""
_MANY_NEW = 50
"""The same for lines that nobody saw before."""


def _is_bad(line: LogLine) -> bool:
    """Whether a line says that something fails: the writer said so, or whoever grouped many such lines did."""
    if line.mood is None or line.baseline is None:
        return line.severity in _SEVERE
    if line.mood is not Mood.BAD:
        return False
    if line.baseline <= _NEW * line.count:
        return line.count >= _MANY_NEW
    return line.count >= _MANY and line.count - line.baseline >= 0.5 * line.count


_FAILURE = re.compile(
    r"time[d -]*out|deadline|refused|\bfail|\bunavailable|unreachable|exceeded|rejected|giving up|not served",
    re.IGNORECASE,
)


def _fails_anew(line: LogLine) -> bool:
    """Whether many lines speak of a failure that none spoke of before, however they were judged."""
    is_new = line.baseline is not None and line.baseline <= _NEW * line.count
    return is_new and line.count >= _MANY and bool(_FAILURE.search(line.text))


def _of_logs(logs: Iterable[LogLine]) -> Iterator[Ailment]:
    for line in logs:
        grown = line.baseline is not None and line.count > max(3.0, _GROWN * line.baseline)
        if line.at is None or not (_is_bad(line) or grown):
            continue
        way = Way.WITHIN if _INNER.search(line.text) else Way.FAILS
        if _is_bad(line) or way is Way.WITHIN or _fails_anew(line):
            yield Ailment(resource=line.resource, way=way, since=line.at, what=line.text, factor=2.0, is_said=True)
