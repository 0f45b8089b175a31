"""A unified diff as lines with their sign and file; comments, documents and tests are told apart from what runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

QUIET_FILES = re.compile(
    r"(^|/)(?<!services/)(?<!apps/)(docs?|documentation|testdata|tests?|test[-_]?(utils?|helpers?|support|kit)|__tests__|e2e|fixtures|\.github"
    r"|\.gitlab|\.circleci|examples?|seeds"
    r"|dashboards?|grafana|storybook|mocks?)/"
    r"|[._-](test|spec|stories)\.\w+$|(^|/)test_\w+\.\w+$|\.(md|rst|adoc)$"
    r"|(^|/)(CODEOWNERS|LICENSE|README|CHANGELOG|Makefile|Justfile|\.gitignore|\.editorconfig|\.golangci\.ya?ml"
    r"|catalog-info\.ya?ml|\.pre-commit-config\.yaml|\.gitlab-ci\.ya?ml|\.travis\.yml|azure-pipelines\.ya?ml"
    r"|Jenkinsfile"
    r"|\.dockerignore|requirements[-_](dev|test)\w*\.(txt|in)|structure\.sql|schema\.rb)|\.(css|scss|less|svg"
    r"|png|jpe?g|ico|woff2?)$|/theme\.\w+$|(^"
    r"|/)(robots|humans)\.txt$"
    r"|(^|[/._-])(staging|stage|dev|local|sandbox|qa)([/._-][\w./-]*)?\.(ya?ml|json|toml|env|tf|tfvars"
    r"|properties|sql)$",
    re.IGNORECASE,
)
"""What no production system runs: documents, tests, pictures, build and editor settings, other environments."""

_FILE = re.compile(r"(?<![\w/.-])((?:[\w@.-]+/)*[\w@.-]+\.(?!\d)\w{1,6}|(?:[\w@.-]+/)*Dockerfile)(?![\w/])")
_MOST_LINES, _LONGEST = 2000, 400
"""Lines of a diff that are read, and characters of each: what is longer was generated, and may be hostile."""
_COMMENT = re.compile(r"^\s*(//|#(?!include|\[|!\[)|/\*|\*[\s/]|\*$|--\s|<!--|;;|\"\"\")")
_DEVELOPS = re.compile(
    r"^[\"'@\s\d,+-]*(dev-?_?dependencies|dev-packages|tool\.poetry\.(group\.)?dev)|group :(development|test)",
    re.IGNORECASE,
)
"""What follows is used to build and to test"""
_SECTION_ENDS = re.compile(r"^\s*(\}|\[|end\b|\w+:\s*$|[\"']\w+[\"']:\s*\{)")
_TRAILING = re.compile(r"\s+(?://|#)\s.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a diff."""

    sign: str
    """`+`, `-`, or a space for what surrounds a change"""
    text: str
    """Without sign and without a comment at its end"""
    file: str
    """Path as the diff names it; empty when it does not"""
    is_code: bool
    """It is neither empty, nor a comment, nor in a file that nothing runs"""

    @property
    def indent(self) -> int:
        return len(self.text.expandtabs(4)) - len(self.text.expandtabs(4).lstrip())


@dataclass(frozen=True, kw_only=True)
class Patch:
    """What a commit changes."""

    lines: tuple[Line, ...]
    """Of all files in the order of the diff, with what surrounds changes"""
    files: tuple[str, ...]
    """Paths that the commit touches, whether the diff shows them or not"""

    @cached_property
    def removed(self) -> tuple[str, ...]:
        """Text of the code lines that go."""
        return tuple(line.text for line in self.lines if line.sign == "-" and line.is_code)

    @cached_property
    def added(self) -> tuple[str, ...]:
        """Text of the code lines that come."""
        return tuple(line.text for line in self.lines if line.sign == "+" and line.is_code)

    @cached_property
    def lost(self) -> str:
        return "\n".join(self.removed)

    @cached_property
    def gained(self) -> str:
        return "\n".join(self.added)

    @cached_property
    def undone(self) -> str:
        """`lost` without what messages say."""
        return without_messages(self.lost)

    @cached_property
    def done(self) -> str:
        """`gained` without what messages say: a text for people does nothing."""
        return without_messages(self.gained)

    def side(self, sign: str) -> tuple[Line, ...]:
        """The code before (`-`) or after (`+`) the change, as far as the diff shows it."""
        return tuple(line for line in self.lines if line.sign in (sign, " ") and line.is_code)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield removed lines with the added line that took their place: the n-th of a block with the n-th."""
        for gone, come in self.blocks():
            yield from zip(gone, come, strict=False)

    def blocks(self) -> Iterator[tuple[list[str], list[str]]]:
        """Yield removed lines with the added ones that stand at the same place."""
        gone: list[str] = []
        come: list[str] = []
        for line in self.lines:
            if line.sign == " " or (line.sign == "-" and come):
                yield gone, come
                gone, come = [], []
            if line.is_code and line.sign != " ":
                (gone if line.sign == "-" else come).append(line.text)
        yield gone, come


def read_patch(diff: str, files: Sequence[str]) -> Patch:
    """Read a diff.

    Args:
        diff: unified diff, with or without file headers; untrusted.
        files: paths that it touches.
    """
    return Patch(
        lines=tuple(_lines((line[:_LONGEST] for line in islice(diff.splitlines(), _MOST_LINES)), files)),
        files=tuple(files),
    )


def without_messages(code: str) -> str:
    """Return code with texts for people emptied; statements and values stay.

    >>> without_messages('fail("could not decode body: %w", "no-store", "SELECT a FROM b")')
    'fail("", "no-store", "SELECT a FROM b")'
    """
    return _QUOTED.sub(lambda m: m[0] if _STATEMENT.search(m[0]) or not _SENTENCE.search(m[0]) else m[1] * 2, code)


_QUOTED = re.compile(r"([\"'`])(?:(?!\1)[^\\\n]|\\.)*\1")
_SENTENCE = re.compile(r"[A-Za-z]{2,}[:,]? [a-z]{2,}[:,]? [A-Za-z%{$]")
_STATEMENT = re.compile(
    r"^.\s*(?i:select .*\bfrom|insert into|delete from|with \w+ as|alter table|create \w+|drop \w+|lock table|begin"
    r"|merge into|update \w+ set)\b|\b(WHERE|FROM|JOIN|LIMIT|UPDATE|ORDER BY|GROUP BY|VALUES)\b"
)


def is_quiet(path: str) -> bool:
    """Whether nothing that runs in production reads a file.

    >>> is_quiet("docs/setup.md"), is_quiet("deploy/staging/values.yaml"), is_quiet("src/pay.go")
    (True, True, False)
    """
    return bool(QUIET_FILES.search(path))


def _lines(raw: Iterable[str], files: Sequence[str]) -> Iterator[Line]:
    file = next((f for f in files if not is_quiet(f)), files[0] if files else "")
    in_comment = is_dev = False
    for text in raw:
        if text.startswith(("diff ", "index ", "--- ", "+++ ", "@@")):
            file = _named(text, files) or file
            in_comment = is_dev = False
            if not _DEVELOPS.search(text):
                continue
            is_dev = True
            continue
        sign = text[:1] if text[:1] in "+-" and text else " "
        body = text[1:] if text[:1] in ("+", "-", " ") else text
        opens = body.lstrip().startswith("/*")
        is_comment = in_comment or bool(_COMMENT.match(body))
        in_comment = (in_comment or opens) and "*/" not in body
        is_dev = bool(_DEVELOPS.search(body)) or (is_dev and not _SECTION_ENDS.match(body))
        is_code = bool(body.strip()) and not is_comment and not is_quiet(file) and not is_dev
        yield Line(sign=sign, text=_TRAILING.sub("", body).rstrip(), file=file, is_code=is_code)


def _named(header: str, files: Sequence[str]) -> str:
    """The file that a header names: one of those touched, or what looks like a path."""
    found = [name.removeprefix("a/").removeprefix("b/") for name in _FILE.findall(header.split(" func ")[0])]
    known = [name for name in found if any(name == f or f.endswith(f"/{name}") for f in files)]
    if header.startswith("@@"):
        is_title = re.match(r"^@@[\s\d,+-]*(@@)?\s*[\w@./-]+(\s*@@|:|$)", header)
        return next(iter(known or (found if is_title else [])), "")
    return next(iter(known or found), "")
