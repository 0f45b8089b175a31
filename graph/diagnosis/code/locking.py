"""Several locks: deadlocks come when two workers take the same ones in another order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch

_TAKES = re.compile(
    r"for_?update|\block_?(by|for|row|account|and)\w*|\.r?lock\(|\.acquire\(|pessimistic|advisory_lock|with_lock"
    r"|\block\w*\(|redlock|::lock\w*",
    re.IGNORECASE,
)
_WRITES = re.compile(r"\bupdate\b|\.save\(|\.upsert|\.put\(|\.write\w*\(|\.merge\(|\bdelete\b", re.IGNORECASE)
_TRANSACTION = re.compile(r"transaction|\batomic\b|\bbegin\b|begintx|unit_?of_?work|\btx\b", re.IGNORECASE)
_ORDERS = re.compile(
    r"\bsorted\(|\bordered?\w*\(|in_?order\w*\(|\bswap\(|\.sort\w*\(|\.sorted\(|\bsort\.\w+\(|\bmin\(|\bmax\("
    r"|order[ _]?by\b|compareto|\.order\(|tree(map|set)"
    r"|btree(map|set)",
    re.IGNORECASE,
)


def locked(patch: Patch) -> Iterator[Effect]:
    """Yield that what put the takers of locks, or writers of one transaction, in one order is gone or turned round."""
    after = [line.text for line in patch.side("+")]
    is_guarded = _any(_TAKES, after) or (_any(_WRITES, after) and _any(_TRANSACTION, after))
    if is_guarded and _count(_ORDERS, patch.removed) > _count(_ORDERS, patch.added):
        yield Effect.LOCKS_UNORDERED
        return
    if is_guarded and any(_by_another(gone, come) for gone, come in patch.blocks()):
        yield Effect.LOCKS_UNORDERED
        return
    old, new = ([line.strip() for line in lines if _TAKES.search(line)] for lines in (patch.removed, patch.added))
    if len(old) > 1 and old != new and sorted(old) == sorted(new):
        yield Effect.LOCKS_UNORDERED


def _by_another(gone: list[str], come: list[str]) -> bool:
    """Whether a sort goes by another attribute than before, which need not tell all things apart."""
    if not (_any(_ORDERS, gone) and _any(_ORDERS, come)):
        return False
    old, new = ({name.lower() for line in lines for name in _ATTRIBUTE.findall(line)} for lines in (gone, come))
    return bool(old - new) and bool(new - old)


_ATTRIBUTE = re.compile(r"[.:](\w+)\b(?!\s*\()")


def _any(pattern: re.Pattern[str], lines: Iterable[str]) -> bool:
    return any(pattern.search(line) for line in lines)


def _count(pattern: re.Pattern[str], lines: Iterable[str]) -> int:
    return sum(len(pattern.findall(line)) for line in lines)
