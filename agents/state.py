"""The record that the steps of an investigation hand on, and what they are given to work with.

The record is plain JSON, so that a checkpoint holds no code and any process can go on from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypedDict

from agents.model import Model
from graph.action import Plan
from graph.blast_radius import BlastRadius
from graph.diagnosis.result import Diagnosis
from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.incident import Alert, OpenIncident
from graph.memory import Memory
from graph.policy import Judgement
from graph.triage import Decision, Verdict
from tools.ports import Monitoring


class Investigation(TypedDict, total=False):
    """State of one investigation. Keys appear in the order of the steps."""

    incident: str
    environment: str
    requester: str
    """Principal that asked: the assistant itself, or the person who wants another look. Never approves the outcome."""
    started_at: str
    """ISO 8601; when the alert was received."""
    as_of: str
    """ISO 8601; the state of the environment that this investigation is about."""
    diagnosis: Object
    """`graph.codec` form of a Diagnosis."""
    fault_radius: Object
    """`graph.codec` form of a BlastRadius."""
    model: Object
    """`{used, note, comments: [{cause, text, evidence}], missing, prompt_tokens, completion_tokens}`"""
    proposals: list[str]
    """Ids of the proposals made."""


class Environments(Protocol):
    """The governed environments, as an investigation sees them."""

    def refresh(self, environment: str) -> datetime:
        """Read all sources now; sources that fail are remembered as gaps. Returns the time of the reading, UTC."""
        ...

    def graph(self, environment: str, *, as_of: datetime) -> EnvironmentGraph: ...

    def deployers(self, environment: str) -> frozenset[str]: ...

    def monitoring(self, environment: str) -> Monitoring:
        """Return whom to ask for readings, log lines and traces; one without any when none is set up."""
        ...


class Casebook(Protocol):
    """Where incidents, diagnoses and proposals are kept. It can propose; it has no way to approve."""

    def alerts(self, incident: str) -> Sequence[Alert]: ...

    def open_incidents(self, environment: str, *, besides: str) -> Sequence[OpenIncident]: ...

    def memories(self, environment: str) -> Sequence[Memory]:
        """What people said of earlier diagnoses, newest first."""
        ...

    def save_diagnosis(
        self, incident: str, diagnosis: Diagnosis, radius: BlastRadius, *, took_s: float, model: Object
    ) -> None: ...

    def earlier_diagnoses(self, incident: str) -> Sequence[Diagnosis]:
        """Return the newest diagnosis of an incident and the newest that found a cause, newest first."""
        ...

    def save_triage(self, incident: str, alerts: Sequence[Alert], decisions: Sequence[Decision]) -> Verdict:
        """Store what alerts are held for, one decision for each in the same order; return what the incident is."""
        ...

    def propose(
        self, incident: str, plan: Plan, radius: BlastRadius, judgement: Judgement, *, requester: str
    ) -> str | None:
        """Store a proposal and return its id; None when the same one is already waiting or was just refused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """What the steps work with."""

    environments: Environments
    casebook: Casebook
    model: Model | None
    """None when no model is configured."""
    clock: Callable[[], datetime]
    """Returns the current time, UTC."""
