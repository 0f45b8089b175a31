"""Reads a diff: its effects, its words, and whether it changes anything that runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from graph.diagnosis.code.bounds import unbounded
from graph.diagnosis.code.contracts import broken_contracts, bumped, redirected
from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.handles import kept_open
from graph.diagnosis.code.holding import held
from graph.diagnosis.code.keys import rekeyed
from graph.diagnosis.code.lists import narrowed
from graph.diagnosis.code.locking import locked
from graph.diagnosis.code.marks import marked, relabelled
from graph.diagnosis.code.meanings import FIRST, effects_of
from graph.diagnosis.code.migrations import migration
from graph.diagnosis.code.once import deferred, forgotten, repeated
from graph.diagnosis.code.patch import Patch, is_quiet, read_patch
from graph.diagnosis.code.precision import less_exact, reparsed, shortened
from graph.diagnosis.code.reacting import ON_FAILURE, insisted, only_reacts, swallowed
from graph.diagnosis.code.settings import Shift, shifts
from graph.diagnosis.code.shapes import crossed, shaped
from graph.diagnosis.code.turned import read_again, resorted, turned
from graph.diagnosis.code.units import converted
from graph.diagnosis.code.waiting import blocked, confirmed, probed, unawaited


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffReading:
    """What was read from one diff."""

    effects: frozenset[Effect]
    weights: Mapping[Effect, float]
    """How much each of `effects` is to be believed, and how large it is: 0 to 1"""
    words: frozenset[str]
    """Lower-case words that it adds or removes; those that it only moves are not in it."""
    kept: frozenset[str]
    """Lower-case words that stand on changed lines of both sides; those of `near` too."""
    near: frozenset[str]
    """Lower-case words of what it only moves, and of what surrounds it."""
    paths: frozenset[str]
    """Lower-case words of the paths that it touches."""
    tables: frozenset[str]
    """Lower-case names of the tables that a migration changes."""
    brings: frozenset[str]
    """Texts in quotes, in lower case, that it adds; not those that a line of log says"""
    shifts: tuple[Shift, ...]
    """Settings that it changes"""
    standing: frozenset[str]
    """Texts in quotes, in lower case, that stand beside what it changes: it neither makes nor changes them."""
    is_cosmetic: bool
    """Nothing that runs changed: comments, order, layout, documents, tests, instruments."""


_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_LITERAL = re.compile(r"\b(?:[Tt]rue|[Ff]alse)\b|-?\d+(?:\.\d+)?|\"[^\"]*\"|'[^']*'|\w+\.\w+(?:\.\w+)*")
_OBSERVES = re.compile(
    r"prometheus|metric|counter|histogram|gauge|\blog(ger)?\.|tracer|\bspan|otel|telemetry|statsd"
    r"|annotation|timer|observe\(|\.inc\(|scrape|mdc\.",
    re.IGNORECASE,
)
_SCAFFOLD = re.compile(
    r"^\s*(try\s*[:{]?|finally\s*[:{]?|\}?\s*finally\s*\{|end\(\);?|[)}\]]+;?,?|defer .*|import .*"
    r"|from .* import .*|use .*)$"
)
_UNSEEN = frozenset({Effect.CHANGES_LOGIC, Effect.CALLS_MORE, Effect.REMOVES})
"""Effects that say too little to tell a rewrite from a change."""


def read_diff(diff: str, files: Sequence[str]) -> DiffReading:
    """Read a diff.

    Args:
        diff: unified diff, with or without file headers; untrusted.
        files: paths that it touches.
    """
    patch = read_patch(diff, files)
    changed = bool(patch.removed or patch.added)
    weights = _effects(patch) if changed else {}
    effects = frozenset(weights)
    is_moved = changed and _is_moved(patch)
    is_cosmetic = not changed or (is_moved and not effects - _UNSEEN) or (bool(files) and all(map(is_quiet, files)))
    if not is_cosmetic and _only_observes(patch):
        effects &= {Effect.LOGS_MORE}
        is_cosmetic = not effects
    words = _changed_words(patch)
    return DiffReading(
        effects=frozenset() if is_cosmetic else effects,
        weights=weights,
        words=words,
        kept=((_bag(patch.removed) & _bag(patch.added)) | _bag(crossed(patch))) - words,
        near=_bag(line.text for line in patch.lines if line.is_code) - words,
        paths=words_of(" ".join(re.sub(r"[/.\-]", " ", f) for f in patch.files if not is_quiet(f))),
        tables=migration(patch).tables,
        brings=_texts(t for t in patch.added if not _WRITES_LOG.search(t))
        - _texts(line.text for line in patch.side("-")),
        shifts=shifts(patch),
        standing=_texts(line.text for line in patch.lines if line.sign == " " and line.is_code) - _texts(patch.added),
        is_cosmetic=is_cosmetic,
    )


def words_of(text: str) -> frozenset[str]:
    """The words of a text in lower case, identifiers whole and in parts.

    >>> sorted(words_of('relation "dashFavorites" missing'))
    ['dash', 'dashfavorites', 'favorites', 'missing', 'relation']
    """
    found = set()
    for word in _IDENTIFIER.findall(text):
        found.add(word.lower())
        found.update(part.lower() for part in _PARTS.findall(word) if len(part) > 3)
    return frozenset(found)


def _effects(patch: Patch) -> dict[Effect, float]:
    told = list(effects_of(shifts(patch)))
    # A value that is known says which way it goes; how often a word stands there does not.
    against = {_OPPOSITES[effect] for effect, weight in told if effect in _OPPOSITES and weight != FIRST}
    found = [*told, *(m for m in marked(patch) if m[0] not in against), (Effect.CHANGES_LOGIC, 1.0)]
    found += [(effect, 1.0) for read in _READERS for effect in read(patch)]
    weights: dict[Effect, float] = {}
    for effect, weight in found:
        weights[effect] = max(weight, weights.get(effect, 0.0))
    share = _REACTS if only_reacts(patch) else 1.0
    return {effect: weight * (1.0 if effect in _MADE_SO else share) for effect, weight in weights.items()}


_MADE_SO = frozenset({Effect.RETRIES_MORE, Effect.SWALLOWS})
"""What follows from how failures are answered"""
_REACTS = 0.35
"""Share that is left of what runs only after a failure"""
_PAIRS = (
    (Effect.RETRIES_MORE, Effect.RETRIES_FEWER),
    (Effect.WAITS_LONGER, Effect.WAITS_SHORTER),
    (Effect.CACHES_LONGER, Effect.CACHES_SHORTER),
    (Effect.POOLS_MORE, Effect.POOLS_FEWER),
    (Effect.RATE_HIGHER, Effect.RATE_LOWER),
)
_OPPOSITES = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}


_READERS: tuple[Callable[[Patch], Iterable[Effect]], ...] = (
    shaped,
    broken_contracts,
    locked,
    less_exact,
    reparsed,
    shortened,
    redirected,
    insisted,
    unbounded,
    rekeyed,
    converted,
    kept_open,
    turned,
    unawaited,
    narrowed,
    held,
    confirmed,
    probed,
    swallowed,
    resorted,
    relabelled,
    deferred,
    repeated,
    forgotten,
    read_again,
    blocked,
)


_WRITES_LOG = re.compile(r"\b(\w*log(ger)?|console|slog|syslog)(\.|_|::|!?\()\w*", re.IGNORECASE)


def _changed_words(patch: Patch) -> frozenset[str]:
    """What a line of log says is told by it, and not made by it; and what is caught was thrown elsewhere."""
    before, after = (
        _bag(t for t in lines if not (_WRITES_LOG.search(t) or ON_FAILURE.search(t)))
        for lines in (patch.removed, patch.added)
    )
    words = frozenset(word for word in before | after if (word in before) != (word in after))
    # The name of a library stays when its version changes, and is what changed all the same.
    return words | {word for name in bumped(patch) for word in words_of(name)}


_TEXT = re.compile(r"\"([^\"]{8,})\"|'([^']{8,})'")


def _texts(lines: Iterable[str]) -> frozenset[str]:
    """Texts of several words."""
    found = (a or b for line in lines for a, b in _TEXT.findall(line))
    return frozenset(text.lower() for text in found if " " in text.strip())


def _bag(lines: Iterable[str]) -> frozenset[str]:
    return frozenset(word for line in lines for word in words_of(line))


def _is_moved(patch: Patch) -> bool:
    """Whether both sides have the same literals and dotted names; where there are none, the same words."""
    before, after = _essence(patch.removed), _essence(patch.added)
    lost, gained = _bag(patch.removed), _bag(patch.added)
    if lost - gained and not gained - lost:
        # What is only left out was perhaps needed; a rewrite says it in other words.
        return False
    return before == after and (bool(before) or lost == gained)


def _essence(lines: Iterable[str]) -> Counter[str]:
    """Literals and names with a dot: what a rewrite that means the same keeps."""
    return Counter({literal for line in lines for literal in _LITERAL.findall(line)})


def _only_observes(patch: Patch) -> bool:
    """Whether all that comes measures, or was there before."""
    old = {re.sub(r"\W|\breturn\b|\bawait\b", "", line) for line in patch.removed}
    new = [line for line in patch.added if not _SCAFFOLD.match(line)]
    fresh = [line for line in new if re.sub(r"\W|\breturn\b|\bawait\b", "", line) not in old]
    kept = {re.sub(r"\W|\breturn\b|\bawait\b", "", line) for line in patch.added}
    is_lost = any(
        not _OBSERVES.search(line) and key not in kept
        for line in patch.removed
        if (key := re.sub(r"\W|\breturn\b|\bawait\b", "", line))
    )
    return bool(fresh) and all(_OBSERVES.search(line) for line in fresh) and not is_lost
