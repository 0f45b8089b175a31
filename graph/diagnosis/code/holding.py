"""What is done while a lock or a transaction is held: others wait as long as it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Line, Patch

_HOLDS = re.compile(
    r"transaction|\batomic\b|\bbegin_?(tx|nested)?\(|\.begin\(|session\.begin|unit_?of_?work|synchronized"
    r"|with \w*lock\w*\b"
    r"|\block\s*\(\w*\)\s*\{?$|\.r?lock\(\)|select_for_update|for update|with_?lock|in_?tx\b",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\.commit\(|\.rollback\(|unlock\(|\.release\(", re.IGNORECASE)
_FAR = re.compile(
    r"\b\w*(client|gateway|http|rpc|stub|mail(er)?|smtp|sns|s3|kafka|producer|publisher|provider|partner|webhook|psp"
    r"|carrier|notifier)\w*(\.|->|::)\w+!?\(|\bfetch\(|\brequests\.\w+\(|\baxios\b|\bhttpx\b|\.(publish|charge"
    r"|authorize"
    r"|capture|notify|upload|post|invoke)\w*\(|\bsleep\(",
    re.IGNORECASE,
)
"""Calls to somewhere else than the store whose lock is held"""


def held(patch: Patch) -> Iterator[Effect]:
    """Yield that calls to elsewhere are made while a lock or a transaction is held, which were not."""
    after, before = patch.side("+"), patch.side("-")
    if _calls_within(after, _FAR) > _calls_within(before, _FAR):
        yield Effect.LOCKS
    takers = _takers(after)
    if takers:
        calls = re.compile(rf"(?<!fun )(?<!func )(?<!def )\b({'|'.join(map(re.escape, sorted(takers)))})\(")
        if _calls_within(after, calls) > _calls_within(before, calls):
            yield Effect.LOCKS_UNORDERED


_DEFINES = re.compile(
    r"\b(?:fun|func|def|function|fn|void|async|public|private)\s+(?:\([^)]*\)\s*)?(?:[\w<>]+\s+)?(\w+)\s*\("
)


def _takers(lines: Sequence[Line]) -> set[str]:
    """Names of functions that take a lock."""
    found: set[str] = set()
    name, depth = "", 0
    for line in lines:
        if defined := _DEFINES.search(line.text):
            name, depth = defined[1], line.indent
        elif name and line.indent <= depth and line.text.strip() not in ("}", ")"):
            name = ""
        if name and _HOLDS.search(line.text):
            found.add(name)
    return found


def _calls_within(lines: Sequence[Line], calls: re.Pattern[str]) -> int:
    """How many lines call something after one that takes a lock: within its block, or up to where it is given back."""
    count = 0
    depth: int | None = None
    for line in lines:
        if depth is not None and (_ENDS.search(line.text) or line.indent < depth):
            depth = None
        if depth is not None and calls.search(line.text):
            count += 1
        if depth is None and _HOLDS.search(line.text):
            # A block is indented further; what is taken by a statement is held on the lines that follow it.
            depth = line.indent + 1 if line.text.rstrip().endswith((":", "{", "do", "=>", "(")) else line.indent
    return count
