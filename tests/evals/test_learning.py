"""Memories gain on incidents that evidence leaves open, and cost nothing where it decides."""

from __future__ import annotations

from evals.learning import incidents, memories, run


def test_memories_gain_on_incidents_not_used_for_learning() -> None:
    """In small; `python -m evals.learning` prints the whole table."""
    taught, asked = incidents(seed=3, services=6, rounds=6)
    open_before, clear_before = run(asked, ())
    open_after, clear_after = run(asked, memories(taught))
    assert open_after.value > open_before.value + 0.2
    assert clear_after.value == clear_before.value == 1.0
