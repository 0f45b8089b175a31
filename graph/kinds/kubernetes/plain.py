"""Turn whatever a YAML loader built into plain JSON, as kubectl does before it sends an object. Knows no kinds."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import date, datetime

from graph.document import Json
from graph.errors import Invalid

MAX_DEPTH = 128
"""Deeper nesting is no Kubernetes object; the limit also catches structures that contain themselves."""

MAX_NODES = 2_000_000
"""etcd stores at most 1.5 MiB for an object, so more values than this come from aliases that multiply."""

MAX_BITS = 1024
"""The API knows 64-bit integers and doubles; longer ones come from hexadecimal literals made to be expensive."""


def plain(value: object) -> Json:
    """Return a copy of `value` that holds JSON types only.

    Keys become strings as JSON spells them, dates ISO 8601, binary base64; NaN and infinity become strings.

    Raises:
        Invalid: nested too deeply, too large, or of a type that has no JSON form.
    """
    return _copy(value, 0, [MAX_NODES])


def _copy(value: object, depth: int, left: list[int]) -> Json:
    if value is None or value.__class__ is str or value.__class__ is bool:
        return value
    left[0] -= 1
    if depth > MAX_DEPTH:
        raise Invalid(f"nested deeper than {MAX_DEPTH} levels, or contains itself")
    if left[0] < 0:
        raise Invalid(f"more than {MAX_NODES} values, probably aliases that multiply")
    if isinstance(value, Mapping):
        left[0] -= len(value)
        return {_key(k): _copy(v, depth + 1, left) for k, v in value.items()}
    if isinstance(value, list | tuple):
        left[0] -= len(value)
        return [_copy(v, depth + 1, left) for v in value]
    return _scalar(value)


def _scalar(value: object) -> Json:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise Invalid("a number with more digits than any field can hold")
        return value
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, set | frozenset):
        return dict.fromkeys(sorted(_key(v) for v in value))
    raise Invalid(f"a value of type {type(value).__name__} has no JSON form")


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if key is None:
        return "null"
    if isinstance(key, int | float):
        return str(key)
    if isinstance(key, datetime | date):
        return key.isoformat()
    raise Invalid(f"a key of type {type(key).__name__} has no JSON form")
