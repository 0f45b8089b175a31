"""Smaller controllers: secrets from the secret store, autoscaling bounds, endpoints, disruption budgets."""

from __future__ import annotations

import base64
from datetime import datetime

from graph.document import Object
from tools.actions.simulated_cluster.api_server import ApiServer
from tools.actions.simulated_cluster.events import emit
from tools.actions.simulated_cluster.network import endpoints, is_ready, matches
from tools.actions.simulated_cluster.pods import reference, short_hash
from tools.actions.simulated_cluster.store import EstateStore, stamp
from tools.adapters.estate_files import Key

FORCE_SYNC = "force-sync"
"""Annotation whose change makes the operator of ExternalSecrets write its Secret again."""


def settle_secrets(store: EstateStore, at: datetime) -> None:
    """Write the Secret of each ExternalSecret that is new, changed, or asked to sync.

    With `refreshInterval: "0"` the operator does not look again on its own, so a deleted Secret stays deleted.
    """
    for key, body in store.of_kind("ExternalSecret"):
        meta = body["metadata"]
        wanted = f"{meta['generation']}/{meta.get('annotations', {}).get(FORCE_SYNC, '')}"
        label = f"{key.namespace}/{key.name}"
        if store.runtime["synced"].get(label) == wanted:
            continue
        _write_secret(store, body, at)
        store.runtime["synced"][label] = wanted
        condition = {"type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced"}
        status = {
            "refreshTime": stamp(at),
            "syncedResourceVersion": wanted.replace("/", "-"),
            "binding": {"name": body["spec"]["target"]["name"]},
            "conditions": [condition | {"lastTransitionTime": stamp(at)}],
        }
        store.put(key, body | {"status": status, "metadata": meta | {"resourceVersion": store.next_revision()}})
        emit(store, body, reason="Updated", message="secret updated", at=at)


def settle_autoscalers(store: EstateStore, at: datetime) -> None:
    """Keep each autoscaled workload within its bounds; load is steady, so the lower bound rules."""
    for key, scaler in store.of_kind("HorizontalPodAutoscaler"):
        spec = scaler["spec"]
        target = store.objects.get(Key(key.namespace, spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"]))
        if target is None:
            continue
        now = target["spec"]["replicas"]
        wanted = min(max(now, spec.get("minReplicas", 1)), spec["maxReplicas"])
        if wanted != now:
            meta = target["metadata"]
            meta = meta | {"generation": meta["generation"] + 1, "resourceVersion": store.next_revision()}
            name = Key(key.namespace, target["kind"], meta["name"])
            store.put(name, target | {"metadata": meta, "spec": target["spec"] | {"replicas": wanted}})
        goal = spec["metrics"][0]["resource"]["target"]["averageUtilization"]
        current = {"name": "cpu", "current": {"averageUtilization": goal * 2 // 3, "averageValue": "62m"}}
        status = {
            "currentReplicas": wanted,
            "desiredReplicas": wanted,
            "currentMetrics": [{"type": "Resource", "resource": current}],
        }
        if {k: scaler.get("status", {}).get(k) for k in status} != status:
            status["lastScaleTime"] = stamp(at)
            meta = scaler["metadata"] | {"resourceVersion": store.next_revision()}
            store.put(key, scaler | {"status": status, "metadata": meta})


def settle_endpoints(store: EstateStore, at: datetime) -> None:
    """Keep an EndpointSlice for each Service, with the pods that its selector finds."""
    slices = {
        body["metadata"]["labels"]["kubernetes.io/service-name"]: (key, body)
        for key, body in store.of_kind("EndpointSlice")
    }
    for key, service in store.of_kind("Service"):
        found = endpoints(store, service)
        port = service["spec"]["ports"][0]
        items = [_endpoint(item.pod) for item in found]
        listed = [{"name": port.get("name", ""), "port": found[0].port, "protocol": "TCP"}] if found else []
        old_key, old = slices.pop(key.name, (None, None))
        slice_key = old_key or Key(
            key.namespace, "EndpointSlice", f"{key.name}-{short_hash(service['metadata']['uid'], 5)}"
        )
        if old and (old["endpoints"], old["ports"]) == (items, listed):
            continue
        meta = {
            "name": slice_key.name,
            "generateName": f"{key.name}-",
            "namespace": key.namespace,
            "uid": old["metadata"]["uid"] if old else ApiServer(store).uid(slice_key),
            "resourceVersion": store.next_revision(),
            "creationTimestamp": old["metadata"]["creationTimestamp"] if old else stamp(at),
            "generation": old["metadata"]["generation"] + 1 if old else 1,
            "labels": {
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": key.name,
            },
            "ownerReferences": [reference(service)],
        }
        head: Object = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta}
        store.put(slice_key, head | {"addressType": "IPv4", "endpoints": items, "ports": listed})
    for stale, _ in slices.values():
        store.remove(stale)


def settle_budgets(store: EstateStore) -> None:
    """Write how many disruptions each PodDisruptionBudget allows now."""
    for key, budget in store.of_kind("PodDisruptionBudget"):
        pods = [
            pod
            for _, pod in store.of_kind("Pod", key.namespace)
            if matches(budget["spec"]["selector"], pod["metadata"]["labels"])
        ]
        healthy, wanted = sum(map(is_ready, pods)), max(0, len(pods) - budget["spec"].get("maxUnavailable", 0))
        status = {
            "observedGeneration": budget["metadata"]["generation"],
            "expectedPods": len(pods),
            "currentHealthy": healthy,
            "desiredHealthy": wanted,
            "disruptionsAllowed": max(0, healthy - wanted),
        }
        if budget.get("status") != status:
            meta = budget["metadata"] | {"resourceVersion": store.next_revision()}
            store.put(key, budget | {"status": status, "metadata": meta})


def _write_secret(store: EstateStore, owner: Object, at: datetime) -> None:
    meta, spec = owner["metadata"], owner["spec"]
    key = Key(meta["namespace"], "Secret", spec["target"]["name"])
    data = {}
    for item in spec["data"]:
        ref = item["remoteRef"]
        value = store.secrets.get(ref["key"], {}).get(ref["property"])
        if value is not None:
            data[item["secretKey"]] = base64.b64encode(value.encode()).decode()
    found = store.objects.get(key)
    body: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "uid": found["metadata"]["uid"] if found else ApiServer(store).uid(key),
            "resourceVersion": store.next_revision(),
            "creationTimestamp": found["metadata"]["creationTimestamp"] if found else stamp(at),
            "labels": dict(meta.get("labels", {})) | {"reconcile.external-secrets.io/managed": "true"},
            "ownerReferences": [reference(owner)],
        },
        "type": "Opaque",
        "data": data,
    }
    store.put(key, body)


def _endpoint(pod: Object) -> Object:
    meta, ready = pod["metadata"], is_ready(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": ready, "terminating": False},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
    }
