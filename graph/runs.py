"""Runs of deployments, each put together from all that was said of it: beginning, end, environment.

A run that nobody said the end of is open: it covers what follows its beginning until the longest time that a job of
a pipeline may take.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from graph.change import Change

RUN_KINDS: Final = frozenset({"deploy", "rollback"})
"""Kinds of change that are runs of a pipeline."""
RUN_SLACK: Final = timedelta(seconds=60)
"""Clocks of a pipeline and of the system it writes to differ; more than this is no longer the same run."""
LONGEST_RUN: Final = timedelta(hours=6)
"""Hosted runners end a job after this time: https://docs.github.com/en/actions/reference/limits"""


def runs(changes: Iterable[Change], *, environment: str) -> list[Change]:
    """Return one change for each run of an environment, its whole window as its interval, in order of its end.

    Args:
        changes: of all kinds.
        environment: name of the environment; a run that names another one is left out.
    """
    grouped: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        if change.kind in RUN_KINDS and change.environment in ("", environment):
            grouped.setdefault((change.run or change.id, change.uid), []).append(change)
    return sorted((_whole(said) for said in grouped.values()), key=lambda run: run.latest)


def placed(changes: Iterable[Change], *, environment: str, called: Collection[str]) -> list[Change]:
    """Return changes with the environment's own name instead of those by which deploy tools know it.

    Args:
        changes: as their sources gave them.
        environment: its own name.
        called: its other names.
    """
    names = {environment, *called}
    return [replace(c, environment=environment) if c.environment in names else c for c in changes]


def covers(run: Change, at: datetime) -> bool:
    """Whether a run from `runs` was under way at a time, as far as clocks agree."""
    return (run.earliest or run.latest) - RUN_SLACK <= at <= run.latest + RUN_SLACK


def _whole(said: list[Change]) -> Change:
    newest = max(said, key=lambda c: (not c.is_open, c.latest))
    begun = min((c.earliest or c.latest for c in said), default=newest.latest)
    ended = begun + LONGEST_RUN if newest.is_open else newest.latest
    revision = newest.reference or next((c.reference for c in said if c.reference), "")
    actor = newest.actor or next((c.actor for c in said if c.actor), None)
    return replace(newest, earliest=begun, latest=ended, reference=revision, actor=actor)
