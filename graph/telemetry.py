"""What monitoring measured: series of readings, log lines, spans and calls, each tied to a resource.

Knows no monitoring system. Times are seconds since 1970-01-01 UTC as floats, since long series live in arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


class Signal(StrEnum):
    """What a series measures, independent of what the monitoring calls it."""

    LATENCY = "latency"
    ERRORS = "errors"
    """Count, rate or share of failed requests."""
    AVAILABILITY = "availability"
    """Share of requests that succeed: low is bad."""
    TRAFFIC = "traffic"
    CPU = "cpu"
    MEMORY = "memory"
    SATURATION = "saturation"
    """Use of something bounded: connections, threads, queue length, disk, quota."""
    RESTARTS = "restarts"
    LAG = "lag"
    """Age or number of messages that wait."""
    OTHER = "other"


class Mood(StrEnum):
    """What a form of log line speaks of, as whoever groups the lines judged it."""

    BAD = "bad"
    NEUTRAL = "neutral"
    GOOD = "good"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Readings of one metric of one resource, oldest first."""

    resource: str
    """uid"""
    metric: str
    """Name as the monitoring gives it."""
    signal: Signal
    times: Floats
    """Seconds since 1970-01-01 UTC, ascending."""
    values: Floats
    """One for each time; NaN where nothing was measured."""
    unit: str = ""
    statistic: str = ""
    """e.g. `p99` or `avg`; empty when the monitoring does not say."""
    peer: str = ""
    """uid of the other end, where the metric is one of calls between two resources."""
    instance: str = ""
    """Pod or host that was measured, where it is not the resource as a whole."""
    is_outgoing: bool = False
    """`instance` is one of `peer`, measured where its calls to `resource` leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line, or many lines of the same form."""

    resource: str
    at: float | None
    severity: str
    """Lower case: `debug`, `info`, `warn`, `error`, `fatal`, or empty."""
    text: str
    """Untrusted."""
    trace: str = ""
    count: int = 1
    baseline: float | None = None
    """How many lines of this form a window of the same length held before; None when nobody knows."""
    form: str = ""
    """Id of the form of line; empty when it was not grouped."""
    mood: Mood | None = None
    """None when nobody judged it."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    example: str = ""
    """One line of the form as it was written, where `text` has places for what differs"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One piece of work of one service within a trace (OpenTelemetry's meaning)."""

    trace: str
    id: str
    parent: str
    """Empty for the first one."""
    resource: str
    name: str
    start: float
    duration_s: float
    is_error: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One service calls another."""

    caller: str
    callee: str
    rate_per_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """An attempt to connect, made to find out whether it can be done."""

    source: str
    """uid of the node or pod from which it was tried; empty when nobody said."""
    target: str
    """uid"""
    port: int
    is_open: bool
    text: str = ""
    """What the attempt printed. Untrusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What somebody whom the environment depends on says of their own service, e.g. on a status page."""

    provider: str
    at: float | None
    """Seconds since 1970-01-01 UTC; None when it says no time."""
    text: str
    """State and message as they stand there. Untrusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """A measure that left its usual range, found by us (`graph.anomaly`) or by the monitoring."""

    resource: str
    signal: Signal
    metric: str
    usual: float | None
    """Its level before; None when nobody knows."""
    now: float
    unit: str = ""
    score: float = 1.0
    """How far out, in robust standard deviations where we measured; 1 where the monitoring only says so."""
    since: float | None = None
    """Seconds since 1970-01-01 UTC of the first reading out of range; None when unknown."""
    peer: str = ""
    text: str = ""
    """What the monitoring says. Untrusted."""

    @property
    def ratio(self) -> float | None:
        """`now` as a multiple of `usual`; None where there is no usual level to compare with."""
        return self.now / self.usual if self.usual else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """Everything measured that bears on one question. Empty fields mean that nothing of the sort could be had."""

    series: tuple[Series, ...] = ()
    logs: tuple[LogLine, ...] = ()
    spans: tuple[Span, ...] = ()
    calls: tuple[Call, ...] = ()
    checks: tuple[Check, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    """What the monitoring itself calls unusual; what we find in `series` is not in it."""
    notices: tuple[Notice, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, one.name) for one in fields(self))


NOTHING_MEASURED = Telemetry()
"""No monitoring could be asked."""
