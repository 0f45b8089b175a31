"""Terraform source text to resource blocks with literal values. Evaluates no expression and follows no module."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Final

import hcl2
from lark.exceptions import LarkError, UnexpectedInput

from graph.document import ABSENT, Absent, Json, Object, pointer
from graph.errors import Invalid

_BLOCK: Final = re.compile(r'^[ \t]*(resource|module)[ \t]+"([^"]+)"(?:[ \t]+"([^"]+)")?[ \t]*\{', re.MULTILINE)
_TOP_LEVEL: Final = re.compile(
    r"^(?:resource|module|data|variable|output|locals|provider|terraform|moved|import|removed|check)\b", re.MULTILINE
)
"""Where a block begins, as `terraform fmt` sets it: at the start of a line."""
_HEREDOC: Final = re.compile(r"\A<<(-?)([A-Za-z_]\w*)\n(.*)^[ \t]*\2[ \t]*\Z", re.DOTALL | re.MULTILINE)
_INTERPOLATION: Final = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")
_META: Final = frozenset({"count", "for_each", "depends_on", "lifecycle", "provider", "connection", "provisioner"})
"""Arguments of every resource block that are no attributes of the resource."""
_CALL: Final = "module"
"""Stands for the resource type of a module call."""
_MARK: Final = "__is_block__"
_OPTIONS: Final = hcl2.SerializationOptions(
    with_comments=False, strip_string_quotes=True, preserve_scientific_notation=False
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HclResource:
    """One `resource` block."""

    type: str
    name: str
    line: int | None
    values: Object
    """Attributes and nested blocks that are literal."""
    expressions: Object
    """JSON pointer into `values` of each argument that must be evaluated, with its text."""
    count: int | None
    """Literal `count`; None where the block has none or an expression."""
    is_repeated: bool
    """Has `count` or `for_each`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HclModule:
    """One `module` block."""

    name: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HclFile:
    """The blocks of one file."""

    resources: tuple[HclResource, ...]
    modules: tuple[HclModule, ...]


def read_hcl(text: str) -> HclFile:
    """Read a `.tf` file; blocks that were read before are not parsed again.

    Raises:
        Invalid: it is no HCL; `line` tells where.
    """
    try:
        blocks = [block for chunk in _chunks(text) for block in _located(*chunk)]
    except Invalid:
        # A heredoc may hold lines that look like blocks. What is wrong, if anything, only the whole text tells.
        blocks = list(_read_block.__wrapped__(text))
    return HclFile(
        resources=tuple(block for block in blocks if block.type != _CALL),
        modules=tuple(
            HclModule(name=block.name, source=block.values["source"])
            for block in blocks
            if block.type == _CALL and isinstance(block.values.get("source"), str)
        ),
    )


def _parse(text: str) -> Object:
    try:
        return dict(hcl2.loads(text if text.endswith("\n") else text + "\n", serialization_options=_OPTIONS))
    except UnexpectedInput as error:
        raise Invalid("not HCL: " + str(error).partition("\n")[0][:200], line=max(error.line, 1)) from error
    except (LarkError, RecursionError, ValueError, KeyError, TypeError) as error:
        # The grammar's transformer also lets plain errors of Python through for text that it can't make sense of.
        raise Invalid(f"not HCL: {type(error).__name__}") from error


def _resources(body: Object, text: str) -> list[HclResource]:
    lines = {(kind, first, second): line for kind, first, second, line in declared_blocks(text)}
    return [
        _resource(type_, name, block, lines.get(("resource", type_, name)))
        for labelled in _dicts(body.get("resource"))
        for type_, names in labelled.items()
        for name, block in (names.items() if isinstance(names, dict) else ())
        if isinstance(block, dict)
    ]


def read_resources(text: str) -> Iterator[HclResource]:
    """Yield the `resource` and `module` blocks of a file one by one, which is cheap when most were read before.

    A module call comes as a resource of type `module`. Of the other blocks nothing is looked at, so errors in them go
    unnoticed.

    Raises:
        Invalid: such a block is no HCL; `line` tells where.
    """
    for line, chunk in _chunks(text):
        if chunk.startswith(("resource", "module")):
            yield from _located(line, chunk)


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Yield (first line from 1, text) of what stands before the first block, and from each block to the next."""
    starts = [match.start() for match in _TOP_LEVEL.finditer(text)]
    line = 1
    for start, end in pairwise([0, *starts, len(text)]):
        if start < end:
            yield line, text[start:end]
            line += text.count("\n", start, end)


def _located(line: int, chunk: str) -> Iterator[HclResource]:
    """Yield the blocks of a part of a file that begins at a line."""
    try:
        blocks = _read_block(chunk)
    except Invalid as error:
        raise Invalid(error.reason, line=line - 1 + (error.line or 1)) from error
    for block in blocks:
        yield replace(block, line=line - 1 + (block.line or 1))


@lru_cache(maxsize=8192)
def _read_block(text: str) -> tuple[HclResource, ...]:
    body = _parse(text)
    calls = [
        _resource(_CALL, name, block, 1)
        for labelled in _dicts(body.get("module"))
        for name, block in labelled.items()
        if isinstance(block, dict)
    ]
    return (*_resources(body, text), *calls)


def declared_blocks(text: str) -> Iterator[tuple[str, str, str, int]]:
    """Yield (`resource` or `module`, first label, second label or empty, line from 1), also of text that is broken."""
    for match in _BLOCK.finditer(text):
        yield match[1], match[2], match[3] or "", text.count("\n", 0, match.start(1)) + 1


def _resource(type_: str, name: str, block: Object, line: int | None) -> HclResource:
    expressions: Object = {}
    arguments = {k: v for k, v in block.items() if k not in _META and k != _MARK}
    count = block.get("count")
    dynamic = arguments.pop("dynamic", None)
    for labelled in _dicts(dynamic):
        for label in labelled:
            expressions[pointer(label)] = "a dynamic block"
    values = {k: v for k, item in arguments.items() if not isinstance(v := _literal(item, (k,), expressions), Absent)}
    return HclResource(
        type=type_,
        name=name,
        line=line,
        values=values,
        expressions=expressions,
        count=count if isinstance(count, int) and not isinstance(count, bool) else None,
        is_repeated="count" in block or "for_each" in block,
    )


def _literal(value: Json, path: tuple[str | int, ...], expressions: Object) -> Json | Absent:
    """Return a value if it is literal through and through, else ABSENT with a note in `expressions`.

    Nested blocks keep their literal arguments; a list or object expression with an unknown part is unknown as a whole.
    """
    if isinstance(value, str):
        return _text(value, path, expressions)
    if isinstance(value, list) and value and all(isinstance(v, dict) and _MARK in v for v in value):
        return [_block(v, (*path, i), expressions) for i, v in enumerate(value)]
    if isinstance(value, list):
        items = [_literal(v, (*path, i), expressions) for i, v in enumerate(value)]
        return ABSENT if any(isinstance(v, Absent) for v in items) else items
    if isinstance(value, dict):
        entries = {k: _literal(v, (*path, k), expressions) for k, v in value.items() if k != _MARK}
        if any(_INTERPOLATION.search(k) for k in entries):
            expressions[pointer(*path)] = "a computed key"
            return ABSENT
        return ABSENT if any(isinstance(v, Absent) for v in entries.values()) else entries
    return value


def _block(block: Object, path: tuple[str | int, ...], expressions: Object) -> Object:
    arguments = {k: v for k, v in block.items() if k != _MARK}
    read = {k: _literal(v, (*path, k), expressions) for k, v in arguments.items()}
    return {k: v for k, v in read.items() if not isinstance(v, Absent)}


def _text(value: str, path: tuple[str | int, ...], expressions: Object) -> str | Absent:
    heredoc = _HEREDOC.match(value)
    text = value
    if heredoc:
        text = textwrap.dedent(heredoc[3]) if heredoc[1] else heredoc[3]
    if _INTERPOLATION.search(text):
        expressions[pointer(*path)] = text
        return ABSENT
    return text.replace("$${", "${").replace("%%{", "%{")


def _dicts(value: Json) -> Iterator[Object]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item
