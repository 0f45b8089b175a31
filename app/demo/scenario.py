"""What a demo incident is: how it comes about, the alert that it raises, and how it should end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from graph.action import ActionKind
from graph.diagnosis.result import DiagnosisVerdict
from graph.document import Object

Alert: TypeAlias = tuple[str, Object]
"""Sender (`pagerduty`, `opsgenie`, `alertmanager`) and body of its webhook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How an investigation of the incident should end."""

    verdict: DiagnosisVerdict
    cause_kind: str = ""
    cause_resource: str = ""
    """uid"""
    action: ActionKind | None = None
    """Kind of the first proposal; None: nothing is to be proposed."""
    hold: bool = False
    """The proposal must not be approvable yet."""


def _nothing(_estate: Path, _now: datetime) -> None:
    return None


def _none_before(_: datetime) -> Sequence[Alert]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One incident that can be made to happen."""

    name: str
    title: str
    story: str
    """Two sentences for whoever watches."""
    inject: Callable[[Path, datetime], None]
    """`inject(estate, now)` makes it happen in an estate directory; `now` is UTC and a few minutes after the cause."""
    alert: Callable[[datetime], Alert]
    """`alert(now)`: what the monitoring system then sends."""
    expected: Expected
    prelude: Callable[[Path, datetime], None] = _nothing
    """`prelude(estate, now)`: what leads to the prior alerts; called before they are sent."""
    prior_alerts: Callable[[datetime], Sequence[Alert]] = _none_before
    """`prior_alerts(now)`: alerts of incidents that are open already; sent before `inject`."""
