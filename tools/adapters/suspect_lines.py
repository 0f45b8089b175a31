"""Which changed line of a commit made a change in something that was rendered from many files.

Renderers do not say where a value came from, but a commit changed few lines: the one that fits best is named. A line
fits by the value that it holds, by the key, by the object it belongs to, and by standing where the field is declared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from graph.document import ABSENT, Absent, Json, tokens
from graph.errors import Invalid
from graph.version import Document, Origin
from tools.adapters.changed_lines import changed_lines
from tools.adapters.documents import Located, decode, read_documents
from tools.adapters.field_changes import FieldChange
from tools.adapters.field_spans import yaml_span
from tools.adapters.git_repository import CommitInfo, GitRepository

_MOST_LINES: Final = 2000
"""Changed lines of one file that are weighed."""
_MOST_LEAVES: Final = 20
_PIECES: Final = re.compile(r"[:/@,=\s]+")
_VALUE, _KEY, _OBJECT, _PLACE = 4, 2, 2, 3
"""What a line's fit counts; a value says more than a key, and both together more than a place."""


@dataclass(frozen=True, slots=True)
class _Line:
    path: str
    number: int
    text: str
    is_new: bool
    document: Located | None
    """The document of the file in which it stands."""
    source: str
    """The whole file."""


class Suspects:
    """The changed lines of one commit."""

    def __init__(self, repository: GitRepository, commit: CommitInfo, read: frozenset[str]) -> None:
        """Collect the lines of the changed files among `read`, the files that renderings read."""
        self._lines: list[_Line] = []
        self._files: list[str] = []
        for file in commit.files:
            if not {file.old_path, file.new_path} & read:
                continue
            self._files.append(file.new_path or file.old_path or "")
            old, new = _text(repository, file.old_blob), _text(repository, file.new_blob)
            if file.new_path:
                self._lines += _lines(file.new_path, old, new, is_new=True)
            if file.old_path:
                self._lines += _lines(file.old_path, new, old, is_new=False)

    def origin(self, document: Document, change: FieldChange) -> Origin:
        """Return the place that made a change of a rendered document."""
        declared = document.origin
        if not change.path and declared is not None and declared.file in self._files:
            return Origin(file=declared.file, line=declared.line)
        best = max(self._lines, key=lambda line: _fit(line, document, change), default=None)
        if best is not None:
            return Origin(file=best.path, line=best.number)
        file = self._files[0] if self._files else document.origin.file if document.origin else ""
        return Origin(file=file)


def _text(repository: GitRepository, blob: str | None) -> str:
    try:
        return decode(repository.blob(blob)) if blob else ""
    except Invalid:
        return ""


def _lines(path: str, before: str, text: str, *, is_new: bool) -> Iterator[_Line]:
    numbers = sorted(changed_lines(before, text))[:_MOST_LINES]
    lines = text.splitlines()
    found = [d for d in read_documents(text.encode(), name=path) if isinstance(d, Located)] if _is_yaml(path) else []
    for number in numbers:
        inside = [d for d in found if d.line and d.line <= number]
        document = inside[-1] if inside else None
        yield _Line(path, number, lines[number - 1], is_new, document, text)


def _is_yaml(path: str) -> bool:
    return path.endswith((".yaml", ".yml", ".json"))


def _fit(line: _Line, document: Document, change: FieldChange) -> float:
    way = tokens(change.path)
    named = next((token for token in reversed(way) if not token.isdigit()), "")
    value, other = (change.after, change.before) if line.is_new else (change.before, change.after)
    fit = _VALUE * _held(line.text, value, other) + _KEY * bool(named and named in line.text)
    if line.document is not None and isinstance(line.document.value, dict):
        body = line.document.value
        metadata = body.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        is_same_kind = body.get("kind") == document.resource.kind
        fit += _OBJECT * is_same_kind + _OBJECT * (isinstance(name, str) and name in document.resource.name)
        span = yaml_span(line.source, line.document.line or 1, way) if is_same_kind and way else None
        fit += _PLACE * bool(span and span.first <= line.number <= span.last and span.last - span.first < 50)
    # Of a line that came and one that went, what came made the value that there is now.
    return 2 * fit + line.is_new


def _held(text: str, value: Json | Absent, other: Json | Absent) -> float:
    """Return how much of a value a line holds: 1 for one of its scalars or for what is new in a text, 0.5 for a part.

    A renderer may put a text together: of `web:1` that became `web:7`, a line with `7` holds what is new.
    """
    if value is ABSENT:
        return 0
    bare = text.strip().lstrip("-").strip()
    said = (bare.partition(":")[2].strip() or bare.partition("=")[2].strip() or bare).strip("\"'")
    if isinstance(value, str) and isinstance(other, str):
        start = _PIECES.split(other)
        new = [piece for piece in _PIECES.split(value) if piece and piece not in start]
        return 1 if said == value or said in new else 0.5 * (len(said) > 1 and said in value)
    leaves = [str(leaf) for leaf in _leaves(value) if str(leaf)]
    if any(leaf in text for leaf in leaves):
        return 1
    return 0.5 * any(len(said) > 1 and said in leaf for leaf in leaves)


def _leaves(value: Json) -> list[Json]:
    found: list[Json] = []
    waiting = [value]
    while waiting and len(found) < _MOST_LEAVES:
        one = waiting.pop(0)
        if isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one
        elif one is not None:
            found.append(one)
    return found
