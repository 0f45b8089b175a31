"""Text from outside, made fit to be shown or sent: bounded, redacted, visible, fenced. It stays data."""

from __future__ import annotations

import re

from graph.visible import visible as visible_line

_SECRETS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S)),
    ("AWS key id", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("JSON web token", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")),
    ("token", re.compile(r"\b(?:gh[pousr]_\w{20,}|glpat-[\w-]{16,}|xox[abpsr]-[\w-]{10,}|sk-[\w-]{20,})")),
    ("authorization", re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{12,}")),
    ("password in URL", re.compile(r"(?<=://)[^\s/:@]{1,128}:[^\s/@]{1,256}(?=@)")),
    (
        "secret",
        re.compile(
            r"(?i)(?<![a-z])(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key)"
            r"[\"']?\s*[:=]\s*[\"']?(?!\$|\{|hmac-)[^\s\"',;&]{6,}"
        ),
    ),
)


def redact(text: str) -> str:
    """Replace what looks like a credential by `[redacted: KIND]`.

    Patterns are written for operational text: each asks for a prefix or a name beside the value, because entropy alone
    flags most of an ordinary log.
    """
    for kind, pattern in _SECRETS:
        text = pattern.sub(f"[redacted: {kind}]", text)
    return text


def visible(text: str) -> str:
    """Spell out characters that a reader can't see or that mislead him, over several lines; see `graph.visible`.

    >>> visible("safe\\u202eevil")
    'safe\\\\u{202e}evil'
    """
    return "\n".join(visible_line(line) for line in text.expandtabs(4).split("\n"))


def bounded(text: str, limit: int) -> str:
    """Cut to `limit` characters, with a mark that tells how many are missing."""
    return text if len(text) <= limit else f"{text[:limit]} [cut: {len(text) - limit} more characters]"


def fence(name: str, text: str, *, limit: int = 2000) -> str:
    """Wrap text from outside for a prompt, so that nothing inside can close the fence."""
    body = bounded(visible(redact(text)), limit).replace("<", "&lt;")
    return f'<data name="{visible(name)}">\n{body}\n</data>'
