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
from graph.diagnosis.commits.ties import ties
from graph.diagnosis.commits.timing import SKEW_S, timely
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
_EXPLAINS, _TEXTBOOK, _TIED = 1.0, 1.8, 0.6
"""Worth of an explanation from which on it is a sign, and is enough by itself; of what ties a commit to the complaints
from which on that is another sign"""
_AHEAD, _AHEAD_BY = 1.2, 0.4
"""Times the points of the next, and points more than the next, by which the first one is clear"""
_OUTWEIGHS = 1.3
"""Times the points for a cause outside from which on a commit is clear in spite of it"""
_STANDS, _FAR_AHEAD = 1.2, 1.8
"""Points, and times the points of the next, from which on the first one stands out"""
_SHOWN_OUTSIDE = 2.0
"""Points for a cause outside from which on all commits may be acquitted"""
_WELL, _CLOSELY = 1.4, 0.9
"""Worth of an explanation, and of what ties, that is enough together with the time"""
_RECENT_S = 600.0
"""Seconds before the trouble began within which a commit came at the right moment"""
_FAINTLY = 0.25
"""Worth of an explanation or a tie below which hardly anything speaks for a commit"""
_NAMED, _SAME = 0.6, 0.4
"""Worth of changed names from which on the complaints name what a commit does; share of its explanation that one loses
which does to something else what another does to what is named"""
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
    fit: float = 0.0
    """Worth of the best explanation of the trouble by what it does; 3 at most"""
    tied: float = 0.0
    """Worth of the names, texts, amounts and places that it shares with the complaints"""
    named: float = 0.0
    """Worth of the names among them that it changes"""
    effect: Effect | None = None
    """The one that explains most"""
    since: float = 0.0
    """Seconds since 1970-01-01 UTC; when it reached production"""
    is_alone: bool = False
    """The first metric left its range soon after it came, and after no other that anything speaks for"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitVerdict:
    """Which commit, or none."""

    guilty: Change | None
    """The one that explains most; None when no commit is."""
    is_clear: bool
    """What `guilty` says, also when it says none, is shown by more than one sign; else it is the best guess"""
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
    possible = [s for c in scene.commits if (s := _suspect(c, readings[c.version], scene, told, rare)) is not None]
    suspects = [_apart(s, possible) for s in (_timed(s, possible, scene) for s in possible) if s.reasons]
    suspects.sort(key=lambda s: (-s.points, s.commit.version))
    apart = outside(scene)
    best = suspects[0] if suspects else None
    guilty = best.commit if best is not None and _is_guilty(suspects, apart) else None
    return CommitVerdict(
        guilty=guilty,
        is_clear=_is_clear(suspects, apart) if guilty else (_is_outside(suspects, apart) if apart else not possible),
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


def _is_clear(suspects: Sequence[Suspect], apart: Apart | None) -> bool:
    """Whether it is shown that the first suspect did it, and not something outside that has much for it, too."""
    if apart is not None:
        return _is_shown(suspects) and suspects[0].points >= _OUTWEIGHS * apart.points
    return _is_shown(suspects) or _stands_out(suspects)


def _stands_out(suspects: Sequence[Suspect]) -> bool:
    """Whether hardly anything speaks for any other, where nothing speaks for a cause outside: then less is enough."""
    best, second = suspects[0], suspects[1].points if len(suspects) > 1 else 0.0
    return best.points >= max(_STANDS, _FAR_AHEAD * second) and best.tied >= _FAINTLY


def _is_shown(suspects: Sequence[Suspect]) -> bool:
    """Whether the first suspect is accused by two independent signs, and clearly before all others."""
    best, second = suspects[0], suspects[1].points if len(suspects) > 1 else 0.0
    is_explained = best.fit >= _TEXTBOOK or (best.fit >= _EXPLAINS and best.tied >= _TIED)
    # That it came at the right moment is a sign, and less of one than the others: innocent ones come then, too.
    is_timed = best.is_alone and (best.fit >= _WELL or (best.fit >= _FAINTLY and best.tied >= _CLOSELY))
    return (is_explained or is_timed) and best.points >= max(_AHEAD * second, second + _AHEAD_BY)


def _timed(suspect: Suspect, possible: Sequence[Suspect], scene: Scene) -> Suspect:
    """Say whether the trouble began soon after this one came, and after no other."""
    if not scene.departures:
        return suspect
    first = scene.departures[0].since
    recent = [s for s in possible if -SKEW_S <= first - s.since <= _RECENT_S]
    is_alone = all(s is suspect or max(s.fit, s.tied) < _FAINTLY for s in recent)
    return replace(suspect, is_alone=suspect in recent and is_alone)


def _apart(suspect: Suspect, possible: Sequence[Suspect]) -> Suspect:
    """Hold against a commit that another one does the same, and to what the complaints name."""
    others = [
        s for s in possible if s.effect is suspect.effect and s.fit >= suspect.fit and s.commit is not suspect.commit
    ]
    if (
        suspect.effect is None
        or suspect.fit < _EXPLAINS
        or suspect.named >= _NAMED
        or all(s.named < _NAMED for s in others)
    ):
        return suspect
    reason = Reason(
        worth=round(-_SAME * suspect.fit, 3), text="Another commit does the same to what the complaints name."
    )
    return replace(suspect, reasons=(*suspect.reasons, reason), points=round(suspect.points + reason.worth, 3))


def _is_outside(suspects: Sequence[Suspect], apart: Apart) -> bool:
    """Whether a cause outside is shown, and by more than any commit."""
    return apart.points >= max([_SHOWN_OUTSIDE, *(s.points for s in suspects[:1])])


def _suspect(
    commit: Change, reading: DiffReading, scene: Scene, told: dict[str, frozenset[str]], rare: dict[str, float]
) -> Suspect | None:
    """Weigh everything that speaks for or against one commit; None for one that never ran or does nothing."""
    place = _placed(commit, reading, scene)
    if place.since is None or (commit.diff and reading.is_cosmetic):
        return None
    if not commit.diff:
        blind = _at(place.closeness, unread(commit, told))
        return Suspect(
            commit=commit, points=_sum(blind), reasons=blind, telling=max((r.worth for r in blind), default=0.0)
        )
    fit = list(fits(reading, scene, place))
    is_contract = bool(reading.effects & _CONTRACTS)
    # Where nobody says in which way it fails, what is named is all there is.
    is_telling = is_contract or any(f.reason.worth >= _TELLING for f in fit) or not scene.troubles.keys() - VAGUE
    names = shared(reading, told, rare, is_telling=is_telling)
    closeness = max(place.closeness, _CONTRACT) if any(names) and is_contract else place.closeness
    if closeness > place.closeness:
        fit = list(fits(reading, scene, replace(place, closeness=closeness)))
    explains = _at(1.0, (f.reason for f in fit))
    tied = _at(closeness, (*names.changed, *names.beside, *ties(commit, reading, scene)))
    reasons = (*explains, *tied)
    # When it came speaks only for or against a commit that something else speaks for, and for it no more than that.
    late = _at(place.closeness, timely(place, scene)) if reasons else ()
    late = tuple(replace(r, worth=round(min(r.worth, _sum(reasons)), 3)) for r in late)
    return Suspect(
        commit=commit,
        since=place.since,
        named=_sum(_at(closeness, names.changed)),
        effect=next((f.effect for f in fit), None),
        points=_sum((*reasons, *late)),
        reasons=tuple(sorted((*reasons, *late), key=lambda r: (r.worth, r.text), reverse=True)),
        telling=max((r.worth for r in reasons), default=0.0),
        fit=max((r.worth for r in explains), default=0.0),
        tied=_sum(tied),
    )


def _sum(reasons: Iterable[Reason]) -> float:
    return round(sum(r.worth for r in reasons), 3)


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
