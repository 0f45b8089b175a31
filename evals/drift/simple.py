"""What somebody would write in ten minutes: two differs to stand beside the product's comparison."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graph.document import pointer


def two_way(declared: Any, live: Any, at: str = "") -> Iterator[str]:
    """Yield pointers of all leaves that differ, lists by position."""
    if isinstance(declared, dict) and isinstance(live, dict):
        for key in sorted(declared.keys() | live.keys(), key=str):
            inside = at + pointer(key)
            if key in declared and key in live:
                yield from two_way(declared[key], live[key], inside)
            else:
                yield from _leaves(declared.get(key, live.get(key)), inside)
    elif isinstance(declared, list) and isinstance(live, list):
        for position in range(max(len(declared), len(live))):
            inside = f"{at}/{position}"
            if position < min(len(declared), len(live)):
                yield from two_way(declared[position], live[position], inside)
            else:
                yield from _leaves((declared if position < len(declared) else live)[position], inside)
    elif declared != live or isinstance(declared, bool) is not isinstance(live, bool):
        yield at


def config_subset(declared: Any, live: Any, at: str = "") -> Iterator[str]:
    """Yield pointers of declared leaves that are missing or differ; what is not declared is not looked at."""
    if isinstance(declared, dict) and isinstance(live, dict):
        for key, value in declared.items():
            yield from config_subset(value, live.get(key), at + pointer(key))
    elif isinstance(declared, list) and isinstance(live, list):
        for position, value in enumerate(declared):
            other = live[position] if position < len(live) else None
            yield from config_subset(value, other, f"{at}/{position}")
    elif declared != live:
        yield at


def _leaves(value: Any, at: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, at + pointer(key))
    elif isinstance(value, list) and value:
        for position, inner in enumerate(value):
            yield from _leaves(inner, f"{at}/{position}")
    else:
        yield at


SIMPLE = {"two-way": two_way, "config subset": config_subset}
