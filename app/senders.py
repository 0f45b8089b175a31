"""The alert senders whose webhooks are understood, by name: how a delivery is told apart, and what it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from graph.evidence import Gap
from graph.incident import Alert
from tools.adapters import alertmanager, opsgenie, pagerduty
from tools.adapters.delivery import Ignored


class Parse(Protocol):
    """Reads a raw, authenticated body; raises `Invalid` when it is none of this sender's."""

    def __call__(self, body: bytes, *, received_at: datetime) -> list[Alert] | Ignored: ...


class Sender(NamedTuple):
    """One alert sender."""

    name: str
    delivery_key: Callable[[bytes], str]
    """Names a delivery, from what its sender signed or from all its bytes."""
    parse: Parse
    gaps: Callable[[bytes], Sequence[Gap]]
    """What the delivery says is missing from it."""


def _none(_body: bytes) -> Sequence[Gap]:
    return ()


SENDERS = {
    sender.name: sender
    for sender in (
        Sender(pagerduty.SENDER, pagerduty.delivery_key, pagerduty.parse, _none),
        Sender(opsgenie.SENDER, opsgenie.delivery_key, opsgenie.parse, _none),
        Sender(alertmanager.SENDER, alertmanager.delivery_key, alertmanager.parse, alertmanager.gaps),
    )
}
