"""What a plain YAML scalar means to `kubectl`. Knows scalars only.

`kubectl` reads YAML with go-yaml v2 and turns it into JSON. Its rules are neither those of YAML 1.2 nor those of
PyYAML: `y` and `on` are booleans, `012` is octal, `1:30` and `2020-01-01` stay text. Source of the rules:
`resolve.go` of https://github.com/kubernetes-sigs/yaml; a test compares them with the real `kubectl`.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from graph.document import Json

_TRUE: Final = frozenset(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
_FALSE: Final = frozenset(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"])
_NULL: Final = frozenset(("", "~", "null", "Null", "NULL"))
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_OCTAL: Final = re.compile(r"([-+]?)0[oO]?([0-7]+)\Z")
_HEX: Final = re.compile(r"([-+]?)0[xX]([0-9a-fA-F]+)\Z")
_BINARY: Final = re.compile(r"([-+]?)0[bB]([01]+)\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_LARGEST: Final = 2**63 - 1
_SMALLEST: Final = -(2**63)


def resolve(text: str) -> Json:
    """Return the value of a plain (unquoted, untagged) scalar.

    >>> [resolve(t) for t in ("y", "012", "08", "1:30", "1_000", "~")]
    [True, 10, 8.0, '1:30', 1000, None]

    Raises:
        ValueError: an infinity or not-a-number, which JSON can't hold.
    """
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    first = text[0]
    if first.isdigit() or first in "+-.":
        return _number(text)
    return text


def resolve_core(text: str) -> Json:
    """Return the value of a plain scalar as go-yaml v3 reads it, hence Docker Compose: words are no booleans.

    >>> [resolve_core(t) for t in ("on", "n", "true", "0o12")]
    ['on', 'n', True, 10]

    Raises:
        ValueError: an infinity or not-a-number, which JSON can't hold.
    """
    is_word = (text in _TRUE or text in _FALSE) and text.lower() not in {"true", "false"}
    return text if is_word else resolve(text)


def resolve_tagged(text: str, tag: str) -> Json:
    """Return the value of a scalar with an explicit tag. Tags that YAML does not define have no effect.

    Raises:
        ValueError: the text does not fit the tag.
    """
    short = tag.removeprefix("tag:yaml.org,2002:")
    if short == "binary":
        try:
            return base64.b64decode(text, validate=False).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError(f"!!binary that is no text: {error}") from error
    if short == "float":
        return float(text)
    if short in {"int", "bool", "null"}:
        return resolve(text)
    return text


def as_key(value: Json) -> str:
    """Return the JSON key for a mapping key, as the conversion to JSON spells it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _number(text: str) -> Json:
    plain = text.replace("_", "")
    integer = _integer(plain)
    if integer is not None:
        return integer if _SMALLEST <= integer <= _LARGEST else float(integer)
    if _FLOAT.match(plain):
        number = float(plain)
        if number in (float("inf"), float("-inf")):
            raise ValueError(f"{text} is too large")
        return number
    if plain.lstrip("+-").lower() in {".inf", ".nan"}:
        raise ValueError(f"{text} has no JSON form")
    return text


def _integer(plain: str) -> int | None:
    if _DECIMAL.match(plain):
        # Python refuses to convert endless digits; so long a number is a float anyway.
        return int(plain) if len(plain) < 400 else None
    for pattern, base in ((_OCTAL, 8), (_HEX, 16), (_BINARY, 2)):
        match = pattern.match(plain)
        if match and len(plain) < 400:
            return int(match[1] + match[2], base)
    return None
