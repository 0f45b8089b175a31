"""What a diff does only after something failed: it answers the failure, and brings it about only by doing more."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Line, Patch

ON_FAILURE = re.compile(
    r"errors\.(is|as)\(|\berr\s*!=\s*nil|\bexcept\b|\bcatch\b|\brescue\b|\bonerror\b|\.onfailure"
    r"|instanceof \w*(error|exception)"
    r"|status\w*\W{0,4}(===?|>=|\.eq|\bin\b)\W*\w*[45]\d\d|\b(too_?many_?requests|unauthori[sz]ed|unavailable)\b"
    r"|\bis_?(error|err|timeout)\w*\(",
    re.IGNORECASE,
)
"""A line that asks whether something failed"""
_GOVERNS = re.compile(r"^\s*@\w|^\s*#\[\w")
"""What holds for all of the function that follows, whether it fails or not"""
_CLOSES = re.compile(r"^[\s)}\]]*(end)?[;,]?$")
_ENOUGH = 0.6


def only_reacts(patch: Patch) -> bool:
    """Whether nearly all that a patch adds runs after a failure only, and nothing goes that ran before."""
    changed = [line for line in patch.lines if line.sign != " " and line.is_code]
    lost = {_bare(line.text) for line in changed if line.sign == "-"}
    here = {(line.file, _bare(line.text)) for line in changed if line.sign == "-"}
    if any(
        line.sign == "+" and _GOVERNS.match(line.text) and (line.file, _bare(line.text)) not in here for line in changed
    ):
        return False
    come = [line for line in changed if line.sign == "+" and not _CLOSES.match(line.text)]
    kept = {_bare(line.text) for line in come}
    # A line that now stands within a `try` is the same line.
    fresh = [line for line in come if _bare(line.text) not in lost and _bare(line.text) not in ("try", "begin", "do")]
    inside = _inside(fresh)
    return bool(inside) and lost <= kept and len(inside) >= _ENOUGH * len(fresh)


_CATCHES = re.compile(r"\bexcept\b|\bcatch\b|\brescue\b|\.catch\(", re.IGNORECASE)
_PASSES_ON = re.compile(
    r"\braise\b|\bthrow\b|\breject\(|next\(|\bpanic\b|\b(head|render|respond\w*|abort|status)\b|\b4\d\d\b"
    r"|return .*\b(err|error|fail|false|none|null|nil|50\d)",
    re.IGNORECASE,
)


def swallowed(patch: Patch) -> Iterator[Effect]:
    """Yield that failures are caught which were not, and go no further."""
    more = sum(map(bool, map(_CATCHES.search, patch.added))) > sum(map(bool, map(_CATCHES.search, patch.removed)))
    after = [line for line in patch.added if not _CATCHES.search(line)]
    if more and not any(map(_PASSES_ON.search, after)):
        yield Effect.SWALLOWS


_ANY = re.compile(
    r"\b(Exception|Throwable|BaseException|StandardError|RuntimeException|Error|any|all)\b|[\"'\[(]\*[\"'\])]"
)


def insisted(patch: Patch) -> Iterator[Effect]:
    """Yield that more sorts of failures are answered by trying again."""
    for old, new in patch.pairs():
        is_retry = re.search(r"retr(y|ies)", old, re.IGNORECASE) and re.search(r"retr(y|ies)", new, re.IGNORECASE)
        if is_retry and _ANY.search(new) and not _ANY.search(old):
            yield Effect.RETRIES_MORE
    around = "\n".join((*patch.files, *(line.text for line in patch.lines)))
    asks = re.search(r"retr(y|ies|iable|yable)", around, re.IGNORECASE)
    if asks and _LISTED.search(patch.lost) and _ALL_BUT.search(patch.gained) and not _ALL_BUT.search(patch.lost):
        yield Effect.RETRIES_MORE


_LISTED = re.compile(r"\bcase \w[\w.]*(, *\w[\w.]*)*:?|\bin [\[({]|\.(includes|contains|has)\(|==.*(\|\||\bor\b).*==")
_ALL_BUT = re.compile(r"\breturn (!|not )|\bnot in [\[({\w]|^\s*(=> ?)?!\w+\(", re.MULTILINE)
"""All but some are asked again, and what nobody thought of is among them."""


def _inside(lines: list[Line]) -> list[Line]:
    """The lines that ask whether something failed, and those of their blocks."""
    found: list[Line] = []
    depth: int | None = None
    for line in lines:
        if ON_FAILURE.search(line.text):
            depth = line.indent
            found.append(line)
        elif depth is not None and line.indent > depth:
            found.append(line)
        else:
            depth = None
    return found


def _bare(text: str) -> str:
    return re.sub(r"\W", "", text)
