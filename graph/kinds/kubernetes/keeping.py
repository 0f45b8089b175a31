"""Whether an API server keeps a value: it fills in defaults, spells quantities its own way, and drops empty fields."""

from __future__ import annotations

from graph.document import ABSENT, Absent, Json, Object, get, put
from graph.kinds.kubernetes.canonical import canonical_form, canonical_type
from graph.kinds.kubernetes.difference import Difference
from graph.kinds.kubernetes.schema import Shape
from graph.kinds.kubernetes.walk import Walk


def keeps(body: Object, path: str, value: Json | Absent) -> bool:
    """Return whether a live object holds `value` at `path` (JSON pointer), as the server keeps what it was given.

    ABSENT is held where the field is missing, or has the value that the server fills in. In an object that no schema
    describes, fields which were filled in below the value don't count.
    """
    if get(body, path) == value:
        return True
    try:
        wanted = put(body, path, value)
    except (KeyError, ValueError):
        return False
    walk = Walk(canonical_type(body), canonical_form(wanted), canonical_form(body))
    return all(d.rule or (value is not ABSENT and _is_filled_in(d, path)) for d in walk.differences())


def _is_filled_in(difference: Difference, path: str) -> bool:
    is_field = bool(difference.place.steps) and bool(difference.place.steps[-1].name)
    is_below = difference.place.y.startswith(path + "/")
    return difference.x is ABSENT and is_field and is_below and difference.kind.shape is Shape.UNKNOWN
