"""Tests of tying alerts to resources."""

from __future__ import annotations

from typing import Any

import pytest

from graph.environment import EnvironmentGraph
from graph.incident import Alert, AlertStatus
from graph.kinds.kubernetes.relations import derive
from graph.matching import candidates
from graph.version import Document
from tests.graph.builders import NOW, EstateBuilder, cloud, k8s, manifest, resource_of, service, tf, workload


def alert(title: str = "", **fields: Any) -> Alert:
    """Return an alert with these fields."""
    base = {"id": "a", "sender": "pagerduty", "key": "k", "status": AlertStatus.FIRING, "started_at": NOW}
    return Alert(title=title, **(base | fields))


def estate(*bodies: Any, aliases: dict[str, tuple[str, ...]] | None = None) -> EnvironmentGraph:
    """Return a graph of these objects with the relations that they state."""
    builder = EstateBuilder()
    for body in bodies:
        builder.add(body, aliases=(aliases or {}).get(body.get("address", ""), ()))
    for relation in derive([Document(resource=resource_of(b), body=b) for b in bodies]):
        builder._relations.append(relation)
    return builder.graph()


def uids(graph: EnvironmentGraph, about: Alert) -> list[str]:
    """Return the uids of the candidates, best first."""
    return [c.uid for c in candidates(graph, about)]


SHOP = (workload("checkout"), service("checkout"), workload("checkout-worker"), workload("cart"), service("cart"))
KEY_ARN = "arn:aws:kms:eu-west-1:111122223333:key/abc"


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        pytest.param(alert(labels={"deployment": "checkout"}), "checkout", id="kind-label"),
        pytest.param(alert(labels={"kube_deployment": "checkout"}), "checkout", id="prefixed-label"),
        pytest.param(alert(labels={"app.kubernetes.io/name": "cart"}), "cart", id="app-label"),
        pytest.param(alert(service="Checkout API"), "checkout", id="service-with-suffix"),
        pytest.param(alert("Checkout API high error rate"), "checkout", id="words-of-the-title"),
        pytest.param(alert("errors", description="pods of cart-prod restart"), "cart", id="suffix-in-description"),
        pytest.param(alert("Checkout worker lag"), "checkout-worker", id="longest-name-wins"),
        pytest.param(alert("CheckoutWorker lag"), "checkout-worker", id="camel-case"),
        pytest.param(alert(labels={"pod": "cart-7d9f8b6c5-x2x4z"}), "cart", id="pod-that-is-gone"),
        pytest.param(alert(labels={"service": "cart.shop.svc.cluster.local"}), "cart", id="dns-name"),
        pytest.param(
            alert(labels={"job": "kube-state-metrics", "container": "cart", "deployment": "checkout"}),
            "checkout",
            id="statement-beats-exporter",
        ),
    ],
)
def test_finds_the_workload_first(about: Alert, expected: str) -> None:
    """Whatever way an alert names a workload, that workload is the best candidate."""
    found = candidates(estate(*SHOP), about)
    assert found[0].uid == k8s("Deployment", expected)
    assert found[0].reason


def test_a_service_and_its_workload_are_both_candidates() -> None:
    """A name that both have leads to both, the workload first."""
    found = uids(estate(*SHOP), alert(labels={"service": "checkout"}))
    assert found == [k8s("Deployment", "checkout"), k8s("Service", "checkout")]


@pytest.mark.parametrize(
    "about",
    [
        pytest.param(alert("High latency of the recommendation engine"), id="unknown-name"),
        pytest.param(alert("Error rate high in production service"), id="common-words-only"),
        pytest.param(alert(""), id="empty"),
    ],
)
def test_never_guesses(about: Alert) -> None:
    """An alert that names nothing known has no candidate."""
    assert candidates(estate(*SHOP, workload("production")), about) == ()


def test_equal_candidates_are_all_returned() -> None:
    """The same name in two namespaces, and no namespace in the alert, is ambiguous and shown as such."""
    graph = estate(workload("cart"), workload("cart", namespace="staging"))
    found = candidates(graph, alert(labels={"deployment": "cart"}))
    assert {c.uid for c in found} == {k8s("Deployment", "cart"), k8s("Deployment", "cart", "staging")}
    assert len({c.score for c in found}) == 1


def test_a_namespace_label_decides() -> None:
    """A namespace that the alert states leaves others out."""
    graph = estate(workload("cart"), workload("cart", namespace="staging"))
    assert uids(graph, alert(labels={"deployment": "cart", "namespace": "staging"})) == [
        k8s("Deployment", "cart", "staging")
    ]


def test_pods_stand_for_their_workload() -> None:
    """A pod label leads to the controller at the top."""
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart", "controller": True}
    middle = manifest("ReplicaSet", "cart-1", metadata={"name": "cart-1", "ownerReferences": [owner]})
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-1", "controller": True}
    pod = manifest("Pod", "cart-1-a", metadata={"name": "cart-1-a", "ownerReferences": [owner]})
    graph = estate(workload("cart"), middle, pod)
    assert uids(graph, alert(labels={"pod": "cart-1-a"})) == [k8s("Deployment", "cart")]


def test_finds_cloud_resources_by_arn_and_address() -> None:
    """An ARN or a Terraform address in the text names a resource exactly."""
    graph = estate(cloud("aws_kms_key.orders"), aliases={"aws_kms_key.orders": (KEY_ARN,)})
    assert uids(graph, alert(f"AccessDenied on {KEY_ARN}")) == [tf("aws_kms_key.orders")]
    assert uids(graph, alert("drift of aws_kms_key.orders")) == [tf("aws_kms_key.orders")]


def test_finds_a_workload_by_the_address_of_its_pod() -> None:
    """An instance label holds an address and a port."""
    pod = manifest("Pod", "cart-0", status={"podIP": "10.1.2.3"})
    graph = estate(pod)
    assert uids(graph, alert(labels={"instance": "10.1.2.3:8080"})) == [k8s("Pod", "cart-0")]


def test_finds_one_name_among_many_alike() -> None:
    """Of two hundred names that differ in a number, the one that is written is found, and only that one."""
    graph = estate(*(workload(f"service-{i}") for i in range(200)))
    assert uids(graph, alert("service-77 is slow")) == [k8s("Deployment", "service-77")]
