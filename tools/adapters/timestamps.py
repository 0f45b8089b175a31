"""Times as other systems write them, to aware datetimes in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from graph.document import Json

_FRACTION: Final = re.compile(r"(\.\d{6})\d+")


def read_time(value: Json) -> datetime | None:
    """Read an RFC 3339 or ISO 8601 time; one without a zone is UTC. None for anything else.

    >>> read_time("2026-11-22T21:50:19.641239123Z").isoformat()
    '2026-11-22T21:50:19.641239+00:00'
    """
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        time = datetime.fromisoformat(_FRACTION.sub(r"\1", value.strip()))
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
