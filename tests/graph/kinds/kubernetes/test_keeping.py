"""A live object holds a value also where the API server completed or respelled it, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from graph.document import ABSENT, put
from graph.kinds.kubernetes.keeping import keeps

GIVEN = {"name": "side", "image": "side:2", "ports": [{"containerPort": 81}]}
KEPT = {
    "name": "side",
    "image": "side:2",
    "imagePullPolicy": "IfNotPresent",
    "ports": [{"containerPort": 81, "protocol": "TCP"}],
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "cart", "namespace": "shop", "resourceVersion": "7"},
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "containers": [{"name": "app", "image": "app:1", "resources": {"requests": {"cpu": "2"}}}, KEPT],
                "terminationGracePeriodSeconds": 30,
            }
        },
    },
    "status": {"replicas": 2},
}
"""As an API server answers."""
CUSTOM: dict[str, Any] = {
    "apiVersion": "example.com/v1",
    "kind": "Gadget",
    "metadata": {"name": "a"},
    "spec": {"rules": [{"from": "a", "mode": "filled in"}], "size": 3},
}
POD = "/spec/template/spec"


@pytest.mark.parametrize(
    ("body", "path", "value", "is_kept"),
    [
        (DEPLOYMENT, "/spec/replicas", 2, True),
        (DEPLOYMENT, "/spec/replicas", 3, False),
        (DEPLOYMENT, f"{POD}/containers/1", GIVEN, True),
        (DEPLOYMENT, f"{POD}/containers/1", GIVEN | {"image": "side:3"}, False),
        (DEPLOYMENT, f"{POD}/containers/0/resources", {"requests": {"cpu": "2000m"}}, True),
        (DEPLOYMENT, f"{POD}/containers/0/resources", {"requests": {"cpu": "2001m"}}, False),
        (DEPLOYMENT, f"{POD}/terminationGracePeriodSeconds", ABSENT, True),
        (DEPLOYMENT, "/spec/replicas", ABSENT, False),
        (DEPLOYMENT, f"{POD}/containers", DEPLOYMENT["spec"]["template"]["spec"]["containers"][:1], False),
        (DEPLOYMENT, f"{POD}/securityContext", ABSENT, True),
        (DEPLOYMENT, "/spec/replicas/deeper", 2, False),
        (CUSTOM, "/spec/rules", [{"from": "a"}], True),
        (CUSTOM, "/spec/rules", [{"from": "b"}], False),
        (CUSTOM, "/spec/rules", [], False),
        (CUSTOM, "/spec/size", ABSENT, False),
        (CUSTOM, "/spec/size", 4, False),
    ],
)
def test_value_is_kept(body: dict[str, Any], path: str, value: object, is_kept: bool) -> None:
    """Defaults, spellings of quantities, and fields that a definition fills in are no other value."""
    assert keeps(body, path, value) is is_kept


@pytest.mark.parametrize("value", [GIVEN, KEPT])
def test_every_change_of_a_kept_value_is_seen(value: dict[str, Any]) -> None:
    """However much the server filled in beside it."""
    for name in GIVEN:
        other = put(DEPLOYMENT, f"{POD}/containers/1/{name}", [] if name == "ports" else "other")
        assert not keeps(other, f"{POD}/containers/1", value)
