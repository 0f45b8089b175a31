"""Kubernetes Event objects, of both API groups, to symptoms of the objects they are about. Pure."""

from __future__ import annotations

from datetime import datetime

from graph.document import Json, Object
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.scope import identity_group, is_cluster_scoped, split_api_version
from graph.resource import kubernetes_uid
from tools.adapters.timestamps import read_time

_LONGEST = 2000
"""Characters of a message that are kept; API servers cut messages at 1,024 bytes."""


def symptom(event: Object, *, cluster: str, source: str) -> SymptomEvent | None:
    """Return what an Event says, or None when it does not name the object it is about.

    Formats: `v1` Event (`involvedObject`, `message`) and `events.k8s.io/v1` Event (`regarding`, `note`).
    """
    about = event.get("involvedObject") or event.get("regarding")
    if not isinstance(about, dict):
        return None
    kind, name, namespace = about.get("kind"), about.get("name"), about.get("namespace")
    if not isinstance(kind, str) or not isinstance(name, str) or not kind or not name:
        return None
    group = identity_group(split_api_version(_text(about.get("apiVersion")))[0], kind)
    scope = None if is_cluster_scoped(group, kind) else _text(namespace) or None
    return SymptomEvent(
        kind=ObservationKind.EVENT,
        resource=kubernetes_uid(cluster=cluster, group=group, kind=kind, namespace=scope, name=name),
        at=_last_seen(event),
        text=(_text(event.get("message")) or _text(event.get("note")))[:_LONGEST],
        reason=_text(event.get("reason"))[:_LONGEST],
        count=_count(event),
        source=source,
    )


def _last_seen(event: Object) -> datetime | None:
    series, metadata = event.get("series"), event.get("metadata")
    times = [
        series.get("lastObservedTime") if isinstance(series, dict) else None,
        event.get("lastTimestamp"),
        event.get("deprecatedLastTimestamp"),
        event.get("eventTime"),
        event.get("firstTimestamp"),
        metadata.get("creationTimestamp") if isinstance(metadata, dict) else None,
    ]
    return next((at for value in times if (at := read_time(value))), None)


def _count(event: Object) -> int:
    series = event.get("series")
    counts = [
        series.get("count") if isinstance(series, dict) else None,
        event.get("count"),
        event.get("deprecatedCount"),
    ]
    return next((c for c in counts if isinstance(c, int) and not isinstance(c, bool) and c > 0), 1)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
