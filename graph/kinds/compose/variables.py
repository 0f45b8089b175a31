"""Variables in the values of a Compose file: `$NAME`, `${NAME}` and their forms with defaults and errors.

Rules: https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from graph.document import Json, pointer
from graph.errors import Invalid

_START: Final = re.compile(r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)|(?P<braced>\{))")
_MARKED: Final = re.compile("\ue000[$]{?([A-Za-z_][A-Za-z_0-9]*)")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_OPERATORS: Final = (":-", ":?", ":+", "-", "?", "+")
_DEEPEST: Final = 20
"""Defaults inside defaults; Compose files in use have two levels."""
_LONGEST: Final = 2**20
"""Characters of one value after interpolation; variables in variables can double it many times over."""


MARK: Final = "\ue000"
"""Stands before a variable that nothing gives, which then keeps its text. Whoever runs Compose may have it in the
environment, so nobody can say what it becomes. A character of the private use area, which means nothing in any text."""


def fill(value: Json, known: Mapping[str, str]) -> Json:
    """Return a value with its variables filled in, and MARK before each that is not known.

    >>> fill({"image": "web:${TAG:-1}", "user": "$$x"}, {})
    {'image': 'web:1', 'user': '$x'}

    Raises:
        Invalid: a `${` without its end, or an operator that does not exist.
    """
    if isinstance(value, dict):
        return {key: fill(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, known) for item in value]
    return _filled(value, known, 0) if isinstance(value, str) and "$" in value else value


def without_marks(value: Json, unknown: dict[str, str], *at: str | int) -> Json:
    """Return a value without MARKs, and add to `unknown`: JSON pointer to the text of the variable needed there."""
    if isinstance(value, dict):
        return {key: without_marks(item, unknown, *at, key) for key, item in value.items()}
    if isinstance(value, list):
        return [without_marks(item, unknown, *at, i) for i, item in enumerate(value)]
    if not isinstance(value, str) or MARK not in value:
        return value
    found = _MARKED.search(value)
    unknown[pointer(*at)] = found[1] if found else ""
    return value.replace(MARK, "")


def _filled(text: str, known: Mapping[str, str], depth: int) -> str:
    if depth > _DEEPEST:
        raise Invalid(f"variables are nested deeper than {_DEEPEST} levels")
    parts: list[str] = []
    end = 0
    while match := _START.search(text, end):
        parts.append(text[end : match.start()])
        end = match.end()
        if match["escaped"]:
            parts.append("$")
        elif match["plain"]:
            parts.append(known.get(match["plain"], f"{MARK}{match[0]}"))
        else:
            close = _closing(text, end)
            parts.append(_braced(text[end:close], known, depth))
            end = close + 1
    filled = "".join((*parts, text[end:]))
    if len(filled) > _LONGEST:
        raise Invalid(f"variables make a value longer than {_LONGEST} characters")
    return filled


def _closing(text: str, start: int) -> int:
    depth = 1
    for index in range(start, len(text)):
        if text[index] == "{" and text[index - 1] == "$":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    raise Invalid(f"`${{` without its end in {text[:60]!r}")


def _braced(inside: str, known: Mapping[str, str], depth: int) -> str:
    match = _NAME.match(inside)
    if not match:
        raise Invalid(f"`${{{inside[:60]}}}` names no variable")
    rest = inside[match.end() :]
    operator = next((o for o in _OPERATORS if rest.startswith(o)), "")
    if rest and not operator:
        raise Invalid(f"`${{{inside[:60]}}}` has no operator that Compose knows")
    value = known.get(match[0])
    is_set = value is not None and (value != "" or not operator.startswith(":"))
    if operator.endswith("+"):
        return _filled(rest[len(operator) :], known, depth + 1) if is_set else ""
    if value is not None and is_set:
        return value
    return _filled(rest[len(operator) :], known, depth + 1) if operator.endswith("-") else f"{MARK}${{{inside}}}"


def read_variables(text: str) -> dict[str, str]:
    """Read a file of `NAME=VALUE` lines, as `.env` and `env_file` are; lines of another form are left out.

    >>> read_variables("export A=1 # one\\nB='x # y'\\n#C=2\\nD")
    {'A': '1', 'B': 'x # y'}
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        name = name.strip()
        if separator and re.fullmatch(r"[A-Za-z_][\w.\-]*", name):
            found[name] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    quote = value[:1]
    if quote in {"'", '"'} and (end := value.find(quote, 1)) > 0:
        inside = value[1:end]
        return inside.replace("\\n", "\n") if quote == '"' else inside
    return re.split(r"\s#", value, maxsplit=1)[0].rstrip()
