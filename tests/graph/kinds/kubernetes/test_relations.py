"""Relations of Kubernetes objects: what states them, and what does not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from graph.kinds.kubernetes.parse import expand, parse
from graph.kinds.kubernetes.relations import derive
from graph.relation import Relation, RelationType
from graph.version import Document
from tests.graph.kinds.kubernetes.objects import app, deployment, pod, read, service, uid


def of(documents: Iterable[Document], type: RelationType, **aliases: str) -> list[Relation]:
    return [r for r in derive(list(documents), aliases=aliases) if r.type is type]


def ends(relations: Iterable[Relation]) -> set[tuple[str, str]]:
    return {(r.source, r.target) for r in relations}


def load(path: Path) -> list[Document]:
    bodies = [body for body in yaml.safe_load_all(path.read_text()) if body]
    return [parse(b, cluster="demo", salt=b"salt") for body in bodies for b in expand(body)]


@pytest.mark.shared
def test_call_edges_of_a_public_shop(shared: Path) -> None:
    """Exactly the calls that the environment variables state, with their ports: no more, no fewer."""
    folder = shared / "data/app-manifests/microservices-demo"
    found = of(load(folder / "release/kubernetes-manifests.yaml"), RelationType.CALLS)
    short = {("/".join(r.source.split("/")[4::2]), "/".join(r.target.split("/")[4::2]), r.detail) for r in found}
    edges = json.loads((folder / "expected_call_edges.json").read_text())["edges"]
    assert short == {(e["source"], e["target"], str(e["port"])) for e in edges}
    assert len(short) == 16


@pytest.mark.parametrize(
    ("container", "via", "detail"),
    [
        pytest.param({"env": [{"name": "X", "value": "cart:7070"}]}, "env/0/value", "7070", id="name-and-port"),
        pytest.param({"env": [{"name": "X", "value": "http://cart/v1"}]}, "env/0/value", "80", id="url"),
        pytest.param({"env": [{"name": "X", "value": "redis://u:p@cart:99/0"}]}, "env/0/value", "99", id="credentials"),
        pytest.param({"env": [{"name": "X", "value": "cart.shop.svc"}]}, "env/0/value", "80", id="cluster-name"),
        pytest.param({"env": [{"name": "X", "value": "cart.shop.svc.cluster.local."}]}, "env/0/value", "80", id="fqdn"),
        pytest.param({"env": [{"name": "X", "value": "tcp(cart:3306)/db"}]}, "env/0/value", "3306", id="dsn"),
        pytest.param({"env": [{"name": "X", "value": "a:1,cart:2"}]}, "env/0/value", "2", id="list"),
        pytest.param({"env": [{"name": "CART_HOST", "value": "cart"}]}, "env/0/value", "80", id="named-like-a-host"),
        pytest.param(
            {"env": [{"name": "CART_HOST", "value": "cart"}, {"name": "CART_PORT", "value": "7"}]},
            "env/0/value",
            "7",
            id="host-and-port-apart",
        ),
        pytest.param(
            {"env": [{"name": "C", "value": "cart"}, {"name": "X", "value": "http://$(C):81"}]},
            "env/1/value",
            "81",
            id="variable",
        ),
        pytest.param({"args": ["--upstream-url", "cart"]}, "args/1", "80", id="flag-before"),
        pytest.param({"args": ["--cart-addr=cart:5"]}, "args/0", "5", id="flag"),
        pytest.param({"envFrom": [{"configMapRef": {"name": "conf"}}]}, "envFrom/0", "8080", id="env-from"),
        pytest.param(
            {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "CART_ADDR"}}}]},
            "env/0/valueFrom/configMapKeyRef",
            "8080",
            id="config-map-key",
        ),
    ],
)
def test_a_call_is_read_from_settings(container: dict[str, Any], via: str, detail: str) -> None:
    """A setting that names a Service as an address is a call, and says where it is stated and to which port."""
    conf = read("ConfigMap", "conf", data={"CART_ADDR": "cart:8080"})
    [found] = of([deployment("web", container=container), service("cart"), conf], RelationType.CALLS)
    assert (found.source, found.target) == (app("web"), uid("Service", "cart"))
    assert found.via == f"/spec/template/spec/containers/0/{via}"
    assert found.detail == detail


def test_a_call_is_read_from_a_mounted_file() -> None:
    """A configuration file in a ConfigMap counts where a key or a URL says that a name is an address."""
    text = "logger: cart\nimage: cart:v2\nupstream:\n  host: cart\n"
    conf = read("ConfigMap", "conf", data={"app.yaml": text})
    volumes = [{"name": "c", "configMap": {"name": "conf"}}]
    [found] = of([deployment("web", volumes=volumes), service("cart"), conf], RelationType.CALLS)
    assert found.via == "/spec/template/spec/volumes/0/configMap"


@pytest.mark.parametrize(
    "value",
    [
        "cart",
        "a cart: 80",
        "my-cart:80",
        "cart-v2:80",
        "/api/cart:80",
        "carts",
        "cart.example.com",
        "recart:80",
        "cart:x",
    ],
)
def test_a_word_is_no_call(value: str) -> None:
    """A name that stands in a text for something else is no call."""
    container = {"env": [{"name": "MODE", "value": value}]}
    assert not of([deployment("web", container=container), service("cart")], RelationType.CALLS)


def test_calls_stay_in_their_namespace() -> None:
    """A bare name means the Service beside the workload, `name.ns` another one."""
    env = [{"name": "A_ADDR", "value": "cart:80"}, {"name": "B_ADDR", "value": "cart.other:80"}]
    documents = [deployment("web", container={"env": env}), service("cart"), service("cart", namespace="other")]
    found = {(r.via[-7], r.target) for r in of(documents, RelationType.CALLS)}
    assert found == {("0", uid("Service", "cart")), ("1", uid("Service", "cart", namespace="other"))}
    assert not of([documents[0], service("cart", namespace="else")], RelationType.CALLS)


@pytest.mark.parametrize("host", ["db-0.db", "db-0.db.shop.svc.cluster.local"])
def test_pods_of_a_headless_service_are_called_through_it(host: str) -> None:
    """A pod of a StatefulSet is reached by its own name below the name of its Service."""
    headless = read("Service", "db", spec={"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"port": 5432}]})
    web = deployment("web", container={"env": [{"name": "DB", "value": f"{host}:5432"}]})
    assert ends(of([web, headless], RelationType.CALLS)) == {(app("web"), uid("Service", "db"))}


def test_uses_name_key_and_whether_it_is_optional() -> None:
    """ConfigMaps, Secrets, claims and the ServiceAccount, from every place a pod can name them."""
    container = {
        "env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s1", "key": "k1"}}},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c1", "key": "k2", "optional": True}}},
        ],
        "envFrom": [{"secretRef": {"name": "s2"}}, {"configMapRef": {"name": "c2"}}],
    }
    volumes = [
        {
            "name": "v1",
            "secret": {"secretName": "s3", "items": [{"key": "k3", "path": "p"}, {"key": "k4", "path": "q"}]},
        },
        {"name": "v2", "projected": {"sources": [{"configMap": {"name": "c3"}}, {"serviceAccountToken": {}}]}},
        {"name": "v3", "persistentVolumeClaim": {"claimName": "disk"}},
    ]
    web = deployment(
        "web",
        container=container,
        volumes=volumes,
        serviceAccountName="web",
        imagePullSecrets=[{"name": "pull"}],
    )
    found = {(r.type, r.target.split("/")[4], r.target.rsplit("/", 1)[-1], r.detail, r.optional) for r in derive([web])}
    reads, mounts = RelationType.READS, RelationType.MOUNTS
    assert found == {
        (reads, "Secret", "s1", "k1", False),
        (reads, "ConfigMap", "c1", "k2", True),
        (reads, "Secret", "s2", "", False),
        (reads, "ConfigMap", "c2", "", False),
        (mounts, "Secret", "s3", "k3", False),
        (mounts, "Secret", "s3", "k4", False),
        (mounts, "ConfigMap", "c3", "", False),
        (mounts, "PersistentVolumeClaim", "disk", "", False),
        (reads, "Secret", "pull", "", True),
        (RelationType.RUNS_AS, "ServiceAccount", "web", "", False),
    }


def test_the_controller_at_the_top_is_the_source() -> None:
    """Pods and ReplicaSets hang on their owners; what they use is said once, by the Deployment."""
    web = deployment("web", serviceAccountName="web")
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u", "controller": True}
    template = web.body["spec"]["template"]
    replica_set = read(
        "ReplicaSet", "web-1", api="apps/v1", spec={"template": template}, metadata={"ownerReferences": [owner]}
    )
    documents = [web, replica_set, pod("web-a", owner="web-1")]
    assert ends(of(documents, RelationType.OWNED_BY)) == {
        (uid("ReplicaSet", "web-1", group="apps"), app("web")),
        (uid("Pod", "web-a"), uid("ReplicaSet", "web-1", group="apps")),
    }
    assert ends(of(documents, RelationType.RUNS_AS)) == {(app("web"), uid("ServiceAccount", "web"))}
    assert ends(of(documents, RelationType.SELECTS)) == {(app("web"), uid("Pod", "web-a"))}


def test_cron_jobs_are_workloads() -> None:
    """The template of a CronJob lies deeper; pointers say so."""
    spec = {"containers": [{"name": "c", "image": "x", "env": [{"name": "URL", "value": "http://cart"}]}]}
    job = read("CronJob", "bill", api="batch/v1", spec={"jobTemplate": {"spec": {"template": {"spec": spec}}}})
    [found] = of([job, service("cart")], RelationType.CALLS)
    assert found.via == "/spec/jobTemplate/spec/template/spec/containers/0/env/0/value"


def test_services_select_templates_and_pods() -> None:
    """The relation is there before any pod runs, and never leaves the namespace."""
    documents = [service("web"), deployment("web"), deployment("web", namespace="other"), pod("web-a"), pod("api-a")]
    assert ends(of(documents, RelationType.SELECTS)) == {
        (uid("Service", "web"), app("web")),
        (uid("Service", "web"), uid("Pod", "web-a")),
    }


def test_routes_scalers_storage_and_products() -> None:
    """The other objects that name each other."""
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    documents = [
        read(
            "Ingress",
            "in",
            api="networking.k8s.io/v1",
            spec={
                "rules": [{"host": "h", "http": {"paths": [{"path": "/", "backend": backend}]}}],
                "tls": [{"secretName": "cert"}],
            },
        ),
        read(
            "HTTPRoute",
            "rt",
            api="gateway.networking.k8s.io/v1",
            spec={"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
        ),
        read(
            "HorizontalPodAutoscaler",
            "hpa",
            api="autoscaling/v2",
            spec={"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
        ),
        read("PersistentVolumeClaim", "disk", spec={"volumeName": "pv", "storageClassName": "fast"}),
        read(
            "ExternalSecret",
            "es",
            api="external-secrets.io/v1",
            spec={
                "target": {"name": "db"},
                "secretStoreRef": {"name": "st"},
                "data": [{"remoteRef": {"key": "shop/db", "property": "pw"}}],
            },
        ),
        read("ServiceAccount", "sa", metadata={"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/r"}}),
    ]
    found = {
        (r.source.split("/")[4], r.type.value, "/".join(r.target.split("/")[4:]) or r.target)
        for r in derive(documents, aliases={"shop/db": "tf://s/aws_secretsmanager_secret.db"})
    }
    assert found == {
        ("Ingress", "routes_to", "Service/shop/web"),
        ("Ingress", "reads", "Secret/shop/cert"),
        ("HTTPRoute", "routes_to", "Service/shop/web"),
        ("HTTPRoute", "references", "Gateway/shop/gw"),
        ("HorizontalPodAutoscaler", "scales", "Deployment/shop/web"),
        ("PersistentVolumeClaim", "references", "PersistentVolume/-/pv"),
        ("PersistentVolumeClaim", "references", "StorageClass/-/fast"),
        ("ExternalSecret", "produces", "Secret/shop/db"),
        ("ExternalSecret", "references", "SecretStore/shop/st"),
        ("ExternalSecret", "connects_to", "tf://s/aws_secretsmanager_secret.db"),
        ("ServiceAccount", "assumes", "arn:aws:iam::1:role/r"),
    }


@pytest.mark.parametrize(
    "body",
    [
        {"spec": None},
        {"spec": "x"},
        {"spec": {"selector": ["a"], "template": {"spec": {"containers": "x"}}}},
        {"spec": {"template": {"spec": {"containers": [{"env": [None, {"name": 1}], "args": [1]}], "volumes": [3]}}}},
    ],
    ids=["null", "text", "lists", "entries"],
)
@pytest.mark.parametrize("kind", ["Deployment", "Service", "Ingress", "NetworkPolicy", "ExternalSecret", "Pod"])
def test_malformed_objects_state_nothing(kind: str, body: dict[str, Any]) -> None:
    """An object of a wrong shape never makes derivation fail."""
    derive([read(kind, "x", **body), deployment("web")])
