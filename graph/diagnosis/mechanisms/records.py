"""Data that do not fit: records that a running workload refuses, and values that can't be true.

What speaks for the data and against the code is contrast: the same processes take other records without complaint.
A line about one record is a hiccup; several, a whole batch, or a check of the data in alarm are trouble.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from graph.diagnosis.mechanisms.crashes import MALFORMED, OWN_ERROR
from graph.diagnosis.mechanisms.dependencies import is_quiet
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.workloads import Workload

_DATUM = (
    r"(rows?|records?|fields?|columns?|messages?|batch(es)?|files?|feeds?|documents?|payloads?|lines?|values?|entries"
    r"|entry|items?|transactions?|samples?|dataset|partition|import|upload|price|amount|quantity|timestamp|currency)"
)
_REFUSES = re.compile(
    rf"\b{_DATUM}\b.{{0,80}}\b(validation|malformed|invalid|reject\w*|refus\w*|quarantin\w*|corrupt\w*|truncat\w*"
    r"|unparse?able|unreadable|duplicat\w*|mismatch\w*|garbled)"
    rf"|\b(validation|schema|parsing|decoding|conversion|integrity|sanity|consistency|encoding|checksum)\b.{{0,40}}"
    rf"\b(fail\w*|error|violat\w*|mismatch\w*|check).{{0,120}}\b{_DATUM}\b"
    rf"|\b(malformed|invalid|reject\w*|corrupt\w*|truncated|unparse?able|duplicate|negative|future|unknown)\b.{{0,40}}"
    rf"\b{_DATUM}\b"
    rf"|\b{_DATUM}\b.{{0,60}}\b(is|are|was|has|must not be) (null|empty|missing|negative|not a number|nan|in the future"
    r"|out of range)"
    r"|expected (an? )?(integer|int|number|numeric|decimal|float|string|text|date|timestamp|boolean|array|object|list"
    r"|iso|utf)\b.{0,40}\b(got|but|found|received|was)"
    r"|\b(sent|routed|moved|written|diverted|forwarded) to (the )?(dlq|dead[- ]?letter|quarantine|parking)"
    r"|replacement character|mojibake|\\ufffd|byte order mark",
    re.IGNORECASE,
)
_IMPLAUSIBLE = re.compile(
    r"plausib|implausib|outlier|anomal\w+ (in |of )?(value|price|amount|total|count)|data quality|\bDQ\b"
    r"|(null|empty|duplicate|missing|unmatched|default)[ _-]?(ratio|rate|share|pct|percent|values?|rows?|count)"
    r"|(row|record)[ _-]?count|(median|mean|average|sum|total|distribution|share)\b.{0,60}\b(differs?|deviat\w*"
    r"|drift\w*|drop\w*|jump\w*|shift\w*|fell|rose|changed|\d+[- ]day|usual|expected|baseline|previous)"
    r"|(unit|currency|time ?zone|encoding|locale|decimal separator|scale)\b.{0,40}\b(mismatch|wrong|swapped|differs?"
    r"|look like|instead of)|reconcil\w+.{0,60}(fail|differ|mismatch|off by)|(stale|outdated|late|missing) "
    r"(feed|file|partition|snapshot|data)|(feed|file|partition|snapshot|data(set)?|table|prices?|rates)\b.{0,40}\b(is|are)"
    r" (stale|outdated|late|missing|\d+ (hours|days) old)|schema (drift|change)|freshness|completeness"
    r"|referential integrity",
    re.IGNORECASE,
)
_OF_OTHERS = re.compile(
    r"token|\bjwt\b|signature|certificate|credential|password|secret|config|environment variable|\bflag\b|argument"
    r"|connection refused|timed? ?out|unreachable|no such host",
    re.IGNORECASE,
)
"""What is invalid, unexpected or missing there is no datum."""
_TAKES = re.compile(
    r"\b(process\w*|accept\w*|import\w*|ingest\w*|load\w*|appl(y|ied)|valid\w*|written|committed|ok)\b", re.IGNORECASE
)
_LEAST = 2
_MANY = re.compile(rf"\b(?P<n>\d{{2,}})\b.{{0,30}}\b{_DATUM}", re.IGNORECASE)
"""A line that counts what it complains of speaks for all of them."""


def records(scene: Scene) -> Iterator[Mechanism]:
    """Yield workloads that run and are given data that do not fit."""
    for workload in scene.workloads:
        if not scene.works(workload):
            continue
        said = scene.said(workload.uid, kind=ObservationKind.LOG, with_quiet=True)
        lines = [e for e in said if scene.is_of_now(workload.uid, e)]
        telling = [e for e in lines if not is_quiet(e) and tells_of_data(e.text)]
        alarms = scene.alarms(workload.uid)
        checks = [e for e in alarms if _IMPLAUSIBLE.search(e.text)]
        if checks or _suffices(telling, is_alarmed=bool(alarms)):
            yield _mechanism(workload, telling, checks, [e for e in lines if is_quiet(e) and _takes(e)])


def tells_of_data(said: str) -> bool:
    """Whether a line complains of records or values, and not of settings, credentials or connections."""
    if _OF_OTHERS.search(said) or OWN_ERROR.search(said):
        return False
    return any(pattern.search(said) for pattern in (_REFUSES, _IMPLAUSIBLE, MALFORMED))


def _suffices(telling: Sequence[SymptomEvent], *, is_alarmed: bool) -> bool:
    least = 1 if is_alarmed else _LEAST
    return sum(e.count for e in telling) >= least or any(_MANY.search(e.text) for e in telling)


def _takes(event: SymptomEvent) -> bool:
    return _TAKES.search(event.text) is not None


def _mechanism(
    workload: Workload, telling: Sequence[SymptomEvent], checks: Sequence[SymptomEvent], well: Sequence[SymptomEvent]
) -> Mechanism:
    signs = [Sign(text="It complains of its data.", event=e) for e in telling[-2:]]
    signs += [Sign(text="A check of the data is in alarm.", event=e) for e in checks[:1]]
    signs += [Sign(text="Other data pass.", event=e) for e in well[-1:]]
    return Mechanism(
        resource=workload.uid,
        kind="bad_data",
        summary=f"{workload.document.resource.display} runs and is given data that do not fit.",
        signs=tuple(signs),
        strength=0.6 if well else 0.5,
    )
