"""Alert, diagnosis, proposal, approval, execution and verification, by a running service against a real API server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.client import Client
from app.demo.alerts import alertmanager
from app.settings import Settings
from app.store.users import Role
from app.wiring import open_store
from tests.live.conftest import Cluster, soon

pytestmark = [pytest.mark.live, pytest.mark.timeout(700)]

Object = dict[str, Any]

ESTATE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: app
          image: registry.example/web:1
          ports: [{containerPort: 8080}]
          envFrom: [{configMapRef: {name: web-settings}}]
          resources: {requests: {cpu: 1000m, memory: 0.5Gi}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web-settings, namespace: shop}
data: {TIMEOUT: 2s}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  rules:
    - host: web.example.com
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A running service that governs the cluster."""

    cluster: Cluster
    viewer: Client
    approver: Client

    def drift(self) -> list[Object]:
        """What differs from the declared state, as the service sees it now."""
        found = self.viewer.get("/api/graph/real/drift")["findings"]
        return [f for f in found if f["resource"].endswith("/web") or f["resource"].endswith("/web-settings")]

    def incident(self, name: str) -> Object:
        """Send an alert about the Deployment, and return its incident as soon as something is proposed."""
        now = datetime.now(UTC)
        _, payload = alertmanager(
            name=name,
            labels={"namespace": "shop", "deployment": "web", "severity": "critical"},
            summary=f"{name}: Deployment shop/web has no ready replicas",
            description="",
            expression="kube_deployment_status_replicas_available",
            started=now,
        )
        body = json.dumps(payload).encode()
        self.viewer.post_raw("/webhooks/alertmanager", body, {"Authorization": "Bearer a-secret-of-alertmanager"})

        def look() -> Object | None:
            for one in self.viewer.get("/api/incidents")["incidents"]:
                found = self.viewer.get(f"/api/incidents/{one['id']}")
                if name in json.dumps(found["alerts"]) and found["proposals"]:
                    return dict(found)
            return None

        found = soon(look)
        assert found is not None
        return found

    def approve(self, proposal: Object) -> None:
        """Approve a proposal as it was shown."""
        shown = self.viewer.get(f"/api/proposals/{proposal['id']}")
        self.approver.post(f"/api/proposals/{proposal['id']}/approve", {"digest": shown["digest"], "reason": "a test"})

    def ended(self, proposal: Object, *, within_s: float = 120.0) -> Object:
        """Return a proposal once it was executed."""
        path = f"/api/proposals/{proposal['id']}"
        over = {"succeeded", "rolled_back", "refused", "failed", "unknown"}
        soon(lambda: self.viewer.get(path)["status"] in over, within_s=within_s)
        return dict(self.viewer.get(path))


@pytest.fixture(scope="module")
def installation(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    estate, data = folder / "estate", folder / "data"
    estate.mkdir()
    (estate / "web.yaml").write_text(_for(cluster, ESTATE))
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "The shop"]):
        subprocess.run(
            ["git", "-c", "user.name=ann", "-c", "user.email=ann@example.com", *arguments], cwd=estate, check=True
        )
    cluster.run("apply", "-f", str(estate / "web.yaml"), by=cluster.deployer)
    soon(lambda: cluster.get("deployment/web").get("status", {}).get("availableReplicas") == 2)
    (folder / "executor.yaml").write_text(
        yaml.safe_dump({"targets": [{"type": "kubernetes", "environment": "real", "kubeconfig": str(cluster.writing)}]})
    )
    (folder / "executor.yaml").chmod(0o600)
    (folder / "plumbline.yaml").write_text(yaml.safe_dump(_settings(cluster, estate)))
    tokens = _people(data)
    environment = os.environ | {
        "PLUMBLINE_CONFIG": str(folder / "plumbline.yaml"),
        "PLUMBLINE_EXECUTOR_CONFIG": str(folder / "executor.yaml"),
    }
    command = [sys.executable, "-m", "app.cli", "up", "--data-dir", str(data), "--port", "0"]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        found = soon(lambda: re.search(r"at (http://\S+)", log.read_text()) or _alive(process, log))
        viewer, approver = (Client(server=found[1], token=token) for token in tokens)
        soon(lambda: _is_ready(viewer))
        yield Installation(cluster=cluster, viewer=viewer, approver=approver)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()
        print(log.read_text()[-6000:])


def _for(cluster: Cluster, text: str) -> str:
    """The declarations in a version that the server has."""
    budgets = cluster.kubectl.served()["policy", "PodDisruptionBudget"]
    return text if "policy/v1" in budgets else text.replace("policy/v1\n", "policy/v1beta1\n")


def _settings(cluster: Cluster, estate: Path) -> Object:
    changes = [
        {"type": "git", "path": str(estate)},
        {"type": "kubernetes_audit", "path": str(cluster.kubectl.audit)},
    ]
    return {
        "webhooks": {"alertmanager_secrets": ["a-secret-of-alertmanager"]},
        "collect_every_s": 5,
        "environments": [
            {
                "name": "real",
                "deployers": ["deploy-bot"],
                "intended": [{"type": "manifests", "path": str(estate)}],
                "actual": [{"type": "kubernetes", "kubeconfig": str(cluster.reading)}],
                "changes": changes,
            }
        ],
    }


def _people(data: Path) -> tuple[str, str]:
    store = open_store(Settings(data_dir=data))
    tokens = [
        store.users.issue_token(store.users.create(n, r)) for n, r in (("vera", Role.VIEWER), ("alma", Role.APPROVER))
    ]
    store.database.dispose()
    return tokens[0], tokens[1]


def _alive(process: subprocess.Popen[bytes], log: Path) -> None:
    assert process.poll() is None, f"the service ended:\n{log.read_text()[-2000:]}"


def _is_ready(client: Client) -> bool:
    with contextlib.suppress(Exception):
        return bool(client.get("/readyz"))
    return False


def test_untouched_estate_has_no_drift(installation: Installation) -> None:
    """As applied by its deployer, on a server that completed it, with its controllers at work."""
    assert installation.drift() == []


def _set_image(cluster: Cluster) -> None:
    cluster.run("set", "image", "deployment/web", "app=registry.example/web:broken", "-n", "shop")


def _scale(cluster: Cluster) -> None:
    cluster.run("scale", "deployment/web", "--replicas=0", "-n", "shop")


def _replace_containers(cluster: Cluster) -> None:
    container = {"name": "app", "image": "registry.example/web:broken"}
    patch = [{"op": "replace", "path": "/spec/template/spec/containers", "value": [container]}]
    cluster.run("patch", "deployment", "web", "-n", "shop", "--type=json", "-p", json.dumps(patch))


def _apply_something_else(cluster: Cluster) -> None:
    body = cluster.get("deployment/web")
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/web:broken"
    # Notes in the object that this is what was applied.
    cluster.run("replace", "-f", "-", objects=(body,))


def _is_down(cluster: Cluster) -> bool:
    """Whether the fault shows, as it does by the time an alert is sent: no pod is wanted, or one can't start."""
    pods = json.loads(cluster.run("get", "pods", "-n", "shop", "-l", "app=web", "-o", "json"))["items"]
    states = [c["state"] for p in pods for c in p.get("status", {}).get("containerStatuses", ())]
    return not pods or any("waiting" in state for state in states)


FAULTS: dict[str, tuple[Callable[[Cluster], None], str]] = {
    "image": (_set_image, "/spec/template/spec/containers/0/image"),
    "scaled to nothing": (_scale, "/spec/replicas"),
    "another manifest": (_apply_something_else, "/spec/template/spec/containers/0/image"),
    "container replaced": (_replace_containers, "/spec/template/spec/containers/0"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_made_by_hand_is_found_and_undone(installation: Installation, name: str) -> None:
    """By the fix that a person approved, verified on the live state; after it nothing differs."""
    cluster = installation.cluster
    make, path = FAULTS[name]
    before = cluster.get("deployment/web")["spec"]
    make(cluster)
    soon(lambda: _is_down(cluster))
    incident = installation.incident(f"Down{name.title().replace(' ', '')}")
    Path(f"/tmp/inc-{name.replace(' ', '-')}.json").write_text(json.dumps(incident, indent=1))
    cause = incident["diagnosis"]["causes"][0]
    assert "Deployment/shop/web" in cause["resource"], json.dumps(incident["diagnosis"], indent=1)[:4000]
    assert cause["change"]["actor"]["name"] == "mira@example.com"
    assert cause["change"]["channel"] == "by_hand"
    proposal = incident["proposals"][0]
    installation.approve(proposal)
    ended = installation.ended(proposal)
    assert ended["status"] == "succeeded", json.dumps(ended, indent=1)[:4000]
    assert cluster.get("deployment/web")["spec"] == before, path
    soon(lambda: installation.drift() == [])
    status = installation.viewer.get(f"/api/incidents/{incident['id']}")["status"]
    assert status in {"mitigated", "resolved"}


def test_fix_that_does_not_help_is_undone(installation: Installation) -> None:
    """The pods of the right image don't get ready either: what was there before the fix is there again."""
    cluster = installation.cluster
    _set_image(cluster)
    soon(lambda: _is_down(cluster))
    incident = installation.incident("DownAgain")
    cluster.node.is_ill = True
    try:
        before = cluster.get("deployment/web")["spec"]
        installation.approve(incident["proposals"][0])
        ended = installation.ended(incident["proposals"][0], within_s=500.0)
        assert ended["status"] == "rolled_back", json.dumps(ended, indent=1)[:4000]
        assert cluster.get("deployment/web")["spec"] == before
    finally:
        cluster.node.is_ill = False
        cluster.run("set", "image", "deployment/web", "app=registry.example/web:1", "-n", "shop")
