"""Handles that are taken and not given back: a way out before the release, or no release at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch

_TAKES = re.compile(
    r"=\s*(?:await\s+)?[\w.]*\.?(?:Do|Open|OpenFile|Query|QueryContext|Acquire|Connect|Borrow|Begin|BeginTx|Dial\w*|open"
    r"|connect|acquire|get_?conn|getConnection|prepareStatement|executeQuery|createReadStream|checkout|borrowObject)\("
)
_SURELY = re.compile(
    r"=\s*(?:await\s+)?[\w.]*(?:pool\w*\.(?:connect|acquire|getConnection|getconn|Acquire|get)|[Gg]etConnection|os\.Open"
    r"|new (?:FileInputStream|FileReader|Socket)|(?<![\w.])open)\("
)
_GIVES = re.compile(
    r"\.close\(|\.release\(|\.dispose|\.Close\(|\.Release\(|putconn|returnObject|\.rollback\(|\.end\(\)|\.destroy\("
    r"|\bfinally\b|\bwith\b|\busing\b|\btry\s*\(|defer\b|\.stop\(|cancel\(\)|\.use\s*\{",
    re.IGNORECASE,
)
_LEAVES = re.compile(r"^\s*(return|continue|break|throw|raise)\b|^\s*if .*\b(return|continue|break)\b")
_ON_ERROR = re.compile(r"err\s*!=\s*nil|\berr\b|except|catch|rescue")


def kept_open(patch: Patch) -> Iterator[Effect]:
    """Yield that a new way out skips a release, or that what is newly taken is never given back."""
    if _skips(patch) or _never(patch):
        yield Effect.LEAKS_HANDLES


def _skips(patch: Patch) -> bool:
    taken = False
    before = ""
    for line in patch.lines:
        if not line.is_code or line.sign == "-":
            continue
        if _TAKES.search(line.text) and not _GIVES.search(line.text):
            taken = True
        elif _GIVES.search(line.text):
            taken = False
        elif taken and line.sign == "+" and _LEAVES.search(line.text) and not _ON_ERROR.search(f"{before} {line.text}"):
            # What is left open matters only where something was to be closed further on.
            return _is_given_later(patch)
        before = line.text
    return False


def _is_given_later(patch: Patch) -> bool:
    return any(line.sign != "-" and line.is_code and _GIVES.search(line.text) for line in patch.lines)


def _never(patch: Patch) -> bool:
    """Newly taken by a call that surely has to be undone, and nothing around gives anything back."""
    takes = [line for line in patch.added if _SURELY.search(line)]
    before = [line for line in patch.removed if _SURELY.search(line) or _GIVES.search(line)]
    after = "\n".join(line.text for line in patch.side("+"))
    return bool(takes) and not before and not _GIVES.search(after)
