"""On which line of a commit's files a field was changed. Reads both versions of a file; renders nothing."""

from __future__ import annotations

from graph.document import ABSENT, tokens
from graph.errors import Invalid
from graph.version import Document, Origin
from tools.adapters.changed_lines import changed_lines
from tools.adapters.documents import decode
from tools.adapters.field_changes import FieldChange
from tools.adapters.field_spans import Span, hcl_span, yaml_span
from tools.adapters.git_repository import CommitInfo, GitRepository


class FieldOrigins:
    """Finds lines in the files that one commit changed."""

    def __init__(self, repository: GitRepository, commit: CommitInfo) -> None:
        self._repository = repository
        self._old = {f.old_path: f.old_blob for f in commit.files if f.old_path}
        self._new = {f.new_path: f.new_blob for f in commit.files if f.new_path}
        self._texts: dict[str, str] = {}
        self._changed: dict[tuple[str, str], frozenset[int]] = {}

    def of(self, change: FieldChange, before: Document | None, after: Document | None) -> Origin:
        """Return the file and line of the new value; of what is gone those where it stood.

        Args:
            change: one field of a document.
            before: the document before the commit, with the line on which it began.
            after: the document after it.
        """
        is_gone = change.after is ABSENT
        here, there = (before, after) if is_gone else (after, before)
        if here is None or here.origin is None:
            return Origin(file="")
        path = here.origin.file
        text = self._text((self._old if is_gone else self._new).get(path))
        # Of what came or went as a whole, the same file on the other side tells which lines did.
        other_path = there.origin.file if there is not None and there.origin else path
        other = self._text((self._new if is_gone else self._old).get(other_path))
        span = _span(path, text, here.origin.line, tokens(change.path)) if text else None
        if span is None:
            return Origin(file=path, line=here.origin.line)
        return Origin(file=path, line=self._first_changed(text, other, span))

    def _first_changed(self, text: str, other: str, span: Span) -> int:
        if span.first == span.last:
            return span.first
        key = (other, text)
        if key not in self._changed:
            self._changed[key] = changed_lines(other, text)
        return min((n for n in self._changed[key] if span.first <= n <= span.last), default=span.first)

    def _text(self, blob: str | None) -> str:
        if blob is None:
            return ""
        if blob not in self._texts:
            try:
                self._texts[blob] = decode(self._repository.blob(blob))
            except Invalid:
                self._texts[blob] = ""
        return self._texts[blob]


def _span(path: str, text: str, line: int | None, way: tuple[str, ...]) -> Span | None:
    if line is None:
        return None
    if not path.endswith(".tf"):
        return yaml_span(text, line, way)
    if way[:1] == ("expressions",):
        return hcl_span(text, line, tokens(way[1]) if len(way) > 1 else ())
    return hcl_span(text, line, way[1:] if way[:1] == ("values",) else way)
