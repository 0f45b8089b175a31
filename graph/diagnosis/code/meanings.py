"""What it means that a setting has less or more than before, or is gone: by the words of its key. One table.

The first row whose pattern is found in the key decides. Keys are words joined by `_`, sections before names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.settings import Shift


class Meaning(NamedTuple):
    key: re.Pattern[str]
    less: Effect | None
    more: Effect | None
    gone: Effect | None = None
    other: Effect | None = None
    """Another value that is no amount, or a new one."""
    new: Effect | None = None
    """A first value: it bounds what was unbounded, or does what was not done."""


def _row(
    key: str,
    less: Effect | None,
    more: Effect | None,
    gone: Effect | None = None,
    other: Effect | None = None,
    new: Effect | None = None,
) -> Meaning:
    return Meaning(re.compile(key), less, more, gone, other, new or other)


_E = Effect
_NEARLY = 0.05
"""Changes of an amount by less than this share are of no consequence."""

MEANINGS: tuple[Meaning, ...] = (
    # How long a connection without work is kept: the other side has its own idea of that.
    _row(
        r"idle_?time|keep_?alive(?!_?(probes|count))|max_?idle_?(time|age)|connection_?max_?age|max_?life_?time",
        _E.IDLES_OTHERWISE,
        _E.IDLES_OTHERWISE,
        None,
        _E.IDLES_OTHERWISE,
        None,
    ),
    # Probes before time-outs: `readinessProbe.timeoutSeconds` is one.
    _row(r"probe|liveness|readiness|health_?check", _E.STRICTER_PROBES, None, None, _E.STRICTER_PROBES),
    # It asks others to come later.
    _row(r"retry_after", None, None),
    _row(
        r"(retry|retries|attempt|redeliver)\w*(delay|wait|interval|backoff|base)|backoff|jitter",
        _E.RETRIES_MORE,
        None,
        _E.RETRIES_MORE,
    ),
    _row(r"retr(y|ies)|attempts?|redeliver|max_receive", _E.RETRIES_FEWER, _E.RETRIES_MORE, None, new=_E.RETRIES_MORE),
    # How long a store waits until it looks for a deadlock, and what it writes about locks, leads to none.
    _row(
        r"deadlock_time_?out|log_lock|print_all_deadlocks|lock_monitor|log_(min_)?duration|slow_query_log", None, None
    ),
    # Of how much time a rate is.
    _row(r"(rate|limit|quota|requests)\w*_(unit|per)$", _E.RATE_HIGHER, _E.RATE_LOWER, None, _E.RATE_LOWER),
    _row(r"(^|_)(time_?)?unit$", _E.CHANGES_UNIT, _E.CHANGES_UNIT, None, _E.CHANGES_UNIT, None),
    _row(r"iops|throughput|(read|write)_capacity|provisioned", _E.DISK_SLOWER, None, _E.DISK_SLOWER),
    _row(
        r"(volume|disk|storage)_?(type|class)|(volume|disk|storage|ebs)\w*_type$",
        None,
        None,
        None,
        _E.DISK_SLOWER,
        None,
    ),
    _row(r"(volume|disk|storage|allocated)_?(size|gb|gib|storage)", _E.DISK_SLOWER, None),
    # From when on a breaker opens.
    _row(
        r"(failure|error)\w*(threshold|rate)|trip|consecutive_(5_?xx|errors|failures)"
        r"|outlier",
        _E.STRICTER_PROBES,
        _E.DROPS_GUARD,
    ),
    _row(r"leeway|clock_?skew|tolerance", _E.REQUIRES_MORE, None, _E.REQUIRES_MORE),
    _row(r"depth|complexity|nesting", _E.REQUIRES_MORE, None, None, new=_E.REQUIRES_MORE),
    _row(
        r"nano_?id|token_?(len|length|bytes|hex|urlsafe)|short_?id|id_?len(gth)?|random_?(string|bytes|hex)",
        _E.COLLIDES,
        None,
    ),
    _row(r"profiles?(_active)?$|(^|_)(env|environment|stage)$", None, None, _E.NEEDS_SETTING, _E.NEEDS_SETTING, None),
    _row(r"bcrypt|scrypt|argon|pbkdf|(^|_)kdf", None, _E.COSTS_MORE, None),
    # Which of many gets it.
    _row(r"(partition|routing|shard|sharding|hash|message_?group)_?(key|id|by)", None, None, None, _E.SKEWS, None),
    # How many rows one query or page returns.
    _row(
        r"(^|_)(limit|page_?size|per_page|page_?limit|first|top|take|size_limit)$", None, _E.BATCHES_MORE, _E.LOADS_ALL
    ),
    _row(r"prefetch|max_?in_?flight|(^|_)qos", _E.POOLS_FEWER, _E.HOARDS, _E.HOARDS),
    # The size of a cache before its age: `cache_ttl_max_entries` names entries.
    _row(
        r"(cache|lru|memo(?!ry))\w*(size|entries|items|max_?(size|entries))|maxmemory|max_entries|maximum_size",
        _E.CACHES_FEWER,
        _E.GROWS_WITHOUT_BOUND,
        _E.GROWS_WITHOUT_BOUND,
    ),
    _row(
        r"ttl|expir|setex|max_?age|stale|fresh|cache\w*(time|duration|seconds|minutes|for|life)",
        _E.CACHES_SHORTER,
        _E.CACHES_LONGER,
        _E.CACHES_LONGER,
    ),
    # How long a message is hidden, or a lease held, while it is worked on: when it ends too soon, another gets it too.
    _row(
        r"visibility|ack_?deadline|lease|session_time_?out|heartbeat|max_poll_interval|lock_?(ttl|duration)",
        _E.CHANGES_ACK,
        _E.CHANGES_ACK,
        _E.CHANGES_ACK,
    ),
    _row(r"termination|grace|pre_?stop|drain|shutdown", _E.STOPS_SOONER, None, _E.STOPS_SOONER),
    _row(
        r"time_?out|deadline|max_wait|time_limit|(read|connect|write|acquire)_(limit|wait)",
        _E.WAITS_SHORTER,
        _E.WAITS_LONGER,
        _E.WAITS_LONGER,
        new=_E.WAITS_SHORTER,
    ),
    _row(r"window|per_(second|minute|hour)|refill", None, _E.RATE_LOWER, None, new=_E.RATE_LOWER),
    _row(
        r"(^|_)(rate|rps|qps|tps|throttle|burst|quota|tokens?_per|limit_req)|requests_per|rate_limit",
        _E.RATE_LOWER,
        _E.RATE_HIGHER,
        _E.RATE_LOWER,
        new=_E.RATE_LOWER,
    ),
    _row(
        r"node_?selector|affinity|toleration|node_?pool|instance_?type|machine|storage_?class"
        r"|availability_zone|subnet|min_available|max_unavailable|priority_class",
        _E.CHANGES_PLACEMENT,
        _E.CHANGES_PLACEMENT,
        _E.CHANGES_PLACEMENT,
        _E.CHANGES_PLACEMENT,
    ),
    _row(
        r"semaphore|permits|concurren|parallel|max_?in_?flight",
        _E.POOLS_FEWER,
        _E.POOLS_MORE,
        _E.POOLS_MORE,
        new=_E.POOLS_FEWER,
    ),
    _row(
        r"pool|conn(ection)?s?(_|$)|max_(open|idle|active)|workers?|threads?|concurren|parallel|permits"
        r"|semaphore|executor|replicas|instances?_(min|max|count)|min_size|max_size|desired|shards"
        r"|capacity_units|processes|partitions|consumers|slots|node_?count|nodes(_|$)",
        _E.POOLS_FEWER,
        _E.POOLS_MORE,
        _E.POOLS_FEWER,
        new=_E.POOLS_FEWER,
    ),
    _row(
        r"memory|heap|xmx|ram_?percentage|old_space|gomemlimit|(^|_)gogc|mem(_|$)",
        _E.MEMORY_LOWER,
        None,
        _E.MEMORY_LOWER,
        new=_E.MEMORY_LOWER,
    ),
    _row(r"cpu|gomaxprocs|millicores", _E.CPU_LOWER, None, None, new=_E.CPU_LOWER),
    _row(r"batch|chunk|page_?size|fetch_?size|buffer|per_page|max_poll", None, _E.BATCHES_MORE, None),
    _row(
        r"max\w*_(len|length|size|bytes|body|payload|upload|message|headers?|kb|mb|kib|mib)|body_?(limit|size)"
        r"|max_(len|length"
        r"|bytes|body|payload)|payload|header_size",
        _E.SIZE_LOWER,
        None,
        _E.SIZE_LOWER,
        new=_E.SIZE_LOWER,
    ),
    _row(r"sampl|trace_ratio", None, _E.LOGS_MORE, _E.LOGS_MORE),
    _row(r"(^|_)(percent(age)?|rollout)", _E.FLIPS_SWITCH, _E.FLIPS_SWITCH),
    _row(r"rounds|iterations|work_factor|(^|_)cost|compression|quality|difficulty|strength", None, _E.COSTS_MORE, None),
    _row(r"interval|period|cron|schedule|every|poll|refresh", _E.RUNS_OFTENER, None, None, _E.RUNS_OFTENER),
    _row(r"(^|_)image(_|$)|(^|_)tag$|runtime|platform|architecture", None, None, None, _E.CHANGES_BASE),
    _row(
        r"offset_?reset|reset_offset|group_id|consumer_group|auto_commit|(^|_)acks?(_|$)",
        None,
        None,
        None,
        _E.CHANGES_ACK,
    ),
    _row(r"isolation|lock_", None, None, None, _E.LOCKS),
    _row(r"time_?zone|(^|_)tz(_|$)|locale", None, None, _E.SHIFTS_TIME, _E.SHIFTS_TIME),
    _row(
        r"tls|ssl|cert|cipher|(^|_)ca_|keystore|truststore|mtls",
        _E.CHANGES_TLS,
        _E.CHANGES_TLS,
        _E.CHANGES_TLS,
        _E.CHANGES_TLS,
    ),
    _row(r"server_?name|(^|_)sni(_|$)|subject_alt|common_name", None, None, _E.CHANGES_TLS, _E.CHANGES_TLS),
    _row(
        r"dns|ndots|nameserver|resolver|host_?alias",
        _E.CHANGES_NAMES,
        _E.CHANGES_NAMES,
        _E.CHANGES_NAMES,
        _E.CHANGES_NAMES,
    ),
    _row(
        r"ingress|egress|security_?group|cidr|ip_?block|namespace_?selector|pod_?selector|match_?labels|(^"
        r"|_)firewall|allowed_?(ips?|hosts?)",
        _E.CHANGES_NETWORK,
        _E.CHANGES_NETWORK,
        _E.CHANGES_NETWORK,
        _E.CHANGES_NETWORK,
    ),
    _row(
        r"(^|_)(role|polic(y|ies)|permission|scopes?|audience|issuer|auth\w*|token|secret|credential"
        r"|password|api_?key|service_?account|run_as\w*|fs_group|cors|allow\w*|deny|acl|actions?|principal"
        r"|read_only)",
        None,
        None,
        _E.CHANGES_ACCESS,
        _E.CHANGES_ACCESS,
    ),
    _row(
        r"(^|_)(selector|host(name)?|url|uri|endpoint|addr(ess)?|servers?|brokers?|bootstrap|queue|topic|bucket"
        r"|database|db_?name|dsn|port|target_port|base_?path|path|prefix|upstream|service_?name|stream"
        r"|exchange|routing_key|region)(_|$)",
        _E.POINTS_ELSEWHERE,
        _E.POINTS_ELSEWHERE,
        None,
        _E.POINTS_ELSEWHERE,
    ),
    _row(
        r"strict|fail_on|unknown|required|additional_properties|not_null|nullable",
        None,
        None,
        _E.REQUIRES_MORE,
        _E.REQUIRES_MORE,
    ),
    _row(r"cookie|same_?site|(^|_)domain(_|$)", None, None, _E.CHANGES_ACCESS, _E.CHANGES_ACCESS),
    _row(
        r"encoding|charset|content_type|format|serializ|compress\w*|codec|naming",
        None,
        None,
        _E.CHANGES_FORMAT,
        _E.CHANGES_FORMAT,
    ),
    _row(r"(^|_)limit(s|_|$)|max_", _E.POOLS_FEWER, _E.BATCHES_MORE, None),
)
_LITERAL = re.compile(r"[\d.]+[a-z%]*$|true$|false$|[\w./:-]*[./:-][\w./:-]*$")
"""A value that stands for itself, and not for another one by name"""
_CHEAP = re.compile(r"fast|low|none|default|speed|min\b|small")
_DEAR = re.compile(r"best|high|max|slow|ultra|strong|large")
_CONFIGURES = re.compile(r"\.(ya?ml|json|env|properties|toml|tfvars|tf|ini|conf)$|Dockerfile|(^|/)\.env")
_VERBOSE = re.compile(r"\b(debug|trace|all|verbose)\b", re.IGNORECASE)
_LEVEL = re.compile(r"level|verbosity|logging|(^|_)log")
_ADDRESS = re.compile(r"://|^[a-z][a-z0-9-]*(\.[a-z0-9-]+){2,}$|^arn:|^/[\w/-]+$|:\d{2,5}$")
_PASSED = re.compile(r"(?!(true|false|none|null|nil)$)[a-z]\w*$")
"""A name by which an amount is handed on: which amount it is stands elsewhere"""
_AMOUNTS = frozenset({_E.WAITS_SHORTER, _E.RETRIES_MORE, _E.RATE_LOWER, _E.POOLS_FEWER, _E.SIZE_LOWER, _E.RUNS_OFTENER})
_DISABLED = frozenset({"false", "off", "no", "disabled", "none"})
_SWITCH = {"true", "false", "on", "off", "yes", "no", "enabled", "disabled"}


def effects_of(shifts: Iterable[Shift]) -> Iterator[tuple[Effect, float]]:
    """Yield what shifted settings mean, and how much that is to be believed, 0 to 1.

    A first value may just spell out the default, and half as much again is less of a change than ten times as much.
    """
    for shift in shifts:
        yield from ((effect, 1.0) for effect in _switched(shift))
        if (effect := _effect(shift)) is not None:
            yield effect, FIRST if shift.before is None else _size(shift.change)


def _size(change: float | None) -> float:
    """How much a change of an amount matters: all of it from four times as much, or a quarter, on."""
    if change is None or change <= 0 or math.isinf(change):
        return 1.0
    return min(1.0, max(_SLIGHT, abs(math.log2(change)) / 2))


_OFF: tuple[tuple[str, Effect], ...] = (
    (r"cluster|leader|lock|dedup|idempot|exactly_once|unique", _E.DROPS_DEDUP),
    (r"valid|check|verif|guard|protect|limit", _E.DROPS_GUARD),
    (r"cache|memo(?!ry)", _E.DROPS_CACHE),
    (r"keep_?alive|pool|reuse|persistent", _E.RECONNECTS),
    (r"async|parallel|concurr|batch", _E.SERIALISES),
    (r"jitter|back_?off", _E.RETRIES_MORE),
    (r"stream|lazy|pagina", _E.LOADS_ALL),
    (r"auto_?commit|(^|_)acks?(_|$)", _E.CHANGES_ACK),
    (r"tls|ssl|https", _E.CHANGES_TLS),
)
_ON: tuple[tuple[str, Effect], ...] = (
    (r"strict|required|valid|fail_on", _E.REQUIRES_MORE),
    (r"debug|trace|verbose|log_?(body|payload|sql|queries)", _E.LOGS_MORE),
    (r"read_?only|auth", _E.CHANGES_ACCESS),
    (r"eager", _E.LOADS_ALL),
    (r"auto_?commit|(^|_)acks?(_|$)|requeue", _E.CHANGES_ACK),
    (r"tls|ssl|https", _E.CHANGES_TLS),
)
"""What it means that a switch goes off, or on, by the words of its key"""


def _switched(shift: Shift) -> Iterator[Effect]:
    before, after = (shift.before or "").lower(), (shift.after or "").lower()
    if before in _SWITCH and after in _SWITCH and before != after:
        table = _OFF if after in ("false", "off", "no", "disabled") else _ON
        yield from (effect for words, effect in table if re.search(words, shift.key))
    if (
        shift.change is not None
        and shift.change < 1
        and re.search(r"dedup|idempot", f"{shift.key} {shift.file}".lower())
    ):
        yield Effect.DROPS_DEDUP


FIRST, _SLIGHT = 0.6, 0.2


def _effect(shift: Shift) -> Effect | None:
    before, after = (shift.before or "").lower(), (shift.after or "").lower()
    if _LEVEL.search(shift.key) and _VERBOSE.search(after) and not _VERBOSE.search(before):
        return Effect.LOGS_MORE
    meaning = next((m for m in MEANINGS if m.key.search(shift.key)), None)
    if meaning is not None and meaning.more is Effect.COSTS_MORE and _CHEAP.search(before) and _DEAR.search(after):
        return Effect.COSTS_MORE
    if before in _SWITCH and after in _SWITCH:
        return Effect.FLIPS_SWITCH
    if re.search(r"(^|_)cache", shift.key) and after in _DISABLED and before not in _DISABLED:
        return Effect.DROPS_CACHE
    if shift.change is not None:
        return _by_amount(meaning, shift)
    if meaning is None and shift.before and shift.after and _ADDRESS.search(shift.after):
        return Effect.POINTS_ELSEWHERE
    if meaning is None:
        # A sentence or a query is no setting.
        is_plain = bool(_LITERAL.match(after)) or (bool(_CONFIGURES.search(shift.file)) and " " not in after)
        is_setting = shift.before is not None and shift.after is not None and is_plain
        return Effect.CHANGES_VALUE if is_setting else None
    if before and after and before.split("?")[0] == after.split("?")[0]:
        return Effect.CHANGES_VALUE
    if shift.after is None:
        return meaning.gone
    if shift.before is None:
        is_place = meaning.new is not Effect.POINTS_ELSEWHERE or bool(_ADDRESS.search(after))
        is_passed = meaning.new in _AMOUNTS and bool(_PASSED.match(shift.after or ""))
        return meaning.new if is_place and not is_passed else None
    return meaning.other or Effect.CHANGES_VALUE


def _by_amount(meaning: Meaning | None, shift: Shift) -> Effect | None:
    change = shift.change
    if meaning is not None and meaning.more is Effect.POINTS_ELSEWHERE and change not in (None, 1.0):
        # Of the number of a port, one more is another.
        return meaning.more
    if change is None or abs(change - 1) < _NEARLY:
        return None
    if meaning is None:
        return Effect.CHANGES_VALUE
    if meaning.more is Effect.WAITS_LONGER and shift.after is not None and shift.after.strip("\"' ") in ("0", "-1"):
        # No time at all means no bound, in nearly every client.
        return Effect.WAITS_LONGER
    return (meaning.less if change < 1 else meaning.more) or Effect.CHANGES_VALUE
