"""Places where a diff and what systems say meet word by word: a text that it brings, a frame of a stack, an amount.

Two that share a name may have nothing else in common. A text that only the diff writes, and the file that a stack
names, are hardly a coincidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from graph.change import Change
from graph.diagnosis.code.patch import is_quiet
from graph.diagnosis.code.quantity import amount
from graph.diagnosis.code.reading import DiffReading, words_of
from graph.diagnosis.commits.scene import Scene
from graph.diagnosis.complaints import Complaint
from graph.diagnosis.hypothesis import Reason

_TEXT, _FRAME, _AMOUNT = 1.8, 1.0, 0.5
_PLACE = re.compile(r"%[-+#.\d]*[a-z]|\$?\{[^{}]*\}|<[^<>]*>|#\{[^{}]*\}")
_LEAST_TEXT = 12
"""Characters of a text between its places, from which on it is no phrase of everybody"""
_FILE = re.compile(r"(?<![\w.])(?:[\w.-]+/)*([\w-]+\.(?:go|py|java|kt|ts|tsx|js|mjs|rb|rs|cs|php|scala|ex|cpp|cc|c))\b")
_VALUE = re.compile(
    r"(?<![\w.:/-])(\d[\d_]*(?:\.\d+)?)\s?(ms|s|sec|seconds|min|m|h|[KMGT]i?B?|kb|mb|gb|bytes)?(?![\w.:/-])"
)
_FEW = 20.0
"""Numbers up to this stand everywhere: alone they tell only beside the word that the setting is called by"""
_ROUND = frozenset({100.0, 200.0, 400.0, 401.0, 403.0, 404.0, 409.0, 429.0, 500.0, 502.0, 503.0, 504.0, 1000.0})


def ties(commit: Change, reading: DiffReading, scene: Scene) -> Iterable[Reason]:
    """Yield where a commit and what is complained of meet."""
    said = [c for c in scene.complaints if c.event is not None]
    yield from _texts(reading, said)
    yield from _frames(commit, said)
    yield from _amounts(reading, said)


def _texts(reading: DiffReading, said: Iterable[Complaint]) -> Iterator[Reason]:
    parts = {part.strip() for text in reading.brings for part in _PLACE.split(text)}
    parts = {part for part in parts if len(part) >= _LEAST_TEXT and " " in part}
    about = tuple(c.key for c in said if any(part in _lower(c) for part in parts))
    if about:
        yield Reason(worth=_TEXT, text="It brings the very words that the systems say.", about=about)


def _frames(commit: Change, said: Iterable[Complaint]) -> Iterator[Reason]:
    files = {path.rsplit("/", 1)[-1].lower() for path in commit.files if not is_quiet(path)}
    named = {c.key: {name.lower() for name in _FILE.findall(f"{c.text} {c.names}")} & files for c in said}
    about = tuple(key for key, both in named.items() if both)
    if about:
        names = ", ".join(sorted({name for both in named.values() for name in both})[:3])
        yield Reason(worth=_FRAME, text=f"The systems name a file that it changes: {names}.", about=about)


def _amounts(reading: DiffReading, said: Iterable[Complaint]) -> Iterator[Reason]:
    """A number that a setting is given now, and that is complained of."""
    for shift in reading.shifts:
        new = amount(shift.after or "")
        if new is None or new <= 0 or new == amount(shift.before or ""):
            continue
        words = {word for word in shift.key.split("_") if len(word) > 2}
        about = tuple(c.key for c in said if _tells(f"{c.text} {c.names}", new, words))
        if about:
            text = f"It sets what is complained of: {shift.key} is {shift.after} now."
            yield Reason(worth=_AMOUNT, text=text, about=about)
            return


def _tells(text: str, new: float, words: set[str]) -> bool:
    for found in _VALUE.finditer(text):
        value = amount(found[0].replace(" ", ""))
        if value is None or abs(value - new) > 1e-6 * new:
            continue
        if (found[2] and new not in _ROUND) or (new > _FEW and new not in _ROUND):
            return True
        beside = words_of(text[max(0, found.start() - _BESIDE) : found.end() + _BESIDE])
        if words & beside:
            return True
    return False


_BESIDE = 24


def _lower(complaint: Complaint) -> str:
    return f"{complaint.text} {complaint.names}".lower()
