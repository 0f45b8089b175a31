"""First step: read what runs now."""

from __future__ import annotations

from agents.state import Deps, Investigation


def observe(state: Investigation, deps: Deps) -> Investigation:
    """Read all sources of the environment, and fix the time that the investigation is about."""
    read_at = deps.environments.refresh(state["environment"])
    return {"as_of": read_at.isoformat()}
