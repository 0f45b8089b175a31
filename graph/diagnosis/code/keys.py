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


def _parts(line: str) -> set[str]:
    """Names whose values a key is made of."""
    return {word for found in _PARTS.findall(line) for part in found if part for word in _NAME.findall(part)[-1:]}


def _same_but_parts(longer: str, shorter: str) -> bool:
    """Whether the shorter line says nothing that the longer one does not."""
    return set(_NAME.findall(shorter)) <= set(_NAME.findall(longer))
