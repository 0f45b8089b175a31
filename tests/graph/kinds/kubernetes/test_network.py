"""NetworkPolicies: whom they guard, whom they admit, which calls they cut off."""

from __future__ import annotations

from typing import Any

import pytest

from graph.kinds.kubernetes.inventory import Inventory
from graph.kinds.kubernetes.network import blocked
from graph.kinds.kubernetes.relations import derive
from graph.kinds.kubernetes.workloads import workloads
from graph.relation import RelationType
from graph.version import Document
from tests.graph.kinds.kubernetes.objects import app, deployment, read, uid

WEB, API = {"podSelector": {"matchLabels": {"app": "web"}}}, {"matchLabels": {"app": "api"}}


def policy(**spec: Any) -> Document:
    return read("NetworkPolicy", "np", api="networking.k8s.io/v1", spec={"podSelector": API, **spec})


def cut(*documents: Document, port: int | None = 80) -> str | None:
    inventory = Inventory([deployment("web"), deployment("api"), *documents])
    web, api = workloads(inventory)[:2]
    found = blocked(web, api, port, inventory, port_name="http")
    return found.direction if found else None


@pytest.mark.parametrize(
    ("spec", "direction"),
    [
        pytest.param({"ingress": [{"from": [WEB]}]}, None, id="admitted"),
        pytest.param({"ingress": []}, "Ingress", id="nobody"),
        pytest.param({}, "Ingress", id="no-rules"),
        pytest.param({"ingress": [{}]}, None, id="everybody"),
        pytest.param({"ingress": [{"from": [{"podSelector": API}]}]}, "Ingress", id="others"),
        pytest.param({"ingress": [{"from": [WEB], "ports": [{"port": 80}]}]}, None, id="port"),
        pytest.param({"ingress": [{"from": [WEB], "ports": [{"port": "http"}]}]}, None, id="named-port"),
        pytest.param({"ingress": [{"from": [WEB], "ports": [{"port": 70, "endPort": 90}]}]}, None, id="range"),
        pytest.param({"ingress": [{"from": [WEB], "ports": [{"port": 81}]}]}, "Ingress", id="other-port"),
        pytest.param({"policyTypes": ["Egress"]}, None, id="egress-of-the-callee"),
        pytest.param({"podSelector": {}, "policyTypes": ["Egress"]}, "Egress", id="egress-of-the-caller"),
        pytest.param(
            {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]},
            None,
            id="egress-to-addresses-may-pass",
        ),
        pytest.param(
            {"ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]}]}, "Ingress", id="namespace"
        ),
        pytest.param(
            {"ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]}]},
            None,
            id="namespace-by-name",
        ),
        pytest.param({"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}, "Ingress", id="addresses"),
    ],
)
def test_a_policy_cuts_off_what_it_does_not_admit(spec: dict[str, Any], direction: str | None) -> None:
    """A selected pod is reached only by what some rule admits; an unselected one by everybody."""
    assert cut(policy(**spec)) == direction


def test_policies_add_up() -> None:
    """One policy that admits the call is enough, whatever the others say."""
    admitting = read(
        "NetworkPolicy", "np2", api="networking.k8s.io/v1", spec={"podSelector": {}, "ingress": [{"from": [WEB]}]}
    )
    assert cut(policy(ingress=[])) == "Ingress"
    assert cut(policy(ingress=[]), admitting) is None


def test_relations_of_a_policy() -> None:
    """It guards what it selects and allows the callers its rules admit, with the ports."""
    rule = {"from": [WEB], "ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}
    documents = [deployment("web"), deployment("api"), deployment("web", namespace="other"), policy(ingress=[rule])]
    source = uid("NetworkPolicy", "np", group="networking.k8s.io")
    found = {(r.source, r.type, r.target, r.detail) for r in derive(documents)}
    assert found == {
        (source, RelationType.GUARDS, app("api"), "Ingress"),
        (source, RelationType.ALLOWS, app("web"), "80/TCP,53/UDP"),
    }
