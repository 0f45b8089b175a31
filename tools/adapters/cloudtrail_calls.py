"""CloudTrail records as calls that can be grouped into runs: who, when, what is named. The user agent is not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from graph.calls import Call
from graph.document import Json, Object
from graph.kinds.lenient import leaves, mapping, text
from tools.adapters.cloudtrail import is_write
from tools.adapters.cloudtrail_writes import writes
from tools.adapters.timestamps import read_time

_SHORTEST: Final = 5
"""Shorter texts in parameters are flags and sizes, not names."""
_LONGEST: Final = 512
_MOST: Final = 200
"""Texts of one record that are looked at."""
_NAMING: Final = ("id", "ids", "arn", "name", "names", "content", "bucket", "key", "identifier", "list")
"""Endings of parameters that hold names."""
_OF_NO_RESOURCE: Final = ("requestid", "documentname", "ownerid")


def calls_of(records: Iterable[Object]) -> Iterator[Call]:
    """Yield the calls of records, those without time or id left out."""
    for record in records:
        at, key = read_time(record.get("eventTime")), record.get("eventID")
        if at is not None and isinstance(key, str) and not record.get("errorCode"):
            yield Call(
                id=key,
                at=at,
                credential=_credential(record),
                event=text(record, "eventName"),
                is_write=is_write(record),
                names=frozenset(_names(record)),
            )


def _credential(record: Object) -> str:
    identity = mapping(record, "userIdentity")
    return f"{text(identity, 'arn') or text(identity, 'invokedBy')} {text(identity, 'accessKeyId')}"


def _names(record: Object) -> Iterator[str]:
    if is_write(record):
        yield from (write.resource for write in writes(record) if write.resource)
    for held in (record.get("requestParameters"), record.get("responseElements") if is_write(record) else None):
        yield from _texts(held)


def _texts(held: Json) -> Iterator[str]:
    for count, (way, value) in enumerate(leaves(held)):
        if count >= _MOST:
            return
        name = next((str(step).lower() for step in reversed(way) if isinstance(step, str)), "")
        if not isinstance(value, str) or not _SHORTEST <= len(value) <= _LONGEST or name.endswith(_OF_NO_RESOURCE):
            continue
        if name.endswith(_NAMING) or value.startswith("arn:"):
            yield value
