"""What people said of earlier diagnoses, and what of it resembles the incident at hand.

A memory is an outcome that a person confirmed or corrected. It can raise or lower causes that the evidence of today
already suggests, by a bounded number of points; it makes no cause by itself, and every use of it is told. How much it
counts falls with how little the incidents resemble each other, and by half every `HALF_LIFE`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from graph.incident import Alert
from graph.resource import display_uid

HALF_LIFE = timedelta(days=180)
"""Systems change: what was true of them long ago counts less."""
ALIKE_FROM = 0.6
"""Likeness from which an earlier incident is recalled."""
MOST_RECALLED = 5

_SUBJECT_SHARE, _WORDS_SHARE, _COMPLAINTS_SHARE = 0.55, 0.25, 0.2
_WORD = re.compile(r"[a-z][a-z-]{2,}")
_EVERYWHERE = frozenset(
    {"the", "and", "for", "has", "are", "was", "with", "from", "high", "alert", "firing", "service"}
)
"""Words of so many alerts that they make none alike."""


class OutcomeKind(StrEnum):
    """What a person said of a diagnosis."""

    CONFIRMED = "confirmed"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """What an incident looked like when it was diagnosed."""

    subjects: tuple[str, ...]
    """uids that the alerts are about."""
    words: frozenset[str]
    """Words of the alerts, lower case, without numbers and generated parts."""
    complaints: frozenset[str]
    """Kinds of what the systems complained of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """A resource and what was, or was not, wrong with it."""

    resource: str
    """uid"""
    kind: str
    """As `Cause.kind`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One outcome, as a person told it."""

    id: str
    incident: str
    outcome: OutcomeKind
    at: datetime
    """UTC; when it was told."""
    by: str
    portrait: Portrait
    cause: Culprit | None
    """What it was; None when the person only knows what it was not."""
    not_causes: tuple[Culprit, ...] = ()
    """What was named as cause and was none."""
    note: str = ""
    """Untrusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """An earlier incident that resembles the one at hand."""

    memory: Memory
    likeness: float
    """0 to 1."""
    reasons: tuple[str, ...]
    """What is alike."""
    weight: float
    """Likeness times age: the share of a rule's points that it is worth."""


def portrait_of(alerts: Iterable[Alert], subjects: Sequence[str], complaints: Iterable[str]) -> Portrait:
    """Describe an incident for comparison with others."""
    text = " ".join(f"{a.title} {a.description[:500]}" for a in alerts).lower()
    own = {part for uid in subjects for part in _WORD.findall(display_uid(uid).lower())}
    words = frozenset(w for w in _WORD.findall(text) if w not in _EVERYWHERE and w not in own)
    return Portrait(subjects=tuple(subjects), words=words, complaints=frozenset(complaints))


def recall(memories: Iterable[Memory], now: Portrait, *, at: datetime) -> tuple[Recall, ...]:
    """Return the memories that resemble an incident, most weighty first.

    Args:
        memories: those of the environment that nobody removed.
        now: the incident at hand.
        at: UTC; its time. What was told later is not recalled.
    """
    found = []
    for memory in memories:
        if memory.at > at:
            continue
        likeness, reasons = alike(memory.portrait, now)
        if likeness >= ALIKE_FROM:
            age = 0.5 ** ((at - memory.at) / HALF_LIFE)
            found.append(Recall(memory=memory, likeness=likeness, reasons=reasons, weight=round(likeness * age, 4)))
    found.sort(key=lambda r: (-r.weight, r.memory.id))
    return tuple(found[:MOST_RECALLED])


def alike(one: Portrait, other: Portrait) -> tuple[float, tuple[str, ...]]:
    """Return how much two incidents resemble each other, 0 to 1, and in what.

    Incidents of different subjects are never alike enough to be recalled by words alone: their names, their kinds of
    trouble and their causes come from different systems.
    """
    shares: list[tuple[float, float, str]] = []
    subjects = set(one.subjects) & set(other.subjects)
    shares.append((_SUBJECT_SHARE, 1.0 if subjects else 0.0, f"the same subject {_names(subjects)}"))
    for share, left, right, what in (
        (_WORDS_SHARE, one.words, other.words, "alerts of the same words"),
        (_COMPLAINTS_SHARE, one.complaints, other.complaints, "the same complaints"),
    ):
        if left or right:
            shares.append((share, len(left & right) / len(left | right), what))
    likeness = sum(share * part for share, part, _ in shares) / sum(share for share, _, _ in shares)
    return round(likeness, 4), tuple(what for _, part, what in shares if part >= 0.5)


def _names(uids: Iterable[str]) -> str:
    return ", ".join(sorted(display_uid(uid) for uid in uids))
