"""Something outside that a workload needs fails, while the workload itself runs and says so.

A line in a log is a complaint, not a proof: several fresh ones are asked for, none of them followed by better news, and
the confidence stays low.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import ObservationKind, SymptomEvent

_FAILS = re.compile(
    r"\b50[234]\b|service unavailable|bad gateway|gateway time-?out|circuit breaker\W.{0,40}\bopen\b"
    r"|(upstream|downstream|provider|gateway|dependency)\b.{0,60}\b(down|unavailable|unreachable|timed? ?out|refused"
    r"|fail)"
    r"|health of .{0,80}\bdown\b|deadline exceeded|connect(ion)? (refused|timed? ?out|reset)|no route to host"
    r"|\bE(CONNREFUSED|CONNRESET|TIMEDOUT|HOSTUNREACH|AI_AGAIN)\b|\bENOTFOUND\b|i/o timeout|max retries exceeded"
    r"|LEADER_NOT_AVAILABLE|NOT_LEADER|NoBrokersAvailable|code = Unavailable",
    re.IGNORECASE,
)
"""Outcomes that only a call has."""
_PEER = re.compile(
    r"\w+://\S|\bdial (tcp|udp)\b|\b[a-z][a-z0-9-]*(\.[a-z0-9-]+)*:\d{2,5}\b"
    r"|\b(from|to|of|calling|by|at) [a-z0-9-]+(\.[a-z0-9-]+)+"
    r"|\b(redis|memcached?|kafka|rabbitmq|amqp|smtp|ldap|vault|mongo\w*|elasticsearch|opensearch|postgres\w*"
    r"|psycopg\w*|mysql|grpc|rpc|s3|sqs|sns|dynamodb|broker|endpoint|identity provider|idp|third[- ]party|partner"
    r"|vendor)\b",
    re.IGNORECASE,
)
"""Something that is called."""
_OUTCOME = re.compile(
    r"(\b(answered|returned|responded|status|code|http|got|said)\b|->|=>)\W{0,4}(with )?(5\d\d|429|421|45\d)\b"
    r"|\b(5\d\d [A-Z][a-z]+|429)\b|too many requests|rate[- ]limit|quota|unavailable|not available"
    r"|tim(ed|e) ?-?out|refused|unreachable|closed (the )?connection|handshake|no (answer|response|reply)"
    r"|not respond|(could|can)( ?not|n't) (be )?(connect|reach|establish)",
    re.IGNORECASE,
)
"""How a call ends badly, where the line also names what was called."""
_BETTER = re.compile(
    r"recovered|recovery|breaker.{0,40}\bclosed\b|healthy again|reconnected|back to normal", re.IGNORECASE
)
_LEAST = 2
"""Lines that are no hiccup, unless an alarm says so of one."""


def dependencies(scene: Scene) -> Iterator[Mechanism]:
    """Yield workloads that run and complain that what they call fails."""
    for workload in scene.workloads:
        if not scene.works(workload):
            continue
        said = scene.said(workload.uid, kind=ObservationKind.LOG, with_quiet=True)
        lines = [e for e in said if scene.is_of_now(workload.uid, e)]
        telling = [e for e in lines if tells_of_call(e.text) and not is_quiet(e)]
        least = 1 if scene.alarms(workload.uid) else _LEAST
        if sum(e.count for e in telling) < least or has_passed(telling, lines):
            continue
        name = workload.document.resource.display
        yield Mechanism(
            resource=workload.uid,
            kind="dependency_failing",
            summary=f"Something that {name} calls fails; {name} itself runs.",
            signs=tuple(Sign(text="It complains of what it calls.", event=e) for e in telling[-3:]),
            strength=0.45,
        )


def tells_of_call(said: str) -> bool:
    """Whether a line complains of what a call to something else came to, not of what the caller itself ran out of."""
    said = without_frames(said)
    return bool(_FAILS.search(said) or (_PEER.search(said) and _OUTCOME.search(said) and not _OWN.search(said)))


_FRAME = re.compile(r"[\w/.$-]+\.(java|kt|scala|cs|go|py|rb|rs|ts|js|jsx|tsx|php|exs?|cpp|cc|c|h|swift):\d+(:\d+)?")
"""A place in source code, which looks like a host and its port."""


def without_frames(said: str) -> str:
    """A line without the places in source code that it names."""
    return _FRAME.sub("", said)


_OWN = re.compile(r"\bpool\b|too many open files|queue (is )?full|no space left|out of memory", re.IGNORECASE)


def has_passed(telling: Sequence[SymptomEvent], lines: Sequence[SymptomEvent]) -> bool:
    """Whether better news followed the last complaint."""
    last = max((e.at for e in telling if e.at is not None), default=None)
    return any(_BETTER.search(e.text) and (last is None or e.at is None or e.at >= last) for e in lines)


_QUIET = re.compile(
    r"(^|[\s\[=\"'|])(info|debug|trace)([\s\]\"'|:]|$)|(?-i:(^|\s)[DITV](\d{4}\s|\s*\[|/\w))|\"level\":\s*[123]0\b",
    re.IGNORECASE,
)
"""A level in words, in one letter as glog and its like write it, or as a number as bunyan and pino do."""


def is_quiet(event: SymptomEvent) -> bool:
    """Whether a line says of itself that nothing is wrong: its level is its reason, or stands at its beginning."""
    return _QUIET.search(event.reason or event.text[:60]) is not None
