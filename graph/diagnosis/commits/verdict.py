"""Says which commit did it, or that none did, from points that each name what they rest on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from graph.change import Change
from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import is_quiet
from graph.diagnosis.code.reading import DiffReading, read_diff, words_of
from graph.diagnosis.commits.fit import fits
from graph.diagnosis.commits.naming import heard, named, rarity, shared, unread
from graph.diagnosis.commits.outside import Apart, outside
from graph.diagnosis.commits.place import Place, place_of
from graph.diagnosis.commits.scene import Scene
from graph.diagnosis.commits.timing import timely
from graph.diagnosis.commits.trouble import VAGUE, Trouble
from graph.diagnosis.hypothesis import Reason

LIKELY = 0.9
"""Points from which a commit is named."""
_BEST_OF_FEW, _CLEARLY = 0.3, 1.3
"""Points from which one is named that has this many times the points of the next, when nothing speaks for a cause
outside: the best guess, with little confidence."""
_LEAST = 0.45
"""Worth that one reason must have, but for the time: many faint ones are found for any commit."""
_ALIKE = 1.04
"""Times the points of the next from which on a commit is told apart from it."""
_TELLING = 0.75
"""Worth of an effect from which on a diff could matter to what it names."""
_CONTRACT = 0.7
"""Closeness of a commit that changes what others rely on, and names what they complain of: wherever it is made."""
_FAINT = 0.4
"""Share of its worth that a name keeps which hardly any complaint names."""
_CONTRACTS = frozenset({Effect.RENAMES, Effect.CHANGES_TABLES, Effect.CHANGES_NETWORK})
_CONFIGURATION = re.compile(
    r"(go\.mod|go\.sum|\.ya?ml|\.json|\.toml|\.env|\.ini|\.properties|\.conf|\.tf|\.tfvars|requirements[\w-]*\.txt)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A commit and what speaks for its guilt."""

    commit: Change
    points: float
    reasons: tuple[Reason, ...]
    """Strongest first; their sum is `points`"""
    telling: float
    """Worth of its strongest reason but for the time at which it came"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitVerdict:
    """Which commit, or none."""

    guilty: Change | None
    """None when no commit is."""
    suspects: tuple[Suspect, ...]
    """Most guilty first; only those with points."""
    apart: Apart | None
    """A cause that no commit has, with what speaks for it"""
    troubles: frozenset[Trouble]
    effects: frozenset[Effect]
    """Of the guilty commit."""
    flag: Change | None = None
    """The flag that turned the guilty commit on"""

    @property
    def outside(self) -> float:
        """Points for a cause that no commit has."""
        return self.apart.points if self.apart else 0.0


def is_configuration(commit: Change) -> bool:
    """Whether a commit touches settings and declared versions only, and what nothing runs."""
    files = [name for name in commit.files if not is_quiet(name)]
    return bool(files) and all(_CONFIGURATION.search(name) for name in files)


def rank_commits(scene: Scene) -> CommitVerdict:
    """Say which commit the trouble comes from."""
    readings = {c.version: read_diff(c.diff, c.files) for c in scene.commits}
    told, rare = named(scene), rarity(readings.values())
    loud = heard(scene, told)
    rare = {word: worth * (_FAINT + (1 - _FAINT) * loud.get(word, 1.0)) for word, worth in rare.items()}
    suspects = []
    for commit in scene.commits:
        reasons, telling = _reasons(commit, readings[commit.version], scene, told, rare)
        points = sum(r.worth for r in reasons)
        if points > 0:
            suspects.append(Suspect(commit=commit, points=round(points, 3), reasons=reasons, telling=telling))
    suspects.sort(key=lambda s: (-s.points, s.commit.version))
    apart = outside(scene)
    best = suspects[0] if suspects else None
    guilty = best.commit if best is not None and _is_guilty(suspects, apart) else None
    return CommitVerdict(
        guilty=guilty,
        suspects=tuple(suspects),
        apart=apart,
        troubles=frozenset(scene.troubles),
        effects=readings[guilty.version].effects if guilty else frozenset(),
        flag=_flag(guilty, readings[guilty.version], scene) if guilty else None,
    )


def _is_guilty(suspects: Sequence[Suspect], apart: Apart | None) -> bool:
    best, second = suspects[0].points, suspects[1].points if len(suspects) > 1 else 0.0
    if suspects[0].telling < _LEAST or best < _ALIKE * second:
        return False
    if apart is not None:
        return best >= LIKELY and best > apart.points
    return best >= LIKELY or (best >= _BEST_OF_FEW and best >= _CLEARLY * second)


def _reasons(
    commit: Change, reading: DiffReading, scene: Scene, told: dict[str, frozenset[str]], rare: dict[str, float]
) -> tuple[tuple[Reason, ...], float]:
    """Everything that speaks for or against one commit, and what the strongest is worth but for the time; nothing for
    one that never ran or does nothing."""
    place = _placed(commit, reading, scene)
    if place.since is None or (commit.diff and reading.is_cosmetic):
        return (), 0.0
    if not commit.diff:
        blind = _at(place.closeness, unread(commit, told))
        return blind, max((r.worth for r in blind), default=0.0)
    fit = list(fits(reading, scene, place))
    is_contract = bool(reading.effects & _CONTRACTS)
    # Where nobody says in which way it fails, what is named is all there is.
    is_telling = is_contract or any(r.worth >= _TELLING for r in fit) or not scene.troubles.keys() - VAGUE
    names = list(shared(reading, told, rare, is_telling=is_telling))
    closeness = max(place.closeness, _CONTRACT) if names and is_contract else place.closeness
    if closeness > place.closeness:
        fit = list(fits(reading, scene, replace(place, closeness=closeness)))
    reasons = (*_at(1.0, fit), *_at(closeness, names))
    # When it came speaks only for or against a commit that something else speaks for, and for it no more than that.
    most = sum(r.worth for r in reasons)
    late = _at(place.closeness, timely(place, scene)) if reasons else ()
    late = tuple(replace(r, worth=round(min(r.worth, most), 3)) for r in late)
    telling = max((r.worth for r in reasons), default=0.0)
    return tuple(sorted((*reasons, *late), key=lambda r: (r.worth, r.text), reverse=True)), telling


def _at(closeness: float, reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(replace(r, worth=round(closeness * r.worth, 3)) for r in reasons)


def _placed(commit: Change, reading: DiffReading, scene: Scene) -> Place:
    """Where it takes effect; code behind a flag does when the flag is turned."""
    place = place_of(commit, scene)
    flag = _flag(commit, reading, scene)
    if flag is None or place.since is None:
        return place
    return replace(place, since=max(place.since, flag.latest.timestamp()))


def _flag(commit: Change, reading: DiffReading, scene: Scene) -> Change | None:
    """The last flag, turned by the onset, that a commit names whole."""
    turned = [f for f in scene.flags if f.latest.timestamp() <= scene.onset and f.latest >= commit.latest]
    return next((f for f in reversed(turned) if _names_flag(reading, f)), None)


def _names_flag(reading: DiffReading, flag: Change) -> bool:
    name = flag.summary.split(" ")[0].split(":")[0]
    parts = words_of(re.sub(r"[.\-]", "_", name))
    whole = max(parts, key=len, default="")
    return bool(whole) and "_" in whole and whole in reading.words
