"""Outcomes are stored, recalled, superseded, traced and removed, and all of it is audited."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.store.audit import AuditLog
from app.store.database import Database
from app.store.incidents import Incidents
from app.store.memories import Memories
from graph.errors import Conflict, NotFound
from graph.memory import Culprit, Memory, OutcomeKind, Portrait, Recall
from tests.app.store.samples import Time, alert, blast, diagnosis

PORTRAIT = Portrait(
    subjects=("k8s://demo/apps/Deployment/shop/checkout",), words=frozenset({"slow"}), complaints=frozenset()
)
CAUSE = Culprit(resource="k8s://demo/core/ConfigMap/shop/settings", kind="config_changed")


@pytest.fixture
def memories(database: Database, audit: AuditLog, time: Time) -> Memories:
    return Memories(database, audit, clock=time)


def told(time: Callable[[], object], incident: str = "INC-1", **rest: object) -> Memory:
    values = {"outcome": OutcomeKind.CONFIRMED, "by": "ann", "portrait": PORTRAIT, "cause": CAUSE, **rest}
    return Memory(id="", incident=incident, at=time(), **values)  # type: ignore[arg-type]


def test_an_outcome_comes_back_as_it_was_told(memories: Memories, audit: AuditLog, time: Time) -> None:
    """With an id, for its environment only, and on the audit log."""
    stored = memories.tell("demo", told(time, note="bad time limit"))
    assert stored.id == "MEM-1"
    assert memories.recallable("demo") == [stored]
    assert memories.recallable("other") == []
    (entry,) = audit.about(["INC-1"])
    assert (entry.action, entry.actor, entry.detail["note"]) == ("incident.outcome", "ann", "bad time limit")


def test_what_is_told_anew_takes_the_place_of_what_was_told_before(memories: Memories, time: Time) -> None:
    """One incident has one outcome; the earlier one stays on record."""
    memories.tell("demo", told(time))
    second = memories.tell("demo", told(time, outcome=OutcomeKind.CORRECTED, cause=None, by="bob"))
    assert memories.recallable("demo") == [second]
    assert [(m.memory.id, m.removed_by) for m in memories.list("demo")] == [("MEM-2", ""), ("MEM-1", "bob")]


def test_a_removed_memory_is_not_recalled_but_kept_with_the_reason(
    memories: Memories, audit: AuditLog, time: Time
) -> None:
    """It can be removed once, by somebody, for a reason."""
    memories.tell("demo", told(time))
    removed = memories.remove("MEM-1", by="cleo", because="it was the network")
    assert (removed.removed_at, removed.removed_because) == (time(), "it was the network")
    assert memories.recallable("demo") == []
    assert [e.action for e in audit.about(["INC-1"])] == ["incident.outcome", "memory.removed"]
    with pytest.raises(Conflict, match="cleo"):
        memories.remove("MEM-1", by="ann", because="again")


@pytest.mark.parametrize("id", ["MEM-9", "INC-1", "MEM-0", "x"])
def test_an_unknown_memory_is_named(memories: Memories, id: str) -> None:
    """Ids that nobody has, and texts that are no ids."""
    with pytest.raises(NotFound, match=id):
        memories.get(id)


def test_every_diagnosis_that_recalled_a_memory_can_be_traced(
    memories: Memories, database: Database, audit: AuditLog, time: Time
) -> None:
    """What a wrong memory may have spoilt is found by its id."""
    incidents = Incidents(database, audit, clock=time)
    incidents.receive_alert(alert(), environment="demo")
    stored = memories.tell("demo", told(time))
    recall = Recall(memory=stored, likeness=0.8, reasons=("the same subject",), weight=0.8)
    incidents.save_diagnosis("INC-1", diagnosis(recalled=(recall,)), blast(), took_s=0.1, model={"used": False})
    incidents.save_diagnosis("INC-1", diagnosis(), blast(), took_s=0.1, model={"used": False})
    assert memories.get("MEM-1").uses == (("INC-1", 1),)
    saved = incidents.diagnoses("INC-1")
    assert [d.diagnosis.recalled for d in saved] == [(), (recall,)]
