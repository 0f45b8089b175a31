"""On which lines of a file a field stands. Reads the file again with positions; judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import yaml

from tools.adapters.yaml_documents import chunks
from tools.adapters.yaml_scalars import as_key, resolve

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HCL_NAME: Final = re.compile(r'"?([A-Za-z_][\w.-]*)"?\s*(?:[=:{]|"[^"]*"\s*\{)')
_HEREDOC: Final = re.compile(r'<<-?"?([A-Za-z_]\w*)"?\s*$')
_COMMENT: Final = re.compile(r"\s*(?:#|//)")
_INSIDE: Final = 10**6
"""Indentation of what is no structure."""
_TEXTS_KEPT: Final = 16
_LONGEST: Final = 500_000
"""Characters of a text that is read with positions, each of which takes a hundred bytes."""


class Span(NamedTuple):
    """Lines from 1, both included."""

    first: int
    last: int


def yaml_span(text: str, line: int, way: Sequence[str]) -> Span | None:
    """Return where a field of a YAML or JSON document stands.

    Args:
        text: the whole file, which can be read.
        line: the first line of the document, or of the entry of its `items` that is meant.
        way: unescaped tokens of a JSON pointer; where it leads nowhere, its last step that exists counts.

    Returns:
        The lines of the key and its value; None when the document is not found.
    """
    root = _root(text, line) if len(text) <= _LONGEST else None
    if root is None:
        return None
    offset, node = root
    span = _span(node, node, offset)
    for token in way:
        step = _step(node, token)
        if step is None:
            break
        key, node = step
        span = _span(key, node, offset)
    return span


def _root(text: str, line: int) -> tuple[int, yaml.Node] | None:
    for offset, node in _nodes(text):
        if node.start_mark.line + offset <= line <= node.end_mark.line + offset:
            return offset, _item(node, line - offset)
    return None


@lru_cache(maxsize=_TEXTS_KEPT)
def _nodes(text: str) -> tuple[tuple[int, yaml.Node], ...]:
    found = []
    for offset, chunk in chunks(text):
        try:
            node = yaml.compose(chunk, Loader=_LOADER)
        except (yaml.YAMLError, RecursionError):
            continue
        if node is not None:
            found.append((offset, node))
    return tuple(found)


def _item(node: yaml.Node, line: int) -> yaml.Node:
    """Return the entry of a `List` that begins on a line (from 0), else the document itself."""
    step = _step(node, "items")
    if step and isinstance(step[1], yaml.SequenceNode):
        return next((item for item in step[1].value if item.start_mark.line == line), node)
    return node


def _step(node: yaml.Node, token: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Return (key, value) of a member; of an entry of a list the value twice."""
    if isinstance(node, yaml.SequenceNode):
        found = node.value[int(token)] if token.isdigit() and int(token) < len(node.value) else None
        return (found, found) if found is not None else None
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and token in {key.value, _plain_key(key)}:
            return key, value
    return next((found for merged in _merged(node) if (found := _step(merged, token))), None)


def _plain_key(key: yaml.ScalarNode) -> str:
    try:
        return as_key(resolve(key.value))
    except ValueError:
        return str(key.value)


def _merged(node: yaml.MappingNode) -> Iterator[yaml.Node]:
    for key, value in node.value:
        if key.value == "<<":
            yield from value.value if isinstance(value, yaml.SequenceNode) else (value,)


def _span(first: yaml.Node, node: yaml.Node, offset: int) -> Span:
    end = node.end_mark.line - (1 if node.end_mark.column == 0 else 0)
    start = first.start_mark.line
    return Span(start + offset, max(start, end) + offset)


def hcl_span(text: str, line: int, way: Sequence[str]) -> Span:
    """Return where an argument of a Terraform block stands, told by indentation as `terraform fmt` sets it.

    Args:
        text: the whole file.
        line: the first line of the block.
        way: names of nested blocks and arguments, and positions among blocks of one name.
    """
    lines = _outlined(text.splitlines())
    span = _block(lines, line)
    for name, position in _named(way):
        found = list(_children(lines, span, name))
        if not found:
            break
        span = _block(lines, found[min(position, len(found) - 1)])
    return span


class _Line(NamedTuple):
    indent: int
    text: str


def _outlined(lines: Sequence[str]) -> list[_Line]:
    """Give each line its indentation; comments and heredocs stand deeper than anything, wherever they begin."""
    found: list[_Line] = []
    end = ""
    for line in lines:
        expanded = line.expandtabs(4)
        if end:
            found.append(_Line(_INSIDE, ""))
            end = "" if line.strip() == end else end
            continue
        if _COMMENT.match(line):
            found.append(_Line(_INSIDE, ""))
            continue
        found.append(_Line(len(expanded) - len(expanded.lstrip()), line.strip()))
        heredoc = _HEREDOC.search(line)
        end = heredoc[1] if heredoc else ""
    return found


def _named(way: Sequence[str]) -> Iterator[tuple[str, int]]:
    for index, token in enumerate(way):
        if not token.isdigit():
            following = way[index + 1] if index + 1 < len(way) else ""
            yield token, int(following) if following.isdigit() else 0


def _children(lines: Sequence[_Line], span: Span, name: str) -> Iterator[int]:
    matches = [(n, m) for n in range(span.first + 1, span.last + 1) if (m := _HCL_NAME.match(lines[n - 1].text))]
    level = min((lines[n - 1].indent for n, _ in matches), default=0)
    yield from (n for n, m in matches if m[1] == name and lines[n - 1].indent == level)


def _block(lines: Sequence[_Line], first: int) -> Span:
    """Return the lines of what begins on a line: up to the next one that is indented no deeper, and what closes it."""
    indent = lines[first - 1].indent
    last = first
    for number in range(first + 1, len(lines) + 1):
        line = lines[number - 1]
        if line.text and line.indent <= indent:
            return Span(first, number if line.text[0] in "}])" and number > first + 1 else last)
        last = number if line.text or line.indent == _INSIDE else last
    return Span(first, last)
