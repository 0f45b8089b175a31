"""Who is unwell, since when, and in what way: from series short or long, and from what logs say.

Kept apart are three ways to be unwell: to fail or be slow, which may be somebody else's doing; to get more traffic than
usual; and to malfunction within, which is one's own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np

from graph.anomaly import MIN_PAST, anomaly
from graph.evidence import ObservationKind, SymptomEvent
from graph.telemetry import Anomaly, Floats, LogLine, Mood, Series, Signal, Telemetry

_WORSE = 1.8
"""A level this many times the usual one, or the usual one this many times it, is out of range."""
_ERRORS_LEAST = 1.5
"""Percent points of errors below which nobody notices."""
_CLEARLY = 2.0
"""Tails beyond which a reading is out for more than chance: of many series, some are always just beyond one."""
_GONE = 0.1
"""Part of the usual level below which a quantity that is neither traffic nor load is all but gone."""
_NEAR = 0.25
"""Part of the usual by which a reading may differ from it and still be usual."""
_STEADY = 4.0
"""Times the widest difference in the past within which a reading is usual."""
_STEADY_LEAST = 3
"""Readings that it takes to show that something was steady."""
_LONG = 30
"""Readings before the interval that an alert judges from which on a trouble that began earlier is no usual state."""
_LACK_S = 300.0
"""Seconds by which harm may seem to come before the lack of work that does it: counts are of minutes."""
_PAST = 0.3
"""Share of a series, from its beginning, that stands for the past."""

_ERRORS = re.compile(
    r"err|fail|5xx|4xx|reject|refus|denied|abort|timeout|unavailab|throttl|drop|restart|crash|oom|lost|expired|invalid"
    r"|mismatch|wrong|deferred|blocked|missed"
)
_STALE = re.compile(r"stale|freshness|_age|behind|oldest|older")
"""What shows old data, since whoever feeds it does not."""
_SLOW = re.compile(r"latenc|duration|p9\d|p50|response|wait")
_TRAFFIC = re.compile(r"rps|qps|request_rate|requests|throughput|calls|invocations|per_(s|sec|second|min)|rate$|_rate_")
_LOW_IS_BAD = re.compile(r"avail|free|hit_ratio|hit_rate|success|remaining|ready|healthy|uptime|idle")
_HOLDS = re.compile(
    r"(?<![a-z])(owned|assigned|in_sync|registered|alive|members|serving|leases?|leased|is_leader"
    r"|active_(shards|partitions|replicas|members))(?![a-z])"
)
"""How much of something one has charge of, or has at hand."""
_WAITERS = re.compile(r"waiters|waiting")
"""How many stand in a line: somebody asks for more than there is, or keeps it for longer."""
_INNER_WAIT = re.compile(r"mutex|(?<![a-z])gc(?![a-z])|fsync|compaction|checkpoint|safepoint|swap|steal")
"""What one waits for in its own process or on its own disk."""
_REPEATS = re.compile(r"retry|retried|retries|duplicates?(?![a-z])|redeliver|repeated")
"""Work that is done more often than once."""
_FIXED = re.compile(r"provisioned|limit|capacity$|max_|quota|threshold|desired")
_LOAD = re.compile(r"conn|cpu|load|consumed|queue|depth|inflight|concurren|utiliz|usage|sessions|active|alloc|in_use")

_MAY_FALL = re.compile("|".join(p.pattern for p in (_ERRORS, _STALE, _SLOW, _TRAFFIC, _LOAD)))
"""What is low when little is asked for, or when all is well."""


class Way(StrEnum):
    """In what way something is unwell."""

    FAILS = "fails or is slow"
    LOADED = "is asked for more than usual"
    WITHIN = "malfunctions within"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailment:
    """One sign that something is unwell."""

    resource: str
    way: Way
    since: float
    """Seconds since 1970-01-01 UTC."""
    what: str
    """Name of the metric, or the text of a log line (untrusted)."""
    factor: float
    """How far out: the level now as a multiple of the usual one, or the other way round."""
    is_said: bool = False
    """A log line says it; else a metric shows it."""
    told_by: str = ""
    """uid of who says it of the resource; empty: the resource itself does, or was measured."""
    is_starved: bool = False
    """It came when the resource got less to do than before: whoever feeds it may not."""


def ailments(telemetry: Telemetry, *, at: float, width_s: float) -> dict[str, list[Ailment]]:
    """Map each resource that is unwell to its signs, earliest first.

    Args:
        telemetry: what was measured.
        at: seconds since 1970-01-01 UTC; start of the interval that the alert judges.
        width_s: its length in seconds.
    """
    found: dict[str, list[Ailment]] = defaultdict(list)
    starved: dict[str, float] = {}
    for series in telemetry.series:
        past = int(np.isfinite(series.values[series.times < at]).sum()) if series.signal in _WAYS else 0
        # A long past tells what is usual; a short one may hold the trouble itself, and must do with its own beginning.
        sign = _of_anomaly(anomaly(series, at=at, width_s=width_s, least=_CLEARLY)) if past >= MIN_PAST else None
        if sign is None and past < _LONG:
            sign = _of_series(series)
        if sign is not None:
            found[series.resource].append(sign)
        elif (since := _fell(series)) is not None:
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


def sign_event(sign: Ailment) -> SymptomEvent:
    """Return a sign as something that a system said, to be cited."""
    return SymptomEvent(
        kind=ObservationKind.LOG if sign.is_said else ObservationKind.METRIC,
        resource=sign.told_by or sign.resource,
        at=datetime.fromtimestamp(sign.since, UTC),
        text=sign.what if sign.is_said else "",
        reason="" if sign.is_said else sign.what,
        value=None if sign.is_said else sign.factor,
        unit="" if sign.is_said else "times out of range",
    )


def _of_anomaly(found: Anomaly | None) -> Ailment | None:
    if found is None or found.since is None:
        return None
    return Ailment(
        resource=found.resource,
        way=_WAYS[found.signal],
        since=found.since,
        what=found.metric,
        factor=_factor(found.now, found.usual or 0.0),
    )


def _of_series(series: Series) -> Ailment | None:
    name = series.metric.lower()
    if _FIXED.search(name) and not _LOAD.search(name.replace("capacity", "")):
        return None
    measured = np.isfinite(series.values)
    times, values = series.times[measured], series.values[measured]
    if values.size < 2:
        return None
    past = values[: max(1, int(values.size * _PAST))]
    usual = float(np.median(past))
    out = _out(values, usual, name)
    if not out.any() or not out[-max(1, values.size // 4) :].any():
        return None
    is_low = bool(_LOW_IS_BAD.search(name) or _HOLDS.search(name))
    worst = float(np.min(values)) if is_low else float(np.max(values))
    return Ailment(
        resource=series.resource,
        way=_way(name),
        since=float(times[_began(values, int(np.argmax(out)), past, name)]),
        what=series.metric,
        factor=_factor(worst, usual),
    )


def _fell(series: Series) -> float | None:
    """When work that is counted fell to a part of the usual and stayed there; None when it did not.

    To get less to do is no trouble by itself, and whoever fails gets less as well.
    """
    name = series.metric.lower()
    if not _TRAFFIC.search(name) or _ERRORS.search(name) or _REPEATS.search(name):
        return None
    measured = np.isfinite(series.values)
    times, values = series.times[measured], series.values[measured]
    if values.size < _STEADY_LEAST:
        return None
    usual = float(np.median(values[: max(1, int(values.size * _PAST))]))
    low = values * _WORSE <= usual
    if usual <= 0 or not low[-max(1, values.size // 4) :].all():
        return None
    return float(times[int(np.argmax(low))])


def _marked(signs: Iterable[Ailment], since: float) -> list[Ailment]:
    """Mark what came with the lack of work; what malfunctions within needs no such reason."""
    signs = list(signs)
    if any(sign.way is Way.WITHIN for sign in signs):
        return signs
    return [replace(s, is_starved=s.way is Way.FAILS and s.since >= since - _LACK_S) for s in signs]


def _out(values: Floats, usual: float, name: str) -> np.ndarray:
    """Which readings are out of range in the bad direction."""
    if _LOW_IS_BAD.search(name) or _HOLDS.search(name):
        return values * _WORSE <= usual
    if _ERRORS.search(name):
        least = (
            _ERRORS_LEAST if "pct" in name or "percent" in name else 0.015 if "ratio" in name or "rate" in name else 1.0
        )
        return (values >= usual + least) & (values >= _WORSE * usual)
    is_gone = (values <= _GONE * usual) & (usual > 0) & (not _MAY_FALL.search(name))
    return is_gone | ((values >= _WORSE * usual) & (values > usual + 1e-9))


def _began(values: Floats, first: int, past: Floats, name: str) -> int:
    """Index of the reading with which values left the usual on their way to the first that is out of range.

    Where readings were steady before, what leaves them is the beginning, not the crossing of a line. A few errors more
    than none are not.
    """
    if past.size < _STEADY_LEAST or _ERRORS.search(name):
        return first
    usual = float(np.median(past))
    near = max(_NEAR * abs(usual), _STEADY * float(np.max(np.abs(past - usual))))
    side = np.sign(values[first] - usual)
    while first > past.size and side * (values[first - 1] - usual) > near:
        first -= 1
    return first


def _way(name: str) -> Way:
    if _LOW_IS_BAD.search(name) or _INNER_WAIT.search(name):
        return Way.WITHIN
    if _HOLDS.search(name):
        return Way.FAILS
    if _WAITERS.search(name) or _REPEATS.search(name):
        return Way.LOADED
    if _TRAFFIC.search(name) and not _ERRORS.search(name):
        return Way.LOADED
    if _ERRORS.search(name) and not re.search(r"throttl|oom|restart|crash", name):
        return Way.FAILS
    if _SLOW.search(name) or _STALE.search(name):
        return Way.FAILS
    return Way.LOADED if _LOAD.search(name) else Way.WITHIN


def _factor(worst: float, usual: float) -> float:
    low, high = sorted((abs(worst), abs(usual)))
    return min(1000.0, high / low) if low > 0 else 1000.0


_INNER = re.compile(
    r"gc pause|garbage|heap|out of memory|\boom|memorypressure|diskpressure|evict|throttl|throughputexceeded"
    r"|no space left"
    r"|disk full|deadlock|pool exhausted|thread pool|hit_ratio|cache (miss|full)|servfail"
    r"|certificate (has )?expired|panic"
    r"|segfault|leak|corrupt|config(uration)? (reload|error|invalid)|limit exceeded|quota|leader election|split brain",
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
    if line.baseline <= _GONE * line.count:
        return line.count >= _MANY_NEW
    return line.count >= _MANY and line.count - line.baseline >= 0.5 * line.count


_FAILURE = re.compile(
    r"time[d -]*out|deadline|refused|\bfail|\bunavailable|unreachable|exceeded|rejected|giving up|not served",
    re.IGNORECASE,
)


def _fails_anew(line: LogLine) -> bool:
    """Whether many lines speak of a failure that none spoke of before, however they were judged."""
    is_new = line.baseline is not None and line.baseline <= _GONE * line.count
    return is_new and line.count >= _MANY and bool(_FAILURE.search(line.text))


def _of_logs(logs: Iterable[LogLine]) -> Iterator[Ailment]:
    for line in logs:
        grown = line.baseline is not None and line.count > max(3.0, _WORSE * line.baseline)
        if line.at is None or not (_is_bad(line) or grown):
            continue
        way = Way.WITHIN if _INNER.search(line.text) else Way.FAILS
        if _is_bad(line) or way is Way.WITHIN or _fails_anew(line):
            yield Ailment(resource=line.resource, way=way, since=line.at, what=line.text, factor=2.0, is_said=True)
