"""The whole path on input that nobody here wrote: a public application, one altered field, a sender's own payload."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import load_settings
from app.store.users import Role
from app.wiring import Service, open_store

pytestmark = pytest.mark.shared

_SECRET = "a signing secret of this test"
_PATIENCE_S = 30


def _find(objects: list[Any], kind: str, name: str) -> Any:
    return next(o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)


def _port_of_a_call(objects: list[Any]) -> None:
    container = _find(objects, "Deployment", "checkoutservice")["spec"]["template"]["spec"]["containers"][0]
    entry = next(e for e in container["env"] if e["name"] == "PAYMENT_SERVICE_ADDR")
    entry["value"] = entry["value"].replace(":50051", ":50052")


def _selector(objects: list[Any]) -> None:
    _find(objects, "Service", "paymentservice")["spec"]["selector"] = {"app": "payments"}


def _image(objects: list[Any]) -> None:
    _find(objects, "Deployment", "paymentservice")["spec"]["template"]["spec"]["containers"][0]["image"] += "-hotfix"


def _replicas(objects: list[Any]) -> None:
    _find(objects, "Deployment", "paymentservice")["spec"]["replicas"] = 0


ALTERATIONS = [
    pytest.param(_port_of_a_call, "default/Deployment/checkoutservice", "/env/", id="port-of-a-call"),
    pytest.param(_selector, "default/Service/paymentservice", "/spec/selector", id="selector"),
    pytest.param(_image, "default/Deployment/paymentservice", "/image", id="image"),
    pytest.param(_replicas, "default/Deployment/paymentservice", "/spec/replicas", id="replicas"),
]


@pytest.mark.parametrize(("alter", "resource", "field"), ALTERATIONS)
def test_finds_the_altered_field_of_a_public_application(
    shared: Path, tmp_path: Path, alter: Callable[[list[Any]], None], resource: str, field: str
) -> None:
    """An alert about the caller leads to the one altered object and field, what it reaches, and its exact revert."""
    with _Running(shared, tmp_path, alter) as client:
        _deliver(client, shared, title="checkoutservice: payments fail", service="checkoutservice")
        incident = _diagnosed(client)
    diagnosis = incident["diagnosis"]
    first = diagnosis["causes"][0]
    assert diagnosis["verdict"] == "cause_found"
    assert first["drift"]["resource"] == resource
    assert field in first["drift"]["path"]
    assert first["drift"]["verdict"] == "out_of_band_change"
    assert {"default/Deployment/frontend"} <= {a["resource_name"] for a in incident["blast_radius"]["affected"]}
    assert [p["target_name"] for p in incident["proposals"]] == [resource]


def test_an_alert_that_names_nothing_known_is_inconclusive(shared: Path, tmp_path: Path) -> None:
    """The payload as the sender documents it names no service of the application: no cause is claimed."""
    with _Running(shared, tmp_path, _selector) as client:
        _deliver(client, shared)
        incident = _diagnosed(client, proposals=False)
    assert incident["diagnosis"]["verdict"] == "inconclusive"
    assert incident["diagnosis"]["missing"]
    assert incident["proposals"] == []


class _Client:
    def __init__(self, http: TestClient, token: str) -> None:
        self.http = http
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        response = self.http.get(path, headers=self.headers)
        assert response.status_code == 200, response.text
        return response.json()


class _Running:
    def __init__(self, shared: Path, folder: Path, alter: Callable[[list[Any]], None]) -> None:
        manifests = shared / "data/app-manifests"
        release = manifests / "microservices-demo/release"
        objects = [o for o in yaml.safe_load_all((release / "kubernetes-manifests.yaml").read_text()) if o]
        alter(objects)
        dump = folder / "dump.yaml"
        dump.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": objects}))
        settings = load_settings(
            data_dir=folder / "data",
            webhooks={"pagerduty_secrets": [_SECRET]},
            environments=[
                {
                    "name": "boutique",
                    "intended": [{"type": "manifests", "path": release}],
                    "actual": [{"type": "manifests", "path": dump}],
                }
            ],
        )
        self._store = open_store(settings)
        self._service = Service(settings, self._store)

    def __enter__(self) -> _Client:
        viewer = self._store.users.create("vera", Role.VIEWER)
        self._service.start()
        http = TestClient(create_app(self._service.services))
        return _Client(http, self._store.users.issue_token(viewer))

    def __exit__(self, *_: object) -> None:
        self._service.stop()
        self._store.database.dispose()


def _deliver(client: _Client, shared: Path, *, title: str = "", service: str = "") -> None:
    payload = json.loads((shared / "payloads/pagerduty/v3_incident.triggered.json").read_text())
    if title:
        payload["event"]["data"]["title"] = title
        payload["event"]["data"]["service"]["summary"] = service
    body = json.dumps(payload).encode()
    signature = hmac.new(_SECRET.encode(), body, hashlib.sha256).hexdigest()
    answer = client.http.post("/webhooks/pagerduty", content=body, headers={"X-PagerDuty-Signature": f"v1={signature}"})
    assert answer.status_code == 202


def _diagnosed(client: _Client, *, proposals: bool = True) -> Any:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for row in client.get("/api/incidents")["incidents"]:
            incident = client.get(f"/api/incidents/{row['id']}")
            if incident["diagnosis"] and (incident["proposals"] or not proposals):
                return incident
        time.sleep(0.05)
    raise AssertionError(f"no diagnosis within {_PATIENCE_S} s")
