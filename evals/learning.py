"""What confirmed outcomes are worth for later incidents: `python -m evals.learning`.

A simulated team: each of its services fails again and again, and each has a habit, which the diagnosis can't know: with
one it is nearly always the configuration, with the other the image. In every incident both were changed by hand in the
same minute, and nothing says which of them did it. People tell the outcome of the first half of the incidents; scored
are the others. Beside these stand incidents that the evidence decides: memories must not spoil them. Then a part of the
memories is false, and in the end the false ones are removed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from evals.figures import Summary, share
from evals.world import alert_of, environment
from graph.diagnosis.engine import diagnose
from graph.diagnosis.result import Diagnosis
from graph.document import Object
from graph.drift import compare_graph
from graph.environment import EnvironmentGraph
from graph.evidence import ObservationKind, SymptomEvent
from graph.incident import Alert
from graph.kinds.kubernetes.parse import parse
from graph.memory import Culprit, Memory, OutcomeKind
from graph.relations import derive
from graph.version import Document

SERVICES, ROUNDS = 12, 10
HABIT = 0.9
"""Share of the incidents of a service that follow its habit."""
FALSE = 0.25
"""Share of the memories that are false in the poisoned run."""
_BEGUN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_TROUBLES = ("p99 latency above its objective", "error rate above its objective", "success rate below its objective")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident of the simulated team, with its true cause."""

    graph: EnvironmentGraph
    alert: Alert
    cause: Culprit
    is_clear: bool
    """Whether what the systems say decides it."""


def main() -> int:
    """Print the table; exit code 1 when memories gain nothing, or spoil what the evidence decides."""
    taught, asked = incidents(seed=1)
    true = memories(taught)
    false = poisoned(true, seed=2)
    rows = {
        "without memories": run(asked, ()),
        f"with {len(true)} memories": run(asked, true),
        f"with {sum(a != b for a, b in zip(true, false, strict=True))} of them false": run(asked, false),
        "false ones removed": run(asked, [m for m, t in zip(false, true, strict=True) if m == t]),
    }
    print("| | Undecided by evidence: true cause first | Decided by evidence: true cause first |\n|---|---|---|")
    for name, (open_, clear) in rows.items():
        print(f"| {name} | {_shown(open_)} | {_shown(clear)} |")
    without, with_ = rows["without memories"], rows[f"with {len(true)} memories"]
    return 0 if with_[0].low > without[0].value and with_[1].value >= without[1].value else 1


def run(asked: Sequence[Incident], told: Sequence[Memory]) -> tuple[Summary, Summary]:
    """Return the share with the true cause first: of incidents that evidence does not decide, and of those it does."""
    right: dict[bool, list[bool]] = {False: [], True: []}
    for incident in asked:
        first = _diagnosed(incident, told).causes[:1]
        right[incident.is_clear].append([(c.resource, c.kind) for c in first] == [_key(incident.cause)])
    return share(right[False]), share(right[True])


def memories(taught: Sequence[Incident]) -> list[Memory]:
    """Return what people tell of incidents after their diagnosis: they know the true cause by then."""
    return [_told(i, number) for number, i in enumerate(taught, start=1)]


def poisoned(true: Sequence[Memory], *, seed: int) -> list[Memory]:
    """Return the memories with a part of them turned round: the wrong cause confirmed, the right one refuted."""
    chance = random.Random(seed)  # noqa: S311  (a simulation)
    return [_turned(m) if chance.random() < FALSE else m for m in true]


def incidents(*, seed: int, services: int = SERVICES, rounds: int = ROUNDS) -> tuple[list[Incident], list[Incident]]:
    """Return incidents of the time in which people teach, and later ones that are scored."""
    chance = random.Random(seed)  # noqa: S311  (a simulation)
    habits = {f"svc-{n}": chance.random() < 0.5 for n in range(services)}
    taught: list[Incident] = []
    asked: list[Incident] = []
    for turn in range(rounds):
        for number, (name, is_config) in enumerate(habits.items()):
            at = _BEGUN + timedelta(days=2 * turn, minutes=number)
            cause = is_config if chance.random() < HABIT else not is_config
            made = _incident(name, at, is_config=cause, is_clear=False, title=chance.choice(_TROUBLES))
            (taught if turn < rounds // 2 else asked).append(made)
            if turn >= rounds // 2:
                is_other = chance.random() < 0.5
                asked.append(_incident(name, at, is_config=is_other, is_clear=True, title=chance.choice(_TROUBLES)))
    return taught, asked


def _incident(name: str, at: datetime, *, is_config: bool, is_clear: bool, title: str) -> Incident:
    declared = [_parsed(o) for o in _objects(name, timeout="800", image="1.4.0")]
    live = [_parsed(o) for o in _objects(name, timeout="30", image="1.4.1")]
    config, deployment = live[0].resource.uid, live[1].resource.uid
    if is_clear and not is_config:
        live.append(_parsed(_unpulled(name)))
    said = "error: calling pricing timed out after timeout_ms=30"
    symptom = SymptomEvent(kind=ObservationKind.LOG, resource=deployment, at=at, text=said)
    graph = environment(
        now=at + timedelta(minutes=1),
        actual=live,
        intended=declared,
        relations=derive(live),
        symptoms=[symptom] if is_clear and is_config else [],
    )
    cause = (
        Culprit(resource=config, kind="config_changed") if is_config else Culprit(resource=deployment, kind="bad_image")
    )
    alert = alert_of(title=f"{name}: {title}", at=at, labels={"deployment": name, "namespace": "shop"})
    return Incident(graph=graph, alert=alert, cause=cause, is_clear=is_clear)


def _objects(name: str, *, timeout: str, image: str) -> list[Object]:
    labels = {"app": name}
    container: dict[str, Any] = {
        "name": "app",
        "image": f"registry.example/{name}:{image}",
        "envFrom": [{"configMapRef": {"name": f"{name}-config"}}],
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{name}-config", "namespace": "shop"},
            "data": {"timeout_ms": timeout},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
        },
    ]


def _unpulled(name: str) -> Object:
    waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "registry.example/{name}:1.4.1"'}
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "controller": True, "uid": name}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{name}-1", "namespace": "shop", "labels": {"app": name}, "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "app", "image": f"registry.example/{name}:1.4.1"}]},
        "status": {
            "phase": "Pending",
            "containerStatuses": [{"name": "app", "ready": False, "restartCount": 0, "state": {"waiting": waiting}}],
        },
    }


def _parsed(body: Object) -> Document:
    return parse(body, cluster="sim", default_namespace="shop", salt=b"no secrets here")


def _diagnosed(incident: Incident, told: Sequence[Memory]) -> Diagnosis:
    return diagnose(
        incident.graph,
        [incident.alert],
        drift=compare_graph(incident.graph),
        deployers=frozenset(),
        memories=told,
    )


def _told(incident: Incident, number: int) -> Memory:
    found = _diagnosed(incident, ())
    first = [Culprit(resource=c.resource, kind=c.kind) for c in found.causes[:1]]
    is_right = first == [incident.cause]
    assert found.portrait is not None
    return Memory(
        id=f"MEM-{number}",
        incident=f"INC-{number}",
        outcome=OutcomeKind.CONFIRMED if is_right else OutcomeKind.CORRECTED,
        at=incident.graph.as_of,
        by="team",
        portrait=found.portrait,
        cause=incident.cause,
        not_causes=() if is_right else tuple(first),
    )


def _turned(memory: Memory) -> Memory:
    assert memory.cause is not None
    kinds = {"config_changed": "bad_image", "bad_image": "config_changed"}
    name = memory.cause.resource.rpartition("/")[2].removesuffix("-config")
    uid = {
        "config_changed": f"k8s://sim/core/ConfigMap/shop/{name}-config",
        "bad_image": f"k8s://sim/apps/Deployment/shop/{name}",
    }
    kind = kinds[memory.cause.kind]
    return Memory(
        id=memory.id,
        incident=memory.incident,
        outcome=OutcomeKind.CORRECTED,
        at=memory.at,
        by="somebody",
        portrait=memory.portrait,
        cause=Culprit(resource=uid[kind], kind=kind),
        not_causes=(memory.cause,),
    )


def _key(cause: Culprit) -> tuple[str, str]:
    return cause.resource, cause.kind


def _shown(summary: Summary) -> str:
    return f"{summary.value:.2f} [{summary.low:.2f}, {summary.high:.2f}] of {summary.n}"


if __name__ == "__main__":
    sys.exit(main())
