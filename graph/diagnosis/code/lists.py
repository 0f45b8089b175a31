"""Lists of what is allowed, asked for or sent: one entry less, and somebody who relied on it is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch

_LIST = re.compile(r"[\[({]([^\[\](){}]*)[\])}]")
_ENTRY = re.compile(r"[&*]?[\"'`]?[\w.:/*@-]+[\"'`]?$")
_ALONE = re.compile(r"^\s*(?:-\s+[\"']?[\w.:/*@-]+[\"']?|[\"'][\w.:/*@ -]+[\"'],?|[A-Z][\w.]*,)\s*$")
"""An entry on a line of its own: of YAML, quoted, or a constant"""


def narrowed(patch: Patch) -> Iterator[Effect]:
    """Yield that a list has lost entries and gained none."""
    if _lets_listed(patch) or any(_is_less(old, new) for old, new in patch.pairs()) or _loses_lines(patch):
        yield Effect.LISTS_FEWER


_EVERYTHING = re.compile(
    r"entries\(|\.items\(|\.keys\(|\bfor \w+, ?\w+ :?= ?range\b|\bfor \[?\w+, ?\w+\]? (of|in)\b|\*\*\w+"
    r"|\.\.\.\w+|\.each\b|\bnot in\b|!\w+\.(has|contains|includes)",
    re.IGNORECASE,
)
_NAMES_IN_ROW = re.compile(r"(?:[\"'][\w./-]+[\"'],\s*){3,}")


def _lets_listed(patch: Patch) -> bool:
    """Whether everything went through, but for what was named, and now only what is named does."""
    return (
        bool(_EVERYTHING.search(patch.lost))
        and len(_EVERYTHING.findall(patch.gained)) < len(_EVERYTHING.findall(patch.lost))
        and bool(_NAMES_IN_ROW.search(f"{patch.gained},"))
    )


def _is_less(old: str, new: str) -> bool:
    """Whether two lines differ only in entries of a list that are gone; arguments of a call are no list."""
    if _WORDS.sub("[]", old) == _WORDS.sub("[]", new) and _is_fewer_words(old, new):
        return True
    if _LIST.sub("[]", old) != _LIST.sub("[]", new):
        return False
    before, after = (_LIST.findall(line) for line in (old, new))
    differing = [(a, b) for a, b in zip(before, after, strict=False) if a != b]
    if len(differing) != 1:
        return False
    left, right = (_entries(text) for text in differing[0])
    return bool(right) and right < left and all(_ENTRY.match(entry) for entry in left) and _is_of_values(left)


_WORDS = re.compile(r"[\"'](?:[^\"'\n]*\s)[^\"'\n]*[\"']|\"[^\"\n]*\"")


def _is_fewer_words(old: str, new: str) -> bool:
    """Whether a text that lists names, of hosts or of rights, has lost some."""
    before, after = (set(re.findall(r"[\w.:/*'-]+", " ".join(_WORDS.findall(line)))) for line in (old, new))
    return bool(after) and after < before and all(re.search(r"[.:/*]", word) for word in before - after)


def _entries(text: str) -> set[str]:
    return {part.strip() for part in text.split(",") if part.strip()}


def _is_of_values(entries: set[str]) -> bool:
    """Whether entries are texts or constants, and not variables that are handed over."""
    return all(entry[:1] in "\"'`" or entry[-1:] in "\"'`" or entry[:1].isupper() for entry in entries)


def _loses_lines(patch: Patch) -> bool:
    lost = {line.strip().rstrip(",") for line in patch.removed if _ALONE.match(line)}
    gained = {line.strip().rstrip(",") for line in patch.added if _ALONE.match(line)}
    is_data = all(re.search(r"\.(json|ya?ml|toml)$", line.file) for line in patch.lines if line.sign != " ")
    whole = [line for line in patch.removed if re.match(r"^\s*(?:-\s+)?\{.*\},?\s*$", line)]
    return (bool(lost - gained) and not gained - lost) or (is_data and bool(whole) and len(patch.added) < len(whole))
