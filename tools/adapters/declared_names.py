"""Which resources a text seems to declare, though it can't be parsed.

A guess by line patterns, used only to withhold claims.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from graph.document import Object

_TOP: Final = re.compile(r"""^["']?(apiVersion|kind)["']?\s*:\s*["']?([A-Za-z0-9./-]+)["']?,?\s*(?:#.*)?$""")
_METADATA: Final = re.compile(r"""^["']?metadata["']?\s*:\s*(?:#.*)?$""")
_FIELD: Final = re.compile(
    r"""^(\s+)["']?(name|namespace)["']?\s*:\s*["']?([a-z0-9]([a-z0-9.:-]*[a-z0-9])?)["']?,?\s*(?:#.*)?$"""
)
_SEPARATOR: Final = re.compile(r"^---(?:\s|$)")


def declared_objects(text: str) -> Iterator[Object]:
    """Yield a minimal object (apiVersion, kind, name, namespace) for each one that the lines of `text` name.

    >>> list(declared_objects("apiVersion: v1\\nkind: ConfigMap\\nmetadata:\\n  name: a\\ndata: {{ .Values.x }}"))
    [{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a'}}]
    """
    top: dict[str, str] = {}
    metadata: dict[str, str] = {}
    indent: str | None = None
    inside = False
    for line in [*text.splitlines(), "---"]:
        if _SEPARATOR.match(line):
            if len(top) == 2 and "name" in metadata:
                yield {**top, "metadata": dict(metadata)}
            top, metadata, indent, inside = {}, {}, None, False
        elif match := _TOP.match(line):
            top[match[1]] = match[2]
            inside = False
        elif _METADATA.match(line):
            inside, indent = True, None
        elif inside and (match := _FIELD.match(line)):
            indent = indent or match[1]
            if match[1] == indent:
                metadata.setdefault(match[2], match[3])
        elif inside and line.strip() and indent is None:
            indent = line[: len(line) - len(line.lstrip())]
        elif line[:1].strip() and not line.startswith("#"):
            inside = False
