"""How values become text on a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import yaml
from markupsafe import Markup

from tools.untrusted import bounded, visible

_MOST_CHARACTERS = 8000
_ONE_LINE = 100
"""Characters of a value that still stands beside its name; longer ones get lines of their own."""


class Fact(NamedTuple):
    """One named value of an observation."""

    name: str
    text: str
    is_block: bool


def time(value: str | datetime) -> str:
    """`22 Nov 2026, 21:58:03 UTC`"""
    return _utc(value).strftime("%-d %b %Y, %H:%M:%S UTC")


def short_time(value: str | datetime) -> str:
    """`22 Nov, 21:58:03`, in UTC; for lists, where the full time stands in a tooltip."""
    return _utc(value).strftime("%-d %b, %H:%M:%S")


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
    """A value for reading: text stays as it is, anything with parts is laid out as YAML."""
    value = _opened(value)
    if isinstance(value, str):
        return bounded(value, _MOST_CHARACTERS)
    if not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False)
    return bounded(text.rstrip(), _MOST_CHARACTERS)


def facts(data: Mapping[str, Any]) -> list[Fact]:
    """The values of an observation that say something, those of one line first."""
    found = [_fact(name, value) for name, value in data.items() if value not in ("", None, [], {})]
    return sorted(found, key=lambda fact: fact.is_block)


def safe_json(value: Any) -> Markup:
    """JSON inside a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704  (escaped above)


def _fact(name: str, value: Any) -> Fact:
    text = pretty(value)
    return Fact(words(name), text, "\n" in text or len(text) > _ONE_LINE)


def _opened(value: Any) -> Any:
    """Show what does not exist as such; the form in which it is stored is of no interest to a reader."""
    if value in ({"$literal": {"$absent": True}}, {"$absent": True}):
        return "(nothing)"
    if isinstance(value, Mapping):
        return {str(name): _opened(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_opened(item) for item in value]
    return value


def _utc(value: str | datetime) -> datetime:
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


FILTERS = {
    "time": time,
    "short_time": short_time,
    "interval": interval,
    "words": words,
    "pretty": pretty,
    "facts": facts,
    "safe_json": safe_json,
    "visible": lambda text: visible(str(text)),
}
"""Filters of the templates, by name."""
