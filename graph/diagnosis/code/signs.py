"""Signs in code that mean the same in many languages, and what it means when a diff leaves more or fewer of them.

One table; a new sign is a new row.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from graph.diagnosis.code.effect import Effect


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
        r"|remove(event)?listener\(|\.off\(|make\(chan [\w.*]+, *[^)]|defer \w|\bfinally\b"
        r"|\bwith \w[\w.]*\(.*\) as |\bwith open|try \("
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
    # Files that nobody takes away, and how long those that are written stay.
    _row(r"mktemp|mkdtemp|createtempfile|tempfile\.mk|tmpfile\(", _E.LEAKS_HANDLES, None),
    _row(r"\brotate\b|logrotate|rotating\w+|max_?backups?|max_?files\b|\bsize \d+m\b", None, _E.LOGS_MORE),
    # What belongs to one request is taken away at its end.
    _row(r"(context|holder|thread_?local|current\w*|mdc)\w*\.(clear|remove|reset)\w*\(", None, _E.KEYS_COARSER),
    _row(
        r"deepcopy|clonedeep|structuredclone|\.clone\(\)|\.copy\(|copyof\(|\{ ?\.\.\.|\[ ?\.\.\.", None, _E.DROPS_LOCK
    ),
    _row(
        r"static\b.*\bnew (simpledateformat|decimalformat|numberformat|messagedigest|stringbuilder|calendar"
        r"|random|matcher)\b",
        _E.DROPS_LOCK,
        None,
    ),
    _row(
        r"\breplica\b|:reading\b|\bread_?only_?(db|session|conn\w*|pool)|secondary_?preferred|\bslave\b",
        _E.READS_COPY,
        None,
    ),
    _row(r"skip locked|\bnowait\b", None, _E.LOCKS),
    _row(r"connection\W{1,4}close\b|disable_?keep_?alives", _E.RECONNECTS, None),
    _row(r"keep_?alive\w*\W{1,3}true", None, _E.RECONNECTS),
    _row(r"same_?site|\bsecure\b\s*[:=]|http_?only", _E.CHANGES_ACCESS, _E.CHANGES_ACCESS),
    _row(
        r"xxhash|murmur\w*|\bfnv\w*|crc32|\bmd5|\bsha_?1\b|\bsha_?256|siphash|consistent_?hash|hashcode",
        _E.DROPS_CACHE,
        _E.DROPS_CACHE,
    ),
    _row(r"cache-control.*(private|no-store|no-cache)", None, _E.KEYS_COARSER),
    _row(r"\beager\b", _E.CALLS_IN_LOOP, None),
    _row(r"\bnx\b.*\b(px|ex)\b", None, _E.LOCKS),
    _row(r"[\"'](px|ex)[\"']|\b[ep]x\s*[=:]|setex\(|expire(at)?\(", None, _E.CACHES_LONGER),
    _row(r"chunk(ed|s)?\(|each_slice|batched\(|in_groups_of|partition\(", None, _E.BATCHES_MORE),
    _row(r"createlocal|\blocal_?(set|store|cache|map)", _E.KEEPS_LOCAL, None),
    _row(r"\.(pause|resume)\(|back_?pressure", None, _E.HOARDS),
    _row(r"if-none-match|if-modified-since|not_?modified|\b304\b|\betag\b", None, _E.DROPS_CACHE),
    _row(r"[?&]\w+=.*(time\(|now\(|random|uuid)", _E.DROPS_CACHE, None),
    _row(r"disabled=\{|\bdisabled\b", None, _E.DROPS_DEDUP),
    _row(r"(json|body_?parser|multipart|upload\w*|raw|form)\W.*\b(limit|max\w*)\b", None, _E.SIZE_LOWER),
    _row(r"forwarded_?-?proto", None, _E.POINTS_ELSEWHERE),
    _row(r"debounce|throttle\(|distinct_?until_?changed", None, _E.RUNS_OFTENER),
    _row(r"default_?scope|query_?filter|@where\b|@filter\b|@sqlrestriction", None, _E.CHANGES_QUERY),
    _row(r"redis_?store|memcached?_?store|session_?store|connect_?redis", None, _E.KEEPS_LOCAL),
    # To whom work goes.
    _row(r"round_?robin|least_(conn|request)|load_?balanc\w+config|lb_policy", None, _E.SKEWS),
    _row(r"ip_hash|\bsticky|session_?affinity|\bhash \$", None, _E.KEEPS_LOCAL),
    # A shell in between gets the signal to stop, and not the process.
    _row(r"^\s*(entrypoint|cmd)\s*\[|^\s*exec ", None, _E.STOPS_SOONER),
    # Data and queries.
    _row(
        r"select_related|prefetch_related|joinedload|selectinload|\.includes\(|\.preload\(|eager_load"
        r"|join fetch|entitygraph|dataloaders?|\bloaders?\.|\.loadmany\(\.include\(|batchget|mget\(|find_?all_?by_?ids?"
        r"|where .* in \(",
        None,
        _E.CALLS_IN_LOOP,
    ),
    _row(
        r"readall|readallbytes|\.fetchall\(|readlines\(|\.findall\(\)"
        r"|readfile\(|buffer\.concat|\.objects\.all\(\)|\.read\(\)|list\(\w*(cursor|rows|iter)",
        _E.LOADS_ALL,
        None,
    ),
    _row(
        r"iter_lines|\.iterator\(|\byield\b|bufio\.newscanner|find_each|in_batches|\.stream\(\)\."
        r"|createreadstream|fetchmany|chunksize|paginat|pageable|\bstream\w*\(|\.pipe\(|\.limit\("
        r"|\blimit \$?\d|\blimit %s"
        r"|\btake\(",
        None,
        _E.LOADS_ALL,
    ),
    _row(
        r"for update|lock table|\.r?lock\(\)|synchronized\b|with \w*lock\b|\.acquire\(|advisory_lock"
        r"|serializable|try_?acquire|leader_?elect\w*|is_?leader|scheduler_?lock|shedlock|select_for_update"
        r"|pessimistic|setnx|redlock|new mutex|mutex<",
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
    _row(
        r"(redis|client|conn|store|cache|rdb)\w*\.keys\(\s*[^)\s]|\bkeys \S*\*|\$regex|wildcard|regexp_?query|fuzzy",
        _E.SCANS,
        None,
    ),
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
        r"unbounded|linkedblockingqueue(<\w*>)?\(\)|newcachedthreadpool|maxsize\s*=\s*0\b|asyncio\.queue\(\)"
        r"|queue\.queue\(\)",
        _E.GROWS_WITHOUT_BOUND,
        None,
    ),
    # Work that now ends with the request that began it.
    _row(r"withoutcancel|context\.(background|todo)\(\)|shield\(|nohup|daemon\s*=\s*false", None, _E.STOPS_SOONER),
    # What one process keeps is not there for the others, nor after a restart.
    _row(r"memory_?store|in_?memory|:memory:|local_?cache|in_?process|localfile|/tmp/", _E.KEEPS_LOCAL, None),
    # Who calls, behind proxies.
    _row(
        r"x-forwarded-for|x-real-ip|\bforwarded\b|trust_?proxy|cf-connecting-ip|true-client-ip|proxy_?protocol|real_ip",
        None,
        _E.KEYS_COARSER,
    ),
    # Caches.
    _row(
        r"(?<!\w)\w*(cache|memo|redis)\w*\.(get|load|fetch|find|read|compute)\w*|@cacheable|lru_cache|@cached"
        r"|usememo|memoize|singleflight|group\.do\(|coalesc|\.cached\(|rails\.cache",
        None,
        _E.DROPS_CACHE,
    ),
    _row(r"(ttl|expir|lifetime|\bex\b|max_?age).*(rand|jitter|spread|fuzz)", None, _E.EXPIRES_TOGETHER),
    # What is to be done once is known again by its key.
    _row(r"(idempot|dedup)\w*\W.*(now\(|time\(|uuid|random|nonce)", _E.DROPS_DEDUP, None),
    # A key that is never the same twice finds nothing.
    _row(r"key\w*\W.*(now\(|time\(|uuid|random|nonce|request_?id)", _E.DROPS_CACHE, None),
    _row(
        r"cache-control|no-store|no-cache|nocache|bypass_?cache|flushall|flushdb|invalidate_?all|\.clear\(\)",
        _E.DROPS_CACHE,
        None,
    ),
    # Where a list was read up to.
    _row(
        r"cursor|checkpoint|watermark|last_(id|seen|key)|page_?token|continuation|(search|start\w*|page)_after\b",
        None,
        _E.ENDS_LOOP_ELSEWHERE,
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
        r"|ureq::|\bblocking::|urlopen\(|\.result\(\)|getawaiter\(\)\.getresult|block_on\(|child_process"
        r"|\.get\(\)\.get\(",
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
    # What is begun when a transaction has ended, and not while others can't see yet what it writes.
    _row(r"after_?\w*_?commit|on_commit|transactionaleventlistener|transactionphase", None, _E.DROPS_WAIT),
    _row(r"wg\.wait\(\)|\.join\(\)|\.awaittermination|\.flush\(\)|fsync|\.wait\(\)|waitgroup", None, _E.DROPS_WAIT),
    # Cost.
    _row(
        r"bcrypt|scrypt|argon2|pbkdf2|deepcopy|clonedeep|\b(?!arc\b|rc\b)\w+::clone\(&|(slices|maps)\.clone\(|\bcopyof\(|json\.parse\(json\.stringify|structuredclone"
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
        r"(label|tag|attribute|dimension)\w*.*\b(remote_?addr\w*|ip|url|email|uuid|user_?agent|timestamp"
        r"|raw_?query|host_?name)\b",
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
        r"locale\b(?!\.(root|us|english))|numberformat|decimalformat|tolocalestring|json|yaml|protobuf|avro"
        r"|msgpack|pickle"
        r"|serializ|marshal|encod|decod|charset|utf-?8|gzip"
        r"|toepoch|\.tostring\(|unix(milli|nano)?\(|content-type|separators|sort_keys|canonical|isoformat"
        r"|strftime|dateformat|base64",
        _E.CHANGES_FORMAT,
        _E.CHANGES_FORMAT,
    ),
    # Said outright, it is the same everywhere; left to the machine, it is not.
    _row(r"locale\.(root|us|english)", None, _E.CHANGES_FORMAT),
    _row(r"naming_?(policy|strategy)|snake_?case|camel_?case|kebab_?case", _E.RENAMES, _E.RENAMES),
    _row(
        r"idempot|dedup|on conflict|\bunique\b|\bdistinct\b|if-match|upsert|if not exists|putifabsent|exactly_once",
        None,
        _E.DROPS_DEDUP,
    ),
    _row(
        r"\.ack\(|\.nack\(|basic_(ack|nack|reject)|requeue\w*\W{1,3}(true|false)|commitsync|commit_?offset"
        r"|\.commit\(|acknowledge|auto_?commit|deletemessage|(offset|reset|position|from"
        r"|start\w*)[\"'\W]{1,6}(earliest|latest)\b",
        _E.CHANGES_ACK,
        _E.CHANGES_ACK,
    ),
    _row(
        r"astimezone|toisostring|in_?time_?zone|tolocaledate\w*|localize\(|zoneid|zoneoffset|timezone|pytz"
        r"|zoneinfo|tzinfo|localdatetime|localtime"
        r"|offsetdatetime|zoneddatetime|moment\.tz|\.in\(\w*loc|loadlocation|utcnow|\butc\b"
        r"|gettimezoneoffset|at_time_zone|at time zone|chrono::local|chrono::utc",
        _E.SHIFTS_TIME,
        _E.SHIFTS_TIME,
    ),
    _row(
        r"rounding_?mode\.\w+|round_\w+|half_(up|even|down)|\bu?int(8|16|32|64)?\b|\bfloat(32|64)?\b"
        r"|bigdecimal|\bdecimal\b|\bparse(int|float)|math\.(round"
        r"|floor|ceil)|\bas [iu](8|16|32|64)\b|\blong\b|\bdouble\b|tofixed|\bnumber\(|\bround\(|\* ?100\b"
        r"|/ ?100\b|move_?point\w*|scaleb",
        _E.CHANGES_NUMBERS,
        _E.CHANGES_NUMBERS,
    ),
)
