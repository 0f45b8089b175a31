"""Last step: let a model comment on the causes, when one is configured. It changes neither ranking nor proposals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.model import Model, ModelUnavailable
from agents.state import Deps, Investigation
from graph.blast_radius import BlastRadius
from graph.codec import decode
from graph.diagnosis.result import Cause, Diagnosis
from graph.document import Object, canonical
from graph.evidence import Observation
from tools.environment import environment_tools
from tools.tool import Question, Tool, ToolRetry, ask
from tools.untrusted import bounded, fence, redact, visible

_MOST_OBSERVATIONS = 40
"""Beyond this a small model loses the thread; the strongest causes' evidence comes first."""


_MOST_QUESTIONS = 3
"""Questions to the environment that a model may ask before it comments; it is asked twice at most."""


class _Comment(BaseModel):
    model_config = ConfigDict(extra="forbid")
    cause: int
    text: str = Field(max_length=1000)
    evidence: list[str] = Field(max_length=20)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")
    tool: str = Field(max_length=32)
    resource: str = Field(max_length=512)
    path: str = Field(default="", max_length=512)


class _Reading(BaseModel):
    model_config = ConfigDict(extra="forbid")
    comments: list[_Comment] = Field(max_length=10)
    missing: list[str] = Field(max_length=10)
    questions: list[_Asked] = Field(default=[], max_length=_MOST_QUESTIONS)


def deepen(state: Investigation, deps: Deps) -> Investigation:
    """Ask the model, keep what cites evidence of this incident, and store it beside the diagnosis."""
    if deps.model is None:
        return {}
    diagnosis = decode(Diagnosis, state["diagnosis"])
    environment = state["environment"]
    graph = deps.environments.graph(environment, as_of=datetime.fromisoformat(state["as_of"]))
    tools = environment_tools(graph, deployers=deps.environments.deployers(environment))
    reading, learnt = comment_on(diagnosis, deps.model, tools)
    diagnosis = replace(diagnosis, observations=(*diagnosis.observations, *learnt))
    took = deps.clock() - datetime.fromisoformat(state["started_at"])
    deps.casebook.save_diagnosis(
        state["incident"],
        diagnosis,
        decode(BlastRadius, state["fault_radius"]),
        took_s=took.total_seconds(),
        model=reading,
    )
    return {"model": reading}


def comment_on(diagnosis: Diagnosis, model: Model, tools: Sequence[Tool]) -> tuple[Object, list[Observation]]:
    """Return what the model said, and what its questions brought to light."""
    if not diagnosis.causes:
        return {"used": False, "note": "There is no cause for a model to comment on."}, []
    learnt: list[Observation] = []
    tokens = [0, 0]
    try:
        reading = _read(model, _question(diagnosis, tools), tokens)
        if reading.questions:
            answers = [_answered(tools, asked, learnt) for asked in reading.questions]
            again = f"{_question(diagnosis, ())}\n\nAnswers to your questions:\n" + "\n".join(answers)
            reading = _read(model, again, tokens)
    except ModelUnavailable as error:
        return {"used": False, "note": f"{error}. The diagnosis stands without it."}, []
    except ValidationError as error:
        return {"used": False, "note": f"The model's answer had {error.error_count()} faults and was dropped."}, []
    kept = _supported(reading, diagnosis, learnt)
    cited = {id for comment in kept for id in comment["evidence"]}
    said = {
        "used": True,
        "name": model.name,
        "note": f"{len(reading.comments) - len(kept)} comments without evidence of this incident were dropped.",
        "comments": kept,
        "missing": [bounded(visible(redact(m)), 300) for m in reading.missing],
        "prompt_tokens": tokens[0],
        "completion_tokens": tokens[1],
    }
    return said, [o for o in learnt if o.id in cited]


def _read(model: Model, user: str, tokens: list[int]) -> _Reading:
    system = files("agents.prompts").joinpath("deepen.txt").read_text()
    answer = model.answer(system=system, user=user, schema=_Reading.model_json_schema())
    tokens[0] += answer.prompt_tokens
    tokens[1] += answer.completion_tokens
    return _Reading.model_validate(answer.content)


def _answered(tools: Sequence[Tool], asked: _Asked, learnt: list[Observation]) -> str:
    try:
        found = ask(tools, Question(tool=asked.tool, resource=asked.resource, path=asked.path))
    except ToolRetry as error:
        return f"No answer: {fence('error', str(error), limit=300)}"
    learnt.append(found)
    return _observation(found, limit=2000)


def _supported(reading: _Reading, diagnosis: Diagnosis, learnt: Sequence[Observation]) -> list[dict[str, Any]]:
    known = {o.id for o in (*diagnosis.observations, *learnt)}
    return [
        {"cause": c.cause, "text": bounded(visible(redact(c.text)), 1000), "evidence": c.evidence}
        for c in reading.comments
        if c.evidence and set(c.evidence) <= known and 0 <= c.cause < len(diagnosis.causes)
    ]


def _question(diagnosis: Diagnosis, tools: Sequence[Tool]) -> str:
    causes = "\n".join(_cause_line(i, c) for i, c in enumerate(diagnosis.causes[:5]))
    ranked = dict.fromkeys(i for c in diagnosis.causes[:5] for i in c.evidence)
    by_id = {o.id: o for o in diagnosis.observations}
    chosen = [by_id[i] for i in ranked if i in by_id][:_MOST_OBSERVATIONS]
    told = f"Causes:\n{causes}\n\nObservations:\n" + "\n".join(_observation(o) for o in chosen)
    offered = "\n".join(f"- {tool.name}: {tool.description}" for tool in tools)
    return f"{told}\n\nYou may ask, at most {_MOST_QUESTIONS} questions, once:\n{offered}" if tools else told


def _cause_line(index: int, cause: Cause) -> str:
    return f"{index}. {visible(cause.summary)} (confidence {cause.confidence:.2f})"


def _observation(observation: Observation, *, limit: int = 800) -> str:
    data = fence(observation.id, canonical(dict(observation.data)), limit=limit)
    return f"{observation.id}: {visible(observation.summary)}\n{data}"
