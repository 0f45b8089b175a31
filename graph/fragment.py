"""Lays a JSON value out as YAML-like lines for people. For reading only: nothing parses these lines again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from graph.document import Json

_PLAIN = re.compile(r"[A-Za-z_/.*][A-Za-z0-9_/.:*@+=-]*")
"""Strings that need no quotes to be read as strings."""
_READ_AS_OTHER = frozenset({"true", "false", "null", "yes", "no", "on", "off", "~", ".nan", ".inf"})


def fragment(value: Json) -> list[str]:
    """Return the lines of a value; keys are sorted, texts of several lines stand as blocks.

    >>> fragment({"b": [1, {"c": "x y"}], "a": None})
    ['a: null', 'b:', '  - 1', '  - c: "x y"']
    """
    return list(_lines(value))


def _lines(value: Json) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key in sorted(value, key=str):
            yield from _entry(f"{_scalar(str(key))}:", value[key])
    elif isinstance(value, list) and value:
        for item in value:
            nested = list(_lines(item))
            if _is_block(item):
                yield from _entry("-", item)
            else:
                yield f"- {nested[0]}"
                yield from (f"  {line}" for line in nested[1:])
    else:
        yield _scalar(value)


def _entry(head: str, value: Json) -> Iterator[str]:
    if _is_block(value):
        lines = value.split("\n")
        yield f"{head} |{'' if lines[-1] == '' else '-'}"
        yield from (f"  {line}" for line in (lines[:-1] if lines[-1] == "" else lines))
    elif isinstance(value, dict | list) and value:
        yield head
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{head} {_scalar(value)}"


def _is_block(value: Json) -> bool:
    return isinstance(value, str) and "\n" in value.rstrip("\n")


def _scalar(value: Json) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _READ_AS_OTHER:
        return value
    return json.dumps(value, ensure_ascii=False)
