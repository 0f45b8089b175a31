"""Shows text from outside so that what stands on the screen is what is there: nothing invisible, nothing reordered."""

from __future__ import annotations

import re
import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"""Letters and marks that draw nothing."""
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180f]")
_WORD = re.compile(r"\S+")


def visible(text: str) -> str:
    r"""Escape what a reader can't see or would take for something else, as `\u{hex}`; line breaks too.

    Escaped are control, format (bidirectional, zero-width, tag) and unassigned characters, spaces other than the plain
    one, blank letters, compatibility forms of ASCII characters, and letters of another script within a Latin word.

    >>> visible("a\u202eb")
    'a\\u{202e}b'
    """
    if text.isascii() and text.isprintable():
        return text
    return _WORD.sub(lambda m: _unmixed(m.group()), "".join(_escape(c) if _is_hidden(c) else c for c in text))


def visible_name(text: str) -> str:
    """Escape everything but printable ASCII: for names, paths and identifiers, where look-alikes would mislead."""
    return "".join(c if " " <= c <= "~" else _escape(c) for c in text)


def _escape(char: str) -> str:
    return f"\\u{{{ord(char):x}}}"


def _is_hidden(char: str) -> bool:
    if " " <= char <= "~":
        return False
    category = unicodedata.category(char)
    if category in _HIDDEN_CATEGORIES or category == "Zs" or char in _BLANK_LETTERS or _SELECTORS.match(char):
        return True
    return unicodedata.normalize("NFKC", char).isascii()


def _unmixed(word: str) -> str:
    """Escape letters of other scripts in a word that also has ASCII letters: `exаmple` with a Cyrillic letter."""
    if word.isascii() or not any(c.isascii() and c.isalpha() for c in re.sub(r"\\u\{[0-9a-f]+\}", "", word)):
        return word
    return "".join(_escape(c) if _is_foreign(c) else c for c in word)


def _is_foreign(char: str) -> bool:
    return not char.isascii() and char.isalpha() and not unicodedata.name(char, "").startswith("LATIN ")
