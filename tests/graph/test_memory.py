"""Earlier outcomes are recalled by likeness, lose weight with age, and never come from the future."""

from __future__ import annotations

from datetime import timedelta

from graph.incident import Alert, AlertStatus
from graph.memory import ALIKE_FROM, HALF_LIFE, Culprit, Memory, OutcomeKind, Portrait, alike, portrait_of, recall
from tests.graph.builders import NOW, k8s

CHECKOUT, CART = k8s("Deployment", "checkout"), k8s("Deployment", "cart")


def alert(title: str) -> Alert:
    return Alert(id="1", sender="alertmanager", key="1", status=AlertStatus.FIRING, title=title, started_at=NOW)


def portrait(title: str = "p99 latency above 800 ms", subject: str = CHECKOUT, *complaints: str) -> Portrait:
    return portrait_of([alert(title)], [subject], complaints or ["a connection that timed out"])


def memory(id: str = "MEM-1", *, of: Portrait | None = None, days_ago: float = 0) -> Memory:
    return Memory(
        id=id,
        incident="INC-1",
        outcome=OutcomeKind.CONFIRMED,
        at=NOW - timedelta(days=days_ago),
        by="ann",
        portrait=of or portrait(),
        cause=Culprit(resource=CHECKOUT, kind="config_changed"),
    )


def test_numbers_and_the_subjects_own_name_make_no_incidents_alike() -> None:
    """Only the words that tell of the trouble are kept."""
    assert portrait_of([alert("checkout p99 latency 812 ms (pod 7d9f)")], [CHECKOUT], ()).words == {"latency", "pod"}


def test_the_same_trouble_of_the_same_subject_is_recalled_with_reasons() -> None:
    """What is alike is said."""
    (found,) = recall([memory()], portrait("p99 latency above 950 ms"), at=NOW)
    assert found.likeness == 1.0
    assert found.reasons == (
        "the same subject shop/Deployment/checkout",
        "alerts of the same words",
        "the same complaints",
    )


def test_the_same_words_about_another_subject_are_not_recalled() -> None:
    """Two services that are slow are two stories."""
    assert recall([memory()], portrait(subject=CART), at=NOW) == ()


def test_another_trouble_of_the_same_subject_is_less_alike() -> None:
    """A denied permission is no slow answer."""
    other = portrait("certificate expires soon", CHECKOUT, "a denied permission")
    assert alike(portrait(), other)[0] < ALIKE_FROM
    assert alike(portrait(), portrait())[0] == 1.0


def test_weight_halves_with_each_half_life() -> None:
    """An outcome of long ago counts less than one of yesterday, and comes after it."""
    found = recall([memory("MEM-1", days_ago=HALF_LIFE.days), memory("MEM-2")], portrait(), at=NOW)
    assert [(r.memory.id, r.weight) for r in found] == [("MEM-2", 1.0), ("MEM-1", 0.5)]


def test_what_was_told_later_is_not_recalled() -> None:
    """A diagnosis as of a past time knows only what people had said by then."""
    assert recall([memory(days_ago=-1)], portrait(), at=NOW) == ()


def test_an_incident_without_words_or_complaints_compares_by_subject_alone() -> None:
    """What nobody said is not held against likeness."""
    bare = Portrait(subjects=(CHECKOUT,), words=frozenset(), complaints=frozenset())
    assert alike(bare, bare)[0] == 1.0
