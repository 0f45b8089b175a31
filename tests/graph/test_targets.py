"""Whom monitoring is asked about, and whose a reading is."""

from __future__ import annotations

import pytest

from graph.targets import Target, Targets, targets_of
from tests.graph.diagnosis.scene import k8s
from tests.graph.diagnosis.test_one_path import environment, relation, uid

CHECKOUT = Target(uid="checkout", namespace="shop", names=("checkout", "checkout-svc"), pods=("checkout-7d9f-abcde",))
OTHER = Target(uid="other", namespace="staging", names=("checkout",))
ORDERS = Target(uid="orders", names=("orders-db",))
TARGETS = Targets(all=(CHECKOUT, OTHER, ORDERS))


@pytest.mark.parametrize(
    ("labels", "owner"),
    [
        ({"pod": "checkout-7d9f-abcde", "container": "app"}, "checkout"),
        ({"pod": "checkout-68bd-zzzzz", "namespace": "staging"}, "other"),
        ({"namespace": "shop", "service": "checkout-svc"}, "checkout"),
        ({"namespace": "staging", "app": "checkout"}, "other"),
        ({"namespace": "prod", "app": "checkout"}, None),
        ({"k8s.namespace.name": "shop", "k8s.deployment.name": "checkout"}, "checkout"),
        ({"job": "shop/checkout"}, "checkout"),
        ({"pod": "kube-state-metrics-1", "exported_pod": "checkout-7d9f-abcde"}, "checkout"),
        ({"DBInstanceIdentifier": "orders-db"}, "orders"),
        ({"instance": "orders-db.example.com:9187"}, "orders"),
        ({"service": "unknown"}, None),
        ({}, None),
    ],
)
def test_labels_tell_whose_a_reading_is(labels: dict[str, str], owner: str | None) -> None:
    """The target's own labels win over those of the exporter, and a namespace must agree."""
    assert TARGETS.owner(labels) == owner


def test_neighbours_are_asked_about_nearest_first() -> None:
    """Whom the subject calls, and who calls it, step by step, up to the bound."""
    graph = environment(
        *("shop", "cart", "store", "web", "ads"),
        relations=[
            relation("web", "shop"),
            relation("shop", "cart"),
            relation("cart", "store"),
            relation("ads", "web"),
        ],
    )
    assert [t.uid for t in targets_of(graph, [uid("shop")])] == [
        uid(n) for n in ("shop", "cart", "web", "store", "ads")
    ]
    assert len(targets_of(graph, [uid("shop")], most=2)) == 2
    assert len(targets_of(graph, [k8s("Deployment", "absent")])) == 0
