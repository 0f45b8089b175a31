"""Which alerts wake a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pytest

from graph.environment import EnvironmentGraph
from graph.incident import Alert, AlertStatus, OpenIncident
from graph.telemetry import LogLine, Mood, Series, Signal, Telemetry
from graph.triage import Decision, triage

FIRED = datetime.fromtimestamp(100, UTC)
EMPTY = EnvironmentGraph(name="shop", as_of=FIRED, versions=(), relations=())


def form(name: str, text: str, *, count: int, growth: float, mood: Mood) -> LogLine:
    baseline = count / (1 + growth)
    return LogLine(resource="", at=None, severity="", text=text, count=count, baseline=baseline, form=name, mood=mood)


BAD = form("crash", "nil pointer", count=900, growth=9.0, mood=Mood.BAD)
PLAIN = form("gc", "GC pause", count=500, growth=0.02, mood=Mood.NEUTRAL)


class Page(NamedTuple):
    """An alert, and what was measured of it."""

    alert: Alert
    form: LogLine | None
    series: Series

    @property
    def id(self) -> str:
        return self.alert.id


def page(
    name: str,
    *,
    form: LogLine | None = None,
    course: tuple[float, ...] = (),
    resolved: float | None = None,
    severity: int = 3,
    often: int = 1,
    service: str = "",
) -> Page:
    alert = Alert(
        id=name,
        sender="pagerduty",
        key=name,
        status=AlertStatus.FIRING,
        title="error_rate",
        service=service or name,
        severity=f"SEV{severity}",
        started_at=FIRED,
        ended_at=None if resolved is None else FIRED + timedelta(seconds=resolved),
        metric="error_rate",
        value=course[1] if len(course) > 1 else 10.0,
        threshold=5.0,
        form=form.form if form else "",
        firings=often,
    )
    series = Series(
        resource=alert.service,
        metric="error_rate",
        signal=Signal.ERRORS,
        times=np.array([40.0 + 60 * n for n in range(len(course))]),
        values=np.array(course),
    )
    return Page(alert, form, series)


def decided(*pages: Page, known: tuple[OpenIncident, ...] = ()) -> dict[str, Decision]:
    forms = {p.form.form: p.form for p in pages if p.form}
    telemetry = Telemetry(series=tuple(p.series for p in pages), logs=tuple(forms.values()))
    decisions = triage(EMPTY, [p.alert for p in pages], telemetry=telemetry, open_incidents=known)
    return {d.alert: d for d in decisions}


def told(*pages: Page, known: tuple[OpenIncident, ...] = ()) -> set[str]:
    return {name for name, decision in decided(*pages, known=known).items() if decision.is_page}


@pytest.mark.parametrize(
    ("one", "wakes"),
    [
        pytest.param(page("grows", form=BAD, course=(1, 10, 20, 30)), True, id="failing and getting worse"),
        pytest.param(page("flaps", form=PLAIN, resolved=30, often=40), False, id="a habit that clears by itself"),
        pytest.param(page("healed", form=PLAIN, course=(1, 10, 2, 1), resolved=60), False, id="back in its range"),
        pytest.param(
            page("new normal", form=PLAIN, course=(1, 10, 10, 10)), False, id="a new level without complaints"
        ),
        pytest.param(
            page("again", form=BAD, course=(1, 10, 2, 40), resolved=45), True, id="cleared and came back worse"
        ),
        pytest.param(page("quiet", course=(1, 10, 14, 19)), True, id="no logs, still rising"),
    ],
)
def test_an_alert_is_judged_by_its_course_and_its_logs(one: Page, wakes: bool) -> None:
    """Severity plays no part in whether it is real."""
    assert (one.id in told(one)) is wakes


def test_of_one_fault_the_gravest_alert_is_told() -> None:
    """The others say which alert covers them."""
    root, victim = page("db", form=BAD, severity=1), page("shop", form=BAD, severity=2)
    decisions = decided(victim, root)
    assert decisions["db"].is_page
    assert (decisions["shop"].is_page, decisions["shop"].same_as) == (False, "db")


@pytest.mark.parametrize(
    ("root", "victim"),
    [
        pytest.param(("db", "replication_lag_s", 3), ("shop", "stale_read_rate", 1), id="what falls behind"),
        pytest.param(("jobs", "queue_depth", 2), ("api", "http_5xx_rate", 1), id="what fills up"),
        pytest.param(("pool", "p99_latency_ms", 2), ("edge", "http_5xx_rate", 1), id="whom the log names"),
    ],
)
def test_of_one_fault_the_alert_nearest_to_its_origin_is_told(
    root: tuple[str, str, int], victim: tuple[str, str, int]
) -> None:
    """However grave people hold the symptom to be."""
    shared = form("f", f"{root[0]}: cannot keep up", count=900, growth=9.0, mood=Mood.BAD)
    pages = []
    for name, metric, severity in (victim, root):
        one = page(name, form=shared, severity=severity)
        pages.append(one._replace(alert=replace(one.alert, metric=metric)))
    assert told(*pages) == {root[0]}


def test_what_people_work_on_already_wakes_nobody() -> None:
    """An open incident covers the same service and measure, from when it was opened."""
    known = incident("INC-1", opened_at=50.0)
    later = incident("INC-2", opened_at=500.0)
    assert told(page("db", form=BAD), known=(known,)) == set()
    assert told(page("db", form=BAD), known=(later,)) == {"db"}


def incident(name: str, *, opened_at: float) -> OpenIncident:
    moment = datetime.fromtimestamp(opened_at, UTC)
    return OpenIncident(id=name, title="", subjects=("db",), opened_at=moment, metric="error_rate")
