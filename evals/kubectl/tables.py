"""`kubectl get` tables: the head tells where each column begins."""

from __future__ import annotations

import re
from datetime import timedelta

_AGE = re.compile(r"(\d+)([dhms])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def table(text: str) -> list[dict[str, str]]:
    """Read a table; an empty text gives no rows.

    >>> table("NAME   READY   AGE\\nweb    1/1     5d2h")
    [{'NAME': 'web', 'READY': '1/1', 'AGE': '5d2h'}]
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    heads = [(m.group(0), m.start()) for m in re.finditer(r"\S+(?: \S+)*", lines[0])]
    ends = [*(start for _, start in heads[1:]), None]
    return [
        {name: line[start:end].strip() for (name, start), end in zip(heads, ends, strict=True)} for line in lines[1:]
    ]


def age(text: str) -> timedelta | None:
    """Read an age such as `5d2h`, `98s`, `2m10s`; None when it is none.

    >>> age("2m10s")
    datetime.timedelta(seconds=130)
    """
    parts = _AGE.findall(text)
    if not parts or _AGE.sub("", text).strip():
        return None
    total = timedelta()
    for number, unit in parts:
        total += timedelta(**{_UNITS[unit]: int(number)})
    return total
