"""Who is unwell, since when and in what way, from short series; and whom they are said to use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from graph.diagnosis.ailments import Ailment, Way, ailments
from graph.diagnosis.links import links
from graph.diagnosis.spread import Link, LinkType
from graph.environment import EnvironmentGraph
from graph.telemetry import LogLine, Series, Signal, Telemetry

MINUTE = 60.0


def series(uid: str, metric: str, values: Sequence[float]) -> Series:
    times = MINUTE * np.arange(len(values))
    return Series(resource=uid, metric=metric, signal=Signal.OTHER, times=times, values=np.array(values, dtype=float))


def sign(metric: str, *values: float) -> Ailment:
    return ailments(Telemetry(series=(series("db", metric, values),)), at=1e9, width_s=MINUTE)["db"][0]


@pytest.mark.parametrize(
    ("metric", "values", "way"),
    [
        ("owned_shards", (640, 645, 650, 640, 200, 190), Way.FAILS),
        ("lock_waiters", (2, 2, 2, 2, 600, 650), Way.LOADED),
        ("batches_retried", (0, 0, 0, 0, 260, 300), Way.LOADED),
    ],
)
def test_a_measure_tells_in_what_way_it_is_unwell(metric: str, values: Sequence[float], way: Way) -> None:
    """To lose what one has charge of is to fail; to have many waiting, or to do things twice, is to be asked more."""
    assert sign(metric, *values).way is way


@pytest.mark.parametrize(
    ("values", "since"),
    [
        pytest.param((1, 1.01, 1, 1.01, 1, 1, 1, 1, 1.6, 2, 2, 2, 2), 8, id="steady before"),
        pytest.param((1, 1.3, 0.8, 1.2, 1, 1, 1, 1, 1.6, 2, 2, 2, 2), 9, id="restless before"),
        pytest.param((1, 1.6, 2, 2), 2, id="too short to tell"),
    ],
)
def test_it_began_when_the_readings_left_the_usual(values: Sequence[float], since: int) -> None:
    assert sign("leaders", *values).since == since * MINUTE


@pytest.mark.parametrize(
    ("place", "severity", "is_linked"),
    [("subnet:apps-b", "warning", True), ("subnet:apps-b", "info", False), ("free", "warning", False)],
)
def test_who_complains_of_a_thing_that_nobody_is_known_to_use_uses_it(
    place: str, severity: str, *, is_linked: bool
) -> None:
    """A name that is a plain word may be in any sentence."""
    said = LogLine(
        resource="svc://shop/seats", at=0.0, severity=severity, text="subnet apps-b (10.9.4.0/24) has no free addresses"
    )
    graph = EnvironmentGraph(name="shop", as_of=datetime(2026, 1, 1, tzinfo=UTC), versions=(), relations=())
    uid = f"svc://shop/{place}"
    found = links(graph, Telemetry(series=(series(uid, "free_ips", (40, 40)),), logs=(said,)))
    expected = Link(source="svc://shop/seats", target=uid, type=LinkType.USES)
    assert found == ((expected,) if is_linked else ())
