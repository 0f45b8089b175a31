"""Last step: let a model comment on the causes, when one is configured. It changes neither ranking nor proposals."""

from __future__ import annotations

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
from tools.untrusted import bounded, fence, redact, visible

_MOST_OBSERVATIONS = 40
"""Beyond this a small model loses the thread; the strongest causes' evidence comes first."""


class _Comment(BaseModel):
    model_config = ConfigDict(extra="forbid")
    cause: int
    text: str = Field(max_length=1000)
    evidence: list[str] = Field(max_length=20)


class _Reading(BaseModel):
    model_config = ConfigDict(extra="forbid")
    comments: list[_Comment] = Field(max_length=10)
    missing: list[str] = Field(max_length=10)


def deepen(state: Investigation, deps: Deps) -> Investigation:
    """Ask the model, keep what cites evidence of this incident, and store it beside the diagnosis."""
    if deps.model is None:
        return {}
    diagnosis = decode(Diagnosis, state["diagnosis"])
    reading = _ask(diagnosis, deps.model)
    took = deps.clock() - datetime.fromisoformat(state["started_at"])
    deps.casebook.save_diagnosis(
        state["incident"],
        diagnosis,
        decode(BlastRadius, state["fault_radius"]),
        took_s=took.total_seconds(),
        model=reading,
    )
    return {"model": reading}


def _ask(diagnosis: Diagnosis, model: Model) -> Object:
    if not diagnosis.causes:
        return {"used": False, "note": "There is no cause for a model to comment on."}
    try:
        answer = model.answer(
            system=files("agents.prompts").joinpath("deepen.txt").read_text(),
            user=_question(diagnosis),
            schema=_Reading.model_json_schema(),
        )
        reading = _Reading.model_validate(answer.content)
    except ModelUnavailable as error:
        return {"used": False, "note": f"{error}. The diagnosis stands without it."}
    except ValidationError as error:
        return {"used": False, "note": f"The model's answer had {error.error_count()} faults and was dropped."}
    kept = _supported(reading, diagnosis)
    return {
        "used": True,
        "name": model.name,
        "note": f"{len(reading.comments) - len(kept)} comments without evidence of this incident were dropped.",
        "comments": kept,
        "missing": [bounded(visible(redact(m)), 300) for m in reading.missing],
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
    }


def _supported(reading: _Reading, diagnosis: Diagnosis) -> list[dict[str, Any]]:
    known = {o.id for o in diagnosis.observations}
    return [
        {"cause": c.cause, "text": bounded(visible(redact(c.text)), 1000), "evidence": c.evidence}
        for c in reading.comments
        if c.evidence and set(c.evidence) <= known and 0 <= c.cause < len(diagnosis.causes)
    ]


def _question(diagnosis: Diagnosis) -> str:
    causes = "\n".join(_cause_line(i, c) for i, c in enumerate(diagnosis.causes[:5]))
    ranked = dict.fromkeys(i for c in diagnosis.causes[:5] for i in c.evidence)
    by_id = {o.id: o for o in diagnosis.observations}
    chosen = [by_id[i] for i in ranked if i in by_id][:_MOST_OBSERVATIONS]
    return f"Causes:\n{causes}\n\nObservations:\n" + "\n".join(_observation(o) for o in chosen)


def _cause_line(index: int, cause: Cause) -> str:
    return f"{index}. {visible(cause.summary)} (confidence {cause.confidence:.2f})"


def _observation(observation: Observation) -> str:
    data = fence(observation.id, canonical(dict(observation.data)), limit=800)
    return f"{observation.id}: {visible(observation.summary)}\n{data}"
