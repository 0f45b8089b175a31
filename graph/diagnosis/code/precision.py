"""Amounts that are computed less exactly: floats for decimals, digits cut off, a type that is too narrow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch

_EXACT = re.compile(
    r"decimal|\bnumeric\b|\bmoney\b|round|\bceil|to_integral|quantize|set_?scale|tofixed|half_(even|up)"
    r"|\bmath\.big|\bbig\.\w+"
    r"|\bdiv_euclid|math/big",
    re.IGNORECASE,
)
_INEXACT = re.compile(
    r"\bfloat(32|64)?\b|\bdouble\b|parse_?float|\bnumber\(|to_?double|double_?value|as f(32|64)\b|strtod|\.to_f\b"
    r"|::float|\breal\b",
    re.IGNORECASE,
)
_CUTS = re.compile(
    r"\bint\(|\btrunc\w*\(|math\.floor|\bfloor\(|\bas [iu](16|32|64)\b|parse_?int\(|to_?int\(|\((int|long)\)"
    r"|\bint(32|64)?\(|(int|long)_?value|\.to_i\b",
    re.IGNORECASE,
)
_WIDTHS = (
    (
        re.compile(
            r"\b(u?int64|bigint|big_?integer|long|i64|u64|number\(19\)|bigserial|double|float64|f64)\b", re.IGNORECASE
        ),
        64,
    ),
    (re.compile(r"\b(u?int32|int4?|integer|i32|u32|serial|float32|f32|real)\b(?!\()", re.IGNORECASE), 32),
    (re.compile(r"\b(u?int16|short|smallint|i16|u16|u?int8|tinyint|byte|i8|u8)\b", re.IGNORECASE), 16),
)


def less_exact(patch: Patch) -> Iterator[Effect]:
    """Yield that amounts lose digits, or no longer fit."""
    lost, gained = patch.removed, patch.added
    is_looser = _count(_EXACT, lost) > _count(_EXACT, gained)
    if (
        is_looser
        and (_more(_INEXACT, patch) or _more(_CUTS, patch) or (_count(_CUTS, gained) and "round" in patch.lost.lower()))
    ) or any(_is_narrower(old, new) for old, new in patch.pairs()):
        yield Effect.LOSES_PRECISION


_PARSES = re.compile(r"decimal\(|\bparse\w*\(|float\(|number\(|strconv|to_d\b", re.IGNORECASE)


def reparsed(patch: Patch) -> Iterator[Effect]:
    """Yield that a number is read from its text in another way."""
    for old, new in patch.pairs():
        texts = (re.findall(r"[\"'][^\"']*[\"']", line) for line in (old, new))
        if _PARSES.search(old) and _PARSES.search(new) and next(texts) != next(texts):
            yield Effect.CHANGES_NUMBERS


_TEXT_TYPE = re.compile(
    r"\b(?:text|clob)\b|\b(?:n?var)?char\w*\s*\(\s*(\d+)|length\s*=\s*(\d+)"
    r"|max_length\s*=\s*(\d+)",
    re.IGNORECASE,
)


def shortened(patch: Patch) -> Iterator[Effect]:
    """Yield that a column or a field takes shorter texts."""
    for old, new in patch.pairs():
        before, after = _TEXT_TYPE.search(old), _TEXT_TYPE.search(new)
        if before and after and _length(after) < _length(before):
            yield Effect.REQUIRES_MORE
            yield Effect.SIZE_LOWER


def _length(found: re.Match[str]) -> float:
    return next((float(n) for n in found.groups() if n), float("inf"))


def _more(pattern: re.Pattern[str], patch: Patch) -> bool:
    return _count(pattern, patch.added) > _count(pattern, patch.removed)


def _count(pattern: re.Pattern[str], lines: Sequence[str]) -> int:
    return sum(len(pattern.findall(line)) for line in lines)


def _is_narrower(old: str, new: str) -> bool:
    """Whether a line kept what it is but for a type with fewer bits."""
    before, after = _width(old), _width(new)
    return 0 < after < before and _untyped(old) == _untyped(new)


def _width(line: str) -> int:
    return next((bits for pattern, bits in _WIDTHS if pattern.search(line)), 0)


def _untyped(line: str) -> str:
    for pattern, _ in _WIDTHS:
        line = pattern.sub("", line)
    return re.sub(r"\s+", "", line)
