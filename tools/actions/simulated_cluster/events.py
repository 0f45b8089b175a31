"""Kubernetes Events of the simulated cluster: repeated ones are counted, old ones expire."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from graph.document import Object
from tools.actions.simulated_cluster.api_server import ApiServer
from tools.actions.simulated_cluster.store import EstateStore, stamp
from tools.adapters.estate_files import Key

_KEPT = timedelta(hours=1)
"""Default of the API server's --event-ttl."""

_COMPONENTS = {"Pod": "kubelet", "Deployment": "deployment-controller", "ReplicaSet": "replicaset-controller"}


def emit(store: EstateStore, about: Object, *, reason: str, message: str, at: datetime, kind: str = "Normal") -> None:
    """Record an Event about an object, or count up the same one."""
    meta = about["metadata"]
    mark = hashlib.sha256("|".join((meta["uid"], reason, message)).encode()).hexdigest()[:16]
    name = f"{meta['name']}.{mark}"
    key = Key(meta["namespace"], "Event", name)
    found = store.objects.get(key)
    if found:
        body = found | {"count": found["count"] + 1, "lastTimestamp": stamp(at)}
        store.put(key, body | {"metadata": found["metadata"] | {"resourceVersion": store.next_revision()}})
        return
    component = _COMPONENTS.get(about["kind"], "controller-manager")
    store.put(
        key,
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": name,
                "namespace": meta["namespace"],
                "uid": ApiServer(store).uid(key),
                "resourceVersion": store.next_revision(),
                "creationTimestamp": stamp(at),
            },
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "count": 1,
            "firstTimestamp": stamp(at),
            "lastTimestamp": stamp(at),
            "eventTime": None,
            "source": {"component": component},
            "reportingComponent": component,
            "reportingInstance": "",
        },
    )


def expire(store: EstateStore, at: datetime) -> None:
    """Drop Events that were last seen too long ago."""
    for key, event in store.of_kind("Event"):
        seen = datetime.strptime(event["lastTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if at - seen > _KEPT:
            store.remove(key)
