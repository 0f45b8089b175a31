"""What follows when a diff leaves more or fewer signs than there were.

Counting both sides makes a rewrite that keeps a sign harmless.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch
from graph.diagnosis.code.signs import MARKS, Mark

_E = Effect
_HANDLES_ERROR = re.compile(
    r"^.*(errors\.(is|as)\(|\bexcept\b|\bcatch\b|\brescue\b|status\w*\s*[=!]==?\s*\S*\d{3}|[=!]= ?\d{3}\b"
    r"|http\.status\w+).*$",
    re.IGNORECASE | re.MULTILINE,
)
"""To be told that one may not is no change of who may"""
_REWRITTEN, _PARTLY, _MERGED = 0.7, 0.85, 0.3
_BY_SCOPE = frozenset({_E.LEAKS_HANDLES, _E.DROPS_LOCK})
_SCOPED = re.compile(
    r"with_?lock|synchroni[sz]ed?\b|\.use\s*[{(]|\btry\s*\(|\busing\b|\bdefer\b|\bfinally\b|\bensure\b|\bwith \w.*:$"
    r"|runexclusive|\block_guard|scoped_lock|bracket\(",
    re.IGNORECASE | re.MULTILINE,
)
"""What gives back by itself what it took, in the words of many languages"""
_ENDS = re.compile(r"\.done\(\)|errgroup|waitgroup|\bwg\.|\.join\(|taskgroup|is_?cancell|stop_?event", re.IGNORECASE)
"""What a task waits for, or is waited for by."""
_BY_VALUE = frozenset({_E.CHANGES_NETWORK, _E.CHANGES_TLS, _E.CHANGES_NAMES})
"""Where what the signed line is set to matters as much as the sign."""
_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'|\b[\w.]*\d[\w./:-]*|\b(?:true|false)\b", re.IGNORECASE)


def _values(mark: Mark, removed: Sequence[str], added: Sequence[str]) -> bool:
    """Whether the lines with a sign have other values than before."""
    before, after = (
        {value for line in lines if mark.sign.search(line) for value in _VALUE.findall(line)}
        for lines in (removed, added)
    )
    return bool(before) and before != after


def marked(patch: Patch) -> Iterator[tuple[Effect, float]]:
    """Yield what the signs of a patch mean, those that it has more or fewer of on the new side, and how much that is to
    be believed, 0 to 1: a sign that stands on both sides may only be written otherwise."""
    is_scoped = _SCOPED.search(patch.gained) is not None
    for mark in MARKS:
        texts = (patch.undone, patch.done)
        if mark.more is _E.CHANGES_ACCESS:
            texts = (_HANDLES_ERROR.sub("", texts[0]), _HANDLES_ERROR.sub("", texts[1]))
        lost, gained = (Counter(m[0].lower() for m in mark.sign.finditer(text)) for text in texts)
        if mark.more is mark.fewer and mark.more is not None:
            # What matters is which signs there are, e.g. of which type a number is, and not how many.
            if lost.keys() != gained.keys() or (mark.more in _BY_VALUE and _values(mark, patch.removed, patch.added)):
                yield mark.more, 1.0
            continue
        effect = mark.more if gained.total() > lost.total() else mark.fewer if lost.total() > gained.total() else None
        if effect is None or (effect is _E.SPAWNS_TASKS and _ENDS.search(patch.gained)):
            continue
        if effect in _BY_SCOPE and effect is mark.fewer and is_scoped:
            continue
        if effect is _E.WAITS_LONGER and effect is mark.fewer and gained and lost.keys() <= gained.keys():
            # The same bound, written once in place of several times.
            yield effect, _MERGED
            continue
        yield effect, 1.0 if not (lost and gained) else _REWRITTEN if effect is mark.more else _PARTLY


_LABELLED = re.compile(r"(?:label\w*|tags?|attributes?|dimensions?)\(([^()\n]*)", re.IGNORECASE)


def relabelled(patch: Patch) -> Iterator[Effect]:
    """Yield that what is measured is told apart by one thing more, which multiplies how many series there are."""
    for old, new in patch.pairs():
        before, after = _LABELLED.search(old), _LABELLED.search(new)
        if before and after and before[1].strip() and after[1].startswith(f"{before[1]},"):
            yield Effect.LOGS_MORE
