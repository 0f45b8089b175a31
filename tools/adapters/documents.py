"""Bytes of a file to the JSON documents in it, with line numbers and with what could not be read. Knows no platform."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from graph.document import Json
from graph.errors import Invalid
from tools.adapters.yaml_documents import MAX_DEPTH, BrokenYaml, Resolve, read_yaml
from tools.adapters.yaml_scalars import resolve

MAX_YAML_BYTES: Final = 20 * 2**20
"""A hand-written file this large is a mistake or an attack; reading it takes about a minute."""
MAX_JSON_BYTES: Final = 256 * 2**20
"""Dumps of whole clusters are JSON; 20,000 objects are about 100 MB."""
MAX_JSON_VALUES: Final = 10_000_000
"""Values of one document: a hundred megabytes of `[],[],[]` would take gigabytes; a dump of that size has a tenth."""

_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_SPACE: Final = re.compile(r"\s*")
_MORE: Final = "Extra data"
"""What the standard reader says of text after the first document."""
_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A document and where it begins."""

    value: Json
    line: int | None = None
    """From 1; None where the format gives none."""
    item_lines: tuple[int, ...] = ()
    """First line of each entry of a top-level `items` list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A part of a file that can't be read."""

    reason: str
    line: int | None = None
    text: str = ""
    """The part as text, for a look at what it may declare; empty for bytes that are no text."""
    start: int = 1
    """Line of the file on which `text` begins."""


def read_documents(data: bytes, *, name: str, plain: Resolve = resolve) -> Iterator[Located | Broken]:
    """Yield the JSON or YAML documents of a file, gzipped or not, in order.

    Args:
        data: the bytes of the file.
        name: its name; `.json` and `.gz` in it choose the format.
        plain: what a YAML scalar without quotes or tag means.
    """
    stem = name.lower()
    try:
        if stem.endswith(".gz"):
            data, stem = unzip(data), stem.removesuffix(".gz")
        text = decode(data)
    except Invalid as error:
        yield Broken(reason=error.reason, line=error.line)
        return
    looks_like_json = stem.endswith((".json", ".tfstate")) or text[:1] in "{["
    if looks_like_json:
        whole = read_json(text)
        if isinstance(whole, Broken) and _is_stream(whole):
            yield from read_json_stream(text)
            return
        if isinstance(whole, Located) or stem.endswith((".json", ".tfstate")):
            yield whole
            return
    if len(data) > MAX_YAML_BYTES:
        yield Broken(reason=f"larger than {MAX_YAML_BYTES >> 20} MiB")
        return
    for document in read_yaml(text, plain=plain):
        if isinstance(document, BrokenYaml):
            yield Broken(reason=document.reason, line=document.line, text=document.text, start=document.start)
        else:
            yield Located(value=document.value, line=document.line, item_lines=document.item_lines)


def decode(data: bytes) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    Raises:
        Invalid: it is no text; `line` tells where.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _decode(data[len(mark) :], encoding)
    return _decode(data, "utf-8")


def _decode(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Invalid(f"not {encoding} text", line=data.count(b"\n", 0, error.start) + 1) from error
    if "\x00" in text:
        raise Invalid("binary data", line=text.count("\n", 0, text.index("\x00")) + 1)
    return text


def unzip(data: bytes) -> bytes:
    """Unpack a gzip file of at most MAX_JSON_BYTES.

    Raises:
        Invalid: damaged, cut short or too large.
    """
    engine = zlib.decompressobj(wbits=31)
    try:
        out = engine.decompress(data, MAX_JSON_BYTES + 1)
    except zlib.error as error:
        raise Invalid("damaged gzip data") from error
    if len(out) > MAX_JSON_BYTES:
        raise Invalid(f"larger than {MAX_JSON_BYTES >> 20} MiB when unpacked")
    if not engine.eof:
        raise Invalid("gzip data that is cut short")
    return out


def read_json(text: str) -> Located | Broken:
    """Read one JSON document; numbers that JSON does not know and keys that stand twice are refused."""
    if len(text) > MAX_JSON_VALUES and sum(map(text.count, ",[{")) > MAX_JSON_VALUES:
        return Broken(reason=f"holds more than {MAX_JSON_VALUES} values")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return Broken(reason=f"not JSON: {error.msg}", line=error.lineno, text=text)
    except RecursionError:
        return Broken(reason=f"nested deeper than {MAX_DEPTH} levels", text=text)
    except ValueError as error:
        # Python refuses to make a number of thousands of digits, in words that are about Python.
        reason = "a number of thousands of digits" if "digits" in str(error) else str(error)
        return Broken(reason=reason, text=text)
    if _SURROGATE.search(text) and not _is_unicode(value):
        return Broken(reason="text that is no Unicode: half of a surrogate pair", text=text)
    if is_deeper_than(value, MAX_DEPTH):
        return Broken(reason=f"nested deeper than {MAX_DEPTH} levels", text=text)
    return Located(value=value, line=1)


def _is_stream(part: Broken) -> bool:
    return part.reason == f"not JSON: {_MORE}"


def read_json_stream(text: str) -> Iterator[Located | Broken]:
    """Yield JSON documents that follow one another, as several runs of `kubectl get -o json` write into one file."""
    decoder = json.JSONDecoder()
    position, end, line = _after_space(text, 0), 0, 1
    while position < len(text):
        line += text.count("\n", end, position)
        try:
            _, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            yield Broken(reason=f"not JSON: {error.msg}", line=error.lineno, text=text[position:], start=line)
            return
        except RecursionError:
            yield Broken(reason=f"nested deeper than {MAX_DEPTH} levels", line=line, start=line)
            return
        part = read_json(text[position:end])
        yield replace(part, line=line) if isinstance(part, Located) else replace(part, line=line, start=line)
        line += text.count("\n", position, end)
        position = _after_space(text, end)


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"key {twice!r} stands twice in one object")
    return made


def _is_unicode(value: Json) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    except RecursionError:
        return True  # too deep, which is said elsewhere
    return True


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON number")


def is_deeper_than(value: Json, limit: int) -> bool:
    """Whether objects and arrays are nested more than `limit` levels deep; needs no recursion."""
    level: list[Json] = [value]
    for _ in range(limit + 1):
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True
