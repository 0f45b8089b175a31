"""Times as tired people write them, made exact, and exact times as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from graph.errors import Invalid

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d{1,6})\s*(s|m|h|d|w|sec(?:ond)?s?|min(?:ute)?s?|hours?|days?|weeks?)(?:\s+ago)?", re.IGNORECASE)
_DAY = re.compile(r"(today|yesterday)(?:\s+([01]?\d|2[0-3]):([0-5]\d))?", re.IGNORECASE)


def resolved(text: str | None, *, now: datetime | None = None) -> str | None:
    """Return the RFC 3339 form, in UTC, of a time in words; None stays None.

    >>> resolved("yesterday 14:00", now=datetime(2026, 11, 20, 9, 0, tzinfo=UTC))
    '2026-11-19T14:00:00+00:00'

    Raises:
        Invalid: it is no time.
    """
    if text is None:
        return None
    present = now or datetime.now(UTC)
    if found := _SPAN.fullmatch(text.strip()):
        return (present - timedelta(**{_UNITS[found[2][0].lower()]: int(found[1])})).isoformat()
    if found := _DAY.fullmatch(text.strip()):
        day = present - timedelta(days=1 if found[1].lower() == "yesterday" else 0)
        return day.replace(hour=int(found[2] or 0), minute=int(found[3] or 0), second=0, microsecond=0).isoformat()
    try:
        # As it is shown, so that it can be copied from an answer into a question.
        moment = datetime.fromisoformat(text.strip().replace(" UTC", "Z"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid(f"{text!r} is no exact time: write 2026-11-20T12:00:00Z, `2h ago`, or `yesterday 14:00` (UTC)")
    return moment.astimezone(UTC).isoformat()


def shown(moment: str) -> str:
    """Return an RFC 3339 time in whole seconds of UTC, as every option takes it.

    >>> shown("2026-11-20T13:00:00.123456+01:00")
    '2026-11-20 12:00:00 UTC'
    """
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def shown_interval(earliest: str | None, latest: str | None) -> str:
    """Return in words when something happened, as narrow as it is known; None where nothing tells.

    >>> shown_interval("2026-11-20T12:00:00.1Z", "2026-11-20T12:00:00.9Z")
    'at 2026-11-20 12:00:00 UTC'
    """
    if not latest:
        return "at a time that nothing tells"
    if not earliest:
        return f"before {shown(latest)}, when exactly is not known"
    start, end = shown(earliest), shown(latest)
    return f"at {end}" if start == end else f"between {start.removesuffix(' UTC')} and {end}"
