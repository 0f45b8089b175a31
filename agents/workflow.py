"""The order of the steps, as a LangGraph workflow with durable checkpoints. The only importer of langgraph here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from agents.state import Deps, Investigation
from agents.steps.deepen import deepen
from agents.steps.diagnose import diagnose
from agents.steps.observe import observe
from agents.steps.propose import propose
from tools.failpoints import failpoint

_STEPS: tuple[Callable[[Investigation, Deps], Investigation], ...] = (observe, diagnose, propose, deepen)
"""Proposals come before the model: what a person needs at once does not wait for it."""


class Workflow:
    """Runs investigations. A killed run goes on after its last finished step, in any process."""

    def __init__(self, checkpoints: BaseCheckpointSaver[Any]) -> None:
        builder = StateGraph(Investigation, context_schema=Deps)
        previous = START
        for step in _STEPS:
            builder.add_node(step.__name__, _node(step))
            builder.add_edge(previous, step.__name__)
            previous = step.__name__
        builder.add_edge(previous, END)
        self._checkpoints = checkpoints
        self._graph = builder.compile(checkpointer=checkpoints)

    def run(self, run_id: str, start: Investigation, deps: Deps) -> Investigation:
        """Run the investigation `run_id` to its end, from its last checkpoint if there is one.

        The caller holds a lease on `run_id`: two processes must not run the same one.
        """
        config: Any = {"configurable": {"thread_id": run_id}}
        begun = bool(self._graph.get_state(config).next)
        result = self._graph.invoke(None if begun else start, config, context=deps, durability="sync")
        self._checkpoints.delete_thread(run_id)
        return result  # type: ignore[return-value]  # LangGraph returns the state as a plain dict


def _node(step: Callable[[Investigation, Deps], Investigation]) -> Any:
    def node(state: Investigation, runtime: Runtime[Deps]) -> Investigation:
        update = step(state, runtime.context)
        failpoint(f"step.{step.__name__}")
        return update

    return node
