"""Pods of the simulated cluster: creating them, starting their containers, and the status a kubelet would report."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from graph.document import Object
from tools.actions.simulated_cluster.api_server import ApiServer, key_of
from tools.actions.simulated_cluster.events import emit
from tools.actions.simulated_cluster.needs import Failure, cannot_start, config_of, process_failure
from tools.actions.simulated_cluster.store import EstateStore, copied, stamp
from tools.adapters.estate_files import Key

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_RUNS_ON = {"unready", "errors"}


def short_hash(text: str, size: int) -> str:
    """Return a name suffix in the alphabet that Kubernetes uses for generated names."""
    number = int(hashlib.sha256(text.encode()).hexdigest(), 16)
    return "".join(_ALPHABET[number // len(_ALPHABET) ** i % len(_ALPHABET)] for i in range(size))


def create_pod(store: EstateStore, owner: Object, template: Object, *, name: str, at: datetime) -> Key:
    """Create a pod of a ReplicaSet or StatefulSet from its template, not started yet."""
    meta = owner["metadata"]
    key = Key(meta["namespace"], "Pod", name)
    spec = copied(template["spec"])
    nodes = store.behaviour["nodes"]["names"]
    spec["nodeName"] = nodes[int(hashlib.sha256(name.encode()).hexdigest()[:6], 16) % len(nodes)]
    spec["enableServiceLinks"] = True
    spec["preemptionPolicy"] = "PreemptLowerPriority"
    spec["priority"] = 0
    annotations = dict(template["metadata"].get("annotations") or {})
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "uid": ApiServer(store).uid(key),
            "resourceVersion": store.next_revision(),
            "creationTimestamp": stamp(at),
            "labels": dict(template["metadata"]["labels"]),
            "ownerReferences": [reference(owner)],
        }
        | ({"annotations": annotations} if annotations else {}),
        "spec": spec,
        "status": {"phase": "Pending"},
    }
    store.put(key, pod)
    store.runtime["pods"][name] = {"restarts": 0, "running": False}
    return key


def delete_pod(store: EstateStore, key: Key) -> None:
    """Remove a pod and its processes."""
    store.remove(key)
    store.runtime["pods"].pop(key.name, None)


def reference(owner: Object) -> Object:
    """Return the owner reference that a controller puts on what it makes."""
    meta = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def refresh(store: EstateStore, workload: str, pod: Object, at: datetime) -> Failure | None:
    """Let the containers of a pod go on, and write the status that follows.

    A process keeps the configuration that it was started with; one that ended is started again with what is there now.

    Returns:
        What is wrong with it, or None.
    """
    key = key_of(pod)
    record = store.runtime["pods"].setdefault(key.name, {"restarts": 0, "running": False})
    failure: Failure | None = None
    config = record.get("config") if record["running"] else None
    if config is not None:
        failure = process_failure(store, workload, pod["spec"], config, key.namespace)
    if config is None or (failure and failure.effect not in _RUNS_ON):
        was_running = record["running"]
        failure = cannot_start(store, key.namespace, pod["spec"])
        if failure is None:
            config = config_of(store, key.namespace, pod["spec"])
            failure = process_failure(store, workload, pod["spec"], config, key.namespace)
            record["config"] = config
            record["started"] = stamp(at)
        if was_running:
            record["restarts"] += 1
    record["running"] = failure is None or failure.effect in _RUNS_ON
    if failure and failure.effect in ("crash", "oom"):
        # Time is compressed: by the time anyone looks, the back-off has run a few rounds.
        record["restarts"] = max(record["restarts"] + 1, 4)
    _write_status(store, key, pod, record, failure, at)
    _tell(store, key, failure, at)
    return failure


def _write_status(
    store: EstateStore, key: Key, pod: Object, record: Object, failure: Failure | None, at: datetime
) -> None:
    ready = failure is None or failure.effect == "errors"
    container = pod["spec"]["containers"][0]
    state, last = _states(record, failure, at)
    address = _address(key.name)
    waiting = "ContainersNotReady"
    message = f"containers with unready status: [{container['name']}]"
    conditions = [
        _condition(pod, "PodReadyToStartContainers", True, at),
        _condition(pod, "Initialized", True, at),
        _condition(pod, "Ready", ready, at, reason=waiting, message=message),
        _condition(pod, "ContainersReady", ready, at, reason=waiting, message=message),
        _condition(pod, "PodScheduled", True, at),
    ]
    status: Object = {
        "phase": "Running" if record["running"] or record["restarts"] else "Pending",
        "conditions": conditions,
        "hostIP": pod["spec"]["nodeName"].removeprefix("ip-").partition(".")[0].replace("-", "."),
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": pod["metadata"]["creationTimestamp"],
        "qosClass": "Burstable",
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "" if failure and failure.effect == "image" else _digest(container["image"]),
                "ready": ready,
                "started": record["running"],
                "restartCount": record["restarts"],
                "state": state,
                "lastState": last,
            }
        ],
    }
    if pod["status"] != status:
        body = pod | {"status": status, "metadata": pod["metadata"] | {"resourceVersion": store.next_revision()}}
        store.put(key, body)


def _states(record: Object, failure: Failure | None, at: datetime) -> tuple[Object, Object]:
    running = {"running": {"startedAt": record.get("started", stamp(at))}}
    last: Object = record.get("last", {})
    if failure is None or failure.effect in _RUNS_ON:
        return running, last
    if failure.effect in ("image", "config_error"):
        return {"waiting": {"reason": failure.reason, "message": failure.message}}, last
    record["last"] = last = {
        "terminated": {
            "exitCode": failure.exit_code,
            "reason": failure.reason,
            "startedAt": stamp(at - timedelta(seconds=4)),
            "finishedAt": stamp(at),
        }
    }
    text = "back-off 1m20s restarting failed container"
    return {"waiting": {"reason": "CrashLoopBackOff", "message": text}}, last


def _condition(pod: Object, kind: str, status: bool, at: datetime, *, reason: str = "", message: str = "") -> Object:
    value = "True" if status else "False"
    before = next((c for c in pod["status"].get("conditions", []) if c["type"] == kind), None)
    since = before["lastTransitionTime"] if before and before["status"] == value else stamp(at)
    out: Object = {"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": since}
    return out if status else out | {"reason": reason, "message": message}


def _tell(store: EstateStore, key: Key, failure: Failure | None, at: datetime) -> None:
    if failure is None or failure.effect == "errors":
        return
    pod = store.objects[key]
    if failure.effect == "image":
        emit(store, pod, reason="Failed", message=failure.message.partition(": ")[2], at=at, kind="Warning")
        image = pod["spec"]["containers"][0]["image"]
        emit(store, pod, reason="BackOff", message=f'Back-off pulling image "{image}"', at=at, kind="Warning")
    elif failure.effect == "config_error":
        emit(store, pod, reason="Failed", message=f"Error: {failure.message}", at=at, kind="Warning")
    elif failure.effect == "unready":
        emit(store, pod, reason="Unhealthy", message=failure.message, at=at, kind="Warning")
    else:
        name = pod["spec"]["containers"][0]["name"]
        text = (
            f"Back-off restarting failed container {name} in pod {key.name}_{key.namespace}({pod['metadata']['uid']})"
        )
        emit(store, pod, reason="BackOff", message=text, at=at, kind="Warning")


def _digest(image: str) -> str:
    return f"{image.rpartition(':')[0]}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def _address(name: str) -> str:
    mark = hashlib.sha256(name.encode()).digest()
    return f"10.40.{16 + mark[0] % 32}.{mark[1]}"
