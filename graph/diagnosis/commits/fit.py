"""How well what a diff does explains what is complained of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.reading import DiffReading, words_of
from graph.diagnosis.commits.leads import LEADS_TO
from graph.diagnosis.commits.place import Place
from graph.diagnosis.commits.scene import Scene
from graph.diagnosis.commits.timing import precedes, ran_well
from graph.diagnosis.commits.traffic import fans_out, repeats
from graph.diagnosis.commits.trouble import VAGUE, Trouble, telling_of, troubles_of
from graph.diagnosis.complaints import Complaint
from graph.diagnosis.hypothesis import Reason

_VAGUE = 0.6
"""Worth of an explanation of what nearly every fault leads to."""
_FURTHER = 0.4
"""A second effect that fits is a weaker reason than the first: much of it is the same fact."""
_ELSEWHERE = 0.35
"""Share that is left when only others complain of what stays within the process that has it."""
_CARRIED = 0.85
"""Closeness of whoever makes the data that others find to be wrong."""
_KNOWN = 0.5
_OTHER_TABLE = 0.25
"""Share that is left when the complaints name tables, and none that is changed."""
_OTHER_REFUSAL = 0.25
"""Share that is left when what is complained of was refused in the same words before."""
_HARMLESS_AT_FIRST = 0.5
"""Share that is left to what would fail with the first request, when all went well for a while after it came."""
_UNNAMED = {
    Effect.RENAMES: 0.4,
    Effect.FLIPS_SWITCH: 0.7,
    Effect.CHANGES_FORMAT: 0.6,
    Effect.CHANGES_VALUE: 0.5,
}
"""Share that is left when the complaints name nothing of what is changed: whoever misses a name says which"""
_BEGUN = 0.2
"""Share that is left when the very metrics that tell of a trouble had left their range before the commit came."""
_LONG_S = 1800.0
_AT_ONCE = frozenset({Effect.REQUIRES_MORE})
_FROM_THE_FIRST = frozenset(
    {
        Effect.RENAMES,
        Effect.CHANGES_FORMAT,
        Effect.REQUIRES_MORE,
        Effect.LISTS_FEWER,
        Effect.DROPS_SETTING,
        Effect.NEEDS_SETTING,
        Effect.POINTS_ELSEWHERE,
        Effect.CHANGES_ACCESS,
        Effect.CHANGES_NETWORK,
        Effect.CHANGES_TLS,
        Effect.QUERIES_NEW_TABLE,
        Effect.BUMPS_DEPENDENCY,
        Effect.CHANGES_BASE,
        Effect.CHANGES_UNIT,
        Effect.CHANGES_VALUE,
        Effect.CALLS_IN_LOOP,
        Effect.CALLS_MORE,
        Effect.DROPS_CACHE,
        Effect.SLEEPS,
        Effect.BLOCKS,
        Effect.SERIALISES,
        Effect.FLIPS_SWITCH,
        Effect.REMOVES,
        Effect.FLIPS_CONDITION,
    }
)
"""What every request meets, and not only some, or many at a time"""
_LONG_FINE = 0.6
"""Share that is left to these when nothing left its range for a long time after they came"""
_WITHIN = frozenset(
    {
        Trouble.MEMORY,
        Trouble.PAUSES,
        Trouble.CPU,
        Trouble.TASKS,
        Trouble.DISK,
        Trouble.STARTUP,
        Trouble.PLACEMENT,
        Trouble.SETTING,
        Trouble.UNHANDLED,
    }
)
"""What is felt where it is made: a change elsewhere brings it only by more load."""
_ALONG = frozenset(
    {
        Trouble.NUMBERS,
        Trouble.TIME,
        Trouble.DUPLICATES,
        Trouble.STALE,
        Trouble.SCHEMA,
        Trouble.LOST,
        Trouble.MIXED,
        Trouble.NULLS,
    }
)
"""What travels with data, and is found by who reads them."""
_ON_TABLES = frozenset({Effect.LOCKS, Effect.CHANGES_TABLES, Effect.SCANS})
_TABLE = re.compile(r"\b(?:relation|table|into|update|from|on)\s+[\"'`]?(?:public\.)?(\w{3,})", re.IGNORECASE)


class Fit(NamedTuple):
    """One explanation of the trouble."""

    effect: Effect
    reason: Reason


def fits(reading: DiffReading, scene: Scene, place: Place) -> list[Fit]:
    """Return the two best reasons why a diff may lead to the trouble, best first, weighed by where it takes effect."""
    found = sorted(_all(reading, scene, place), key=lambda f: (f.reason.worth, f.reason.text), reverse=True)
    return [*found[:1], *(f._replace(reason=replace(f.reason, worth=_FURTHER * f.reason.worth)) for f in found[1:2])]


def _all(reading: DiffReading, scene: Scene, place: Place) -> Iterator[Fit]:
    troubles = scene.troubles | ({Trouble.CALLS: 1.0} if fans_out(scene) or repeats(scene) else {})
    for effect in reading.effects:
        worth, trouble = max(
            (
                (_worth(effect, t, _share(t, share, scene, place)) * _near(t, place) * _in_time(t, place, scene), t)
                for t, share in troubles.items()
            ),
            default=(0.0, Trouble.ERRORS),
        )
        worth *= reading.weights[effect]
        worth *= _HARMLESS_AT_FIRST if effect in _AT_ONCE and ran_well(place, scene) else 1.0
        worth *= _LONG_FINE if effect in _FROM_THE_FIRST and ran_well(place, scene, for_s=_LONG_S) else 1.0
        worth *= _OTHER_REFUSAL if effect is Effect.REQUIRES_MORE and refused_before(reading, scene) else 1.0
        worth *= _UNNAMED.get(effect, 1.0) if not (reading.words | reading.kept) & scene.told else 1.0
        worth *= _OTHER_TABLE if effect in _ON_TABLES and _is_of_other_tables(reading, scene) else 1.0
        if worth > 0:
            about = tuple(telling_of(trouble, scene.complaints))
            text = f"It {effect.value}, which leads to {trouble.value}."
            yield Fit(effect, Reason(worth=worth, text=text, about=about))


def _in_time(trouble: Trouble, place: Place, scene: Scene) -> float:
    return 1.0 if precedes(place, trouble, scene) else _BEGUN


def _worth(effect: Effect, trouble: Trouble, share: float) -> float:
    points = LEADS_TO.get(effect, {}).get(trouble, 0.0)
    return points * (_VAGUE if trouble in VAGUE else 1.0) * (0.4 + 0.6 * share)


def _share(trouble: Trouble, share: float, scene: Scene, place: Place) -> float:
    """How much is complained of it, by those who could feel it."""
    if trouble not in _WITHIN or not place.services or trouble not in scene.troubles:
        return share
    return share if any(c.service in place.services for c in _telling(trouble, scene)) else _ELSEWHERE * share


def _near(trouble: Trouble, place: Place) -> float:
    """Closeness, as far as a sort of trouble keeps to its place."""
    is_carried = trouble in _ALONG and place.closeness >= _KNOWN
    return max(place.closeness, _CARRIED) if is_carried else place.closeness


def _telling(trouble: Trouble, scene: Scene) -> Iterator[Complaint]:
    return (c for c in scene.complaints if trouble in troubles_of(c.text))


def refused_before(reading: DiffReading, scene: Scene) -> bool:
    """Whether the complaints say what stands, unchanged, beside the change."""
    return any(text in c.text.lower() for text in reading.standing for c in scene.complaints)


def _is_of_other_tables(reading: DiffReading, scene: Scene) -> bool:
    """Whether the complaints name tables of the migrations, and none of those that this one changes."""
    if not reading.tables:
        return False
    told = {name.lower() for c in scene.complaints for name in _TABLE.findall(c.text)}
    words = {word for c in scene.complaints for word in words_of(c.text)}
    return bool(told) and not (reading.tables & (told | words))
