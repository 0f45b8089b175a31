"""What an investigation works with, in memory: one broken shop, a casebook, and a model that says what it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.model import Model, ModelAnswer, ModelUnavailable
from agents.state import Deps
from graph.action import Plan
from graph.blast_radius import BlastRadius
from graph.diagnosis.result import Diagnosis
from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.ignoring import IgnoreRule
from graph.incident import Alert, OpenIncident
from graph.memory import Memory
from graph.policy import Judgement
from graph.triage import Decision, Verdict, gravest
from tests.graph.builders import NOW
from tests.graph.diagnosis.scene import DEPLOYER, Scene, alert, k8s
from tools.ports import NO_MONITORING, Monitoring


@dataclass(slots=True)
class FakeEnvironments:
    """One environment. `refreshes` counts how often it was read."""

    scene: Scene
    refreshes: int = 0
    stores: Monitoring = NO_MONITORING
    on_refresh: Callable[[], None] = lambda: None

    def refresh(self, environment: str) -> datetime:
        self.refreshes += 1
        self.on_refresh()
        return NOW

    def graph(self, environment: str, *, as_of: datetime) -> EnvironmentGraph:
        assert as_of == NOW, "the graph is asked for the time of the reading"
        return self.scene.graph()

    def ignore_rules(self, environment: str) -> tuple[IgnoreRule, ...]:
        del environment
        return ()

    def also_called(self, environment: str) -> frozenset[str]:
        return frozenset({"production"}) if environment == "demo" else frozenset()

    def deployers(self, environment: str) -> frozenset[str]:
        return frozenset({DEPLOYER})

    def monitoring(self, environment: str) -> Monitoring:
        return self.stores


@dataclass(slots=True)
class FakeCasebook:
    """Remembers what is stored."""

    about: Sequence[Alert] = field(default_factory=lambda: [alert()])
    others: Sequence[OpenIncident] = ()
    told: Sequence[Memory] = ()
    diagnoses: list[tuple[Diagnosis, BlastRadius, float, Object]] = field(default_factory=list)
    held_for: list[tuple[Sequence[Alert], Sequence[Decision]]] = field(default_factory=list)
    plans: list[tuple[Plan, BlastRadius, Judgement, str]] = field(default_factory=list)
    is_refusing: bool = False

    def alerts(self, incident: str) -> Sequence[Alert]:
        return self.about

    def open_incidents(self, environment: str, *, besides: str) -> Sequence[OpenIncident]:
        return self.others

    def memories(self, environment: str) -> Sequence[Memory]:
        return self.told

    def save_diagnosis(
        self, incident: str, diagnosis: Diagnosis, radius: BlastRadius, *, took_s: float, model: Object
    ) -> None:
        self.diagnoses.append((diagnosis, radius, took_s, model))

    def earlier_diagnoses(self, incident: str) -> Sequence[Diagnosis]:
        return [diagnosis for diagnosis, *_ in reversed(self.diagnoses)]

    def save_triage(self, incident: str, alerts: Sequence[Alert], decisions: Sequence[Decision]) -> Verdict:
        self.held_for.append((alerts, decisions))
        return gravest(d.verdict for d in decisions)

    def propose(
        self, incident: str, plan: Plan, radius: BlastRadius, judgement: Judgement, *, requester: str
    ) -> str | None:
        if self.is_refusing:
            return None
        self.plans.append((plan, radius, judgement, requester))
        return f"FIX-{len(self.plans)}"


class ScriptedModel:
    """Answers with what it was given, once after the other; an exception is raised."""

    name = "scripted"

    def __init__(self, *answers: Object | ModelUnavailable) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str, Object]] = []

    def answer(self, *, system: str, user: str, schema: Object) -> ModelAnswer:
        self.asked.append((system, user, schema))
        answer = self._answers.pop(0)
        if isinstance(answer, ModelUnavailable):
            raise answer
        return ModelAnswer(content=answer, prompt_tokens=11, completion_tokens=7)


def broken_shop() -> Scene:
    """Somebody lowered checkout's timeout by hand, and its pods crash since."""
    scene = Scene()
    scene.alter(k8s("ConfigMap", "checkout-config"), "/data/timeout_ms", "5")
    scene.fail("checkout")
    scene.say("checkout", "error: payment timed out after timeout_ms=5")
    return scene


def deps(
    *, scene: Scene | None = None, casebook: FakeCasebook | None = None, model: Model | None = None
) -> tuple[Deps, FakeEnvironments, FakeCasebook]:
    """Build what the steps work with; the clock stands two seconds after the alert was received."""
    environments = FakeEnvironments(scene or broken_shop())
    book = casebook or FakeCasebook()
    made = Deps(environments=environments, casebook=book, model=model, clock=lambda: NOW + timedelta(seconds=2))
    return made, environments, book
