"""The same amount in another unit of time: a thousandth of the wait, or a thousand times of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch

_UNITS: tuple[tuple[float, re.Pattern[str]], ...] = tuple(
    (seconds, re.compile(pattern))
    for seconds, pattern in (
        (1e-6, r"Micro(second)?s?\b|_(us|micros)\b|\bmicroseconds\b"),
        (
            1e-3,
            r"[Mm]illi(second)?s?\b|MILLI(SECOND)?S\b|_(ms|MS|millis|msec)\b|[a-z]Ms\b|\bms\b|\bPX(AT)?\b"
            r"|\bpx\s*[:=]|\bp(set)?expire"
            r"|\bpsetex",
        ),
        (
            1.0,
            r"(?<!illi)(?<!icro)(?<!ano)[Ss]econds?\b|(?<!LLI)SECONDS?\b|_(s|secs?|SECS?)\b|[a-z]Secs?\b"
            r"|\bEX(AT)?\b|\bex\s*[:=]|\bsetex|(?<!p)expire\(",
        ),
        (60.0, r"[Mm]inutes?\b|MINUTES?\b|_(mins?|MINS?)\b"),
        (3600.0, r"(?<![a-z])[Hh]ours?\b|Hours?\b|HOURS?\b"),
        (86400.0, r"(?<![a-z])[Dd]ays?\b|Days?\b|DAYS?\b"),
    )
)
_THOUSAND = re.compile(r"[*/]\s*(1000|1_000|1e3|1000\.0)\b")
_NAME = re.compile(r"[A-Za-z_]\w*")
_AMOUNT = re.compile(
    r"ttl|expir|time_?out|deadline|delay|interval|durat|age|window|period|back_?off|lease|wait|cool|since"
    r"|until|stamp|time|"
    r"lifetime|retention|poll",
    re.IGNORECASE,
)
_MEANS: tuple[tuple[str, Effect, Effect | None], ...] = (
    (r"retr|back_?off", Effect.RETRIES_MORE, Effect.WAITS_LONGER),
    # Who holds it is taken for dead while at work, or is waited for when dead.
    (r"lease|visibility|ack_?deadline|lock_?ttl", Effect.CHANGES_ACK, Effect.CHANGES_ACK),
    (
        r"ttl|expir|cache|max_?age|session|token|lifetime|\bset\b|redis|rdb",
        Effect.CACHES_SHORTER,
        Effect.CACHES_LONGER,
    ),
    (r"interval|poll|period|schedule|refresh|tick", Effect.RUNS_OFTENER, None),
    (r"time_?out|deadline|wait", Effect.WAITS_SHORTER, Effect.WAITS_LONGER),
    (r"sleep|delay", Effect.RETRIES_MORE, Effect.SLEEPS),
)
"""What less, and more, of it means, by the words around"""


def converted(patch: Patch) -> Iterator[Effect]:
    """Yield that an amount is read in another unit, and what that makes of it."""
    # What a text for people calls an amount changes none.
    lost, gained = patch.undone, patch.done
    if _twice(patch):
        yield Effect.CHANGES_UNIT
        if re.search(r"rate|quota|limit|refill|token|per_?sec", gained, re.IGNORECASE):
            yield Effect.RATE_LOWER if "/" in gained else Effect.RATE_HIGHER
        return
    old, new = _unit(lost), _unit(gained)
    if _times(lost) != _times(gained) and _AMOUNT.search(gained) and _same_but_factor(patch):
        yield Effect.CHANGES_UNIT
        return
    if old is None or not gained:
        return
    new = new if new is not None else _bare(lost, gained)
    if new is None or new == old or not _has_same_amount(lost, gained):
        return
    yield Effect.CHANGES_UNIT
    both = f"{lost}\n{gained}"
    means = next((m for m in _MEANS if re.search(m[0], both, re.IGNORECASE)), None)
    effect = None if means is None else means[1] if new < old else means[2]
    if effect is not None:
        yield effect


_CONVERTS = re.compile(r"(\w+)(\(\))?\s*([*/])\s*(60|100|1000|1_000|1024|3600|86400|1e3|1e6|1e9)\b")
_GIVES = re.compile(r"(?:\breturn\b|=>|->|\{)\s*[\w.]+\s*([*/])\s*(\d[\d_e]*)\b")
_DEFINED = re.compile(r"\b(?:func|fun|def|fn|function|get|public|private)\b[^(]*?(?:\([^)]*\)\s*)?\b(\w+)\s*\(")


def _twice(patch: Patch) -> bool:
    """Whether a new function converts what those that call it go on to convert by the same factor."""
    name = ""
    gives: set[tuple[str, str, str]] = set()
    for line in patch.added:
        name = found[1] if (found := _DEFINED.search(line)) else name
        gives |= {(name, sign, factor) for sign, factor in _GIVES.findall(line) if name}
    asks = {(m[1], m[3], m[4]) for line in patch.side("+") for m in _CONVERTS.finditer(line.text) if m[2]}
    return bool(gives & asks)


def _times(text: str) -> int:
    """How many thousands an amount is multiplied by, less those that it is divided by."""
    return sum(1 if found[0].startswith("*") else -1 for found in _THOUSAND.finditer(text))


def _same_but_factor(patch: Patch) -> bool:
    """Whether lines differ in a thousand only."""
    return any(_bare_of(old) == _bare_of(new) for old, new in patch.pairs())


def _bare_of(line: str) -> str:
    return re.sub(r"[\s()]|int|round|math\.\w+", "", _THOUSAND.sub("", line), flags=re.IGNORECASE)


def _unit(text: str) -> float | None:
    """The one unit, in seconds, that a text speaks of; None where there is none, or several."""
    found = {seconds for seconds, pattern in _UNITS if pattern.search(text)}
    return next(iter(found)) if len(found) == 1 else None


def _bare(lost: str, gained: str) -> float | None:
    """The unit of a number without one: that of the language, where it can be told."""
    if (re.search(r"time\.Duration\(", gained) and not re.search(r"\*\s*time\.[A-Z]", gained)) or re.search(
        r"\*\s*time\.[A-Z]", lost
    ):
        return 1e-9
    if _THOUSAND.search(lost) and not _THOUSAND.search(gained):
        return 1e-3
    return None


def _has_same_amount(lost: str, gained: str) -> bool:
    """Whether a number, or a name of an amount of time, stands on both sides."""
    old, new = ({n for n in re.findall(r"\d+", text) if n not in ("0", "1", "1000")} for text in (lost, gained))
    if old and new:
        return bool(old & new)
    names = {n for n in _NAME.findall(lost) if _AMOUNT.search(n) and not _is_unit(n)} & set(_NAME.findall(gained))
    return bool(names)


def _is_unit(name: str) -> bool:
    return name.lower() in (
        "time",
        "duration",
        "timeunit",
        "timedelta",
        "settimeout",
        "setinterval",
        "datetime",
    ) or any(pattern.fullmatch(name) for _, pattern in _UNITS)
