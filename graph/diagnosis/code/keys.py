"""Keys of caches: one with fewer parts gives somebody the answer of another; one with more finds less."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch

_OF_A_CACHE = re.compile(
    r"(?<![a-z])(cache|memo|redis)|(cache|memo)_?key|\bkey\b\s*[:=(]|_key\b|Key\b|keyFor|\bkey\(", re.IGNORECASE
)
_PARTS = re.compile(r"\$?\{\s*([\w.$]+)|[+,.]\s*([A-Za-z_][\w.]*)|#\{([\w.]+)\}|#([a-z]\w+)|\(\s*([A-Za-z_][\w.]*)")
_NAME = re.compile(r"[A-Za-z_]\w+")
_COMPOSES = re.compile(r"[\"'`f]|\+|sprintf|format|join|#\w")


def rekeyed(patch: Patch) -> Iterator[Effect]:
    """Yield what follows from a key of a cache that is made of less, or of more."""
    if _varies(patch):
        yield Effect.DROPS_CACHE
    if any(_is_prefixed_otherwise(old, new, patch) for old, new in patch.pairs()):
        yield Effect.DROPS_CACHE
    if any(_SPREADS.search(old) and _SPREADS.search(new) and _names(old) != _names(new) for old, new in patch.pairs()):
        yield Effect.SKEWS
    for old, new in patch.pairs():
        if not (
            _OF_A_CACHE.search(old) and _OF_A_CACHE.search(new) and _COMPOSES.search(old) and _COMPOSES.search(new)
        ):
            continue
        before, after = _parts(old), _parts(new)
        if after < before and _same_but_parts(old, new):
            yield Effect.KEYS_COARSER
        elif before < after and _same_but_parts(new, old):
            yield Effect.DROPS_CACHE


_PREFIX = re.compile(r"prefix|namespace|version|\bkey", re.IGNORECASE)


def _is_prefixed_otherwise(old: str, new: str, patch: Patch) -> bool:
    """Whether all keys of a cache begin with something else: nothing that it holds is found again."""
    texts = [re.sub(r"[\"'][^\"']*[\"']|\d+", '""', line) for line in (old, new)]
    about = " ".join((old, *patch.files))
    return old != new and texts[0] == texts[1] and bool(_PREFIX.search(old)) and "cache" in about.lower()


_SPREADS = re.compile(r"(partition|routing|shard|hash|message_?group)_?(key|id|by)|\bkey:", re.IGNORECASE)
"""What decides which part of many gets it"""


def _names(line: str) -> list[str]:
    return _NAME.findall(line)


_POLICY = re.compile(
    r"cache_?(policy|key|behaviou?r|by)|proxy_cache_key|(headers|cookies|query_strings?)_config|vcl_hash|\bvary\b",
    re.IGNORECASE,
)
_MORE_PARTS = re.compile(
    r"whitelist|allow_?list|include|\ball\b|\$\w+|items|headers|cookies|query|user-agent|vary|accept", re.IGNORECASE
)


def _varies(patch: Patch) -> bool:
    """Whether a cache in front is told to keep apart what it kept as one: by a header, a cookie, a parameter more."""
    around = "\n".join((*patch.files, *(line.text for line in patch.lines)))
    lost, gained = (set(re.findall(r"[\w$-]{4,}", text.lower())) for text in (patch.lost, patch.gained))
    return bool(_POLICY.search(around)) and any(_MORE_PARTS.fullmatch(word) for word in gained - lost)


def _parts(line: str) -> set[str]:
    """Names whose values a key is made of."""
    return {word for found in _PARTS.findall(line) for part in found if part for word in _NAME.findall(part)[-1:]}


def _same_but_parts(longer: str, shorter: str) -> bool:
    """Whether the shorter line says nothing that the longer one does not."""
    return set(_NAME.findall(shorter)) <= set(_NAME.findall(longer))
