"""Reachability in the simulated network follows the rules of NetworkPolicies and Services."""

from __future__ import annotations

from typing import Any

import pytest

from graph.document import Object
from tools.actions.simulated_cluster.network import admits, endpoints, matches, split_address
from tools.actions.simulated_cluster.store import EstateStore
from tools.adapters.estate_files import Key


def _pod(name: str, *, ready: bool = True) -> Object:
    return {
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
        "spec": {"containers": [{"name": name, "ports": [{"name": "http", "containerPort": 8080}]}]},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def _store(*policies: Object) -> EstateStore:
    store = EstateStore()
    store.put(Key("", "Namespace", "shop"), {"metadata": {"name": "shop", "labels": {"team": "shop"}}})
    for name in ("a", "b"):
        store.put(Key("shop", "Pod", name), _pod(name))
    for index, spec in enumerate(policies):
        store.put(Key("shop", "NetworkPolicy", f"p{index}"), {"metadata": {"name": f"p{index}"}, "spec": spec})
    return store


def _to_b(**rule: Any) -> Object:
    return {"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"], "ingress": [rule]}


DENY: Object = {"podSelector": {}, "policyTypes": ["Ingress"]}
FROM_A: Object = {"podSelector": {"matchLabels": {"app": "a"}}}


@pytest.mark.parametrize(
    ("policies", "blocked_by"),
    [
        ([], ""),
        ([DENY], "p0"),
        ([DENY, _to_b(**{"from": [FROM_A]})], ""),
        ([DENY, _to_b(**{"from": [{"podSelector": {"matchLabels": {"app": "c"}}}]})], "p1"),
        ([DENY, _to_b()], ""),
        ([_to_b(**{"from": [FROM_A], "ports": [{"port": 8080, "protocol": "TCP"}]})], ""),
        ([_to_b(**{"from": [FROM_A], "ports": [{"port": "http", "protocol": "TCP"}]})], ""),
        ([_to_b(**{"from": [FROM_A], "ports": [{"port": 9090, "protocol": "TCP"}]})], "p0"),
        ([_to_b(**{"from": [FROM_A], "ports": [{"port": 8000, "endPort": 8100}]})], ""),
        ([_to_b(**{"from": [FROM_A], "ports": [{"port": 8080, "protocol": "UDP"}]})], "p0"),
        ([_to_b(**{"from": [{"namespaceSelector": {"matchLabels": {"team": "shop"}}}]})], ""),
        ([_to_b(**{"from": [{"namespaceSelector": {"matchLabels": {"team": "other"}}}]})], "p0"),
        ([{"podSelector": {"matchLabels": {"app": "a"}}, "policyTypes": ["Egress"], "egress": []}], "p0"),
        ([{"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Egress"], "egress": []}], ""),
        (
            [{"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}],
            "p0",
        ),
    ],
    ids=[
        "no policy",
        "default deny",
        "allowed caller",
        "other caller allowed",
        "rule without from admits all",
        "port by number",
        "port by name",
        "other port",
        "port range",
        "other protocol",
        "namespace selected",
        "other namespace selected",
        "egress of the caller",
        "egress of the server does not matter",
        "address blocks are not for pods",
    ],
)
def test_policies_admit_or_block(policies: list[Object], blocked_by: str) -> None:
    """Calls from a to b on 8080 under some policies; the answer names what blocks."""
    store = _store(*policies)
    pods = dict(store.of_kind("Pod"))
    assert admits(store, pods[Key("shop", "Pod", "a")], pods[Key("shop", "Pod", "b")], 8080) == blocked_by


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ({"selector": {"app": "a"}, "ports": [{"port": 80, "targetPort": "http"}]}, ["a"]),
        ({"selector": {"app": "a"}, "ports": [{"port": 80, "targetPort": "grpc"}]}, []),
        ({"selector": {"app": "x"}, "ports": [{"port": 80, "targetPort": 8080}]}, []),
        ({"ports": [{"port": 80, "targetPort": 8080}]}, []),
    ],
    ids=["match", "no such port name", "no such pod", "no selector"],
)
def test_endpoints_follow_selector_and_port(spec: Object, names: list[str]) -> None:
    """A Service finds the pods that its selector matches and that have its port."""
    service = {"metadata": {"name": "s", "namespace": "shop"}, "spec": spec}
    assert [item.pod["metadata"]["name"] for item in endpoints(_store(), service)] == names


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ({}, {"a": "1"}, True),
        (None, {"a": "1"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}]}, {"a": "1"}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {}, False),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {}, True),
    ],
    ids=["empty", "none", "in", "not in", "exists", "does not exist"],
)
def test_selectors(selector: Object | None, labels: Object, expected: bool) -> None:
    """All operators of label selectors."""
    assert matches(selector, labels) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("http://catalog:8080/v1", ("catalog", 8080)),
        ("cart-store:6379", ("cart-store", 6379)),
        ("https://api.example", ("api.example", 443)),
        ("catalog", ("catalog", 80)),
    ],
    ids=["url", "host and port", "https", "host"],
)
def test_addresses(value: str, expected: tuple[str, int]) -> None:
    """Configuration names other services as URLs or as host and port."""
    assert split_address(value) == expected
