"""Whether a live object or cloud resource holds a value, as its platform keeps what it was given."""

from __future__ import annotations

from graph.document import Absent, Json, Object, get
from graph.kinds.kubernetes.keeping import keeps


def holds(body: Object, path: str, value: Json | Absent) -> bool:
    """Return whether `body` holds `value` at `path` (JSON pointer); ABSENT: nothing that was given stands there.

    A Kubernetes API server completes and respells what it is given; that is no other value.
    """
    if isinstance(body.get("apiVersion"), str) and isinstance(body.get("kind"), str):
        return keeps(body, path, value)
    return bool(get(body, path) == value)
