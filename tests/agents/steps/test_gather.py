"""Monitoring is asked around an alert, and every way not to have an answer is told apart."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import numpy as np

from agents.steps.gather import gather
from graph.errors import Unreachable
from graph.targets import Targets
from graph.telemetry import LogLine, Series, Signal, Span
from tests.graph.builders import NOW
from tests.graph.diagnosis.scene import Scene, alert
from tools.ports import NO_MONITORING, Measured, Monitoring, Window


class FakeStore:
    """One store of any sort; remembers the windows that it was asked for."""

    def __init__(self, name: str, answer: Callable[[Targets, Window], tuple[Any, ...]]) -> None:
        self.name = name
        self.windows: list[Window] = []
        self._answer = answer

    def _ask(self, targets: Targets, window: Window) -> Measured[Any]:
        self.windows.append(window)
        return Measured(items=self._answer(targets, window))

    series = lines = spans = _ask


def reading(targets: Targets, _: Window) -> tuple[Series, ...]:
    uid = targets.all[0].uid
    return (Series(resource=uid, metric="m", signal=Signal.OTHER, times=np.array([0.0]), values=np.array([1.0])),)


def test_readings_lines_and_spans_of_the_subject_come_together() -> None:
    """Lines are grouped and compared with the window before; secrets are taken out of lines and spans."""

    def lines(targets: Targets, window: Window) -> tuple[LogLine, ...]:
        uid = targets.all[0].uid
        at = window.until.timestamp()
        return (LogLine(resource=uid, at=at, severity="error", text="login failed password=hunter2hunter2"),)

    def spans(targets: Targets, _: Window) -> tuple[Span, ...]:
        uid = targets.all[0].uid
        secret = {"http.header": "Authorization: Bearer abcdefghijklmnop"}
        return (
            Span(trace="t", id="s", parent="", resource=uid, name="GET", start=0.0, duration_s=1.0, attributes=secret),
        )

    logs = FakeStore("loki", lines)
    stores = Monitoring(metrics=(FakeStore("prom", reading),), logs=(logs,), traces=(FakeStore("tempo", spans),))
    telemetry, gaps = gather(Scene().graph(), [alert()], stores)
    assert gaps == ()
    assert len(telemetry.series) == 1
    assert [(line.count, line.baseline) for line in telemetry.logs] == [(1, 1.0)]
    assert "hunter2" not in telemetry.logs[0].text
    assert "abcdefghijklmnop" not in str(telemetry.spans[0].attributes)
    now, before = sorted(logs.windows, key=lambda w: w.until, reverse=True)
    assert (before.until, before.until - before.since) == (now.since, now.until - now.since)
    assert now.until <= max(NOW, alert().started_at)


def test_no_data_no_answer_and_failed_are_three_results() -> None:
    """What one store does not say takes nothing from what another says."""
    release = Event()

    def hang(_: Targets, __: Window) -> tuple[Any, ...]:
        release.wait(5)
        return ()

    def fail(_: Targets, __: Window) -> tuple[Any, ...]:
        raise Unreachable("prom: can't connect")

    def crash(_: Targets, __: Window) -> tuple[Any, ...]:
        raise KeyError("surprise")

    metrics = (FakeStore("good", reading), FakeStore("empty", lambda *_: ()), FakeStore("down", fail))
    stores = Monitoring(metrics=metrics, traces=(FakeStore("slow", hang), FakeStore("odd", crash)))
    telemetry, gaps = gather(Scene().graph(), [alert()], stores, limit_s=0.2)
    release.set()
    assert len(telemetry.series) == 1
    why = {gap.what: gap.why for gap in gaps}
    assert why["metrics in empty"].startswith("no data")
    assert why["metrics in down"] == "failed: prom: can't connect"
    assert why["traces in slow"].startswith("no answer in time")
    assert why["traces in odd"] == "failed: its answer could not be read (KeyError)"


def test_without_monitoring_nothing_is_said() -> None:
    """Nobody was asked, so nobody is to blame for silence."""
    telemetry, gaps = gather(Scene().graph(), [alert()], NO_MONITORING)
    assert telemetry.is_empty
    assert gaps == ()
