"""A node of which everything is real but the containers: pods are bound to it and reported as by a kubelet.

An image whose tag is `broken` can't be pulled; while the node is `ill`, no pod gets ready.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

Object = dict[str, Any]

_NAME = "one"
_EVERY_S = 0.4


class Node(threading.Thread):
    """Reports pods as running until it is closed."""

    def __init__(self, kubeconfig: Path) -> None:
        super().__init__(name="node", daemon=True)
        config = json.loads(kubeconfig.read_text())
        token = config["users"][0]["user"]["token"]
        self._http = httpx.Client(
            base_url=config["clusters"][0]["cluster"]["server"],
            headers={"Authorization": f"Bearer {token}", "User-Agent": "kubelet/simulated"},
            verify=False,
            trust_env=False,
        )
        self._stopping = threading.Event()
        self.is_ill = False

    def run(self) -> None:
        self._register()
        while not self._stopping.wait(_EVERY_S):
            with suppress(httpx.HTTPError, ValueError):
                self._beat()
                for pod in self._http.get("/api/v1/pods").json()["items"]:
                    self._tend(pod)

    def close(self) -> None:
        """Report no more."""
        self._stopping.set()
        self.join(10)
        self._http.close()

    def _register(self) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": _NAME, "labels": {"kubernetes.io/os": "linux"}},
        }
        self._http.post("/api/v1/nodes", json=body)

    def _beat(self) -> None:
        ready = _condition("Ready", True) | {"lastHeartbeatTime": _now(), "reason": "KubeletReady"}
        allocatable = {"cpu": "8", "memory": "32Gi", "pods": "110"}
        status = {"conditions": [ready], "allocatable": allocatable, "capacity": allocatable}
        self._patch(f"/api/v1/nodes/{_NAME}/status", {"status": status})

    def _tend(self, pod: Object) -> None:
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        if metadata.get("deletionTimestamp"):
            self._http.request("DELETE", path, json={"gracePeriodSeconds": 0})
        elif not pod["spec"].get("nodeName"):
            target = {"apiVersion": "v1", "kind": "Node", "name": _NAME}
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}, "target": target}
            self._http.post(f"{path}/binding", json=binding)
        else:
            self._report(pod, path)

    def _report(self, pod: Object, path: str) -> None:
        containers = [self._container(c) for c in pod["spec"]["containers"]]
        is_ready = all(c["ready"] for c in containers)
        before = pod.get("status") or {}
        known = {c["name"]: (c["ready"], c["image"]) for c in before.get("containerStatuses") or ()}
        if known == {c["name"]: (c["ready"], c["image"]) for c in containers}:
            return
        status: Object = {
            "phase": "Running" if is_ready or self.is_ill else "Pending",
            "podIP": f"10.1.0.{hash(path) % 250 + 1}",
            "startTime": before.get("startTime") or _now(),
            "containerStatuses": containers,
            "conditions": [
                _condition("PodScheduled", True),
                _condition("Initialized", True),
                _condition("ContainersReady", is_ready),
                _condition("Ready", is_ready),
            ],
        }
        self._patch(f"{path}/status", {"status": status})
        for container in containers:
            if "waiting" in container["state"]:
                self._say(pod, f'Failed to pull image "{container["image"]}": not found')

    def _container(self, container: Object) -> Object:
        is_broken = container["image"].endswith(":broken")
        state: Object = {"running": {"startedAt": _now()}}
        if is_broken:
            message = f'Back-off pulling image "{container["image"]}"'
            state = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
        return {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": not (is_broken or self.is_ill),
            "restartCount": 0,
            "started": not is_broken,
            "state": state,
        }

    def _say(self, pod: Object, message: str) -> None:
        metadata = pod["metadata"]
        about = {"kind": "Pod", "apiVersion": "v1", "uid": metadata["uid"]}
        about |= {"name": metadata["name"], "namespace": metadata["namespace"]}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
            "involvedObject": about,
            "reason": "Failed",
            "message": message,
            "type": "Warning",
            "count": 1,
            "firstTimestamp": _now(),
            "lastTimestamp": _now(),
            "source": {"component": "kubelet", "host": _NAME},
        }
        self._http.post(f"/api/v1/namespaces/{metadata['namespace']}/events", json=event)

    def _patch(self, path: str, body: Object) -> None:
        kind = "application/strategic-merge-patch+json"
        self._http.patch(path, content=json.dumps(body), headers={"Content-Type": kind})


def _condition(kind: str, holds: bool) -> Object:
    return {"type": kind, "status": "True" if holds else "False", "lastTransitionTime": _now()}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
