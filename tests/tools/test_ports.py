"""What the ports hand over."""

from __future__ import annotations

import datetime as dt

from graph.change import Change
from graph.evidence import Gap
from tools.ports import CLOCK_SKEW, ChangeBatch

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def change(id: str, latest: dt.datetime) -> Change:
    return Change(id=id, uid="k8s://x", kind="object", earliest=latest, latest=latest, source="audit")


def test_a_change_in_the_future_was_made_by_now() -> None:
    """Times that a wrong clock put into the future are taken back to now, counted and named; others stay."""
    past, skewed = change("a", NOW - CLOCK_SKEW), change("b", NOW + CLOCK_SKEW)
    gap = Gap(what="x", why="y")
    batch = ChangeBatch(changes=(past, skewed, change("c", NOW + dt.timedelta(days=9000))), gaps=(gap,)).by(NOW)
    assert batch.changes[:2] == (past, skewed)
    assert (batch.changes[2].earliest, batch.changes[2].latest) == (None, NOW)
    assert batch.gaps[0] == gap
    assert batch.gaps[1].what == "the time of 1 changes of audit, c first"


def test_a_batch_without_wrong_times_is_left_alone() -> None:
    """Nothing is copied where nothing is wrong."""
    batch = ChangeBatch(changes=(change("a", NOW),))
    assert batch.by(NOW) is batch
