"""What systems complain of, told from the words of alerts, log lines, spans and names of metrics. One table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache

from graph.diagnosis.complaints import Complaint


class Trouble(StrEnum):
    """Sorts of trouble, the telling ones first."""

    MEMORY = "memory that runs out"
    TASKS = "tasks, threads or handles that pile up"
    HANGS = "calls that wait without end"
    LOAD = "load on a data store"
    SCANS = "queries that read too much"
    CACHE = "cache misses"
    GONE = "entries that are gone too soon"
    MIXED = "answers that were meant for somebody else"
    STALE = "data that is out of date"
    TIMEOUT = "calls that time out"
    POOL = "connections or workers that run out"
    CONNECTIONS = "more connections than a store takes"
    OVERLOAD = "more work than is taken"
    RETRIES = "calls that are repeated"
    CALLS = "calls that multiply"
    THROTTLED = "requests that are refused by a limit"
    SIZE = "requests or messages that are too large"
    SCHEMA = "data that can't be read"
    MISSING = "a table, column or key that does not exist"
    SETTING = "a setting that is missing or wrong"
    STARTUP = "a process that does not start"
    NULLS = "a value that is not there"
    ACCESS = "a refused permission"
    TLS = "a refused certificate or handshake"
    NAMES = "names that do not resolve"
    REFUSED = "a place where nothing answers"
    CUT = "connections that are cut"
    CPU = "CPU that runs out"
    PAUSES = "garbage collection"
    DEADLOCK = "locks that wait for each other"
    LOST = "work that is lost"
    LOCK = "locks that are waited for"
    CONFLICT = "writes that collide"
    DUPLICATES = "work that is done twice"
    UNHANDLED = "failures that nobody waits for"
    DISK = "a disk that is full"
    LOGS = "logs or series that grow"
    TIME = "times that are off"
    ORDER = "things in the wrong order"
    NUMBERS = "amounts that are wrong"
    REJECTED = "input that is refused"
    PROBES = "instances that are judged dead"
    PLACEMENT = "instances that find no place"
    IDLE = "workers that idle while work waits"
    LAG = "work that waits in a queue"
    DATA = "a record that can't be processed"
    OUTSIDE = "something outside that fails"
    LATENCY = "slow answers"
    ERRORS = "failing requests"


VAGUE = frozenset({Trouble.LATENCY, Trouble.ERRORS, Trouble.LAG})
"""What nearly every fault leads to in the end."""

SAYS: tuple[tuple[Trouble, re.Pattern[str]], ...] = tuple(
    (trouble, re.compile(pattern, re.IGNORECASE))
    for trouble, pattern in (
        (
            Trouble.MEMORY,
            r"\boom|out ?of ?memory|oomkill|heap|\brss\b|memory|working_set|cannot allocate|malloc|allocation fail",
        ),
        (
            Trouble.TASKS,
            r"goroutine|active_requests|in[-_ ]?flight|thread_?count|threads?_(live|active|total)"
            r"|too many open files|emfile|open_fds"
            r"|file descriptor|unable to create (new )?native thread|event ?loop|tasks?_pending|handles?\b"
            r"|leak",
        ),
        (
            Trouble.HANGS,
            r"no deadline|still (pending|running|open|waiting) after|never (returned|returns|came back"
            r"|completed)|\bhangs?\b|hung"
            r"|\bstuck\b|without (a )?(deadline|time-?out)|active_requests|in[-_ ]?flight|pending for",
        ),
        (
            Trouble.LOAD,
            r"slow[ _]?(query|log)|db_cpu|db cpu|quer(y|ies)_per|query_count|db_query|qps|n\+1|statements?_per"
            r"|read_?ops|iops"
            r"|active backends|load of|elasticsearch|es_cpu|searches took",
        ),
        (
            Trouble.SCANS,
            r"full table scan|seq(uential)? scan|rows_(read|examined|scanned)|table scan|temp files?"
            r"|sort spill|statement timeout|slow[ _]?(query|log)|duration: .* statement|collscan",
        ),
        (
            Trouble.CACHE,
            r"cache[ =_-]*miss|cache_hit|not_modified|304_ratio|cdn miss|hit_ratio|hit_rate|read-through"
            r"|stampede|evict|expired_keys|misses",
        ),
        (
            Trouble.GONE,
            r"expired_keys|evicted_keys|(session|cart|token|entry|key|draft|basket|request|link"
            r"|url)\b.*(not found|gone|missing|vanish|unknown"
            r"|has expired|expired early|lost)"
            r"|logged out|signed out|log in again|created .* ago|lived only|expires? too (soon|early)"
            r"|sessions?_created",
        ),
        (
            Trouble.MIXED,
            r"(data|rows|orders|cart|profile|answer|content|invoice|page|mail|message"
            r"|result)s? of (an)?others?|someone else|somebody else"
            r"|belongs to (another|other)|cross[- ]tenant|(tenant|user|account|owner|customer) mismatch"
            r"|wrong (tenant|user"
            r"|customer|account|language|currency|locale)|another (user|tenant|customer|account)'?s?",
        ),
        (
            Trouble.LOST,
            r"\blost\b|missing after|never (arrived|delivered|processed|sent|written|created|completed"
            r"|finished|ran|started)|not in (the )?queue"
            r"|(order|payment|entry|record|message|event|mail|job)s? .*(without|has no|have no|missing)|was dropped"
            r"|disappear|not delivered"
            r"|gaps? in|undelivered|unsent",
        ),
        (Trouble.DEADLOCK, r"dead ?lock|circular wait|lock order"),
        (
            Trouble.STALE,
            r"\bold (settings?|data|prices?|versions?|values?|cop(y|ies)|content)|shown differs?"
            r"|differs? from what|stale|out ?of ?date|outdated|old (value|version|price|copy)"
            r"|not (yet )?visible|mismatch"
            r"|differs from|inconsisten",
        ),
        (Trouble.TIMEOUT, r"timed?[ -]?out|deadline exceeded|context canceled|took too long|gave up|etimedout|\b504\b"),
        (
            Trouble.POOL,
            r"pool|cannot acquire|could not acquire|exhausted|no (free|idle|available) (connection|worker"
            r"|thread)s?|waiting for (a )?connection|connection is not available|busy_workers|worker timeout"
            r"|hikari|pending_threads|eaddrnotavail|cannot assign requested address|time_wait|ephemeral port",
        ),
        (
            Trouble.CONNECTIONS,
            r"too many (connections|clients)|max_connections|remaining connection slots|db_connections"
            r"|handshakes?(_| )per|connects?_per|new_connections"
            r"|connection limit|maxclients",
        ),
        (
            Trouble.OVERLOAD,
            r"queue (is )?full|overload|reject(ed|ing) (request|call|work|task)|(request|call|task"
            r"|work)s? rejected|rejectedexec|backpressure|load shed|shedding|\b503\b|saturat|busy|capacity"
            r"|circuit (breaker )?open|queue_(length|depth|size)",
        ),
        (
            Trouble.RETRIES,
            r"(received|delivered|seen|tried) (<\w+>|\d+) times|receive_count|retr(y|ies|ying)|attempt"
            r"|trying again|redeliver|requeue",
        ),
        (
            Trouble.CALLS,
            r"calls?_per|calls_total|(outbound|egress|upstream|lookups?|fetch(es)?|subrequests?)_(?!conn)\w*(per|rate"
            r"|total|count)|fan.?out|per_request|\b\d+ ?x\b|times (the )?(usual|baseline|normal)",
        ),
        (
            Trouble.THROTTLED,
            r"\b429\b|rate[ -_]?limit|throttl|too many requests|limiting requests|quota|slow ?down"
            r"|limit[ =].*(used|reached)"
            r"|max_concurrent",
        ),
        (
            Trouble.SIZE,
            r"too large|larger than|\b413\b|payload|exceeds (the )?max|exceeded .*(body|message|size) limit"
            r"|message size|entity too|record_?too_?large"
            r"|truncated|max(imum)? (body|length|size)|\b431\b",
        ),
        (
            Trouble.SCHEMA,
            r"serializ|unmarshal|decod|required field|unknown field|missing (required )?(field|header|param"
            r"|attribute|property)|pars(e|ing) error|cannot parse|schema|cannot query field|unknown (argument"
            r"|type|variant)|but it was missing|no value given|field .* (is )?(required|missing)"
            r"|invalid character|unexpected token|unrecognized|no such field|cannot convert|cannot cast"
            r"|invalid (format|json|enum|utf)|malformed|unknown enum|unexpected (type|end)|avro"
            r"|content[- ]type|\b415\b",
        ),
        (
            Trouble.MISSING,
            r"does ?n[o']t exist|unable to get (metric|key|field)|no metrics returned|no such (table|column"
            r"|key|field|index)|undefined (table|column)"
            r"|unknown column|key not found|relation .* exist|missing_table|nosuchkey|no such bucket"
            r"|not[ _]found.*(table|column|index)|undefinedcolumn|undefinedtable",
        ),
        (
            Trouble.SETTING,
            r"keyerror: '?[A-Z_]{4,}|environment variable|env var|missing (config|setting|secret|credential)"
            r"|not (set|configured|specified)|failed to configure|config(uration)? (error|missing|invalid)"
            r"|unknown (option|flag|property"
            r"|key)|secret .*not found|configmap .*not found|no value for|could not resolve placeholder"
            r"|invalid value for",
        ),
        (
            Trouble.STARTUP,
            r"panic|crash_?loop|failed to start|start-?up|duplicate registration|version conflict|incompatible"
            r"|cannot start|exit code|classnotfound|nosuchmethod|noclassdef|importerror|modulenotfound"
            r"|cannot find module|undefined symbol|failed to (load|initiali[sz]e)|glibc|illegal instruction"
            r"|unsupported class|back-off",
        ),
        (
            Trouble.NULLS,
            r"nil pointer|nullpointer|\bnpe\b|is not (a function|defined|iterable)|undefined|null reference"
            r"|nonetype|attributeerror|index out of|out of (range|bounds)|cannot read propert|segfault|sigsegv"
            r"|unwrap|nil dereference|(resolved to|returned|got) (an )?(empty|null|nothing)|record_?not_?found"
            r"|couldn't find|could not find|no such (record|row|entity)|entity_?not_?found|no rows|null value"
            r"|typeerror|keyerror|nosuchelement|zerodivision|divi(de"
            r"|sion) by zero",
        ),
        (
            Trouble.ACCESS,
            r"access ?denied|forbidden|unauthori[sz]ed|permission denied|\b40[13]\b|not authorized"
            r"|(signature|checksum) (mismatch|does not match|is invalid)|invalid (token|signature|credentials"
            r"|audience|issuer|api key)|blocked|without x-|missing token"
            r"|token (expired|invalid|rejected)|login failed|authentication|auth_fail|not allowed|csrf|cors"
            r"|without (\w+ )?(cookie|token|credential)s?|no session|operation not permitted|read-only file",
        ),
        (Trouble.TLS, r"x509|certificate|tls|ssl|handshake|unknown authority|self[- ]signed|cipher|protocol version"),
        (
            Trouble.NAMES,
            r"no such host|servfail|enotfound|name resolution|server misbehaving|lookup \S+ on|nxdomain"
            r"|getaddrinfo|unknown ?host|eai_again|dns",
        ),
        (
            Trouble.REFUSED,
            r"connection refused|econnrefused|no route to host|unreachable|\b404\b|not found|unknown topic"
            r"|unknown queue|connection reset|no endpoints|no healthy upstream|\b502\b|no upstream"
            r"|queue does not exist|nosuchbucket|invalid url|redirect|moved permanently|specified endpoint",
        ),
        (
            Trouble.CUT,
            r"connection[ _]?(was )?(reset|terminat\w+|closed|aborted)|econnreset|upstream_reset|reset before headers"
            r"|socket hang ?up|broken pipe|premature\w* (close|end)|unexpected eof|\beof\b|no response received"
            r"|goaway|too_many_pings|stream_resets?|closing transport|destroy_remote|cx_destroy|server closed",
        ),
        (Trouble.CPU, r"\bcpu|load_average|cpu_util|throttled_(ratio|periods)"),
        (Trouble.PAUSES, r"\bgc\b|gc_|garbage|stop-the-world|allocation failure|safepoint"),
        (
            Trouble.LOCK,
            r"lock wait|\block\b.* held|held by (a )?\w+|dead ?lock|lock timeout|contention"
            r"|could not obtain lock|waiting for .*lock|lock_"
            r"|blocked (by|on)|idle in transaction|serializ\w+ (failure|access)|mutex|wait(ing)? event",
        ),
        (
            Trouble.CONFLICT,
            r"conflict|stale version|compare-and-set|optimistic|concurrent (map|modif|update|write)|race"
            r"|could not serialize|version mismatch|lost update|data race|corrupt",
        ),
        (
            Trouble.DUPLICATES,
            r"duplicate|twice|already (processed|exists|charged|sent)|several times|more than once|\bagain\b"
            r"|\ba second (time|worker|copy)|unique (constraint|violation)|double|repeated",
        ),
        (
            Trouble.UNHANDLED,
            r"unhandled|uncaught|rejection|never (awaited|retrieved)|was never awaited|broken pipe"
            r"|closed (channel|pool|connection|file|session)|after (close|response|end)|use of closed"
            r"|already closed|prematurely closed|session is closed",
        ),
        (
            Trouble.DISK,
            r"no space left|enospc|disk|inode|volume full|wal failed|read-only file system|ephemeral[- ]storage",
        ),
        (
            Trouble.LOGS,
            r"log_bytes|log_lines|log volume|ingest(ed|ion)_bytes|series|cardinality|\bdebug\b|\btrace\b"
            r"|wire -|span(s)?_(total|per)|log_",
        ),
        (
            Trouble.TIME,
            r"in the (past|future)|a day (too )?(early|late)|date \S+ expected|(previous|next|wrong"
            r"|another) (day|date|month|hour|year)|clock|skew"
            r"|timezone|time zone|not yet valid|already expired"
            r"|before (its )?start|offset_h|by \d+ ?(h|hours)|iat|nbf|off by|yesterday|tomorrow|too (early"
            r"|late)|dst|\bby -?\d+:\d\d",
        ),
        (
            Trouble.ORDER,
            r"(wrong|bad|out of|not in) (order|sequence)|shown (last|first)|\brank \d|out[- ]of[- ]order"
            r"|sorted (wrong|by)",
        ),
        (
            Trouble.NUMBERS,
            r"expected -?\d|differs? by|distribution|overflow|rounding|precision|\bnegative\b|totals? .*(too"
            r"|lower|higher"
            r"|wrong|differs?)|too (small"
            r"|large|high|low)\b|\bnan\b|infinity|wrong (total|amount|price|sum|value)|total (differs"
            r"|mismatch)|mismatch|negative (amount|balance|quantity|price)|balance|does not add up|amount"
            r"|drift|discrepan|unreconciled|cents|out of range for (type )?(integer|int|bigint)",
        ),
        (
            Trouble.REJECTED,
            r"invalid|rejected|refused|validation|\b400\b|\b422\b|bad request|exceeds (the )?(max|limit)"
            r"|must (be|not|match)|is required"
            r"|constraint|not allowed|unprocessable|violates|check failed|too (short|long)|unsupported",
        ),
        (
            Trouble.PROBES,
            r"(liveness|readiness|startup) ?probe|unhealthy|killing|health ?check|restarts?_total|restart"
            r"|ready_replicas|not ready|evict",
        ),
        (
            Trouble.PLACEMENT,
            r"pending|unschedul|insufficient|failedscheduling|node affinity|preempt|didn't match|taint"
            r"|no nodes|failedmount|attachvolume",
        ),
        (
            Trouble.IDLE,
            r"no (worker|consumer|one|body) (listens|is listening|reads)|\bidle\b(?! in transaction)|unack(ed"
            r"|nowledged)|no deliveries|uneven|starv(e|ed|ing)|busy_?(ratio"
            r"|workers)? 0|skew(ed)? partition",
        ),
        (Trouble.LAG, r"\blag|backlog|oldest|queue|depth|behind|delay|unprocessed|visible_messages"),
        (
            Trouble.DATA,
            r"offset[ =]\d+|poison|malformed record|record_id=|bad record|dead.?letter|same (record|message"
            r"|offset)|redeliver|corrupt",
        ),
        (
            Trouble.OUTSIDE,
            r"upstreams? (all )?down|provider|third[- ]party|certificate (has )?expired|spot (interruption"
            r"|reclaim)|az outage|region",
        ),
        (
            Trouble.LATENCY,
            r"p\d\d|latency|duration|slow|took \S+ ?(ms|s|sec|seconds|min|minutes|hours?)\b|takes (hours"
            r"|minutes)|_ms$|seconds",
        ),
        (Trouble.ERRORS, r"5xx|\b500\b|error|fail|exception"),
    )
)


_LONGEST = 2000
"""Characters of a text that are read."""
_THRESHOLD = re.compile(
    r"\b(above|below|over|under|than|exceeds?|exceeded|within|after|took|least|most|every|[<>]=?)\s+\d[\d.,]*",
    re.IGNORECASE,
)
"""Numbers that are amounts, and no codes of an answer."""
_RAN_OUT = re.compile(r"expire|validity check failed|notafter", re.IGNORECASE)


@lru_cache(maxsize=2048)
def troubles_of(text: str) -> frozenset[Trouble]:
    """Return what a text speaks of.

    >>> sorted(t.name for t in troubles_of("OOMKilled: container exceeded memory limit"))
    ['MEMORY']
    """
    text = _THRESHOLD.sub(r"\1 N", text[:_LONGEST])
    spaced = f"{text}\n{text.replace('_', ' ')}\n{text.replace(' ', '_')}"
    found = frozenset(trouble for trouble, pattern in SAYS if pattern.search(spaced))
    # That a certificate or a token ran out is nothing that a change of code brings about.
    return found - {Trouble.TLS, Trouble.ACCESS} if _RAN_OUT.search(text) else found


def weigh(complaints: Iterable[Complaint]) -> dict[Trouble, float]:
    """Map what is complained of to its share of the most frequent trouble, 0 to 1."""
    found: Counter[Trouble] = Counter()
    for complaint in complaints:
        for trouble in troubles_of(complaint.text):
            found[trouble] += complaint.weight  # type: ignore[assignment]
    top = max((weight for t, weight in found.items() if t not in VAGUE), default=1.0)
    return {trouble: min(1.0, weight / top) for trouble, weight in found.items()}


def telling_of(trouble: Trouble, complaints: Iterable[Complaint]) -> Iterator[str]:
    """Yield the keys of the complaints that speak of a trouble."""
    return (c.key for c in complaints if trouble in troubles_of(c.text))
