"""The events at the end of `kubectl describe`, and those of `kubectl get events`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from evals.kubectl.outline import Line
from evals.kubectl.tables import age
from graph.evidence import ObservationKind, SymptomEvent

_REPEATED = re.compile(r"^(?P<last>\S+) \(x(?P<count>\d+) over (?P<span>\S+)\)$")


def events(root: Line, *, resource: str, now: datetime) -> Iterator[SymptomEvent]:
    """Yield the events of a described object.

    Args:
        root: the object.
        resource: uid of the object.
        now: UTC; when it was described; events carry ages only.
    """
    for cells in root.rows("Events"):
        if len(cells) < 5 or cells[0] == "Type":
            continue
        kind, reason, when, source, message = cells[0], cells[1], cells[2], cells[3], "  ".join(cells[4:])
        repeated = _REPEATED.match(when)
        since = age(repeated["last"] if repeated else when)
        yield SymptomEvent(
            kind=ObservationKind.EVENT,
            resource=resource,
            at=now - since if since is not None else None,
            text=message,
            reason=reason,
            count=int(repeated["count"]) if repeated else 1,
            source=source,
            unit="warning" if kind == "Warning" else "",
        )
