"""A second, plain reader of manifests and Terraform source, to check the product's own against. Shares no code with it.

Every scalar becomes one entry: where it stands, without positions in lists, to its text as written.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_BLOCK = re.compile(r'^(resource|module)\s+"([^"]+)"(?:\s+"([^"]+)")?\s*\{')
_ONE_LINE = re.compile(r"^(resource|module).*\{\s*\}\s*$")
_ARGUMENT = re.compile(r'^"?([A-Za-z_][\w./-]*)"?\s*[=:]\s*(.*)$')
_NESTED = re.compile(r'^([A-Za-z_]\w*)(?:\s+"[^"]*")?\s*\{\s*(\})?$')
_HEREDOC = re.compile(r"<<-?\s*\"?(\w+)\"?\s*$")
_META = frozenset(
    {"count", "for_each", "depends_on", "lifecycle", "provider", "providers", "connection", "provisioner"}
)


class Thing(NamedTuple):
    """What a file declares: of which kind, where, under which name."""

    kind: str
    place: str
    """Namespace, or folder of Terraform source."""
    name: str


Fields = Mapping[tuple[str, ...], tuple[str, ...]]
"""Way to the texts of all scalars there, in order."""


def read(path: str, text: str) -> dict[Thing, Fields]:
    """Return the things a file declares.

    Raises:
        ValueError: it can't be read.
    """
    if path.endswith(".tf"):
        return dict(_terraform(path.rpartition("/")[0], text))
    try:
        return dict(_manifests(text))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _manifests(text: str) -> Iterator[tuple[Thing, Fields]]:
    for document in yaml.load_all(text, Loader=_LOADER):
        bodies = document.get("items") or [] if isinstance(document, dict) and "items" in document else [document]
        for body in bodies:
            metadata = body.get("metadata") if isinstance(body, dict) else None
            if isinstance(metadata, dict) and body.get("kind") and body.get("apiVersion") and metadata.get("name"):
                found: dict[tuple[str, ...], list[str]] = defaultdict(list)
                _flatten(body, (), found)
                place = metadata.get("namespace") or "default"
                yield Thing(body["kind"], place, metadata["name"]), {k: tuple(v) for k, v in found.items()}


def _flatten(value: Any, way: tuple[str, ...], found: dict[tuple[str, ...], list[str]]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _flatten(item, (*way, str(key)), found)
    elif isinstance(value, list):
        for item in value:
            _flatten(item, way, found)
    else:
        found[way].append(str(value))


def _terraform(folder: str, text: str) -> Iterator[tuple[Thing, Fields]]:
    lines = iter(text.splitlines())
    for line in lines:
        match = _BLOCK.match(line)
        if match:
            kind, name = (match[2], match[3]) if match[3] else ("module", match[2])
            found: dict[tuple[str, ...], list[str]] = defaultdict(list)
            if not _ONE_LINE.match(line):
                _body(lines, (), found)
            kept = {k: tuple(v) for k, v in found.items() if k[0] not in _META}
            yield Thing(kind, folder, name), kept


def _body(lines: Iterator[str], way: tuple[str, ...], found: dict[tuple[str, ...], list[str]]) -> None:
    for raw in lines:
        line = _without_comment(raw).strip().rstrip(",")
        if line.startswith(("}", ")")):
            return
        if nested := _NESTED.match(line):
            if not nested[2]:
                _body(lines, (*way, nested[1]), found)
        elif argument := _ARGUMENT.match(line):
            _value(lines, argument[2].strip(), (*way, argument[1]), found)


def _value(lines: Iterator[str], value: str, way: tuple[str, ...], found: dict[tuple[str, ...], list[str]]) -> None:
    if heredoc := _HEREDOC.search(value):
        text = []
        for raw in lines:
            if raw.strip() == heredoc[1]:
                break
            text.append(raw)
        found[way].append("\n".join(text))
    elif value == "{":
        _body(lines, way, found)
    else:
        while _open(value) > 0:
            value += " " + _without_comment(next(lines, "}])")).strip()
        found[way].append(" ".join(value.split()).replace(", ]", "]").replace("[ ", "[").replace(" ]", "]"))


def _open(value: str) -> int:
    bare = re.sub(r'"(?:\\.|[^"\\])*"', "", value)
    return sum(bare.count(c) for c in "([{") - sum(bare.count(c) for c in ")]}")


def _without_comment(line: str) -> str:
    return re.sub(r"""^((?:[^"#/]|"(?:\\.|[^"\\])*"|/(?!/))*)(?:#|//).*$""", r"\1", line)
