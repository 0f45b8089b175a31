"""Builds releases and the series of calls around them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from graph.change import Change
from graph.diagnosis.rollout import Release
from graph.telemetry import Series, Signal

MINUTE = 60.0


def release(service: str, *, at: float, new: str) -> Release:
    """A release whose one new instance is up half a minute after `at`."""
    done = datetime.fromtimestamp(at + MINUTE / 2, UTC)
    change = Change(
        id=f"release {service}",
        uid=service,
        kind="deploy",
        earliest=datetime.fromtimestamp(at, UTC),
        latest=done,
        instances=(new,),
        completed_at=done,
    )
    return Release.of(change)


def calls(
    service: str, instance: str, signal: Signal, values: Sequence[float], *, first: float, caller: str = "web"
) -> Series:
    """One reading a minute from `first` on."""
    return Series(
        resource=service,
        metric=signal.value,
        signal=signal,
        times=first + MINUTE * np.arange(len(values)),
        values=np.array(values, dtype=float),
        peer=caller,
        instance=instance,
    )


def steady(value: float, count: int) -> list[float]:
    return [value] * count
