"""How values become text on a page."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from tools.untrusted import bounded, visible

_MOST_CHARACTERS = 8000


def time(value: str | datetime) -> str:
    """`22 Nov 2026, 21:58:03 UTC`"""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC).strftime("%-d %b %Y, %H:%M:%S UTC")


def interval(change: Any) -> str:
    """When a change happened, as narrow as it is known."""
    earliest, latest = change["earliest"], change["latest"]
    if not earliest:
        return f"before {time(latest)}; when exactly is not known"
    return time(latest) if earliest == latest else f"between {time(earliest)} and {time(latest)}"


def words(value: str) -> str:
    """`out_of_band_change` as words."""
    return str(value).replace("_", " ")


def pretty(value: Any) -> str:
    """JSON for reading; text stays as it is."""
    if isinstance(value, str):
        return bounded(value, _MOST_CHARACTERS)
    return bounded(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True), _MOST_CHARACTERS)


def safe_json(value: Any) -> Markup:
    """JSON inside a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704  (escaped above)


FILTERS = {
    "time": time,
    "interval": interval,
    "words": words,
    "pretty": pretty,
    "safe_json": safe_json,
    "visible": lambda text: visible(str(text)),
}
"""Filters of the templates, by name."""
