"""In which direction the complaints of a workload point: its code, its settings, its data, what it calls, what it may
use, or the platform beneath it.

Each line is weighed by all the words that it has, not by the first that is known: an exception that wraps a refused
connection speaks of the peer, one with a frame of its own source and no peer of the code. Lines of one form count once
and a little more for each repetition, as one trouble may be very loud.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from graph.diagnosis.mechanisms.dependencies import without_frames
from graph.evidence import ObservationKind, SymptomEvent
from graph.phrases import Phrases

WHAT = {
    "resource_limits": "is short of something that it may use",
    "node_unwell": "suffers from the platform beneath it",
    "dependency_failing": "complains that something that it calls fails",
    "bad_settings": "is set up wrongly, as its complaints go",
    "bad_data": "is given data that do not fit, as its complaints go",
    "application_error": "fails by errors of its own code, as its complaints go",
}
"""Kinds of cause that a direction stands for, and what each means; of equals the first."""


class _Word(NamedTuple):
    kind: str
    weight: float
    pattern: Phrases
    beside: Phrases | None
    """What must stand in the same line for the pattern to count."""


def _word(kind: str, weight: float, pattern: str, *, beside: str = "") -> _Word:
    return _Word(kind, weight, Phrases(pattern), Phrases(beside) if beside else None)


_DATUM = (
    r"\b(rows?|records?|fields?|columns?|messages?|events?|batch(es)?|files?|feeds?|documents?|payloads?|lines?"
    r"|offsets?"
    r"|entries|entry|items?|samples?|dataset|imports?|uploads?|csv|json|xml|xlsx|avro|parquet|schema|prices?|amounts?"
    r"|rates?|values?|partition|customers?|contacts?|orders?|source=\S+|file=\S+)\b"
)
_DEFECT = (
    r"(malformed|invalid|corrupt\w*|truncat\w*|unparse?able|unreadable|duplicate|mismatch|garbled|mojibake|no valid"
    r"|not a? ?valid|quarantin\w*|rejected|refused|skipped|dropped|negative|in the future|out of range|implausib\w*"
    r"|\b(is|are|was) (null|empty|missing|zero|nan)|null value|\bnan\b|expected \w+.{0,60}\b(got|found|was|but)\b"
    r"|(can ?no|could no|can')t (decode|parse|deseriali[sz]e|convert)|cannot (decode|parse|deseriali[sz]e|convert)"
    r"|(decode|parse|deseriali[sz]\w+|conversion|encoding|checksum|schema|sanity|integrity|validation)"
    r"\b.{0,30}(error|fail|violat|mismatch|drift|unknown)|magic byte|byte order mark|violates|unknown (enum"
    r"|value|code|type))"
)
_PEER = (
    r"(\w+://\S|\bdial (tcp|udp)\b|\b[a-z][a-z0-9-]*(\.[a-z0-9-]+)*:\d{2,5}\b"
    r"|\b(from|to|of|calling|by|at|host) [a-z0-9-]+(\.[a-z0-9-]+)+\b"
    r"|\b(upstream|downstream|provider|gateway|dependency|remote|third[- ]party|partner|vendor|carrier|broker|brokers"
    r"|server\(s\)|endpoint|identity provider|idp|redis|memcached?|kafka|rabbitmq|amqp|smtp|ldap|vault|mongo\w*"
    r"|elasticsearch|opensearch|postgres\w*|psycopg\w*|mysql|grpc|rpc|s3|sqs|sns|dynamodb|api)\b)"
)
_OUTCOME = (
    r"(\b50[0234]\b|\b429\b|\b52[0-9]\b|unavailable|not available|out_of_service|tim(ed|e)[ -]?out|timeoutexception"
    r"|deadline exceeded|refused|unreachable|connection (reset|closed|aborted)|closed (the )?connection|broken pipe"
    r"|no (answer|response|reply|route)|not respond|unable ?to ?connect|max retries|circuit\W.{0,40}\bopen\b"
    r"|\boutage\b"
    r"|rate[- ]limit|too many requests|handshake|disconnect|\bdown\b|not possible to connect|run out of available"
    r"|(could|can)( ?not|n't) (be )?(connect|reach|establish)\w*|enotfound|econn\w+|etimedout|servfail"
    r"|server misbehaving|temporary failure in name|half-open probe failed)"
)

_WORDS = (
    # What a workload may use.
    _word(
        "resource_limits",
        3.0,
        r"out of memory|oom[- ]?kill|outofmemory|memory cgroup|heap (space|limit|exhausted)|no space left"
        r"|disk (is )?full"
        r"|cannot assign requested address|eaddrnotavail|too many open files|emfile|enfile|pids? limit"
        r"|resource temporarily unavailable|cannot (fork|allocate)"
        r"|exceeded quota|quota exceeded|insufficient (cpu|memory|ephemeral|pods)|ephemeral.{0,20}storage"
        r"|(memory|disk|pid)[ -]?pressure|low on resource|can ?not create (native )?thread"
        r"|unable to create.{0,20}thread",
    ),
    _word(
        "resource_limits",
        2.5,
        r"pool\b.{0,60}(exhaust|empty|full|timed? ?out|timeout|not available|wait)|(pool|queue|buffer|executor"
        r"|backlog|workers?"
        r")\b.{0,30}(full|saturat|exhaust|reject|overflow)|throttl|shed(ding|s)?\b|saturat|(limit|maximum"
        r"|max)\b.{0,20}reached"
        r"|connection is not available|too many (clients|connections)|all \d+ (workers|threads|connections) busy"
        r"|more than the maximum|scalinglimited|evict|backpressure|concurrency limit|rejectedexecution",
    ),
    _word(
        "resource_limits",
        2.0,
        r"\b(at|cpu|gpu|memory|heap|disk|workers?|threads?|encoders?|slots?)\b.{0,20}\b(9\d|100) ?%"
        r"|\bqueue\b.{0,40}\b(max|oldest|limit|capacity)\b|(dropped|expired|gave up) .{0,40}\bin (the )?queue"
        r"|(over|above|exceeds?|beyond) (its |the |of )?(max\w*|limit|capacity|budget)",
    ),
    # The platform beneath.
    _word(
        "node_unwell",
        3.0,
        r"sandbox|\bcni\b|network plugin|nodenotready|(attach|detach)volume|multi-attach|containerd"
        r"|container runtime|kubelet"
        r"|spot interruption|input/output error|read-only file system|i/o error|failed to assign an ip"
        r"|kernel|blocked for more than|hardware error|xfs|ext4|nvme|machine check|\bmce\b|device (not ready|offline)"
        r"|filesystem.{0,20}read-?only",
    ),
    _word("node_unwell", 3.0, r"^(failedcreatepodsandbox|failedattachvolume|networknotready|nodenotready)\b"),
    _word(
        "node_unwell",
        2.0,
        r"instance .{0,30}(terminat|stopp|retire|impair)|node .{0,60}(not ready|unreachable|reboot|lost)"
        r"|availability zone"
        r"|failedmount|mountvolume|packet loss|link is down|clock (skew|drift)",
    ),
    # Settings.
    _word(
        "bad_settings",
        3.0,
        r"(missing|required|unset|undefined|unknown|unsupported|invalid|deprecated"
        r"|unrecogni[sz]ed)\b.{0,40}(config|environment"
        r"|env var|\benv\b|variable|setting|property|option|flag|argument|parameter|profile)|(config\w*"
        r"|environment variable"
        r"|\benv\b|setting|property|option|flag|parameter)\b.{0,60}(missing|not set|required|invalid|not found"
        r"|not defined"
        r"|unknown|must be|unsupported|no such|not provided)|could not resolve placeholder|failed to (load"
        r"|parse|read) config"
        r"|licen[cs]e .{0,40}(expired|invalid|missing)|\.(ya?ml|toml|ini|conf|properties|hcl)\b.{0,60}(line"
        r"|error|invalid"
        r"|parse|no such|not found|unknown)|not (authori[sz]ed|allowed|permitted) to|accessdenied|access denied"
        r"|\bforbidden\b"
        r"|permission denied|(user|account|role) .{0,40}(no|lacks|missing) .{0,20}(permission|privilege)"
        r"|(secret|configmap)s? .{0,40}not found|couldn't find key|failedgetresourcemetric|createcontainerconfigerror"
        r"|manifest unknown|image.{0,40}not found|invalidimagename|exec format error"
        r"|no such file or directory.{0,20}exec"
        r"|address already in use",
    ),
    _word(
        "bad_settings",
        2.0,
        r"nosuch(bucket|key|queue|entity|upload|host)|(bucket|topic|queue|database|role|endpoint|path|volume"
        r"|profile)\b.{0,60}"
        r"(does not exist|doesn't exist|not found|unknown)|unauthori[sz]ed|\b401\b|\b403\b"
        r"|authentication failed|invalid (credentials|api key|token|client"
        r"|signature|issuer"
        r"|audience)|(expected|wrong|unexpected) (audience|issuer|tenant|region|bucket|host)"
        r"|password authentication|x509"
        r"|certificate|wrong (password|port|host)|no such host|name or service not known|could not translate host"
        r"|cors|not in (the )?allow|allowlist|whitelist|feature (flag|toggle)|misconfigur",
    ),
    # Data.
    _word("bad_data", 3.0, _DEFECT, beside=_DATUM),
    _word(
        "bad_data",
        2.5,
        r"dead[- ]?letter|\bdlq\b|poison (pill|message)|plausib|data quality|schema (drift|mismatch|violation)"
        r"|invalid utf-?8"
        r"|not-null constraint|check constraint|foreign key constraint|duplicate key|duplicate entry",
    ),
    # What is called.
    _word("dependency_failing", 3.0, _OUTCOME, beside=_PEER),
    _word("dependency_failing", 1.6, _OUTCOME),
    # Code.
    _word(
        "application_error",
        3.0,
        r"panic(ked)?\b|nullpointer|nil pointer|null reference|nullreference|nil map|undefined method|nomethoderror"
        r"|typeerror|attributeerror|indexerror|keyerror|nameerror|unboundlocal|importerror|modulenotfound"
        r"|referenceerror"
        r"|cannot read propert|is not a function|is not iterable|classcast|illegalstate|illegalargument"
        r"|invalidoperation"
        r"|concurrentmodification|collection was modified|indexoutofbounds|index out of (range|bounds)"
        r"|arrayindex|nosuchmethod|nosuchelement|classnotfound|noclassdef|notimplemented|assert(ion)? ?(error|fail)"
        r"|divi(de|sion) by zero|zerodivision|with overflow|stack ?overflow|recursion|segfault|sigsegv"
        r"|segmentation fault"
        r"|double free|use after free|deadlock|mutex|event loop|starv(ed|ation)|data race|unwrap\(\)"
        r"|unhandled (exception|rejection|promise)"
        r"|unreachable code"
        r"|infinite loop|traceback \(most recent|fatal error: all goroutines|uncaught",
    ),
    _word(
        "application_error",
        1.2,
        r"\bat [\w$.<>]+\([\w$]+\.(java|kt|scala|cs|go|py|rb|ts|js|php):\d+\)|\b[\w/.-]+\.(java|kt|scala|cs|go"
        r"|py|rb|rs|ts"
        r"|js|jsx|tsx|php|ex|cpp|cc)\b[:\"(, ]+(line )?\d+|stack ?trace|goroutine \d+ \[|exception in thread"
        r"|invariant|regression",
    ),
)
_LEAST = 1.5
"""Weight from which a line tells a direction."""
_SETTING = re.compile(r"\b(?!E[A-Z]+_|ERR|HTTP|SQL|ORA|UTF|ISO)[A-Z][A-Z0-9]+(_[A-Z0-9]+)+\b")
"""The name of an environment variable, in its usual writing."""
_NAMES = 1.5
_DIGITS = re.compile(r"[0-9a-f]*\d[0-9a-f]*")
_LONGEST = 400
"""Letters of a line that are read: what follows is a stack or a payload."""
_FORM = 120
"""Letters that tell one form of line from another."""
_MOST = 4
"""Repetitions of one form of line from which it gets no louder."""


@lru_cache(maxsize=4096)
def direction_of(said: str) -> tuple[str, float] | None:
    """The direction in which one line points, and the weight of the words for it; None where it tells none."""
    said = said[:_LONGEST]
    weights: dict[str, float] = defaultdict(float)
    plain = without_frames(said)
    for word in _WORDS:
        line = plain if word.kind == "dependency_failing" else said
        if word.pattern.search(line) and (word.beside is None or word.beside.search(line)):
            weights[word.kind] += word.weight
    if _SETTING.search(said):
        weights["bad_settings"] += _NAMES
    best = max(WHAT, key=lambda kind: weights[kind])
    return (best, weights[best]) if weights[best] >= _LEAST else None


class Votes(NamedTuple):
    """What many lines say together."""

    kind: str
    """The direction of most; empty when none tells."""
    share: float
    """Its part of all weight, 0 to 1."""
    weight: float


def votes(said: Iterable[SymptomEvent]) -> Votes:
    """Weigh the complaints of a workload."""
    forms: dict[str, tuple[str, int]] = {}
    for event in said:
        words = f"{event.reason} {event.text}" if event.kind is ObservationKind.EVENT else event.text
        form = _DIGITS.sub("#", words[:_FORM])
        first, known = forms.get(form, (words, 0))
        forms[form] = first, min(_MOST, known + event.count)
    totals: dict[str, float] = defaultdict(float)
    for words, count in forms.values():
        if (found := direction_of(words)) is not None:
            kind, weight = found
            totals[kind] += weight * (1 + 0.25 * (count - 1))
    everything = sum(totals.values())
    if not everything:
        return Votes("", 0.0, 0.0)
    best = max(WHAT, key=lambda kind: totals[kind])
    return Votes(best, totals[best] / everything, totals[best])
