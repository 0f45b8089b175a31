"""What the name of a measure tells: which way is bad, and in what way something is unwell when it goes there.

Names are those that exporters and people give. A measure of no known word is unwell within when it is much higher.
"""

from __future__ import annotations

import re
from functools import lru_cache

from graph.diagnosis.ailment import Way

_ERRORS = re.compile(
    r"err|fail|5xx|4xx|reject|refus|denied|abort|timeout|unavailab|throttl|drop|restart|crash|oom|lost|expired|invalid"
    r"|mismatch|wrong|deferred|blocked|missed"
)
_STALE = re.compile(r"stale|freshness|_age|behind|oldest|older")
"""What shows old data, since whoever feeds it does not."""
_SLOW = re.compile(r"latenc|duration|p9\d|p50|response|wait")
_TRAFFIC = re.compile(
    r"rps|qps|request_rate|requests|throughput|calls|invocations|per_\d*(s|sec|second|m|min|minute|h|hour)(?![a-z])"
    r"|rate$|_rate_(?!pct|percent|ratio)"
)
_DEMAND = re.compile(
    r"rps|qps|request|calls|invocations|quer(y|ies)|reads?(?![a-z])|writes?(?![a-z])|ops(?![a-z])|received|inbound"
    r"|records_in|logins|sessions|connections|clients|lookups|hits|xact|commits|bytes"
)
"""Work that others ask for: it gets less when they ask for less."""
_DEGRADED = re.compile(
    r"fallback|omitted|missing|empty|skipped|degraded|suspended|partial|placeholder|unserved|incomplete|(?<![a-z])no_\w+_(pct|ratio)"
    r"|(?<![a-z])un[a-z]+ed_(pct|ratio)"
)
"""Answers that lack something: whoever it was to come from did not give it."""
_OUTBOUND = re.compile(r"outbound|egress|attempts|retr(y|ies)|calls_made|published|produced|sent(?![a-z])|fetches")
"""What one asks of others."""
_LOW_IS_BAD = re.compile(
    r"avail|free|fill_rate|hit_ratio|hit_rate|success(?!\w*_age)|remaining|healthy|uptime|idle"
    r"|ready$|ready_(replicas|pods|nodes|instances|pct|ratio)"
)
_HOLDS = re.compile(
    r"(?<![a-z])(owned|assigned|in_sync|registered|alive|members|serving|leases?|leased|is_leader"
    r"|active_(shards|partitions|replicas|members))(?![a-z])"
)
"""How much of something one has charge of, or has at hand."""
_BACKLOG = re.compile(
    r"depth|backlog|messages_(ready|visible)|(?<![a-z])ready_(?!replicas|pods|nodes|instances|pct|ratio)|unack|pending"
    r"|consumer_lag|outbox|inbox|unsent|unprocessed|buffered"
)
"""Work that waits in a queue or a store until somebody takes it."""
_OLDEST = re.compile(r"oldest(?!\w*(lock|wait|trans|query|session))")
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
_RESTARTS = re.compile(r"throttl|oom|restart|crash")
"""Errors of one's own."""


@lru_cache(maxsize=4096)
def way_of(name: str) -> Way:
    """Return in what way something is unwell whose measure, by its lower-case name, went the bad way.

    >>> way_of("p99_ms").name, way_of("requests_per_s").name, way_of("fsync_ms").name
    ('FAILS', 'LOADED', 'WITHIN')
    """
    if _LOW_IS_BAD.search(name) or _INNER_WAIT.search(name):
        return Way.WITHIN
    if _HOLDS.search(name):
        return Way.FAILS
    if _WAITERS.search(name) or _REPEATS.search(name) or (_BACKLOG.search(name) and not _STALE.search(name)):
        return Way.LOADED
    if _TRAFFIC.search(name) and not _ERRORS.search(name):
        return Way.LOADED
    if _ERRORS.search(name) and not _RESTARTS.search(name):
        return Way.FAILS
    if _SLOW.search(name) or _STALE.search(name) or _DEGRADED.search(name):
        return Way.FAILS
    return Way.LOADED if _LOAD.search(name) else Way.WITHIN


def is_bad_when_low(name: str) -> bool:
    """Whether less of it is worse: something free, healthy or in one's charge."""
    return bool(_LOW_IS_BAD.search(name) or _HOLDS.search(name))


def counts_errors(name: str) -> bool:
    """Whether it counts what failed."""
    return bool(_ERRORS.search(name))


def may_fall(name: str) -> bool:
    """Whether it is low when little is asked for, or when all is well."""
    return bool(_MAY_FALL.search(name))


def is_allowance(name: str) -> bool:
    """Whether it says how much there may be: a limit, a quota, what is provisioned."""
    return bool(_FIXED.search(name)) and not _LOAD.search(name.replace("capacity", ""))


def counts_work(name: str) -> bool:
    """Whether it counts pieces of work in a time, asked for or done."""
    return bool(_TRAFFIC.search(name)) and not any(p.search(name) for p in (_ERRORS, _REPEATS, _FIXED))


def counts_output(name: str) -> bool:
    """Whether it counts work that is done, rather than asked for."""
    return counts_work(name) and not (_DEMAND.search(name) or _HOLDS.search(name))


def is_backlog(name: str) -> bool:
    """Whether it counts work that waits for somebody who takes it, or tells how old that is."""
    return bool(_BACKLOG.search(name) or _OLDEST.search(name))


def is_outbound(name: str) -> bool:
    """Whether it counts what one asks of others."""
    return bool(_OUTBOUND.search(name))
