"""Where slowness and errors come from, by what was measured of each service and who calls whom."""

from __future__ import annotations

import numpy as np
import pytest

from graph.diagnosis.origins import origins
from graph.telemetry import Call, Series, Signal, Telemetry

AT, WIDTH = 6000.0, 600.0


def series(uid: str, signal: Signal, usual: float, now: float, *, spread: float = 0.05) -> Series:
    """Sixty readings around a level, then three at another."""
    past = usual * (1 + spread * np.sin(np.arange(60)))
    values = np.concatenate([past, np.full(3, now)])
    times = np.concatenate([np.arange(60) * 100.0, AT + np.arange(3) * 300.0])
    return Series(resource=uid, metric=signal.value, signal=signal, times=times, values=values)


def telemetry(signal: Signal, levels: dict[str, tuple[float, float, float]], *calls: tuple[str, str]) -> Telemetry:
    """Build what was measured from `{uid: (usual, now, requests)}`."""
    measured = [series(uid, signal, usual, now) for uid, (usual, now, _) in levels.items()]
    traffic = [series(uid, Signal.TRAFFIC, requests, requests, spread=0.0) for uid, (*_, requests) in levels.items()]
    return Telemetry(series=(*measured, *traffic), calls=tuple(Call(caller=a, callee=b) for a, b in calls))


def named(signal: Signal, found: Telemetry) -> list[str]:
    return [o.resource for o in origins(found, "site", signal=signal, at=AT, width_s=WIDTH)]


def test_the_callee_that_adds_the_time_is_the_origin() -> None:
    """What waits for it is a victim."""
    levels = {"site": (0.2, 0.8, 100.0), "search": (0.1, 0.7, 100.0), "table": (0.01, 0.6, 100.0)}
    assert named(Signal.LATENCY, telemetry(Signal.LATENCY, levels, ("site", "search"), ("search", "table"))) == [
        "table"
    ]


def test_what_nobody_waits_for_is_no_origin_however_slow() -> None:
    """A job that is started and left alone adds more time than its only caller feels."""
    levels = {"site": (0.2, 0.5, 100.0), "search": (0.1, 0.4, 100.0), "batch": (2.0, 40.0, 20.0)}
    assert named(Signal.LATENCY, telemetry(Signal.LATENCY, levels, ("site", "search"), ("site", "batch"))) == ["search"]


def test_what_several_call_counts_for_no_more_than_the_subject_can_feel() -> None:
    """A job that another starts as well may be slow for hours: its seconds are not those of the subject."""
    levels = {"site": (0.2, 0.5, 100.0), "search": (0.1, 0.4, 100.0), "batch": (2.0, 40.0, 20.0)}
    calls = (("site", "search"), ("site", "batch"), ("cron", "batch"))
    found = origins(telemetry(Signal.LATENCY, levels, *calls), "site", signal=Signal.LATENCY, at=AT, width_s=WIDTH)
    shares = {o.resource: o.share for o in found}
    assert shares["search"] > 0.3
    assert found[0].resource == "search"


def test_more_failed_calls_than_failed_requests_are_no_contradiction() -> None:
    """One request makes several calls, and one that fails is enough."""
    levels = {"site": (99.9, 90.0, 100.0), "reviews": (99.9, 89.0, 100.0), "db": (99.9, 80.0, 200.0)}
    found = telemetry(Signal.AVAILABILITY, levels, ("site", "reviews"), ("reviews", "db"))
    assert named(Signal.AVAILABILITY, found) == ["db"]


@pytest.mark.parametrize(
    "levels",
    [
        pytest.param({"site": (0.2, 0.2, 100.0), "search": (0.1, 0.9, 100.0)}, id="the subject is well"),
        pytest.param({"site": (0.2, 0.2101, 100.0), "search": (0.1, 0.1052, 100.0)}, id="both just beyond the edge"),
    ],
)
def test_ordinary_outliers_are_no_trouble(levels: dict[str, tuple[float, float, float]]) -> None:
    """Of many series some are always a little out of their range."""
    assert named(Signal.LATENCY, telemetry(Signal.LATENCY, levels, ("site", "search"))) == []
