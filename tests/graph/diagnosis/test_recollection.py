"""What people said of similar incidents moves doubtful causes, never clear ones, and is always told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graph.diagnosis.result import Diagnosis
from graph.memory import Culprit, Memory, OutcomeKind
from tests.graph.builders import NOW
from tests.graph.diagnosis.scene import Scene, k8s, problems

CHECKOUT, CONFIG, SECRET = (
    k8s("Deployment", "checkout"),
    k8s("ConfigMap", "checkout-config"),
    k8s("Secret", "checkout-token"),
)
IMAGE = "/spec/template/spec/containers/0/image"


def doubtful() -> Scene:
    """Two differences on the way, and nothing that tells which of them it is."""
    scene = Scene()
    scene.alter(CONFIG, "/data/timeout_ms", "1")
    scene.alter(CHECKOUT, IMAGE, "registry.example/app:2.0")
    return scene


def clear() -> Scene:
    """A Secret is gone, and the platform says that it is missed."""
    scene = Scene()
    scene.delete(SECRET)
    scene.fail("checkout", reason="CreateContainerConfigError", message='secret "checkout-token" not found')
    scene.alter(CONFIG, "/data/timeout_ms", "1")
    return scene


def memory(build: Callable[[], Scene], cause: Culprit | None, *not_causes: Culprit) -> Memory:
    portrait = build().diagnose().portrait
    assert portrait is not None
    return Memory(
        id="MEM-1",
        incident="INC-1",
        outcome=OutcomeKind.CORRECTED if not_causes else OutcomeKind.CONFIRMED,
        at=NOW,
        by="ann",
        portrait=portrait,
        cause=cause,
        not_causes=not_causes,
    )


def order(found: Diagnosis) -> list[str]:
    return [c.resource for c in found.causes]


@pytest.mark.parametrize("chosen", [CONFIG, CHECKOUT])
def test_a_confirmed_cause_comes_first_where_the_evidence_leaves_it_open(chosen: str) -> None:
    """Either of two causes is put first by what a person said of it, and the sentence says so."""
    kinds = {c.resource: c.kind for c in doubtful().diagnose().causes}
    told = memory(doubtful, Culprit(resource=chosen, kind=kinds[chosen]))
    found = doubtful().diagnose(memories=[told])
    assert order(found)[0] == chosen
    assert any("ann said so of INC-1" in s.text for s in found.causes[0].statements)
    assert [r.memory.id for r in found.recalled] == ["MEM-1"]
    assert problems(found) == []


def test_a_refuted_cause_is_told_as_such() -> None:
    """What people said it was not speaks against it."""
    first = doubtful().diagnose().causes[0]
    told = memory(doubtful, None, Culprit(resource=first.resource, kind=first.kind))
    found = doubtful().diagnose(memories=[told])
    again = next(c for c in found.causes if c.resource == first.resource)
    assert again.confidence < first.confidence
    assert any("was none" in s.text for s in again.against)


def test_a_wrong_memory_does_not_overrule_clear_evidence() -> None:
    """What the platform says today weighs more than what somebody said of another day."""
    before = clear().diagnose()
    told = memory(
        clear, Culprit(resource=CONFIG, kind="config_changed"), Culprit(resource=SECRET, kind="missing_secret")
    )
    found = clear().diagnose(memories=[told])
    assert order(before)[0] == order(found)[0] == SECRET
    assert found.verdict is before.verdict


def test_a_memory_makes_no_cause() -> None:
    """A cause that nothing suggests today is not named because it was one before."""
    told = memory(doubtful, Culprit(resource=k8s("Deployment", "cart"), kind="scaled_down"))
    assert order(doubtful().diagnose(memories=[told])) == order(doubtful().diagnose())
