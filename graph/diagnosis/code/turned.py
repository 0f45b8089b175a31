"""Lines that differ by one thing only: an operator, a bound, a number that is counted from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch

_OPERATORS = re.compile(
    r"\?\?|<=|>=|==|!=|===|!==|<|>|&&|\|\||\band\b|\bor\b|\bnot\b|(?<!\w)!|\+|-|\bdesc\b|\basc\b", re.IGNORECASE
)
_ONE = re.compile(r"\s*[+-]\s*1\b(?!\.)")
_COMPARED = re.compile(r"(\s(?:[<>]=?|===?|!==?)\s+)-?\d[\d_.]*")
_COUNTS = re.compile(r"\bwhile\b|\bfor\b")


def turned(patch: Patch) -> Iterator[Effect]:
    """Yield what follows from the one thing in which an old and a new line differ."""
    for old, new in patch.pairs():
        if _bare(_OPERATORS.sub("", old)) == _bare(_OPERATORS.sub("", new)) and _signs(old) != _signs(new):
            yield Effect.FLIPS_CONDITION
        if _dates(old) != _dates(new) and [d.lower() for d in _dates(old)] == [d.lower() for d in _dates(new)]:
            yield Effect.SHIFTS_TIME
        if _is_identity(old, new):
            yield Effect.FLIPS_CONDITION
        if _is_shifted(old, new) or _is_shifted(new, old):
            yield Effect.SHIFTS_INDEX
        if _bounds(old) != _bounds(new) and _bare(_COMPARED.sub(r"\1", old)) == _bare(_COMPARED.sub(r"\1", new)):
            yield Effect.MOVES_LINE


_FROM = re.compile(r"(?<![<>=!])>=\s*(?:%\(?\w|\?|\$\d|:\w|@\w|#\{|\$\{)")
_LAST = re.compile(
    r"\[-1\]|\.at\(-1\)|len\(\w+\) ?- ?1\]|\.length ?- ?1\]|\.last\b|getlast\(|size\(\) ?- ?1\)", re.IGNORECASE
)


def read_again(patch: Patch) -> Iterator[Effect]:
    """Yield that pages begin with the last row of the page before: there is always one row more."""
    after = "\n".join(line.text for line in patch.side("+"))
    is_paged = re.search(r"\border by\b|\.order", after, re.IGNORECASE) and re.search(
        r"\blimit\b", after, re.IGNORECASE
    )
    if is_paged and _FROM.search(patch.gained) and not _FROM.search(patch.lost) and _LAST.search(patch.gained):
        yield Effect.ENDS_LOOP_ELSEWHERE


_DATE = re.compile(r"[\"'][^\"']*(?:[yY]{2,4}|%[yY])[^\"']*[\"']")


def _dates(line: str) -> list[str]:
    """Forms of dates; a letter that is small or large is another field."""
    return _DATE.findall(line)


_EQUALS = re.compile(r"\bequals\(|\.equals\b|\.eql\?|isequal|\bcompareto\(|reflect\.deepequal", re.IGNORECASE)
_IDENTITY = re.compile(r"(?<![=!])[!=]=(?!=) *[a-z]|\bis (?:not )?[a-z\d]", re.IGNORECASE)
"""The same object, in languages where equal ones need not be the same"""


def _is_identity(old: str, new: str) -> bool:
    """Whether what was to be equal is now to be the same object."""
    is_same = bool(_EQUALS.search(old) and _IDENTITY.search(new) and not _EQUALS.search(new))
    return is_same or bool(re.search(r"[=!]= ", old) and re.search(r"\bis (?:not )?[a-z\d]", new) and "==" not in new)


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


_SORTS = re.compile(r"sort|compare|<=>|order|rank|priority|\bcmp\b", re.IGNORECASE)
_LISTED = re.compile(r"[\[({]([^\[\](){}]*,[^\[\](){}]*)[\])}]")
_LINE_OF_NAMES = re.compile(r"^\s*((?:[\"']?[\w.]+[\"']?,\s*)+[\"']?[\w.]+[\"']?),?;?\s*$")


def resorted(patch: Patch) -> Iterator[Effect]:
    """Yield that things are put in another order, and that the places of a list mean something else."""
    for old, new in patch.pairs():
        if _SORTS.search(old) and _SORTS.search(new) and _bare(old) != _bare(new) and _is_sorted_otherwise(old, new):
            yield Effect.SORTS_OTHERWISE
        before, after = _names_of(old), _names_of(new)
        is_inserted = set(before) < set(after) and after[: len(before)] != before
        if len(before) > 1 and before != after and (sorted(before) == sorted(after) or is_inserted):
            yield Effect.SHIFTS_INDEX


def _is_sorted_otherwise(old: str, new: str) -> bool:
    """Whether the same words stand otherwise, or a sort has lost what it goes by."""
    words = sorted(re.findall(r"\w+", old)), sorted(re.findall(r"\w+", new))
    is_bare = re.search(r"sort\w*\(\s*\)", new) and not re.search(r"sort\w*\(\s*\)", old)
    return words[0] == words[1] or bool(is_bare)


def _names_of(line: str) -> list[str]:
    """Entries of a list of names, in order; arguments of calls are none."""
    found = _LINE_OF_NAMES.match(line)
    text = found[1] if found else next((m[1] for m in _LISTED.finditer(line) if line[m.start()] == "["), "")
    names = [part.strip() for part in text.split(",")]
    return names if len(names) > 2 and all(re.fullmatch(r"[\"']?[\w.]+[\"']?", n) for n in names) else []
