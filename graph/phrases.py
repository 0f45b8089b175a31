"""Patterns of words in logs, whatever their case, made to be looked for in many long lines.

`re.IGNORECASE` costs the search its quick look for the first letter of a pattern; to look in lower case finds the same
several times faster.
"""

from __future__ import annotations

import re

_ESCAPED_OR_CAPITAL = re.compile(r"\\.|\(\?P?|\[(?:\\.|[^\]\\A-Z])*[A-Z]|[A-Z]")


class Phrases:
    """A regular expression of words whose case does not matter.

    >>> Phrases(r"Too many clients|\\bFATAL\\b").search("FATAL: sorry, TOO MANY clients already").group()
    'fatal'
    """

    __slots__ = ("_compiled", "pattern")

    def __init__(self, pattern: str) -> None:
        """Args:
        pattern: as for `re`, without classes of capital letters such as `[A-Z]`.
        """
        self.pattern = pattern
        self._compiled = re.compile(_ESCAPED_OR_CAPITAL.sub(_lowered, pattern))

    def search(self, text: str) -> re.Match[str] | None:
        """Return the first match, in the lower-case text."""
        return self._compiled.search(text.lower())


def _lowered(found: re.Match[str]) -> str:
    part = found[0]
    if part.startswith("["):
        raise ValueError(f"the class {part!r} names capital letters; write it in lower case")
    return part if part.startswith(("\\", "(?")) else part.lower()
