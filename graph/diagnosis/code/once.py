"""What is to be done once: before the first request, for each piece of work, for each key."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch

_AT_FIRST_USE = re.compile(
    r"once\.do\(|\bby lazy\b|\blazy\w*[(<:]|oncecell|oncelock|get_or_init|cached_property|call_once|get_or_create"
    r"|if (self|this)\.\w+ is none|if \(?!(this\.|self\.)?\w+\)|\?\?=|\|\|=",
    re.IGNORECASE,
)
_CALLED = re.compile(r"(?<![\w.])(?:await )?[\w.$]*?(\w+)\(")
_PREPARES = re.compile(r"load|warm|init|connect|fetch|preload|prime|build|populate|hydrat|compile", re.IGNORECASE)


def deferred(patch: Patch) -> Iterator[Effect]:
    """Yield that what was loaded before the first request is loaded by it: whoever comes first waits for it."""
    before = {n for line in patch.removed if not _AT_FIRST_USE.search(line) for n in _CALLED.findall(line)}
    later = "\n".join(patch.added)
    if not (found := _AT_FIRST_USE.search(later)):
        return
    within = {n for n in _CALLED.findall(later[found.start() :]) if _PREPARES.search(n)}
    still = {n for line in patch.added if not line[:1].isspace() for n in _CALLED.findall(line)}
    if before & within - still:
        yield Effect.DEFERS


_DONE = re.compile(
    r"\balready\b|\bduplicate|\bprocessed\b|\bskip(s|ped|ping)?\b|\bseen\b|has_?run|is_?done|not.{0,12}pending",
    re.IGNORECASE,
)
_LEAVES = re.compile(r"^\s*(return|continue|break|next)\b|\b(return|continue|next)\b[^;]{0,40};?\s*\}?$")


def repeated(patch: Patch) -> Iterator[Effect]:
    """Yield that work which was done already is no longer left out: the test that turned it away is gone."""
    for gone, come in patch.blocks():
        text = "\n".join(gone)
        tests = re.search(r"\b(if|unless|when|guard)\b", text)
        is_left = tests and _DONE.search(text) and any(map(_LEAVES.search, gone))
        if is_left and not _DONE.search(patch.gained) and not any(map(_LEAVES.search, come)):
            yield Effect.DROPS_DEDUP


_LOOKS = re.compile(
    r"\bif\b.*?\bnot in (?P<a>[\w.]+)\s*:|\bif\b.*?!(?P<b>[\w.]+)\.(?:has|contains\w*|include\?)\("
    r"|\bok\s*:?=\s*(?P<c>[\w.]+)\[|\bif\b.*?\b(?P<d>[\w.]+)\.(?:has|contains_?key|key\?)\("
)


def forgotten(patch: Patch) -> Iterator[Effect]:
    """Yield that what was kept once it was fetched is fetched each time."""
    after = patch.gained
    for line in patch.removed:
        name = next((n for n in found.groups() if n), "") if (found := _LOOKS.search(line)) else ""
        is_kept = bool(name) and re.search(
            rf"{re.escape(name)}(\[[^\]]+\])?\s*=[^=]|{re.escape(name)}\.(set|put|store|insert)\(", patch.lost
        )
        if is_kept and not re.search(rf"\b{re.escape(name.rsplit('.', 1)[-1])}\b", after):
            yield Effect.DROPS_CACHE
