"""Signs in code that mean the same in many languages, and what follows when a diff leaves more or fewer of them.

Counting both sides makes a rewrite that keeps a sign harmless. One table; a new sign is a new row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch


class Mark(NamedTuple):
    sign: re.Pattern[str]
    more: Effect | None
    """What it means that the new lines have more of it than the old ones"""
    fewer: Effect | None


def _row(sign: str, more: Effect | None = None, fewer: Effect | None = None) -> Mark:
    return Mark(re.compile(sign, re.IGNORECASE | re.MULTILINE), more, fewer)


_E = Effect
MARKS: tuple[Mark, ...] = (
    # Handles and tasks. `with`, `using`, `defer` and `finally` are how a handle is given back.
    _row(
        r"[._]close\(|\.release\(|\.dispose\(|unsubscribe\(|clear(interval|timeout)\("
        r"|remove(event)?listener\(|defer \w|\bfinally\b|\bwith \w[\w.]*\(.*\) as |\bwith open|try \("
        r"|using (var|\()|\bensure$|\.stop\(\)|cancel\(\)|\.rollback\(",
        None,
        _E.LEAKS_HANDLES,
    ),
    _row(
        r"\bgo (func\b|\w[\w.]*\()|threading\.thread\(|create_task\(|ensure_future\(|(tokio|thread"
        r"|task)(::|\.)spawn|new thread\(|runasync\(|globalscope\.|setinterval\(|thread\.new"
        r"|process\.start\(|addlistener\(|\.on\(['\"]",
        _E.SPAWNS_TASKS,
        None,
    ),
    _row(
        r"context\.(background|todo)\(\)|timeout\s*[=:]\s*(none|null|nil|0\b)|http\.defaultclient|http\.get\(",
        _E.WAITS_LONGER,
        None,
    ),
    _row(r"\b\w*time_?out\w*\b|withdeadline|abortsignal", None, _E.WAITS_LONGER),
    _row(r"xmx|rampercentage|max-old-space-size|gomemlimit|gogc|-xx:\\+?use\w+gc", None, _E.MEMORY_LOWER),
    # Data and queries.
    _row(
        r"select_related|prefetch_related|joinedload|selectinload|\.includes\(|\.preload\(|eager_load"
        r"|join fetch|entitygraph|dataloader|\.include\(|batchget|mget\(|find_?all_?by_?ids?"
        r"|where .* in \(",
        None,
        _E.CALLS_IN_LOOP,
    ),
    _row(
        r"readall|readallbytes|\.fetchall\(|readlines\(|\.findall\(\)|\.tolist\(\)|\.collect\(\)"
        r"|readfile\(|buffer\.concat|\.to_a\b|\.objects\.all\(\)|\.read\(\)|list\(\w*(cursor|rows|iter)",
        _E.LOADS_ALL,
        None,
    ),
    _row(
        r"iter_lines|\.iterator\(|\byield\b|bufio\.newscanner|find_each|in_batches|\.stream\(\)\."
        r"|createreadstream|fetchmany|chunksize|paginat|pageable|\.limit\(|\blimit \$?\d|\blimit %s"
        r"|\btake\(",
        None,
        _E.LOADS_ALL,
    ),
    _row(
        r"for update|lock table|\.r?lock\(\)|synchronized\b|with \w*lock\b|\.acquire\(|advisory_lock"
        r"|serializable|select_for_update|pessimistic|setnx|redlock|new mutex|mutex<",
        _E.LOCKS,
        _E.DROPS_LOCK,
    ),
    _row(
        r"@transactional|(?<![=:])(?<![=:] )\btransaction\b|\batomic\("
        r"|begintx|\bbegin;|\$transaction|in_transaction|unit_?of_?work",
        _E.LOCKS,
        _E.DROPS_LOCK,
    ),
    # Redis looks through all its keys: https://redis.io/docs/latest/commands/keys/
    _row(r"(redis|client|conn|store|cache|rdb)\w*\.keys\(\s*[^)\s]|\bkeys \S*\*|\$regex", _E.SCANS, None),
    # A lock that was given back at once is held to the end of the function.
    _row(r"defer \S*unlock\(\)", _E.LOCKS, None),
    _row(r"pre_?stop\b|lifecycle:|grace_?period|graceful|shutdown_?hook|sigterm|\bdrain", None, _E.STOPS_SOONER),
    _row(r"dead_?letter|redrive|\bdlq\b|max_?receive", None, _E.RETRIES_MORE),
    # What bounds how much is done at once.
    _row(
        r"p-?limit\(|semaphore|worker_?pool|\.setlimit\(|max_?workers|max_?concurren|concurrency\b|bounded|throttle\("
        r"|rate\.newlimiter|ratelimiter|maxparallel|max_?in_?flight",
        None,
        _E.POOLS_MORE,
    ),
    _row(r"single_?thread|limitedparallelism\(1\)|max_?workers\s*=\s*1\b|semaphore\(1\)", _E.POOLS_FEWER, None),
    _row(
        r"unbounded|linkedblockingqueue(<\w*>)?\(\)|newcachedthreadpool|maxsize\s*=\s*0\b|asyncio\.queue\(\)|queue\.queue\(\)",
        _E.GROWS_WITHOUT_BOUND,
        None,
    ),
    # Work that now ends with the request that began it.
    _row(r"withoutcancel|context\.(background|todo)\(\)|shield\(|nohup|daemon\s*=\s*false", None, _E.STOPS_SOONER),
    # What one process keeps is not there for the others, nor after a restart.
    _row(r"memory_?store|in_?memory|:memory:|local_?cache|in_?process|localfile|/tmp/", _E.KEEPS_LOCAL, None),
    # Caches.
    _row(
        r"(?<!\w)\w*(cache|memo|redis)\w*\.(get|load|fetch|find|read|compute)\w*|@cacheable|lru_cache|@cached"
        r"|usememo|memoize|singleflight|\.cached\(|rails\.cache",
        None,
        _E.DROPS_CACHE,
    ),
    _row(r"(ttl|expir|lifetime|\bex\b|max_?age).*(rand|jitter|spread|fuzz)", None, _E.EXPIRES_TOGETHER),
    # A key that is never the same twice finds nothing.
    _row(r"key\w*\W.*(now\(|time\(|uuid|random|nonce|request_?id)", _E.DROPS_CACHE, None),
    _row(
        r"cache-control|no-store|no-cache|nocache|bypass_?cache|flushall|flushdb|invalidate_?all|\.clear\(\)",
        _E.DROPS_CACHE,
        None,
    ),
    _row(r"invalidate|evict\(|\.delete\(\w*key|cache\.del", None, _E.CACHES_LONGER),
    _row(
        r"maxlen|max_?(size|entries)|\bl[rf]u\b|volatile-|allkeys-|evict|\.remove\(|popleft|ltrim",
        None,
        _E.GROWS_WITHOUT_BOUND,
    ),
    # Waiting.
    _row(r"\bsleep\(|thread\.sleep|time\.after\(|delay\(\d", _E.SLEEPS, _E.RUNS_OFTENER),
    _row(r"exponential|\bexpo\b|jitter|randomi[sz]ed", None, _E.RETRIES_MORE),
    _row(
        r"(?<!\w)\w+sync\(|runblocking|\.block\(\)|thread\.sleep|time\.sleep\(|requests\.(get|post)\(|pbkdf2"
        r"|ureq::|\bblocking::|urlopen\(|\.result\(\)|getawaiter\(\)\.getresult|block_on\(|child_process|\.get\(\)\.get\(",
        _E.BLOCKS,
        None,
    ),
    _row(
        r"promise\.all|parallelstream|asyncio\.gather|errgroup|join_all|par_iter|completablefuture"
        r"|\basync \{|concurrent\.futures|executor\.(map|submit)|\.parallel\(",
        None,
        _E.SERIALISES,
    ),
    # `Retry-After` asks others to come later.
    _row(r"retry(?![-_]?after)|retries|@retryable|backoff|tenacity", _E.RETRIES_MORE, _E.RETRIES_FEWER),
    _row(
        r"circuit_?breaker|bulkhead|fallback|ratelimiter|rate_limit|singleflight|debounce|throttle\(",
        None,
        _E.DROPS_GUARD,
    ),
    _row(r"foreach\(async|\bvoid \w+\(|\.catch\(\(\) ?=> ?\{?\}?\)", _E.DROPS_WAIT, None),
    _row(r"wg\.wait\(\)|\.join\(\)|\.awaittermination|\.flush\(\)|fsync|\.wait\(\)|waitgroup", None, _E.DROPS_WAIT),
    # Cost.
    _row(
        r"bcrypt|scrypt|argon2|pbkdf2|deepcopy|clonedeep|json\.parse\(json\.stringify|structuredclone"
        r"|levenshtein|\.sort\(|sorted\(|sort\.slice|permutations|cartesian|cross join",
        _E.COSTS_MORE,
        None,
    ),
    _row(r"zstd|brotli|lzma|\bxz\b|bzip2|gzip", _E.COSTS_MORE, None),
    _row(
        r"boto3\.(client|resource)|createclient|httpclient\(|newclient\(|grpc\.(dial|newclient)|sql\.open"
        r"|redis\.new|mongoclient",
        _E.COSTS_MORE,
        None,
    ),
    _row(
        r"re\.compile|regexp\.mustcompile|new regexp|pattern\.compile|regex::new|parse\(template"
        r"|new \w*(client|mapper|engine)\(|create_engine|createpool|connect\(",
        _E.COSTS_MORE,
        None,
    ),
    # A line of log more is nothing; whole requests and answers are.
    _row(
        r"dump\w*\(|log.*[\"'{( ](body|payload|headers)\b|\.withbody|log_?(body|payload|requests?|queries)"
        r"|show_?sql|loglevel\.(debug|trace|full)",
        _E.LOGS_MORE,
        None,
    ),
    _row(
        r"(label|tag|attribute|dimension)\w*.*\b(remote_?addr\w*|ip|url|email|uuid|user_?agent|timestamp|raw_?query|host_?name)\b",
        _E.LOGS_MORE,
        None,
    ),
    _row(
        r"\b(user|request|session|order|customer|trace)_?id\b.*(label|tag)|(label|tag)\w*.*\b(user|request"
        r"|session|order|customer|trace)_?id\b",
        _E.LOGS_MORE,
        None,
    ),
    # Refusals and guards.
    _row(
        r"\braise \w|\bthrow\b|\bpanic[!(]|log\.fatal|process\.exit|sys\.exit|os\.exit|\bassert\b|bail!"
        r"|requirenonnull|\bmust\w*\(|return .*\berr(?-i:[A-Z])\w+|return .*(errors\.new|status\.errorf?)\("
        r"|validat\w+\(|required\b|not null|@notnull|@valid\b"
        r"|abort\(\d",
        _E.REQUIRES_MORE,
        None,
    ),
    _row(
        r"\.unwrap\(\)|\.expect\(|!!\.|\w!\.|\.get\(\)\.|\[0\]|as! |\.first\(\)\.|\.orelsethrow|force_unwrap",
        _E.DROPS_GUARD,
        None,
    ),
    _row(
        r"\?\.|\?\?|\bor \[\]|\bor \{\}|getordefault|unwrap_or|orelse\(|setdefault|\btry\b|\bcatch\b"
        r"|\bexcept\b|\brescue\b|recover\(\)|\bif\b.*(\bnil\b|\bnull\b|\bnone\b|undefined|isempty|is_empty"
        r"|len\(|\bok\b|\.length|hasown)",
        None,
        _E.DROPS_GUARD,
    ),
    # Contracts.
    _row(
        r"authoriz|\bauth\b|bearer|x-[\w-]*(token|key)|api_?key|\bjwt\b|\bscope|permission|\brole\b"
        r"|hasrole|@preauthorize|signature|hmac|csrf|\bcors|access-control|audience|issuer|\biam:"
        r"|\"[a-z0-9]+:[A-Z]\w+\"|runasuser|readonlyrootfilesystem",
        _E.CHANGES_ACCESS,
        _E.CHANGES_ACCESS,
    ),
    _row(
        r"networkpolicy|namespace_?selector|pod_?selector|ip_?block|\bcidr|security_?group|\bingress\b"
        r"|\begress\b|firewall|iptables",
        _E.CHANGES_NETWORK,
        _E.CHANGES_NETWORK,
    ),
    _row(
        r"tls_?v?1[._]\d|tls|\bssl|certificate|\bca_?bundle|verify=|insecureskipverify|rejectunauthorized"
        r"|truststore|keystore|\.pem\b|\.crt\b",
        _E.CHANGES_TLS,
        _E.CHANGES_TLS,
    ),
    _row(r"resolv\.conf|ndots|dnspolicy|dns_|\bdig\b|hostalias|coredns|nameserver", _E.CHANGES_NAMES, _E.CHANGES_NAMES),
    _row(
        r"fail_on_unknown|disallowunknownfields|additionalproperties|extra\s*=\s*['\"]forbid|\.strict\(\)"
        r"|deny_unknown_fields",
        _E.REQUIRES_MORE,
        None,
    ),
    _row(
        r"locale\b|numberformat|decimalformat|tolocalestring|json|yaml|protobuf|avro|msgpack|pickle"
        r"|serializ|marshal|encod|decod|charset|utf-?8|gzip"
        r"|toepoch|\.tostring\(|unix(milli|nano)?\(|content-type|snake_?case|camel_?case|isoformat|strftime|dateformat|base64",
        _E.CHANGES_FORMAT,
        _E.CHANGES_FORMAT,
    ),
    _row(
        r"idempot|dedup|on conflict|\bunique\b|\bdistinct\b|if-match|upsert|if not exists|putifabsent|exactly_once",
        None,
        _E.DROPS_DEDUP,
    ),
    _row(
        r"\.ack\(|\.nack\(|commitsync|commit_?offset|\.commit\(|acknowledge|auto_?commit|deletemessage|(offset|reset|position|from|start\w*)[\"'\W]{1,6}(earliest|latest)\b",
        _E.CHANGES_ACK,
        _E.CHANGES_ACK,
    ),
    _row(
        r"astimezone|localize\(|zoneid|zoneoffset|timezone|pytz|zoneinfo|tzinfo|localdatetime|localtime"
        r"|offsetdatetime|zoneddatetime|moment\.tz|\.in\(\w*loc|loadlocation|utcnow|\butc\b"
        r"|gettimezoneoffset|at_time_zone|at time zone|chrono::local|chrono::utc",
        _E.SHIFTS_TIME,
        _E.SHIFTS_TIME,
    ),
    _row(
        r"\bu?int(8|16|32|64)?\b|\bfloat(32|64)?\b|bigdecimal|\bdecimal\b|\bparse(int|float)|math\.(round"
        r"|floor|ceil)|\bas [iu](8|16|32|64)\b|\blong\b|\bdouble\b|tofixed|\bround\(|\* ?100\b|/ ?100\b",
        _E.CHANGES_NUMBERS,
        _E.CHANGES_NUMBERS,
    ),
)


_ENDS = re.compile(r"\.done\(\)|errgroup|waitgroup|\bwg\.|\.join\(|taskgroup|is_?cancell|stop_?event", re.IGNORECASE)
"""What a task waits for, or is waited for by."""
_BY_VALUE = frozenset({_E.CHANGES_NETWORK, _E.CHANGES_TLS, _E.CHANGES_NAMES})
"""Where what the signed line is set to matters as much as the sign."""
_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'|\b\d[\w./:-]*|\b(?:true|false)\b", re.IGNORECASE)


def _values(mark: Mark, removed: Sequence[str], added: Sequence[str]) -> bool:
    """Whether the lines with a sign have other values than before."""
    before, after = (
        {value for line in lines if mark.sign.search(line) for value in _VALUE.findall(line)}
        for lines in (removed, added)
    )
    return bool(before) and before != after


def marked(patch: Patch) -> Iterator[Effect]:
    """Yield what the signs of a patch mean: those that it has more or fewer of on the new side."""
    for mark in MARKS:
        lost, gained = (Counter(m[0].lower() for m in mark.sign.finditer(text)) for text in (patch.lost, patch.gained))
        if mark.more is mark.fewer and mark.more is not None:
            # What matters is which signs there are, e.g. of which type a number is, and not how many.
            if lost.keys() != gained.keys() or (mark.more in _BY_VALUE and _values(mark, patch.removed, patch.added)):
                yield mark.more
            continue
        effect = mark.more if gained.total() > lost.total() else mark.fewer if lost.total() > gained.total() else None
        if effect is not None and not (effect is _E.SPAWNS_TASKS and _ENDS.search(patch.gained)):
            yield effect
