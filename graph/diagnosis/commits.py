"""Which commit broke it, or none: what a diff does, against what the systems complain of.

A commit is guilty when it could have the effect that is seen, reached the failing service before the trouble began, and
names what the logs name. That it is the latest, or the longest, says nothing.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from graph.change import Change
from graph.diagnosis.complaints import Complaint
from graph.diagnosis.diffs import DiffReading, Effect, read_diff, words_of
from graph.diagnosis.hypothesis import Reason
from graph.telemetry import Notice

LIKELY = 2.0
"""Points from which a commit is named."""
_WORD_POINTS = 1.5
_MOST_WORD_POINTS = 3.0
_EXTERNAL = 2.5
_GROWN = 3


class Trouble(StrEnum):
    """What systems complain of."""

    MEMORY = "memory that runs out"
    LOAD = "load on a data store"
    CACHE = "cache misses"
    LATENCY = "slow answers"
    TIMEOUT = "calls that time out"
    POOL = "connections or workers that run out"
    SCHEMA = "data that can't be read"
    MISSING = "a table, column or key that does not exist"
    STARTUP = "a process that does not start"
    ACCESS = "a refused permission"
    CPU = "CPU that runs out"
    LOCK = "locks that are waited for"
    ERRORS = "failing requests"
    NAMES = "names that do not resolve"
    OUTSIDE = "something outside that fails"
    DATA = "a record that can't be processed"


_SAYS: tuple[tuple[Trouble, re.Pattern[str]], ...] = tuple(
    (trouble, re.compile(pattern, re.IGNORECASE))
    for trouble, pattern in (
        (Trouble.MEMORY, r"oom|out of memory|heap|rss|memory limit|gc pause|garbage"),
        (
            Trouble.LOAD,
            r"slow query|statement timeout|db_cpu|db cpu|queries_per|query_count|db_query|full table scan|n\+1",
        ),
        (Trouble.CACHE, r"cache miss|cache_hit|read-through|stampede|evict"),
        (Trouble.LATENCY, r"p9\d|latency|duration|slow"),
        (Trouble.TIMEOUT, r"time[d ]?out|deadline exceeded"),
        (Trouble.POOL, r"pool|too many connections|exhausted|cannot acquire|queue full|backpressure"),
        (
            Trouble.SCHEMA,
            r"deseriali|unmarshal|decode|required field|unknown field|parse error|schema|invalid character",
        ),
        (
            Trouble.MISSING,
            r"does not exist|no such (table|column)|undefined (table|column)|unknown column|key not found",
        ),
        (
            Trouble.STARTUP,
            r"panic|crashloop|failed to start|startup|duplicate registration|version conflict|incompatible",
        ),
        (Trouble.ACCESS, r"access denied|forbidden|unauthori[sz]ed|permission denied|\b40[13]\b"),
        (Trouble.CPU, r"cpu"),
        (Trouble.LOCK, r"lock wait|deadlock|lock timeout|contention"),
        (Trouble.NAMES, r"no such host|servfail|enotfound|name resolution|server misbehaving|lookup \S+ on"),
        (
            Trouble.OUTSIDE,
            r"upstreams? (all )?down|provider|third[- ]party|certificate (has )?expired|quota exceeded"
            r"|rate limit(ed)? by|spot (interruption|reclaim)|az outage|region",
        ),
        (Trouble.DATA, r"offset[ =]\d+|poison|malformed record|record_id=|out of range .* got|redeliver|corrupt"),
        (Trouble.ERRORS, r"5xx|error|fail|exception"),
    )
)
_LEADS_TO: dict[Trouble, dict[Effect, float]] = {
    Trouble.MEMORY: {Effect.GROWS_WITHOUT_BOUND: 3.0, Effect.LIMITS_LOWER: 2.5, Effect.BATCHES_MORE: 1.5},
    Trouble.LOAD: {
        Effect.CALLS_IN_LOOP: 3.0,
        Effect.CACHES_SHORTER: 3.0,
        Effect.DROPS_CACHE: 3.0,
        Effect.DROPS_INDEX: 3.0,
        Effect.RETRIES_MORE: 1.5,
        Effect.BATCHES_MORE: 1.0,
    },
    Trouble.CACHE: {Effect.CACHES_SHORTER: 3.0, Effect.DROPS_CACHE: 2.0},
    Trouble.LATENCY: {
        Effect.CALLS_IN_LOOP: 2.5,
        Effect.SLEEPS: 3.0,
        Effect.LOCKS: 2.0,
        Effect.WAITS_LONGER: 1.5,
        Effect.RETRIES_MORE: 1.5,
        Effect.DROPS_CACHE: 2.0,
        Effect.CACHES_SHORTER: 1.5,
        Effect.POOLS_FEWER: 2.0,
        Effect.DROPS_INDEX: 2.0,
    },
    Trouble.TIMEOUT: {
        Effect.WAITS_SHORTER: 3.0,
        Effect.RETRIES_MORE: 2.0,
        Effect.POOLS_FEWER: 1.5,
        Effect.WAITS_LONGER: 1.5,
        Effect.CALLS_IN_LOOP: 1.0,
    },
    Trouble.POOL: {
        Effect.POOLS_FEWER: 3.0,
        Effect.WAITS_LONGER: 2.5,
        Effect.RETRIES_MORE: 2.0,
        Effect.LOCKS: 1.5,
        Effect.CALLS_IN_LOOP: 1.5,
    },
    Trouble.SCHEMA: {Effect.RENAMES: 3.0, Effect.BUMPS_DEPENDENCY: 0.5},
    Trouble.MISSING: {Effect.QUERIES_NEW_TABLE: 3.0, Effect.RENAMES: 2.0},
    Trouble.STARTUP: {
        Effect.BUMPS_DEPENDENCY: 2.0,
        Effect.RAISES: 1.5,
        Effect.DROPS_GUARD: 1.5,
        Effect.CHANGES_VALUE: 1.0,
    },
    Trouble.ACCESS: {Effect.CHANGES_ACCESS: 2.5},
    Trouble.CPU: {Effect.CALLS_IN_LOOP: 1.0, Effect.LIMITS_LOWER: 2.0, Effect.RETRIES_MORE: 1.0},
    Trouble.LOCK: {Effect.LOCKS: 3.0},
    Trouble.ERRORS: {Effect.RAISES: 1.0, Effect.DROPS_GUARD: 1.0, Effect.CHANGES_VALUE: 0.5},
}
_CONFIGURATION = re.compile(r"(go\.mod|go\.sum|\.ya?ml|\.json|\.toml|\.env|\.ini|\.properties|requirements\.txt)$")
_OUTAGE = re.compile(r"degraded|outage|investigating", re.IGNORECASE)
_OUTSIDE = {Trouble.NAMES: 1.0, Trouble.OUTSIDE: 1.0, Trouble.DATA: 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A commit and what speaks for its guilt."""

    commit: Change
    points: float
    reasons: tuple[Reason, ...]
    """Strongest first; their sum is `points`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitVerdict:
    """Which commit, or none."""

    guilty: Change | None
    """None when no commit is."""
    suspects: tuple[Suspect, ...]
    """Most guilty first; only those with points."""
    outside: float
    """Points for a cause that no commit has: names that do not resolve, a provider, a bad record."""
    outside_reasons: tuple[Reason, ...]
    troubles: frozenset[Trouble]
    effects: frozenset[Effect]
    """Of the guilty commit."""


def is_configuration(commit: Change) -> bool:
    """Whether a commit touches settings and declared versions only."""
    return bool(commit.files) and all(_CONFIGURATION.search(name) for name in commit.files)


def rank_commits(
    commits: Sequence[Change],
    deploys: Sequence[Change],
    complaints: Sequence[Complaint],
    *,
    onset: float,
    notices: Sequence[Notice] = (),
) -> CommitVerdict:
    """Say which commit the trouble comes from.

    Args:
        commits: in any order; those without a diff can't be judged.
        deploys: what was brought where and when; the version of one is that of the commit it brings.
        complaints: what speaks of the trouble.
        onset: seconds since 1970-01-01 UTC; when the trouble began.
        notices: what those outside say of their own services.
    """
    troubles = _troubles(complaints)
    readings = {c.version: read_diff(c.diff, c.files) for c in commits}
    rarity = _rarity(readings.values())
    named = _named(complaints)
    suspects = []
    for commit in commits:
        reasons = _weigh(commit, readings[commit.version], deploys, troubles, named, rarity, onset, complaints)
        points = sum(r.worth for r in reasons)
        if points > 0:
            suspects.append(Suspect(commit=commit, points=round(points, 3), reasons=reasons))
    suspects.sort(key=lambda s: (-s.points, s.commit.version))
    apart = _outside(complaints, troubles, notices)
    outside = sum(r.worth for r in apart)
    best = suspects[0] if suspects else None
    guilty = best.commit if best is not None and best.points >= LIKELY and best.points > outside else None
    return CommitVerdict(
        guilty=guilty,
        suspects=tuple(suspects),
        outside=outside,
        outside_reasons=apart,
        troubles=frozenset(troubles),
        effects=readings[guilty.version].effects if guilty else frozenset(),
    )


def _troubles(complaints: Iterable[Complaint]) -> dict[Trouble, float]:
    """Map what is complained of to its share of all complaints."""
    found: Counter[Trouble] = Counter()
    for complaint in complaints:
        for trouble, pattern in _SAYS:
            if pattern.search(complaint.text):
                found[trouble] += complaint.weight  # type: ignore[assignment]
    total = max(found.values(), default=1.0)
    return {trouble: min(1.0, weight / total) for trouble, weight in found.items()}


def _named(complaints: Iterable[Complaint]) -> frozenset[str]:
    return frozenset(word for c in complaints for word in words_of(c.text) if word not in _PLAIN)


_PLAIN = frozenset(
    [
        "error",
        "failed",
        "failing",
        "failure",
        "errors",
        "above",
        "below",
        "service",
        "services",
        "rising",
        "request",
        "requests",
        "alert",
        "missing",
        "required",
        "field",
        "value",
        "version",
        "count",
        "ratio",
        "total",
        "does",
        "not",
        "exist",
        "exist",
        "null",
        "none",
        "time",
        "timeout",
        "seconds",
        "returning",
        "memory",
        "limit",
        "upstream",
        "unavailable",
        "latency",
        "elevated",
        "sustained",
        "server",
        "from",
        "with",
        "after",
        "when",
        "this",
        "that",
        "into",
        "over",
        "under",
        "have",
        "been",
        "http",
        "https",
        "status",
        "code",
        "container",
        "exceeded",
        "startup",
        "panic",
        "endpoint",
        "connection",
        "refused",
        "query",
        "queries",
        "select",
        "where",
        "order",
        "name",
        "lookup",
        "range",
    ]
)


def _rarity(readings: Iterable[DiffReading]) -> dict[str, float]:
    """Map a word to how few diffs have it, 0 to 1."""
    many = list(readings)
    counts = Counter(word for reading in many for word in reading.words)
    top = math.log(1 + len(many)) or 1.0
    return {word: math.log((1 + len(many)) / count) / top for word, count in counts.items()}


def _weigh(
    commit: Change,
    reading: DiffReading,
    deploys: Sequence[Change],
    troubles: dict[Trouble, float],
    named: frozenset[str],
    rarity: dict[str, float],
    onset: float,
    complaints: Sequence[Complaint],
) -> tuple[Reason, ...]:
    if reading.is_cosmetic or commit.latest.timestamp() > onset or not commit.diff:
        return ()
    arrived = [d for d in deploys if d.latest.timestamp() <= onset and d.latest >= commit.latest]
    if deploys and not arrived:
        return ()
    reasons = sorted(_effects_fit(reading, troubles, complaints), key=lambda r: (r.worth, r.text), reverse=True)[:2]
    shared = sorted(reading.words & named, key=lambda w: (-rarity.get(w, 0.0), w))[:3]
    if shared:
        worth = min(_MOST_WORD_POINTS, sum(_WORD_POINTS * rarity.get(w, 0.0) for w in shared))
        # A name that both have is a sign only of a change that could matter to it.
        worth *= 1.0 if reading.effects - {Effect.CHANGES_LOGIC} else 0.4
        about = tuple(c.key for c in complaints if not words_of(c.text).isdisjoint(shared))
        text = f"It touches what the complaints name: {', '.join(shared)}."
        reasons.append(Reason(worth=worth, text=text, about=about))
    if any(d.version == commit.version for d in arrived):
        reasons = [replace(r, worth=1.1 * r.worth) for r in reasons]
    return tuple(sorted(reasons, key=lambda r: (r.worth, r.text), reverse=True))


def _effects_fit(
    reading: DiffReading, troubles: dict[Trouble, float], complaints: Sequence[Complaint]
) -> Iterator[Reason]:
    for effect in reading.effects:
        fits = [(_LEADS_TO.get(t, {}).get(effect, 0.0) * (0.5 + share / 2), t) for t, share in troubles.items()]
        worth, trouble = max(fits, default=(0.0, Trouble.ERRORS))
        if worth > 0:
            text = f"It {effect.value}, which leads to {trouble.value}."
            yield Reason(worth=worth, text=text, about=_telling_of(trouble, complaints))


def _telling_of(trouble: Trouble, complaints: Iterable[Complaint]) -> tuple[str, ...]:
    pattern = dict(_SAYS)[trouble]
    return tuple(c.key for c in complaints if pattern.search(c.text))


def _outside(
    complaints: Sequence[Complaint], troubles: dict[Trouble, float], notices: Sequence[Notice]
) -> tuple[Reason, ...]:
    """Points for a cause outside: what says so, and how many services it hits at once."""
    reasons = [
        Reason(
            worth=_EXTERNAL * worth * troubles[trouble],
            text=f"Systems complain of {trouble.value}, which no commit of theirs brings.",
            about=_telling_of(trouble, complaints),
        )
        for trouble, worth in _OUTSIDE.items()
        if troubles.get(trouble)
    ]
    telling = [c for c in complaints if any(p.search(c.text) for t, p in _SAYS if t in _OUTSIDE)]
    hit = {c.service for c in telling}
    if len(hit) >= _GROWN:
        about = tuple(c.key for c in telling)
        reasons.append(Reason(worth=1.5, text=f"It hits {len(hit)} services at once.", about=about))
    if reasons and any(_OUTAGE.search(n.text) for n in notices):
        names = ", ".join(sorted({n.provider for n in notices}))
        reasons.append(Reason(worth=1.5, text=f"A provider says of itself that it has trouble: {names}.", about=()))
    return tuple(reasons)
