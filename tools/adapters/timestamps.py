"""Times as other systems write them, to aware datetimes in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from graph.document import Json

_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
_ZONE: Final = re.compile(r"\s+(UTC|[+-]\d\d:?\d\d)$")
"""Ruby writes the zone behind a space."""


def read_time(value: Json) -> datetime | None:
    """Read an RFC 3339 or ISO 8601 time; one without a zone is UTC. None for anything else.

    >>> read_time("2026-11-22T21:50:19.641239123Z").isoformat()
    '2026-11-22T21:50:19.641239+00:00'
    >>> read_time("2026-11-22 21:50:00 +0200").isoformat(), read_time("2026-11-22 21:50:00 UTC").isoformat()
    ('2026-11-22T19:50:00+00:00', '2026-11-22T21:50:00+00:00')
    """
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        time = datetime.fromisoformat(_ZONE.sub(_joined, _FRACTION.sub(r"\1", value.strip())))
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _joined(zone: re.Match[str]) -> str:
    return "+00:00" if zone[1] == "UTC" else zone[1]
