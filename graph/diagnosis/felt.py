"""What the users of a service feel, as alerts say it: slowness, errors, or less availability."""

from __future__ import annotations

import re
from collections.abc import Iterable

from graph.incident import Alert
from graph.telemetry import Signal

FELT = (Signal.LATENCY, Signal.AVAILABILITY, Signal.ERRORS)
"""Signals that a caller feels, in the order in which they are looked at where an alert names none."""
_WORDS: tuple[tuple[re.Pattern[str], Signal], ...] = tuple(
    (re.compile(words, re.IGNORECASE), signal)
    for words, signal in (
        (r"latency|slow|duration|response time|p9\d|p50", Signal.LATENCY),
        (r"availability|success rate|uptime", Signal.AVAILABILITY),
        (r"error|fail|5xx|fault", Signal.ERRORS),
    )
)


def felt_signals(alerts: Iterable[Alert]) -> tuple[Signal, ...]:
    """Return what the alerts say is felt, else everything that can be."""
    text = " ".join(f"{a.metric} {a.title} {a.description} {' '.join(a.labels.values())}" for a in alerts)
    return tuple(signal for words, signal in _WORDS if words.search(text)) or FELT
