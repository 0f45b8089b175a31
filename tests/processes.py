"""Processes for tests that kill them, forked from one that has imported everything: a new one takes no second."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext
from typing import Final

_PRELOADED: Final = [
    "agents.workflow",
    "app.executor",
    "app.main",
    "app.store.migrate",
    "app.targets",
    "app.wiring",
    "langgraph.checkpoint.sqlite",
    "pytest",
    "tests.app.installations",
    "tests.fakes.investigation",
    "uvicorn",
]
"""For all tests together: there is one server a session, and whoever starts it decides."""


def killable() -> ForkServerContext:
    """Return what makes processes that a test may kill."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context
