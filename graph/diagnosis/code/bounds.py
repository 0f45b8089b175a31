"""Bounds that hold where nobody asks for another: a default, a cap or a cut that is gone leaves none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch

_BOUNDS: tuple[tuple[Effect, str], ...] = (
    (Effect.LOADS_ALL, r"limit|page_?size|per_?page|first|top|take|max_?(?:rows|items|results)|page_?limit"),
    (Effect.WAITS_LONGER, r"\w*time_?out\w*|\w*deadline\w*|max_?wait"),
    (Effect.RETRIES_MORE, r"\w*retries|max_?attempts|\w*max_?retr\w*"),
    (Effect.GROWS_WITHOUT_BOUND, r"max_?(?:size|entries|len)|maxlen|capacity"),
    (Effect.POOLS_MORE, r"concurrency|max_?(?:workers|conns?|connections|in_?flight|parallel)|parallelism|pool_?size"),
)
_NUMBER = r"\d[\d_]*"
_FALLS_BACK = r"(?:,|\?\?|\|\||\bor\b|\bdefault\w*\W{1,3}|\?:|:\s*\w+\s*=|(?<![=<>!])=)\s*"
_NOTHING = r"(?:none|null|nil|undefined|optional\.empty|\?|-1|0\b)"
_CUT = re.compile(
    r"\[:\s*\w+\]|maxresults|fetch first|rownum|\btop\s+\d|\.slice\(0,|\.take\(|\.head\(|\.limit\(|islice\("
    r"|\.first\(\d|\blimit \$?\d|\blimit [%:?]",
    re.IGNORECASE,
)


def unbounded(patch: Patch) -> Iterator[Effect]:
    """Yield what follows from defaults and caps of bounds that are gone."""
    for effect, names in _BOUNDS:
        if _has_default(names, patch.removed) and _has_none(names, patch.added):
            yield effect
    if _clamps(patch.removed) > _clamps(patch.added):
        yield Effect.BATCHES_MORE
    if _cuts(patch.removed) > _cuts(patch.added) and not _is_capped(patch.added):
        yield Effect.LOADS_ALL


_CLAMP = re.compile(
    r"\bmin\(\w[\w.]*, ?\w|\bclamp\(|coerceatmost|coercein|math\.min\(\w[\w.]*, ?\w|\.min\(\w", re.IGNORECASE
)


def _clamps(lines: Sequence[str]) -> int:
    """How many lines take the smaller of what is asked and what is allowed."""
    return sum(bool(_CLAMP.search(line)) for line in lines)


def _has_default(names: str, lines: Sequence[str]) -> bool:
    """Whether a line reads a bound and says what holds without one, or caps it."""
    default = re.compile(rf"(?<![a-z])(?:{names})\b.{{0,40}}?{_FALLS_BACK}{_NUMBER}\b", re.IGNORECASE)
    capped = re.compile(rf"\bmin\([^()]*(?:\([^()]*\)[^()]*)*\b(?:{names})\b", re.IGNORECASE)
    return any(default.search(line) or capped.search(line) for line in lines)


def _has_none(names: str, lines: Sequence[str]) -> bool:
    """Whether the same bound is still used, and no line says what holds without one."""
    mine = [line for line in lines if re.search(rf"(?<![a-z])(?:{names})\b", line, re.IGNORECASE)]
    is_open = any(
        re.search(rf"(?<![a-z])(?:{names})\b.{{0,60}}{_FALLS_BACK}{_NOTHING}", line, re.IGNORECASE) for line in mine
    )
    return bool(mine) and (is_open or not _has_default(names, lines)) and not _has_number(names, mine)


def _has_number(names: str, lines: Sequence[str]) -> bool:
    return any(re.search(rf"(?<![a-z])(?:{names})\b\W{{1,4}}[1-9]", line, re.IGNORECASE) for line in lines)


def _cuts(lines: Sequence[str]) -> int:
    return sum(len(_CUT.findall(line)) for line in lines)


def _is_capped(lines: Sequence[str]) -> bool:
    return any(re.search(r"\bmin\(|paginat|cursor|page", line, re.IGNORECASE) for line in lines)
