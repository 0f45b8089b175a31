"""Which of some IAM patterns can match the same text: every combination that some text has, with such a text.

All patterns run side by side over the text as one automaton whose states are bit masks (the Shift-And method of
Baeza-Yates and Gonnet, https://doi.org/10.1145/135239.135243, with wildcards); its reachable states are all there is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

_MOST_STATES: Final = 20_000
"""About 0.1 s and 10 MB; a policy of the greatest length that AWS takes stays far below."""
_FILL: Final = "x0yabcdefghijklmnopqrstuvwz123456789-_/XYZ~"


class TooManyStates(Exception):
    """The patterns overlap in more ways than can be looked through."""


def combinations(patterns: Sequence[str]) -> dict[frozenset[int], str]:
    """Return every set of patterns (by position) that some text matches, and no others, with the shortest such text.

    `*` stands for any text and `?` for one character. The empty set is among them when some text matches none.

    Raises:
        TooManyStates: there are too many ways in which the patterns overlap.

    >>> sorted(map(sorted, combinations(["a*", "*b"])))
    [[], [0], [0, 1], [1]]
    """
    automaton = _Automaton(patterns)
    texts = {automaton.start: ""}
    queue = deque([automaton.start])
    found: dict[frozenset[int], str] = {}
    while queue:
        state = queue.popleft()
        found.setdefault(automaton.matched(state), texts[state])
        for char in automaton.ways(state):
            after = automaton.step(state, char)
            if after not in texts:
                if len(texts) >= _MOST_STATES:
                    raise TooManyStates(f"{len(patterns)} patterns overlap in too many ways")
                texts[after] = texts[state] + char
                queue.append(after)
    return found


class _Automaton:
    """All patterns side by side; bit n of a state says that a pattern is matched up to its token n."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._literal: dict[str, int] = {}
        self._any = self._star = self.start = 0
        self._ends: list[int] = []
        bit = 1
        for pattern in patterns:
            self.start |= bit
            for char in pattern:
                if char == "*":
                    self._star |= bit
                elif char == "?":
                    self._any |= bit
                else:
                    self._literal[char] = self._literal.get(char, 0) | bit
                bit <<= 1
            self._ends.append(bit)
            bit <<= 1
        self.start = self._closed(self.start)

    def matched(self, state: int) -> frozenset[int]:
        return frozenset(n for n, end in enumerate(self._ends) if state & end)

    def ways(self, state: int) -> list[str]:
        """Return one character for each way on: those that some pattern waits for, and one that none does."""
        waited = [char for char, bits in self._literal.items() if bits & state]
        other = next((char for char in _FILL if char not in waited), None)
        return [*waited, other if other is not None else chr(0x10FFFF)]

    def step(self, state: int, char: str) -> int:
        moved = state & (self._literal.get(char, 0) | self._any)
        return self._closed(moved << 1 | state & self._star)

    def _closed(self, state: int) -> int:
        """Add what is reached without a character: a star may stand for nothing."""
        while (more := state | (state & self._star) << 1) != state:
            state = more
        return state
