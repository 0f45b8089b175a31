"""YAML text to JSON documents with line numbers, hardened against hostile input. Knows nothing of Kubernetes.

Documents are cut at their `---` and `...` lines first, so that one broken document does not hide the others: such
a line ends a document wherever it stands (YAML 1.2.2, section 9.1.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import yaml

from graph.document import Json
from tools.adapters.yaml_scalars import as_key, resolve, resolve_tagged

MAX_DEPTH: Final = 200
"""Nesting that is still read. The deepest published custom resource schemas stay below 60; Python's own recursive
readers of JSON end near 1,000."""
MAX_ALIASED: Final = 100_000
"""Values that all aliases of a document may stand for together. Ten nested aliases can stand for a billion."""

_SEPARATOR: Final = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)
_BLANK: Final = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z)|%[^\n]*(?:\n|\Z))*\Z")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """One document of a YAML stream."""

    value: Json
    line: int
    """First line of its content, from 1."""
    item_lines: tuple[int, ...] = ()
    """First line of each entry of a top-level `items` list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenYaml:
    """One document that can't be read."""

    reason: str
    line: int
    """Where it breaks, from 1."""
    start: int
    """First line of the document, from 1."""
    text: str


Resolve: TypeAlias = Callable[[str], Json]
"""What a plain scalar means; raises ValueError for what has no JSON form."""


def read_yaml(text: str, *, plain: Resolve = resolve) -> Iterator[YamlDocument | BrokenYaml]:
    """Yield the documents of a stream in order; empty ones are left out.

    A key that stands twice in a mapping makes its document unreadable: which of the two values counts depends on the
    reader.

    Args:
        text: the stream.
        plain: what a scalar without quotes or tag means; as `kubectl` reads it unless told otherwise.
    """
    for line, chunk in chunks(text):
        if _BLANK.match(chunk):
            continue
        try:
            yield _Builder(line, plain).build(chunk)
        except _Refused as error:
            yield BrokenYaml(reason=error.reason, line=line + error.line, start=line, text=chunk)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            yield BrokenYaml(reason=_reason(error), line=line + (mark.line if mark else 0), start=line, text=chunk)
        except yaml.YAMLError as error:
            yield BrokenYaml(reason=str(error).partition("\n")[0], line=line, start=line, text=chunk)


class _Refused(Exception):
    """Well-formed YAML that is not taken. `line` counts from 0 within the chunk."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


def _reason(error: yaml.MarkedYAMLError) -> str:
    parts = [error.problem or "not YAML"]
    if error.context:
        parts.append(error.context)
    return ", ".join(parts)


def chunks(text: str) -> Iterator[tuple[int, str]]:
    """Yield (first line from 1, text) between `---` lines; what follows `---` on its line belongs to the document."""
    start, line = 0, 1
    for match in _SEPARATOR.finditer(text):
        yield line, text[start : match.start()]
        line += text.count("\n", start, match.end())
        start = match.end()
    yield line, text[start:]


@dataclass(slots=True)
class _Frame:
    """A collection that is being read."""

    value: dict[str, Json] | list[Json]
    anchor: str | None
    line: int
    size: int = 1
    """Values in it, each alias counted with all that it stands for."""
    key: str | None = None
    merges: list[Json] = field(default_factory=list)
    merge_next: bool = False


class _Builder:
    """Builds one document from parser events with a stack of its own, so that depth costs no recursion."""

    def __init__(self, first_line: int, plain: Resolve) -> None:
        self._first_line = first_line
        self._plain = plain
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Json, int]] = {}
        self._open_anchors: set[str] = set()
        self._aliased = 0
        self._documents: list[tuple[Json, int]] = []
        self._items: list[int] = []

    def build(self, chunk: str) -> YamlDocument:
        loader = _Loader(chunk)
        try:
            while loader.check_event():
                self._take(loader.get_event())
        finally:
            loader.dispose()
        if len(self._documents) != 1:
            raise _Refused("several documents without `---` between them", 0)
        value, line = self._documents[0]
        return YamlDocument(value=value, line=self._first_line + line, item_lines=tuple(self._items))

    def _take(self, event: yaml.Event) -> None:
        line = event.start_mark.line if event.start_mark else 0
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, line)
            if event.anchor:
                self._anchors[event.anchor] = (value, 1)
            self._place(value, 1, line, plain=event.implicit[0])
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._open(event, line)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event, line)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Json:
        try:
            if event.tag and event.tag != "!":
                return resolve_tagged(event.value, event.tag)
            return self._plain(event.value) if event.implicit[0] else event.value
        except ValueError as error:
            raise _Refused(str(error), line) from error

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, line: int) -> None:
        depth = len(self._stack) + 1
        if depth > MAX_DEPTH:
            raise _Refused(f"nested deeper than {MAX_DEPTH} levels", line)
        value: dict[str, Json] | list[Json] = {} if isinstance(event, yaml.MappingStartEvent) else []
        if depth == 3 and self._stack[0].key == "items" and isinstance(self._stack[1].value, list):
            self._items.append(self._first_line + line)
        if event.anchor:
            self._open_anchors.add(event.anchor)
        self._stack.append(_Frame(value, event.anchor, line))

    def _close(self) -> None:
        frame = self._stack.pop()
        if isinstance(frame.value, dict):
            for merged in frame.merges:
                for key, value in merged.items():
                    frame.value.setdefault(key, value)
        if frame.anchor:
            self._open_anchors.discard(frame.anchor)
            self._anchors[frame.anchor] = (frame.value, frame.size)
        self._place(frame.value, frame.size, frame.line)

    def _alias(self, event: yaml.AliasEvent, line: int) -> None:
        if event.anchor in self._open_anchors:
            raise _Refused(f"alias *{event.anchor} contains itself", line)
        if event.anchor not in self._anchors:
            raise _Refused(f"alias *{event.anchor} has no anchor", line)
        value, size = self._anchors[event.anchor]
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            raise _Refused(f"aliases stand for more than {MAX_ALIASED} values", line)
        self._place(value, size, line)

    def _place(self, value: Json, size: int, line: int, *, plain: bool = False) -> None:
        if not self._stack:
            self._documents.append((value, line))
            return
        frame = self._stack[-1]
        frame.size += size
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.merge_next:
            frame.merge_next = False
            frame.merges.extend(_mergeable(value, line))
        elif frame.key is None:
            self._take_key(frame, value, line, plain=plain)
        else:
            frame.value[frame.key] = value
            frame.key = None

    def _take_key(self, frame: _Frame, value: Json, line: int, *, plain: bool) -> None:
        if isinstance(value, (dict, list)):
            raise _Refused("a mapping key that is no scalar", line)
        if plain and value == "<<":
            frame.merge_next = True
            return
        frame.key = as_key(value)
        if frame.key in frame.value:
            raise _Refused(f"key {frame.key!r} stands twice in one mapping", line)


def _mergeable(value: Json, line: int) -> list[Mapping[str, Json]]:
    many = value if isinstance(value, list) else [value]
    if not all(isinstance(one, dict) for one in many):
        raise _Refused("`<<` merges something that is no mapping", line)
    return many
