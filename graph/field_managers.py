"""Reads managedFields: which field manager wrote a place of a Kubernetes object, and when at the latest.

Names are self-declared and times can lag, so both are bounds and never proof
(https://kubernetes.io/docs/reference/using-api/server-side-apply/).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from graph.document import Json, Object, tokens
from graph.kinds.lenient import entries, mapping, text


class Ownership(NamedTuple):
    """One manager's claim on a place."""

    manager: str
    at: datetime | None
    """UTC; when the manager last changed any of its fields."""


def owners(body: Object, path: str) -> list[Ownership]:
    """Return the managers that own the place, or something under it, latest first."""
    found = []
    for _, entry in entries(mapping(body, "metadata"), "managedFields"):
        if _owns(mapping(entry, "fieldsV1"), body, list(tokens(path))):
            found.append(Ownership(text(entry, "manager"), moment(text(entry, "time"))))
    return sorted(found, key=lambda o: (o.at.timestamp() if o.at else 0.0, o.manager), reverse=True)


def written_at(body: Object, path: str) -> datetime | None:
    """Return the time at or before which the place got its value, as its managers say; None when they don't."""
    if not path:
        return moment(text(body, "metadata", "creationTimestamp"))
    times = [o.at for o in owners(body, path) if o.at]
    return times[0] if times else None


def moment(value: str) -> datetime | None:
    """Parse an RFC 3339 time of Kubernetes; None when it is none or has no zone."""
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _owns(fields: Mapping[str, Json], value: Json, way: list[str]) -> bool:
    if not way:
        return True
    head, rest = way[0], way[1:]
    if isinstance(value, list) and head.isdigit():
        item = value[int(head)] if int(head) < len(value) else None
        return any(_owns(mapping(fields, key), item, rest) for key in _items(fields, item))
    if f"f:{head}" not in fields:
        return False
    inner = mapping(fields, f"f:{head}")
    if not inner:
        return True
    return _owns(inner, value.get(head) if isinstance(value, dict) else None, rest)


def _items(fields: Mapping[str, Json], item: Json) -> Iterator[str]:
    """Keys of `fields` that stand for this list item: `k:{...}` by its key fields, `v:...` by its value."""
    for key in fields:
        kind, _, rest = key.partition(":")
        try:
            wanted = json.loads(rest) if kind in ("k", "v") else None
        except ValueError:
            continue
        if kind == "k" and isinstance(wanted, dict) and isinstance(item, dict):
            if all(item.get(k) == v for k, v in wanted.items()):
                yield key
        elif kind == "v" and wanted == item:
            yield key
