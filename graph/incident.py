"""Alerts and the incidents they join. Knows no sender's wire format and no storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AlertStatus(StrEnum):
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class IncidentStatus(StrEnum):
    OPEN = "open"
    """Received, no investigation yet."""
    INVESTIGATING = "investigating"
    DIAGNOSED = "diagnosed"
    """There is a diagnosis; its verdict may be inconclusive."""
    FIXING = "fixing"
    """An approved action is being executed."""
    MITIGATED = "mitigated"
    """An approved action was verified; the sender has not resolved the alert yet."""
    RESOLVED = "resolved"
    """The sender says that it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert in our words. All text is untrusted."""

    id: str
    sender: str
    """`pagerduty`, `opsgenie` or `alertmanager`"""
    key: str
    """What the sender groups by: incident id, alert id, or fingerprint. Repeats update the same alert."""
    status: AlertStatus
    title: str
    description: str = ""
    severity: str = ""
    service: str = ""
    """Name of the service as the sender knows it."""
    environment: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    started_at: datetime
    """UTC"""
    ended_at: datetime | None = None
    """UTC; when it cleared; None while it has not."""
    metric: str = ""
    """Name of the metric that it judges; empty when the sender does not say."""
    value: float | None = None
    """Reading of `metric` at `started_at`."""
    threshold: float | None = None
    """What `value` was compared with."""
    is_low_bad: bool | None = None
    """Whether it fires below `threshold`; None when the sender does not say, and `value` tells."""
    form: str = ""
    """Id of the form of log line that the sender ties it to; empty when there is none."""
    firings: int = 1
    """How often it fired within the hour up to `started_at`, this time included."""
    recurs_as: str = ""
    """What stays the same when it fires again under another `key`; empty where the key stays."""
    is_ended_by_hand: bool = False
    """A person closed it, or may have, so its end does not show that what it judges is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A resource that an alert may be about."""

    uid: str
    score: float
    """0 to 1"""
    reason: str
    """Which text of the alert matched which name, e.g. `label deployment="checkout"`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncident:
    """What the diagnosis of one incident must know of another: that people were working on something at that time."""

    id: str
    title: str
    """Untrusted."""
    subjects: tuple[str, ...]
    """uids that the incident is about"""
    opened_at: datetime
    """UTC"""
    resolved_at: datetime | None = None
    """UTC; None while it is open."""
    metric: str = ""
    """Name of the metric that it is about; empty when it is about none in particular."""
    form: str = ""
    """Id of the form of log line that it is about; empty when it is about none."""
    is_noise: bool = False
    """Held for noise, so it is no reason to hold another alert for known."""

    def is_open_at(self, earliest: datetime | None, latest: datetime) -> bool:
        """Whether the incident was open at some time between `earliest` (None: any time before) and `latest`."""
        begun = self.opened_at <= latest
        return begun and (self.resolved_at is None or earliest is None or earliest <= self.resolved_at)
