"""Lines that differ by one thing only: an operator, a bound, a number that is counted from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch

_OPERATORS = re.compile(
    r"<=|>=|==|!=|===|!==|<|>|&&|\|\||\band\b|\bor\b|\bnot\b|!|\+|-|\bdesc\b|\basc\b", re.IGNORECASE
)
_ONE = re.compile(r"\s*[+-]\s*1\b(?!\.)")
_COMPARED = re.compile(r"(\s(?:[<>]=?|===?|!==?)\s+)-?\d[\d_.]*")
_COUNTS = re.compile(r"\bwhile\b|\bfor\b")


def turned(patch: Patch) -> Iterator[Effect]:
    """Yield what follows from the one thing in which an old and a new line differ."""
    for old, new in patch.pairs():
        if _bare(_OPERATORS.sub("", old)) == _bare(_OPERATORS.sub("", new)) and _signs(old) != _signs(new):
            yield Effect.FLIPS_CONDITION
        if _is_shifted(old, new) or _is_shifted(new, old):
            yield Effect.SHIFTS_INDEX
        if _bounds(old) != _bounds(new) and _bare(_COMPARED.sub(r"\1", old)) == _bare(_COMPARED.sub(r"\1", new)):
            yield Effect.MOVES_LINE


def _signs(line: str) -> list[str]:
    return _OPERATORS.findall(line)


def _bounds(line: str) -> list[str]:
    """Comparisons with a number."""
    return [found[0] for found in _COMPARED.finditer(line)]


def _is_shifted(one: str, other: str) -> bool:
    """Whether a line is the other one but for `+ 1` or `- 1`, and counts no loop."""
    return bool(_ONE.search(one)) and not _COUNTS.search(one) and _bare(_ONE.sub("", one)) == _bare(other)


def _bare(line: str) -> str:
    return re.sub(r"\s+", "", line)
