"""What a model can call: a question to what Plumbline knows. Tools only read, and answer with observations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from graph.errors import PlumblineError
from graph.evidence import Observation


class ToolRetry(PlumblineError):
    """The question was wrong; the message says how to ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call of a tool, as the model wrote it. Untrusted."""

    tool: str
    resource: str
    """uid or name."""
    path: str = ""
    """JSON pointer; empty for the whole resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One question that can be asked."""

    name: str
    description: str
    """For the model: what it answers, and when to ask."""
    run: Callable[[Question], Observation]
    """Raises ToolRetry when nothing is meant by the question."""


def ask(tools: Sequence[Tool], question: Question) -> Observation:
    """Run the tool that a question names.

    Raises:
        ToolRetry: there is no such tool, or it can make nothing of the question.
    """
    by_name: Mapping[str, Tool] = {tool.name: tool for tool in tools}
    if question.tool not in by_name:
        raise ToolRetry(f"there is no tool {question.tool!r}; the tools are {', '.join(by_name)}")
    return by_name[question.tool].run(question)
