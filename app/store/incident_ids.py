"""Ids of incidents as people write them."""

from __future__ import annotations

import re

from graph.errors import NotFound


def incident_id(number: int) -> str:
    """Return the id of an incident as people write it."""
    return f"INC-{number}"


def incident_number(id: str) -> int:
    """Return the number in an id.

    Raises:
        NotFound: it is no such id.
    """
    match = re.fullmatch(r"INC-([1-9][0-9]{0,8})", id, re.ASCII)
    if match is None:
        raise NotFound(f"no incident {id!r}: ids look like INC-7; the list of incidents names those there are")
    return int(match[1])
