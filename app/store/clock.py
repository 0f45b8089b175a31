"""The time as repositories see it: a function that tests replace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Returns an aware time in UTC."""


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)
