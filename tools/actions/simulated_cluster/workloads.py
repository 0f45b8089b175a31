"""Deployment and StatefulSet controllers: revisions, rolling updates that stop when new pods fail, status."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from graph.document import Object, canonical
from tools.actions.simulated_cluster.api_server import ApiServer
from tools.actions.simulated_cluster.events import emit
from tools.actions.simulated_cluster.network import is_ready
from tools.actions.simulated_cluster.pods import create_pod, delete_pod, reference, refresh, short_hash
from tools.actions.simulated_cluster.store import EstateStore, copied, stamp
from tools.adapters.estate_files import Key

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"


def settle_workloads(store: EstateStore, at: datetime) -> None:
    """Bring every Deployment and StatefulSet as far as its pods allow."""
    for key, body in store.of_kind("Deployment"):
        _deployment(store, key, body, at)
    for key, body in store.of_kind("StatefulSet"):
        _stateful_set(store, key, body, at)
    _collect(store)


def pods_of(store: EstateStore, owner: Object) -> list[Object]:
    """Return the pods that a ReplicaSet or StatefulSet owns."""
    uid = owner["metadata"]["uid"]
    return [p for _, p in store.of_kind("Pod", owner["metadata"]["namespace"]) if _owner(p) == uid]


def workload_pods(store: EstateStore, key: Key) -> list[Object]:
    """Return the pods of a Deployment (over all its ReplicaSets) or StatefulSet."""
    body = store.objects[key]
    owners = {body["metadata"]["uid"]} | {s["metadata"]["uid"] for s in replica_sets(store, body)}
    return [pod for _, pod in store.of_kind("Pod", key.namespace) if _owner(pod) in owners]


def replica_sets(store: EstateStore, deployment: Object) -> list[Object]:
    """Return the ReplicaSets of a Deployment, oldest revision first."""
    meta = deployment["metadata"]
    mine = [s for _, s in store.of_kind("ReplicaSet", meta["namespace"]) if _owner(s) == meta["uid"]]
    return sorted(mine, key=_revision)


def _deployment(store: EstateStore, key: Key, body: Object, at: datetime) -> None:
    spec, name = body["spec"], f"{key.namespace}/{key.kind}/{key.name}"
    current = _current(store, key, body, at)
    older = [s for s in replica_sets(store, body) if s["metadata"]["uid"] != current["metadata"]["uid"]]
    old_pods = [pod for s in older for pod in pods_of(store, s)]
    for pod in [*old_pods, *pods_of(store, current)]:
        refresh(store, name, pod, at)
    wanted = spec["replicas"]
    if old_pods:
        surge = _share(spec["strategy"].get("rollingUpdate", {}).get("maxSurge", "25%"), wanted, up=True)
        _scale(store, name, current, max(surge, len(pods_of(store, current))), at)
        if all(is_ready(pod) for pod in pods_of(store, current)):
            for pod in old_pods:
                delete_pod(store, _key(pod))
            old_pods = []
        else:
            spare = wanted - _share(
                spec["strategy"].get("rollingUpdate", {}).get("maxUnavailable", "25%"), wanted, up=False
            )
            for pod in old_pods[spare:]:
                delete_pod(store, _key(pod))
    if not old_pods:
        _scale(store, name, current, wanted, at)
    for replica_set in replica_sets(store, body):
        _replica_set_status(store, replica_set)
    _prune(store, body, keep=spec["revisionHistoryLimit"])
    _deployment_status(store, key, current, at)


def _current(store: EstateStore, key: Key, body: Object, at: datetime) -> Object:
    template = body["spec"]["template"]
    digest = short_hash(f"{key.name}{canonical(template)}", 10)
    known = replica_sets(store, body)
    revision = max((_revision(s) for s in known), default=0)
    name = f"{key.name}-{digest}"
    found = store.objects.get(Key(key.namespace, "ReplicaSet", name))
    if found is None or _revision(found) < revision:
        revision += 1
    set_key = Key(key.namespace, "ReplicaSet", name)
    if found is None:
        labelled = copied(template)
        labelled["metadata"]["labels"] = dict(template["metadata"]["labels"]) | {_HASH: digest}
        selector = copied(body["spec"]["selector"])
        selector["matchLabels"] = selector.get("matchLabels", {}) | {_HASH: digest}
        found = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": key.namespace,
                "uid": ApiServer(store).uid(set_key),
                "resourceVersion": store.next_revision(),
                "generation": 1,
                "creationTimestamp": stamp(at),
                "labels": dict(labelled["metadata"]["labels"]),
                "annotations": {},
                "ownerReferences": [reference(body)],
            },
            "spec": {"replicas": 0, "selector": selector, "template": labelled},
            "status": {"replicas": 0, "observedGeneration": 1},
        }
        emit(store, body, reason="ScalingReplicaSet", message=f"Scaled up replica set {name} from 0 to 1", at=at)
    if _revision(found) != revision:
        meta = found["metadata"]
        found = found | {"metadata": meta | {"annotations": meta["annotations"] | {_REVISION: str(revision)}}}
        store.put(set_key, found)
    return found


def _scale(store: EstateStore, workload: str, replica_set: Object, wanted: int, at: datetime) -> None:
    pods = pods_of(store, replica_set)
    meta = replica_set["metadata"]
    for pod in pods[wanted:]:
        delete_pod(store, _key(pod))
    for _ in range(wanted - len(pods)):
        name = f"{meta['name']}-{short_hash(meta['uid'] + store.next_revision(), 5)}"
        key = create_pod(store, replica_set, replica_set["spec"]["template"], name=name, at=at)
        refresh(store, workload, store.objects[key], at)


def _replica_set_status(store: EstateStore, replica_set: Object) -> None:
    pods = pods_of(store, replica_set)
    ready = sum(map(is_ready, pods))
    status: Object = {"replicas": len(pods), "observedGeneration": replica_set["metadata"]["generation"]}
    if pods:
        status |= {"fullyLabeledReplicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
    body = replica_set | {"status": status, "spec": replica_set["spec"] | {"replicas": len(pods)}}
    store.put(_key(replica_set), body)


def _prune(store: EstateStore, deployment: Object, *, keep: int) -> None:
    idle = [s for s in replica_sets(store, deployment) if s["spec"]["replicas"] == 0]
    for replica_set in idle[: max(0, len(idle) - keep)]:
        store.remove(_key(replica_set))


def _deployment_status(store: EstateStore, key: Key, current: Object, at: datetime) -> None:
    body = store.objects[key]
    pods, fresh = workload_pods(store, key), pods_of(store, current)
    ready, wanted = sum(map(is_ready, pods)), body["spec"]["replicas"]
    done = len(fresh) == len(pods) == wanted and all(map(is_ready, fresh))
    late = (
        _time(current["metadata"]["creationTimestamp"]) + timedelta(seconds=body["spec"]["progressDeadlineSeconds"])
        <= at
    )
    revision = current["metadata"]["annotations"][_REVISION]
    name = current["metadata"]["name"]
    if done or not late:
        progress = ("True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.')
        if not done:
            progress = ("True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
    else:
        progress = ("False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.')
    least = wanted - _share(
        body["spec"]["strategy"].get("rollingUpdate", {}).get("maxUnavailable", 0), wanted, up=False
    )
    available = (
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        if ready >= least
        else ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    )
    status: Object = {
        "observedGeneration": body["metadata"]["generation"],
        "replicas": len(pods),
        "updatedReplicas": len(fresh),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "conditions": [_condition(body, "Available", available, at), _condition(body, "Progressing", progress, at)],
    }
    if len(pods) > ready:
        status["unavailableReplicas"] = len(pods) - ready
    annotations = body["metadata"].get("annotations", {}) | {_REVISION: revision}
    _status(store, key, body | {"metadata": body["metadata"] | {"annotations": annotations}}, status)


def _stateful_set(store: EstateStore, key: Key, body: Object, at: datetime) -> None:
    spec, name = body["spec"], f"{key.namespace}/{key.kind}/{key.name}"
    digest = f"{key.name}-{short_hash(canonical(spec['template']), 10)}"
    template = copied(spec["template"])
    template["metadata"]["labels"] = dict(template["metadata"]["labels"]) | {"controller-revision-hash": digest}
    for index in range(spec["replicas"]):
        pod_key = Key(key.namespace, "Pod", f"{key.name}-{index}")
        pod = store.objects.get(pod_key)
        if pod and pod["metadata"]["labels"]["controller-revision-hash"] != digest:
            delete_pod(store, pod_key)
            pod = None
        if pod is None:
            create_pod(store, body, template, name=pod_key.name, at=at)
            for claim in spec.get("volumeClaimTemplates", []):
                _claim(store, key, claim, pod_key.name, at)
        refresh(store, name, store.objects[pod_key], at)
    for pod in pods_of(store, body):
        if int(pod["metadata"]["name"].rpartition("-")[2]) >= spec["replicas"]:
            delete_pod(store, _key(pod))
    pods = pods_of(store, body)
    ready = sum(map(is_ready, pods))
    counts = dict.fromkeys(("readyReplicas", "availableReplicas"), ready)
    counts |= dict.fromkeys(("replicas", "currentReplicas", "updatedReplicas"), len(pods))
    status = {"observedGeneration": body["metadata"]["generation"], **counts}
    _status(store, key, body, status | {"currentRevision": digest, "updateRevision": digest, "collisionCount": 0})


def _claim(store: EstateStore, owner: Key, template: Object, pod: str, at: datetime) -> None:
    key = Key(owner.namespace, "PersistentVolumeClaim", f"{template['metadata']['name']}-{pod}")
    if key in store.objects:
        return
    uid = ApiServer(store).uid(key)
    spec = copied(template["spec"]) | {"volumeName": f"pvc-{uid}"}
    store.put(
        key,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "uid": uid,
                "resourceVersion": store.next_revision(),
                "creationTimestamp": stamp(at),
                "labels": dict(store.objects[owner]["spec"]["selector"]["matchLabels"]),
                "finalizers": ["kubernetes.io/pvc-protection"],
            },
            "spec": spec,
            "status": {"phase": "Bound", "accessModes": spec["accessModes"], "capacity": spec["resources"]["requests"]},
        },
    )


def _collect(store: EstateStore) -> None:
    """Remove ReplicaSets and pods whose owner is gone, as the garbage collector does."""
    for kind in ("ReplicaSet", "Pod"):
        alive = {body["metadata"]["uid"] for body in store.objects.values()}
        for key, body in store.of_kind(kind):
            if _owner(body) and _owner(body) not in alive:
                store.remove(key)
                store.runtime["pods"].pop(key.name, None)


def _status(store: EstateStore, key: Key, body: Object, status: Object) -> None:
    found = store.objects[key]
    if found.get("status") != status or found["metadata"].get("annotations") != body["metadata"].get("annotations"):
        meta = body["metadata"] | {"resourceVersion": store.next_revision()}
        store.put(key, body | {"status": status, "metadata": meta})


def _condition(body: Object, kind: str, value: tuple[str, str, str], at: datetime) -> Object:
    before = next((c for c in body.get("status", {}).get("conditions", []) if c["type"] == kind), None)
    status, reason, message = value
    since = before["lastTransitionTime"] if before and before["status"] == status else stamp(at)
    updated = (
        before["lastUpdateTime"] if before and (before["status"], before["reason"]) == (status, reason) else stamp(at)
    )
    return {"type": kind, "status": status, "reason": reason, "message": message} | (
        {"lastTransitionTime": since, "lastUpdateTime": updated}
    )


def _share(value: int | str, of: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    exact = of * int(value.rstrip("%")) / 100
    return math.ceil(exact) if up else math.floor(exact)


def _key(body: Object) -> Key:
    return Key(body["metadata"]["namespace"], body["kind"], body["metadata"]["name"])


def _owner(body: Object) -> str:
    references = body["metadata"].get("ownerReferences", [])
    return str(references[0]["uid"]) if references else ""


def _revision(replica_set: Object) -> int:
    return int(replica_set["metadata"]["annotations"].get(_REVISION, 0))


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
