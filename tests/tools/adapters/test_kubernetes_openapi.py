"""A server that is newer than the known schema tells of its types, and only then is it asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.kinds.kubernetes.schema import LATEST_MINOR
from graph.version import Snapshot
from tests.fakes.kubernetes_api import Answer, FakeKubernetesApi
from tests.tools.adapters.test_kubernetes_api import body, write_kubeconfig
from tools.adapters.kubernetes_api import KubernetesApi

Object = dict[str, Any]

SPEC, PORT = "io.k8s.api.apps.v1.DeploymentSpec", "io.k8s.api.core.v1.ContainerPort"
UID = "k8s://prod/openapi/OpenAPI/-/server"
FIELDS: Object = {
    "replicas": {"type": "integer", "description": "a text"},
    "futurePolicy": {"type": "string", "default": "Standard", "description": "a text"},
    "description": {"type": "string"},
}


def cluster(minor: str) -> FakeKubernetesApi:
    known = {PORT: {"properties": {"protocol": {"type": "string", "default": "TCP"}}}}
    return FakeKubernetesApi(
        objects=[body("Deployment", "cart", api_version="apps/v1", spec={"replicas": 1})],
        told={
            "/version": {"major": "1", "minor": minor},
            "/openapi/v3": {"paths": {"api/v1": {}, "apis/apps/v1": {}, "apis/example.com/v1": {}, "version": {}}},
            "/openapi/v3/api/v1": {"components": {"schemas": known}},
            "/openapi/v3/apis/apps/v1": {"components": {"schemas": {SPEC: {"properties": FIELDS}, **known}}},
        },
    )


def read(api: FakeKubernetesApi, folder: Path) -> Snapshot:
    path = write_kubeconfig(folder)
    source = KubernetesApi(
        "api", kubeconfig=path, cluster="prod", salt=b"s", transport=api.transport, sleep=lambda seconds: None
    )
    return source.read()


def told(snapshot: Snapshot) -> Object | None:
    return next((d.body["schemas"] for d in snapshot.documents if d.resource.uid == UID), None)


def test_a_newer_server_tells_what_it_has_more(tmp_path: Path) -> None:
    """Types with fields that are not known, without the texts; those of other programs have definitions for that."""
    found = told(read(cluster(f"{LATEST_MINOR + 1}+"), tmp_path))
    assert found == {
        SPEC: {
            "properties": {
                "replicas": {"type": "integer"},
                "futurePolicy": {"type": "string", "default": "Standard"},
                "description": {"type": "string"},
            }
        }
    }


@pytest.mark.parametrize("minor", [str(LATEST_MINOR), "20", "", "new"])
def test_a_server_whose_types_are_known_is_not_asked(tmp_path: Path, minor: str) -> None:
    """Nor one that does not tell its version."""
    api = cluster(minor)
    assert told(read(api, tmp_path)) is None
    assert not [path for path in api.requests if path.startswith("/openapi")]


def test_a_server_that_does_not_tell_its_types_is_a_named_gap(tmp_path: Path) -> None:
    """All the rest is read, and what is missing there is known to be gone."""
    api = cluster(str(LATEST_MINOR + 1))
    answer = FakeKubernetesApi.answer

    class Broken(FakeKubernetesApi):
        def answer(self, target: str, headers: Any) -> Answer:
            return Answer(503, {}) if target.startswith("/openapi/v3/apis") else answer(self, target, headers)

    snapshot = read(Broken(objects=api.objects, told=api.told), tmp_path)
    assert told(snapshot) is None
    assert [u.where for u in snapshot.unreadable] == ["/openapi/v3"]
    assert snapshot.complete
    assert json.dumps([d.resource.name for d in snapshot.documents]) == '["cart"]'
