"""Which alerts wake a person."""

from __future__ import annotations

import numpy as np
import pytest

from graph.triage import Known, LogForm, Mood, Page, triage

BAD = LogForm(id="crash", text="nil pointer", count=900, growth=9.0, mood=Mood.BAD)
PLAIN = LogForm(id="gc", text="GC pause", count=500, growth=0.02, mood=Mood.NEUTRAL)


def page(
    name: str,
    *,
    form: LogForm | None = None,
    course: tuple[float, ...] = (),
    resolved: float | None = None,
    severity: int = 3,
    often: int = 1,
    service: str = "",
) -> Page:
    return Page(
        id=name,
        service=service or name,
        metric="error_rate",
        fired_at=100.0,
        value=course[1] if len(course) > 1 else 10.0,
        threshold=5.0,
        severity=severity,
        fired_last_hour=often,
        resolved_after_s=resolved,
        form=form,
        times=np.array([40.0 + 60 * n for n in range(len(course))]),
        values=np.array(course),
    )


def told(*pages: Page, known: tuple[Known, ...] = ()) -> set[str]:
    return {d.page for d in triage(pages, known) if d.is_page}


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
    decisions = {d.page: d for d in triage([victim, root])}
    assert decisions["db"].is_page
    assert (decisions["shop"].is_page, decisions["shop"].same_as) == (False, "db")


def test_what_people_work_on_already_wakes_nobody() -> None:
    """An open incident covers the same service and measure, from when it was opened."""
    known = Known(id="INC-1", services=frozenset({"db"}), metric="error_rate", form="", since=50.0)
    later = Known(id="INC-2", services=frozenset({"db"}), metric="error_rate", form="", since=500.0)
    assert told(page("db", form=BAD), known=(known,)) == set()
    assert told(page("db", form=BAD), known=(later,)) == {"db"}
