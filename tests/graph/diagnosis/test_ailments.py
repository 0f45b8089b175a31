"""Who is unwell, since when and in what way, from short series; and whom they are said to use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from graph.diagnosis.ailment import Ailment, Way
from graph.diagnosis.ailments import ailments
from graph.diagnosis.link import Link, LinkType
from graph.diagnosis.links import links
from graph.environment import EnvironmentGraph
from graph.telemetry import LogLine, Mood, Series, Signal, Telemetry

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
        ("retry_count", (2, 2, 2, 2, 600, 900), Way.LOADED),
        ("mutex_wait_ms", (1, 1, 1, 1, 800, 900), Way.WITHIN),
        ("fsync_ms_p99", (4, 4, 4, 4, 3000, 5000), Way.WITHIN),
        ("is_leader", (1, 1, 1, 1, 0, 0), Way.FAILS),
        ("missed_windows_pct", (0.2, 0.2, 0.2, 0.2, 40, 60), Way.FAILS),
        ("oldest_open_window_s", (60, 61, 60, 62, 300, 900), Way.FAILS),
        ("last_success_age_s", (60, 61, 60, 62, 300, 900), Way.FAILS),
        ("plans_finished_per_5m", (9, 9, 9, 9, 3, 0), Way.FAILS),
        ("estimate_fallback_pct", (1, 1, 1, 1, 40, 60), Way.FAILS),
        ("units_limit_per_min", (3000, 3000, 3000, 600, 600, 600), Way.WITHIN),
        ("chain_certs", (3, 3, 3, 3, 2, 2), Way.WITHIN),
    ],
)
def test_a_measure_tells_in_what_way_it_is_unwell(metric: str, values: Sequence[float], way: Way) -> None:
    """To lose what one has charge of is to fail; to have many waiting, or to do things twice, is to be asked more.

    Who waits for its own lock or disk, allows less, or is set up with less, malfunctions within. Who gets less done or
    answers with less, fails.
    """
    assert sign(metric, *values).way is way


@pytest.mark.parametrize(("rate", "is_starved"), [((90, 91, 90, 92, 20, 10), True), ((90, 91, 90, 92, 89, 90), False)])
def test_harm_that_comes_with_a_lack_of_work_is_marked(rate: Sequence[float], *, is_starved: bool) -> None:
    found = ailments(
        Telemetry(series=(series("db", "requests_per_s", rate), series("db", "error_pct", (0, 0, 0, 0, 40, 60)))),
        at=1e9,
        width_s=MINUTE,
    )
    assert [(sign.what, sign.is_starved) for sign in found["db"]] == [("error_pct", is_starved)]


def test_to_get_less_to_do_is_no_trouble_by_itself() -> None:
    less = series("db", "requests_per_s", (90, 91, 90, 92, 20, 10))
    assert ailments(Telemetry(series=(less,)), at=1e9, width_s=MINUTE) == {}


@pytest.mark.parametrize(
    ("values", "since"),
    [
        pytest.param((93, 94, 93, 94, 80, 60, 50, 40), 5 * MINUTE, id="it falls"),
        pytest.param((93, 94, 93, 94, 110, 140, 150, 160), 5 * MINUTE, id="it rises"),
        pytest.param((93, 94, 93, 94, 60, 93, 94, 93), None, id="it came back"),
    ],
)
def test_what_an_alert_is_about_is_out_of_range_in_either_direction(
    values: Sequence[float], since: float | None
) -> None:
    """Nobody knows which way is bad but whoever wrote the alert."""
    watched = Telemetry(series=(series("db", "basket_value", values),))
    found = ailments(watched, at=1e9, width_s=MINUTE, alerted={("db", "basket_value")})
    assert [sign.since for sign in found.get("db", [])] == ([] if since is None else [since])


def test_what_began_before_the_interval_of_the_alert_is_seen_in_a_short_series() -> None:
    """The readings before the alert hold the trouble as well, and are not taken for the usual state."""
    late = Series(
        resource="db",
        metric="error_rate_pct",
        signal=Signal.ERRORS,
        times=MINUTE * np.arange(14),
        values=np.array([0.1] * 4 + [60.0] * 10),
    )
    found = ailments(Telemetry(series=(late,)), at=11 * MINUTE, width_s=3 * MINUTE)
    assert found["db"][0].since == 4 * MINUTE


@pytest.mark.parametrize(
    ("text", "mood", "count", "is_heard"),
    [
        ("session expired, leadership lost", Mood.BAD, 80, True),
        ("session expired, leadership lost", Mood.BAD, 8, False),
        ("call of prices timed out, trying again", Mood.NEUTRAL, 900, True),
        ("segment merged", Mood.NEUTRAL, 900, False),
    ],
)
def test_many_lines_that_were_never_there_before_tell_of_trouble(
    text: str, mood: Mood, count: int, *, is_heard: bool
) -> None:
    said = LogLine(resource="db", at=0.0, severity="", text=text, count=count, baseline=0.0, mood=mood)
    assert bool(ailments(Telemetry(logs=(said,)), at=1e9, width_s=MINUTE)) is is_heard


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
