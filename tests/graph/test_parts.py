"""Relations found part by part, over any history of changes, are those that all documents together give."""

from __future__ import annotations

from hypothesis import given, settings

from graph.parts import Parts, Sayer, Stated, part_of
from graph.relation import Relation
from tests.graph.slots import FIRST, LATER, SLOTS, from_all


@settings(max_examples=150, deadline=None)
@given(FIRST, LATER)
def test_parts_give_what_all_documents_give(first: list[int], later: list[list[tuple[int, int]]]) -> None:
    """Only the parts that were touched, and those that are said to depend on them, are looked at again."""
    held: dict[int, Stated] = {}
    parts = Parts()
    stored: dict[Sayer, dict[str, set[Relation]]] = {}
    for changes in (list(enumerate(first)), *later):
        touched: set[str] = set()
        for number, shape in changes:
            slot = SLOTS[number]
            uid = slot.variants[0].resource.uid
            touched.add(part_of(uid))
            stored.get(slot.sayer, {}).pop(uid, None)
            if shape < 0:
                held.pop(number, None)
            else:
                held[number] = Stated(*slot.sayer, slot.variants[shape % len(slot.variants)])
        for part in sorted(parts.learn(touched, lambda part: _of(part, held))):
            for sayer, found in parts.relations(part, _of(part, held)).items():
                stored.setdefault(sayer, {}).update({uid: {*relations} for uid, relations in found.items()})
        assert {sayer: found for sayer, found in stored.items() if found} == from_all(held)


def _of(part: str, held: dict[int, Stated]) -> list[Stated]:
    return [s for s in held.values() if part_of(s.document.resource.uid) == part]
