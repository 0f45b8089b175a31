"""The events at the end of `kubectl describe`, and those of `kubectl get events`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from evals.kubectl.outline import Line
from evals.kubectl.tables import age, table
from graph.evidence import ObservationKind, SymptomEvent
from graph.resource import kubernetes_uid

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


_KINDS = {
    "pod": ("", "Pod"),
    "node": ("", "Node"),
    "service": ("", "Service"),
    "persistentvolumeclaim": ("", "PersistentVolumeClaim"),
    "replicaset": ("apps", "ReplicaSet"),
    "deployment": ("apps", "Deployment"),
    "statefulset": ("apps", "StatefulSet"),
    "daemonset": ("apps", "DaemonSet"),
    "job": ("batch", "Job"),
}


def listed_events(text: str, *, cluster: str, namespace: str, now: datetime) -> Iterator[SymptomEvent]:
    """Yield the events of a `kubectl get events` table; those of kinds that are not read are left out."""
    for row in table(text):
        plural, _, name = row.get("OBJECT", "").partition("/")
        if plural not in _KINDS:
            continue
        group, kind = _KINDS[plural]
        place = None if kind == "Node" else namespace
        since = age(row.get("LAST SEEN", ""))
        yield SymptomEvent(
            kind=ObservationKind.EVENT,
            resource=kubernetes_uid(cluster=cluster, group=group, kind=kind, namespace=place, name=name),
            at=now - since if since is not None else None,
            text=row.get("MESSAGE", ""),
            reason=row.get("REASON", ""),
            unit="warning" if row.get("TYPE") == "Warning" else "",
        )
