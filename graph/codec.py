"""Lossless JSON form of the domain's dataclasses, driven by their type hints. Knows no domain type.

Objects become JSON objects, tuples and sets become lists, enums their values, times ISO 8601 text. Where a type says
"any JSON", a missing value becomes `{"$absent": true}`, and an object that looks like that, or like the wrapping
itself, is wrapped in `{"$literal": ...}`, so that both come back as they were.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, cast

from graph.document import ABSENT, Absent, Json

T = TypeVar("T")
_Decoder = Callable[[Json], Any]

_ABSENT_MARK = {"$absent": True}


def encode(value: object) -> Json:
    """Return the JSON form of a value.

    Raises:
        TypeError: the value, or something in it, has no JSON form.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if value is ABSENT:
        return dict(_ABSENT_MARK)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return _time_out(value)
    if dataclasses.is_dataclass(value):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return _encode_container(value)


def decode(kind: type[T], data: Json) -> T:
    """Return the value of type `kind` whose JSON form is `data`.

    A field that `data` lacks takes its default, so that rows written before a field existed can still be read.

    Raises:
        TypeError, ValueError, KeyError: `data` is not the form of such a value.
    """
    return cast(T, _decoder(cast(Hashable, kind))(data))


def _encode_container(value: object) -> Json:
    if isinstance(value, Mapping):
        encoded = {_key(k): encode(v) for k, v in value.items()}
        return {"$literal": encoded} if _is_mark(value) else encoded
    if isinstance(value, frozenset | set):
        return sorted((encode(v) for v in value), key=str)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: encode(item) for name, item in zip(value._fields, value, strict=True)}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [encode(v) for v in value]
    raise TypeError(f"no JSON form for a {type(value).__name__}")


def _is_mark(value: Mapping[Any, Any]) -> bool:
    return len(value) == 1 and ("$literal" in value or "$absent" in value)


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a JSON object has text keys, not {key!r}")
    return key.value if isinstance(key, Enum) else key


def _time_out(value: datetime) -> str:
    if value.tzinfo is None:
        raise TypeError(f"a time without a zone has no meaning: {value!r}")
    return value.astimezone(UTC).isoformat()


def _time_in(data: Json) -> datetime:
    value = datetime.fromisoformat(data)
    if value.tzinfo is None:
        raise ValueError(f"a time without a zone has no meaning: {data!r}")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def _json_in(data: Json) -> Json:
    if isinstance(data, dict):
        if data == _ABSENT_MARK:
            return ABSENT
        if len(data) == 1 and "$literal" in data:
            data = data["$literal"]
        return {k: _json_in(v) for k, v in data.items()}
    if isinstance(data, list):
        return [_json_in(v) for v in data]
    return data


@lru_cache(maxsize=512)
def _decoder(kind: Any) -> _Decoder:
    """Build the function that decodes one type; built once, since hints are slow to resolve."""
    if kind is Any or kind is object:
        return _json_in
    if kind in (str, int, bool, type(None)):
        return _scalar(kind)
    if kind is float:
        return _float_in
    if kind is datetime:
        return _time_in
    if isinstance(kind, type) and issubclass(kind, Absent):
        return _absent_in
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _union(arguments)
    if origin is typing.Literal:
        return _json_in
    if dataclasses.is_dataclass(kind):
        return _record(cast(type, kind), {f.name: _has_default(f) for f in dataclasses.fields(kind)})
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        defaults = getattr(kind, "_field_defaults", {})
        return _record(kind, {name: name in defaults for name in kind._fields})
    return _container(origin or kind, arguments)


def _scalar(kind: type) -> _Decoder:
    def scalar(data: Json) -> Any:
        if type(data) is not kind:
            raise TypeError(f"expected {kind.__name__}, found {type(data).__name__}")
        return data

    return scalar


def _float_in(data: Json) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise TypeError(f"expected a number, found {type(data).__name__}")
    return data


def _absent_in(data: Json) -> Absent:
    if data != _ABSENT_MARK:
        raise TypeError("expected an absent value")
    return ABSENT


def _union(arguments: tuple[Any, ...]) -> _Decoder:
    if Any in arguments:
        return _json_in
    optional = type(None) in arguments
    absent = Absent in arguments
    rest = [a for a in arguments if a is not type(None) and a is not Absent]
    if len(rest) != 1:
        raise TypeError(f"a union of several kinds can't be told apart in JSON: {arguments}")
    inner = _decoder(rest[0])

    def union(data: Json) -> Any:
        if data is None and optional:
            return None
        if absent and data == _ABSENT_MARK:
            return ABSENT
        return inner(data)

    return union


def _record(kind: type, fields: Mapping[str, bool]) -> _Decoder:
    hints = typing.get_type_hints(kind)
    decoders = [(name, _decoder(hints[name]), has_default) for name, has_default in fields.items()]

    def record(data: Json) -> Any:
        return kind(**{n: decoder(data[n]) for n, decoder, has_default in decoders if n in data or not has_default})

    return record


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _container(kind: Any, arguments: tuple[Any, ...]) -> _Decoder:
    if isinstance(kind, type) and issubclass(kind, Mapping):
        inner = _decoder(arguments[1]) if arguments else _json_in
        return lambda data: {k: inner(v) for k, v in _unwrapped(data).items()}
    if (kind is tuple and len(arguments) != 2) or (kind is tuple and arguments[1] is not Ellipsis):
        parts = [_decoder(a) for a in arguments]
        return lambda data: tuple(decoder(v) for decoder, v in zip(parts, data, strict=True))
    if kind in (tuple, list, set, frozenset) or (isinstance(kind, type) and issubclass(kind, Sequence)):
        item = _decoder(arguments[0]) if arguments else _json_in
        build = kind if kind in (tuple, list, set, frozenset) else tuple
        return lambda data: build(item(v) for v in _listed(data))
    raise TypeError(f"no JSON form for {kind!r}")


def _unwrapped(data: Json) -> Mapping[str, Json]:
    if not isinstance(data, dict):
        raise TypeError(f"expected an object, found {type(data).__name__}")
    literal = data.get("$literal") if len(data) == 1 else None
    return literal if isinstance(literal, dict) else data


def _listed(data: Json) -> Sequence[Json]:
    if not isinstance(data, list):
        raise TypeError(f"expected a list, found {type(data).__name__}")
    return data
