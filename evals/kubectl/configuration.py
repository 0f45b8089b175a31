"""What a described ConfigMap holds: the one part of `kubectl describe` where blank lines and indentation matter."""

from __future__ import annotations

import re

_ENTRY = re.compile(r"^(?P<key>[\w.-]+):\n-{4}\n", re.MULTILINE)


def settings(text: str) -> dict[str, str]:
    """Return the entries of a described ConfigMap.

    >>> settings("Name:  web\\n\\nData\\n====\\nport:\\n----\\n8080\\n\\n\\nBinaryData\\n====\\n\\nEvents:  <none>\\n")
    {'port': '8080'}
    """
    data = text.partition("\nData\n====\n")[2].partition("\nBinaryData\n====")[0]
    heads = list(_ENTRY.finditer(data))
    ends = [*(h.start() for h in heads[1:]), len(data)]
    return {h["key"]: data[h.end() : end].strip("\n") for h, end in zip(heads, ends, strict=True)}
