"""Names that a commit and the complaints share: rare ones tell more, and what every log line says tells nothing."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from graph.change import Change
from graph.diagnosis.code.patch import is_quiet
from graph.diagnosis.code.reading import DiffReading, words_of
from graph.diagnosis.commits.scene import Scene
from graph.diagnosis.complaints import Complaint
from graph.diagnosis.hypothesis import Reason
from graph.evidence import ObservationKind

_CHANGED, _MOST_CHANGED = 1.3, 3.0
_ABOUT, _MOST_ABOUT = 0.8, 1.6
_NEAR, _MOST_NEAR = 0.4, 0.8
_IN_PATH, _MOST_IN_PATH = 0.6, 0.9
_SAYS_LITTLE = 0.4
"""A name that both have is a sign only of a change that could matter to it."""
_MEASURED = 0.5
"""The name of a metric says what is measured there, and not what is wrong."""
_ONE_LINE = 1.0
"""Weight of complaints from which on a word is named as much as can be: one form of log line."""
_UNREAD = 0.5
"""Most that the message and the paths of a commit are worth whose diff nobody has."""
_PLAIN = frozenset(
    re.findall(
        r"\S+",
        """
    error failed failing failure failures errors above below service services rising request requests alert
    missing required field value version count ratio total does not exist null none time timeout seconds returning
    memory limit upstream unavailable latency elevated sustained server from with after when this that into over
    under have been http https status code container exceeded startup panic endpoint connection refused query
    queries select where order name lookup range return returned true false string data type list get set put post
    call calls called client response handler new old user users items item result message messages info warn
    warning debug trace level host port path file index api app config default per sec min max duration
    utilization p99 p95 slow fail rate second minute minutes and the for are was could can cannot unable invalid
    cpu disk throttled throttling attempt attempts retry retries retrying cache pool lock thread threads
    consumer producer lag worker workers backlog depth queue statement
    alter table column add insert into index constraint drop create update delete relation database statement
    expected process internal public private class func function def const var let import package end self ctx
    context err await async if else try catch main java com org src io net util
    """,
    )
)


def named(scene: Scene) -> dict[str, frozenset[str]]:
    """Map a word that complaints name to the keys of those complaints."""
    own = {word for uid in scene.known for word in (*words_of(scene.names[uid][0]), *scene.names[uid][1])}
    own |= {f"{word}s" for word in own}
    found: dict[str, set[str]] = {}
    for complaint in scene.complaints:
        for word in words_of(f"{complaint.text} {complaint.names}") - _PLAIN - own:
            found.setdefault(word, set()).add(complaint.key)
    return {word: frozenset(keys) for word, keys in found.items()}


def heard(scene: Scene, told: Mapping[str, frozenset[str]]) -> dict[str, float]:
    """Map a word that complaints name to how much of the complaints names it, 0 to 1 for the most named."""
    weights = {c.key: c.weight * (_MEASURED if _is_metric(c) else 1.0) for c in scene.complaints}
    sums = {word: sum(weights.get(key, 0.0) for key in keys) for word, keys in told.items()}
    top = min(max(sums.values(), default=1.0), _ONE_LINE) or 1.0
    return {word: min(1.0, weight / top) for word, weight in sums.items()}


def _is_metric(complaint: Complaint) -> bool:
    return complaint.event is not None and complaint.event.kind is ObservationKind.METRIC


def rarity(readings: Iterable[DiffReading]) -> dict[str, float]:
    """Map a word to how few diffs have it, 0 to 1."""
    many = list(readings)
    counts = Counter(word for reading in many for word in reading.words | reading.near | reading.paths)
    top = math.log(1 + len(many)) or 1.0
    return {word: math.log((1 + len(many)) / count) / top for word, count in counts.items()}


class Shared(NamedTuple):
    """Reasons by the names that a diff and the complaints share."""

    changed: tuple[Reason, ...]
    """Of names that it changes; one at most"""
    beside: tuple[Reason, ...]
    """Of names that stand beside what it changes, and in its paths"""


def shared(
    reading: DiffReading, told: Mapping[str, frozenset[str]], rare: Mapping[str, float], *, is_telling: bool
) -> Shared:
    """Weigh the names that a diff changes, and those that stand beside what it changes."""
    found = list(_shared(reading, told, rare, is_telling=is_telling))
    return Shared(
        tuple(r for is_changed, r in found if is_changed), tuple(r for is_changed, r in found if not is_changed)
    )


def _shared(
    reading: DiffReading, told: Mapping[str, frozenset[str]], rare: Mapping[str, float], *, is_telling: bool
) -> Iterator[tuple[bool, Reason]]:
    factor = 1.0 if is_telling else _SAYS_LITTLE
    # What is said in the same words as before is not said because of the change.
    as_before = {word for text in reading.standing for word in words_of(text)}
    for words, each, most, verb in (
        (reading.words - as_before, _CHANGED, _MOST_CHANGED, "changes"),
        (reading.kept - reading.paths, _ABOUT, _MOST_ABOUT, "changes the line of"),
        (reading.near - reading.kept - reading.paths, _NEAR, _MOST_NEAR, "stands beside"),
        (reading.paths - reading.words, _IN_PATH, _MOST_IN_PATH, "is made in a file that is called like"),
    ):
        both = sorted(words & told.keys(), key=lambda w: (-rare.get(w, 0.0), w))[:3]
        worth = factor * min(most, sum(each * rare.get(w, 0.0) for w in both))
        if worth > 0:
            about = tuple(sorted({key for w in both for key in told[w]}))
            yield (
                verb == "changes",
                Reason(worth=worth, text=f"It {verb} what the complaints name: {', '.join(both)}.", about=about),
            )


def unread(commit: Change, told: Mapping[str, frozenset[str]]) -> Iterable[Reason]:
    """Yield a weak reason for a commit without a diff whose message and paths name what the complaints name."""
    paths = " ".join(re.sub(r"[/.\-]", " ", path) for path in commit.files if not is_quiet(path))
    both = sorted(words_of(f"{commit.summary} {paths}") & told.keys())[:3]
    if both and paths:
        about = tuple(sorted({key for word in both for key in told[word]}))
        text = f"Nobody has its diff; its message and files name what the complaints name: {', '.join(both)}."
        yield Reason(worth=_UNREAD * len(both) / 3, text=text, about=about)
