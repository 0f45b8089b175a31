"""A real Kubernetes API server with its controllers, started for these tests, with the roles that the manual gives."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from evals.drift.cluster import Kubectl, started
from tests.live.node import Node

Object = dict[str, Any]
_Found = TypeVar("_Found")
_MANUAL = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running cluster."""

    kubectl: Kubectl
    """As its administrator, a person."""
    deployer: Kubectl
    node: Node
    reading: Path
    """kubeconfig with the rights that the manual gives to the service."""
    writing: Path
    """And to the executor, in the namespace `shop`."""

    def apply(self, *bodies: Object, by: Kubectl | None = None) -> None:
        """Apply objects."""
        self.run("apply", "-f", "-", objects=bodies, by=by)

    def run(self, *arguments: str, objects: tuple[Object, ...] = (), by: Kubectl | None = None) -> str:
        """Run kubectl, which must succeed."""
        answer = (by or self.kubectl).run(*arguments, objects=objects)
        assert answer.returncode == 0, f"kubectl {' '.join(arguments)}: {answer.stderr}"
        return answer.stdout

    def get(self, what: str, namespace: str = "shop") -> Object:
        """Return one object as it is now."""
        found: Object = json.loads(self.run("get", what, "-n", namespace, "-o", "json"))
        return found


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start the server that PLUMBLINE_TEST_APISERVER names, with PLUMBLINE_TEST_ETCD and PLUMBLINE_TEST_CONTROLLERS."""
    names = [f"PLUMBLINE_TEST_{part}" for part in ("APISERVER", "ETCD", "CONTROLLERS")]
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"no real API server: {', '.join(missing)} must name its programs")
    apiserver, etcd, controllers = (Path(os.environ[name]) for name in names)
    folder = tmp_path_factory.mktemp("access")
    with started(apiserver, etcd, controllers) as admin:
        node = Node(admin.of("system:node:one").kubeconfig)
        node.start()
        _grant(admin)
        yield Cluster(
            kubectl=admin,
            deployer=admin.of("deploy-bot"),
            node=node,
            reading=_kubeconfig(admin, "plumbline", folder / "reading"),
            writing=_kubeconfig(admin, "plumbline-executor", folder / "writing"),
        )
        node.close()


def soon(look: Callable[[], _Found], *, within_s: float = 60.0) -> _Found:
    """Look again and again until there is something to see."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.3)
    return found


def _grant(admin: Kubectl) -> None:
    """Apply the roles of the manual as they stand there."""
    blocks = re.findall(r"```yaml\n# (?:read|write)\.yaml\n(.*?)```", _MANUAL.read_text(), re.DOTALL)
    roles = [body for block in blocks for body in yaml.safe_load_all(block)]
    spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in ("plumbline", "shop")]
    accounts = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "plumbline"}}
        for name in ("plumbline", "plumbline-executor")
    ]
    for bodies in (spaces, [*accounts, *roles]):
        answer = admin.run("apply", "-f", "-", objects=bodies)
        assert answer.returncode == 0, answer.stderr


def _kubeconfig(admin: Kubectl, account: str, path: Path) -> Path:
    answer = admin.run("create", "token", account, "-n", "plumbline", "--duration=2h")
    assert answer.returncode == 0, answer.stderr
    config = json.loads(admin.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": answer.stdout.strip()}
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return path
