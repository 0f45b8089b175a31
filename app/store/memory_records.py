"""Ids of memories, and the notes of what they were used for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlmodel import Session

from app.store.rows.memories import MemoryUseRow
from graph.errors import NotFound
from graph.memory import Recall


def memory_id(number: int) -> str:
    """Return the id of a memory as people write it."""
    return f"MEM-{number}"


def memory_number(id: str) -> int:
    """Return the number in an id.

    Raises:
        NotFound: it is no such id.
    """
    match = re.fullmatch(r"MEM-([1-9][0-9]{0,8})", id, re.ASCII)
    if match is None:
        raise NotFound(f"no memory {id!r}: ids look like MEM-7; the list of memories names those there are")
    return int(match[1])


def note_uses(session: Session, recalled: Iterable[Recall], *, incident: int, diagnosis: int) -> None:
    """Note which memories a diagnosis recalled, in the transaction that stores the diagnosis."""
    for one in recalled:
        session.add(MemoryUseRow(memory=memory_number(one.memory.id), incident=incident, diagnosis=diagnosis))
