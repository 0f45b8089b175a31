"""A synthetic estate, changes of single fields of it that are drift, and writes that are none."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from graph.document import Json, Object, get, put, tokens
from graph.resource import kubernetes_uid
from tools.actions.simulated_cluster.api_server import key_of
from tools.actions.simulated_cluster.identity import Caller
from tools.actions.simulated_cluster.served import ServedCluster
from tools.actions.simulated_cluster.store import copied, stamp
from tools.adapters.estate_files import Key

CLUSTER = "shop"
DEPLOYER = Caller(username="system:serviceaccount:ci:deploy-bot", manager="deploy-bot")
PERSON = Caller(username="ann@example.com", manager="kubectl-edit")
CONTROLLER = Caller(username="system:serviceaccount:kube-system:horizontal-pod-autoscaler", manager="kube-controller")
_VALUES = 5
"""Fields of each ConfigMap, Secret and environment that can be changed one by one."""


def declared(services: int) -> list[Object]:
    """Return the declared objects of an estate with some services in it."""
    found: list[Object] = [_object("v1", "Namespace", "shop", namespace=None)]
    for number in range(services):
        found += _service(f"service-{number:02}")
    return found


def _service(name: str) -> Iterator[Object]:
    labels = {"app": name}
    environment = [{"name": f"SETTING_{i}", "value": f"v{i}"} for i in range(_VALUES)]
    container = {"name": "app", "image": f"registry.example.com/{name}:1.0.0", "env": environment}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    yield _object("apps/v1", "Deployment", name, spec=spec)
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    yield _object("v1", "Service", name, spec={"selector": labels, "ports": ports})
    yield _object("v1", "ConfigMap", f"{name}-config", data={f"key-{i}": f"v{i}" for i in range(_VALUES)})
    secret = {f"key-{i}": base64.b64encode(f"{name} {i}".encode()).decode() for i in range(_VALUES)}
    yield _object("v1", "Secret", f"{name}-secret", type="Opaque", data=secret)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    scaling = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 5}
    yield _object("autoscaling/v2", "HorizontalPodAutoscaler", name, spec=scaling)
    rules = [{"from": [{"podSelector": {"matchLabels": {"role": "frontend"}}}]}]
    policy = {"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress"], "ingress": rules}
    yield _object("networking.k8s.io/v1", "NetworkPolicy", name, spec=policy)
    # A kind of which no client has ever heard.
    yield _object("shop.example.com/v3alpha1", "Teapot", name, spec={f"field{i}": f"v{i}" for i in range(_VALUES)})


@dataclass(frozen=True, slots=True)
class Injection:
    """One change out of band."""

    key: Key
    uid: str
    path: str
    """Where the drift is expected; empty for a whole object."""
    act: Callable[[ServedCluster], None]
    undo: Callable[[ServedCluster], None]


def injections(objects: list[Object], seed: int) -> list[Injection]:
    """Return all changes that can be made, no two of the same field, in random order."""
    found = [i for body in objects for i in _of(body)]
    random.Random(seed).shuffle(found)  # noqa: S311  (the same order each time is what is wanted)
    return found


def _of(body: Object) -> Iterator[Injection]:
    fields = {
        "Deployment": [
            *(f"/spec/template/spec/containers/0/env/{i}/value" for i in range(_VALUES)),
            "/spec/template/spec/containers/0/image",
        ],
        "Service": ["/spec/ports/0/targetPort"],
        "ConfigMap": [f"/data/key-{i}" for i in range(_VALUES)],
        "Secret": [f"/data/key-{i}" for i in range(_VALUES)],
        "NetworkPolicy": ["/spec/ingress/0/from/0/podSelector/matchLabels/role"],
        "Teapot": [f"/spec/field{i}" for i in range(_VALUES)],
        "HorizontalPodAutoscaler": ["/spec/maxReplicas"],
    }
    for path in fields.get(body["kind"], ()):
        yield _edit(body, path)


def _edit(body: Object, path: str) -> Injection:
    before = get(body, path)

    def write(cluster: ServedCluster, value: Json) -> None:
        with cluster.store.changed:
            key = key_of(body)
            found = put(copied(cluster.store.objects[key]), path, value)
            cluster.api.update(key, found, by=PERSON, at=datetime.now(UTC))

    return Injection(
        key=key_of(body),
        uid=uid_of(body),
        path=path,
        act=lambda cluster: write(cluster, _other(before)),
        undo=lambda cluster: write(cluster, before),
    )


def _other(value: Json) -> Json:
    if isinstance(value, int):
        return value + 7
    if isinstance(value, str) and value.endswith("="):
        return base64.b64encode(b"not what it was").decode()
    return f"{value}-by-hand"


def quiet_writes(cluster: ServedCluster, objects: list[Object], seed: int) -> int:
    """Write what is no drift: status, resyncs, field managers, replicas within the range. Return how many."""
    chosen = random.Random(seed).choices(objects, k=max(4, len(objects) // 4))  # noqa: S311
    for number, body in enumerate(chosen):
        with cluster.store.changed:
            found = copied(cluster.store.objects[key_of(body)])
            _QUIET[number % len(_QUIET)](found, number)
            found["metadata"]["resourceVersion"] = cluster.store.next_revision()
            cluster.store.put(key_of(body), found)
    return len(chosen)


def _new_status(body: Object, number: int) -> None:
    body["status"] = {"observedGeneration": number, "conditions": [{"type": "Ready", "status": "True"}]}


def _resync(_body: Object, _number: int) -> None:
    """Nothing but the version differs."""


def _managers(body: Object, number: int) -> None:
    entry = {
        "manager": f"controller-{number}",
        "operation": "Update",
        "apiVersion": body["apiVersion"],
        "time": stamp(datetime.now(UTC)),
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:status": {"f:observedGeneration": {}}},
        "subresource": "status",
    }
    body["metadata"]["managedFields"] = [*body["metadata"].get("managedFields", []), entry]


def _scale(body: Object, number: int) -> None:
    if body["kind"] == "Deployment":
        body["spec"]["replicas"] = 1 + number % 5


_QUIET = (_new_status, _resync, _managers, _scale)


def uid_of(body: Object) -> str:
    """Return the uid of an object of the estate."""
    group = body["apiVersion"].rpartition("/")[0]
    return kubernetes_uid(
        cluster=CLUSTER,
        group=group,
        kind=body["kind"],
        namespace=body["metadata"].get("namespace"),
        name=body["metadata"]["name"],
    )


def is_expected(injection: Injection, uid: str, path: str) -> bool:
    """Whether an event tells of an injected change: in its place, or in one that holds it."""
    return uid == injection.uid and tokens(injection.path)[: len(tokens(path))] == tokens(path)


def _object(api_version: str, kind: str, name: str, *, namespace: str | None = "shop", **more: Json) -> Object:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}
